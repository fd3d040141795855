/* Registers of a virtio device on MMIO: section 4.2.2 of Virtual I/O Device (VIRTIO) Version 1.2; a split queue: 2.7; commands of the
 * GPU: 5.7.6. The qtest protocol: QEMU's system/qtest.c. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "tests/bench/display-gpu.h"

#include <err.h>
#include <stdarg.h>
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

#define ID_GPU 16
#define VERSION_1 1 /* feature bit 32: bit 0 of the second word */

enum { ACKNOWLEDGE = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8 };

enum {
	RESOURCE_CREATE_2D = 0x0101,
	SET_SCANOUT = 0x0103,
	RESOURCE_FLUSH = 0x0104,
	TRANSFER_TO_HOST_2D = 0x0105,
	RESOURCE_ATTACH_BACKING = 0x0106,
	OK_NODATA = 0x1100,
};

#define FORMAT_B8G8R8X8 2
#define RESOURCE 1

/* Where what we share with the device is, in guest RAM. Each command has two descriptors, for itself and for its answer. */
#define COMMANDS 32
#define DESC_AT 0x10000
#define AVAIL_AT 0x11000
#define USED_AT 0x12000
#define COMMAND_AT 0x20000
#define COMMAND_SIZE 256
#define ANSWER_AT 0x28000
#define ANSWER_SIZE 64
#define DESC_NEXT 1
#define DESC_WRITE 2

#define WAIT_S 10

typedef struct {
	guint64 at;
	guint32 size;
	guint16 flags, next;
} Desc;

static FILE *to_qemu, *from_qemu;
static guint8 *ram;
static guint32 device;
static guint16 given;

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
put(guint32 reg, guint32 value)
{
	ask("writel", device + reg, value, TRUE);
}

static guint16
used(void)
{
	return __atomic_load_n((guint16 *)(ram + USED_AT + 2), __ATOMIC_ACQUIRE);
}

static void
await_room(guint16 most)
{
	guint64 deadline = board_now_ns() + WAIT_S * 1000000000ull;

	while ((guint16)(given - used()) > most) {
		if (board_now_ns() > deadline)
			errx(EXIT_FAILURE, "virtio-gpu does not take commands");
		usleep(50);
	}
}

/* A command is its type, flags, fence id (64 bits), context and padding, and then @n words. */
static void
command(guint32 type, const guint32 *words, gsize n)
{
	guint slot = given % COMMANDS;
	guint32 *at = (guint32 *)(ram + COMMAND_AT + slot * COMMAND_SIZE);
	Desc *desc = (Desc *)(ram + DESC_AT) + 2 * slot;
	guint16 *avail = (guint16 *)(ram + AVAIL_AT);

	await_room(COMMANDS - 1);
	memset(at, 0, 24);
	at[0] = type;
	memcpy(at + 6, words, n * 4);
	desc[0] = (Desc){COMMAND_AT + slot * COMMAND_SIZE, 24 + (guint32)n * 4, DESC_NEXT, (guint16)(2 * slot + 1)};
	desc[1] = (Desc){ANSWER_AT + slot * ANSWER_SIZE, ANSWER_SIZE, DESC_WRITE, 0};
	avail[2 + given % (2 * COMMANDS)] = (guint16)(2 * slot);
	given++;
	__atomic_store_n(avail + 1, given, __ATOMIC_RELEASE);
}

#define COMMAND(type, ...) command(type, (guint32[]){__VA_ARGS__}, sizeof((guint32[]){__VA_ARGS__}) / 4)

static void
connect_qtest(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct timeval wait = {.tv_sec = WAIT_S};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	g_strlcpy(address.sun_path, path, sizeof address.sun_path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
		err(EXIT_FAILURE, "%s", path);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
	to_qemu = fdopen(fd, "w");
	from_qemu = fdopen(dup(fd), "r");
}

static void
find_device(void)
{
	for (guint i = 0; i < MMIO_DEVICES; i++) {
		device = MMIO_BASE + i * MMIO_STEP;
		if (ask("readl", device + DEVICE_ID, 0, FALSE) == ID_GPU)
			return;
	}
	errx(EXIT_FAILURE, "this QEMU has no virtio-gpu");
}

static void
start_device(void)
{
	put(STATUS, 0);
	put(STATUS, ACKNOWLEDGE);
	put(STATUS, ACKNOWLEDGE | DRIVER);
	put(DRIVER_FEATURES_SEL, 1);
	put(DRIVER_FEATURES, VERSION_1);
	put(DRIVER_FEATURES_SEL, 0);
	put(DRIVER_FEATURES, 0);
	put(STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK);
	memset(ram + DESC_AT, 0, USED_AT + 0x1000 - DESC_AT);
	put(QUEUE_SEL, 0);
	put(QUEUE_NUM, 2 * COMMANDS);
	put(QUEUE_DESC, DESC_AT);
	put(QUEUE_DESC + 4, 0);
	put(QUEUE_DRIVER, AVAIL_AT);
	put(QUEUE_DRIVER + 4, 0);
	put(QUEUE_DEVICE, USED_AT);
	put(QUEUE_DEVICE + 4, 0);
	put(QUEUE_READY, 1);
	put(STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
}

void
gpu_open(const char *qtest, const Board *board)
{
	const BoardDamage all = {.n = 1, .rects = {{0, 0, BOARD_WIDTH, BOARD_HEIGHT}}};

	ram = board->memory;
	connect_qtest(qtest);
	find_device();
	start_device();
	COMMAND(RESOURCE_CREATE_2D, RESOURCE, FORMAT_B8G8R8X8, BOARD_WIDTH, BOARD_HEIGHT);
	COMMAND(RESOURCE_ATTACH_BACKING, RESOURCE, 1, BOARD_PIXELS_AT, 0, BOARD_STRIDE * BOARD_HEIGHT, 0);
	COMMAND(SET_SCANOUT, 0, 0, BOARD_WIDTH, BOARD_HEIGHT, 0, RESOURCE);
	gpu_flush(&all);
	await_room(0);
	for (guint i = 0; i < given; i++)
		if (*(guint32 *)(ram + ANSWER_AT + i * ANSWER_SIZE) != OK_NODATA)
			errx(EXIT_FAILURE, "virtio-gpu refuses command %u", i);
}

void
gpu_flush(const BoardDamage *damage)
{
	for (guint i = 0; i < damage->n; i++) {
		guint32 x = (guint32)damage->rects[i].x, y = (guint32)damage->rects[i].y;
		guint32 width = (guint32)damage->rects[i].width, height = (guint32)damage->rects[i].height;

		COMMAND(TRANSFER_TO_HOST_2D, x, y, width, height, y * BOARD_STRIDE + x * 4, 0, RESOURCE, 0);
		COMMAND(RESOURCE_FLUSH, x, y, width, height, RESOURCE, 0);
	}
	put(QUEUE_NOTIFY, 0);
}
