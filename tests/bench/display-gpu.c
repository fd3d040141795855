/* Commands of the GPU: section 5.7.6 of Virtual I/O Device (VIRTIO) Version 1.2. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "tests/bench/display-gpu.h"
#include "tests/bench/display-virtio.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ID_GPU 16

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
#define QUEUE_AT 0x10000
#define COMMAND_AT 0x20000
#define COMMAND_SIZE 256
#define ANSWER_AT 0x28000
#define ANSWER_SIZE 64

#define WAIT_S 10

static guint8 *ram;
static VirtioQueue queue;
static guint32 device;
static guint16 given;

static void
await_room(guint16 most)
{
	guint64 deadline = board_now_ns() + WAIT_S * 1000000000ull;

	while ((guint16)(given - virtio_used(&queue)) > most) {
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
	VirtioDesc *desc = queue.desc + 2 * slot;

	await_room(COMMANDS - 1);
	memset(at, 0, 24);
	at[0] = type;
	memcpy(at + 6, words, n * 4);
	desc[0] = (VirtioDesc){COMMAND_AT + slot * COMMAND_SIZE, 24 + (guint32)n * 4, VIRTIO_NEXT, (guint16)(2 * slot + 1)};
	desc[1] = (VirtioDesc){ANSWER_AT + slot * ANSWER_SIZE, ANSWER_SIZE, VIRTIO_WRITE, 0};
	virtio_give(&queue, given++, (guint16)(2 * slot));
}

#define COMMAND(type, ...) command(type, (guint32[]){__VA_ARGS__}, sizeof((guint32[]){__VA_ARGS__}) / 4)

void
gpu_open(const char *qtest, const Board *board)
{
	const BoardDamage all = {.n = 1, .rects = {{0, 0, BOARD_WIDTH, BOARD_HEIGHT}}};

	ram = board->memory;
	virtio_connect(qtest);
	device = virtio_find(ID_GPU);
	queue = virtio_start(device, ram, QUEUE_AT, 2 * COMMANDS);
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
	virtio_notify(device);
}
