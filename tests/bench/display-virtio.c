/* Registers of a virtio device on MMIO: section 4.2.2 of Virtual I/O Device (VIRTIO) Version 1.2; a split queue: 2.7. The qtest protocol:
 * QEMU's system/qtest.c. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "tests/bench/display-virtio.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

/* QEMU's hw/i386/microvm.h */
#define MMIO_BASE 0xfeb00000u
#define MMIO_STEP 512
#define MMIO_DEVICES 32

enum {
	DEVICE_ID = 0x08,
	DRIVER_FEATURES = 0x20,
	DRIVER_FEATURES_SEL = 0x24,
	QUEUE_SEL = 0x30,
	QUEUE_NUM = 0x38,
	QUEUE_READY = 0x44,
	QUEUE_NOTIFY = 0x50,
	STATUS = 0x70,
	QUEUE_DESC = 0x80,
	QUEUE_DRIVER = 0x90,
	QUEUE_DEVICE = 0xa0,
};

#define VERSION_1 1 /* feature bit 32: bit 0 of the second word */

enum { ACKNOWLEDGE = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8 };

#define PAGE 0x1000
#define WAIT_S 10

static FILE *to_qemu, *from_qemu;

static guint32
ask(const char *command, guint32 at, guint32 value, gboolean writing)
{
	char line[128];

	if (writing)
		fprintf(to_qemu, "%s 0x%x 0x%x\n", command, at, value);
	else
		fprintf(to_qemu, "%s 0x%x\n", command, at);
	fflush(to_qemu);
	do {
		if (fgets(line, sizeof line, from_qemu) == NULL)
			errx(EXIT_FAILURE, "QEMU does not answer on its qtest socket");
	} while (!g_str_has_prefix(line, "OK") && !g_str_has_prefix(line, "FAIL"));
	return strlen(line) > 4 ? (guint32)strtoul(line + 3, NULL, 0) : 0;
}

static void
put(guint32 device, guint32 reg, guint32 value)
{
	ask("writel", device + reg, value, TRUE);
}

void
virtio_connect(const char *qtest)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct timeval wait = {.tv_sec = WAIT_S};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	g_strlcpy(address.sun_path, qtest, sizeof address.sun_path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
		err(EXIT_FAILURE, "%s", qtest);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
	to_qemu = fdopen(fd, "w");
	from_qemu = fdopen(dup(fd), "r");
}

guint32
virtio_find(guint32 id)
{
	for (guint i = 0; i < MMIO_DEVICES; i++) {
		guint32 device = MMIO_BASE + i * MMIO_STEP;

		if (ask("readl", device + DEVICE_ID, 0, FALSE) == id)
			return device;
	}
	errx(EXIT_FAILURE, "this QEMU has no virtio device %u", id);
}

VirtioQueue
virtio_start(guint32 device, guint8 *ram, guint32 at, guint16 size)
{
	put(device, STATUS, 0);
	put(device, STATUS, ACKNOWLEDGE);
	put(device, STATUS, ACKNOWLEDGE | DRIVER);
	put(device, DRIVER_FEATURES_SEL, 1);
	put(device, DRIVER_FEATURES, VERSION_1);
	put(device, DRIVER_FEATURES_SEL, 0);
	put(device, DRIVER_FEATURES, 0);
	put(device, STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK);
	memset(ram + at, 0, 3 * PAGE);
	put(device, QUEUE_SEL, 0);
	put(device, QUEUE_NUM, size);
	put(device, QUEUE_DESC, at);
	put(device, QUEUE_DESC + 4, 0);
	put(device, QUEUE_DRIVER, at + PAGE);
	put(device, QUEUE_DRIVER + 4, 0);
	put(device, QUEUE_DEVICE, at + 2 * PAGE);
	put(device, QUEUE_DEVICE + 4, 0);
	put(device, QUEUE_READY, 1);
	put(device, STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
	return (VirtioQueue){(VirtioDesc *)(ram + at), (guint16 *)(ram + at + PAGE), (guint16 *)(ram + at + 2 * PAGE), size};
}

void
virtio_give(VirtioQueue *queue, guint16 number, guint16 desc)
{
	queue->avail[2 + number % queue->size] = desc;
	__atomic_store_n(queue->avail + 1, (guint16)(number + 1), __ATOMIC_RELEASE);
}

void
virtio_notify(guint32 device)
{
	put(device, QUEUE_NOTIFY, 0);
}

guint16
virtio_used(const VirtioQueue *queue)
{
	return __atomic_load_n(queue->used + 1, __ATOMIC_ACQUIRE);
}
