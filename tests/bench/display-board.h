/* A piece of shared memory in which the stimulus of tests/bench/display draws and notes when, and which its clients look at. With QEMU
 * it is the guest's whole RAM, in which a guest's own pages would be drawn in. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

#define BOARD_WIDTH 1920
#define BOARD_HEIGHT 1080
#define BOARD_STRIDE (BOARD_WIDTH * 4)
#define BOARD_SIZE (96u << 20)
#define BOARD_TIMES_AT (16u << 20)  /* below it: the driver's queue (display-gpu.c) */
#define BOARD_PIXELS_AT (32u << 20) /* BGRX, 8 bits each, BOARD_HEIGHT rows of BOARD_STRIDE bytes */
#define BOARD_TICKS_MAX 65535
#define BOARD_RECTS_MAX 4

typedef struct {
	int x, y, width, height;
} BoardRect;

/* What changed in one tick: a datagram to a server that has the board mapped. */
typedef struct {
	guint32 tick, n;
	BoardRect rects[BOARD_RECTS_MAX];
} BoardDamage;

typedef struct {
	guint64 tick;                       /* the last that was drawn; 0: none */
	guint64 times[BOARD_TICKS_MAX + 1]; /* when each was said to be damaged: ns of CLOCK_MONOTONIC */
} BoardTimes;

typedef struct {
	int fd;
	guint8 *memory;
	BoardTimes *times;
	guint32 *pixels;
} Board;

/* Maps a file of BOARD_SIZE bytes, which must be there. Ends the program, with a word, when it cannot. */
Board board_map(const char *path);
guint64 board_now_ns(void);

/* A tick's number is drawn as cells of 16x16, black or white, from a corner on, large enough to outlive JPEG and 4:2:0: 16 for its bits
 * and 8 for a check sum, since some servers send what changed of it in pieces. */
#define BOARD_STAMP_WIDTH (24 * 16)
#define BOARD_STAMP_HEIGHT 16
void board_stamp(guint32 *corner, guint tick); /* rows of BOARD_STRIDE bytes */
/* 0: none, or not all of one. */
guint board_read_stamp(const guint8 *corner, int stride);
