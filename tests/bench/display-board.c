/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "tests/bench/display-board.h"

#include <err.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define CELL BOARD_STAMP_HEIGHT
#define CELLS (BOARD_STAMP_WIDTH / CELL)

Board
board_map(const char *path)
{
	Board board = {.fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1};
	struct stat status;

	if (board.fd < 0 || fstat(board.fd, &status) < 0 || status.st_size != BOARD_SIZE)
		errx(EXIT_FAILURE, "--board must name a file of %u bytes", BOARD_SIZE);
	board.memory = mmap(NULL, BOARD_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, board.fd, 0);
	if (board.memory == MAP_FAILED)
		err(EXIT_FAILURE, "%s", path);
	board.times = (BoardTimes *)(board.memory + BOARD_TIMES_AT);
	board.pixels = (guint32 *)(board.memory + BOARD_PIXELS_AT);
	return board;
}

guint64
board_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (guint64)now.tv_sec * 1000000000u + (guint64)now.tv_nsec;
}

/* Low 16 bits: the tick. The upper half of the product depends on each of them. */
static guint
seal(guint tick)
{
	return tick | ((tick * 0x9e3779b1u) >> 24) << 16;
}

void
board_stamp(guint32 *corner, guint tick)
{
	guint bits = seal(tick);

	for (int y = 0; y < CELL; y++)
		for (int x = 0; x < BOARD_STAMP_WIDTH; x++)
			corner[y * BOARD_WIDTH + x] = (bits >> (x / CELL)) & 1 ? 0xffffff : 0;
}

guint
board_read_stamp(const guint8 *corner, int stride)
{
	const guint8 *middle = corner + (CELL / 2) * stride + (CELL / 2) * 4;
	guint bits = 0;

	for (guint i = 0; i < CELLS; i++)
		bits |= middle[i * CELL * 4] > 127 ? 1u << i : 0;
	return bits == seal(bits & BOARD_TICKS_MAX) ? bits & BOARD_TICKS_MAX : 0;
}
