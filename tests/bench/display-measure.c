/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "tests/bench/display-measure.h"
#include "tests/bench/display-draw.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PSNR_EVERY_ROWS 24 /* enough to tell, and little beside what decoding costs */
#define RGB 0x00ffffffu

struct Measure {
	Board board;
	guint last;    /* tick seen */
	guint64 first; /* tick that counts */
	guint64 last_ns, updates, received;
	GArray *late_ns; /* guint64, one a tick seen */
	gboolean settling;
	const guint8 *pixels; /* as of the last update */
	int stride;
	BoardRect video, stamp;
	guint32 *frames[DRAWING_FRAMES]; /* of the video; or NULL */
	GArray *psnr;                    /* double, one a frame of the video that came other than it is meant to be */
};

Measure *
measure_new(const char *board, const char *load)
{
	Measure *measure = g_new0(Measure, 1);

	measure->board = board_map(board);
	measure->late_ns = g_array_new(FALSE, FALSE, sizeof(guint64));
	measure->psnr = g_array_new(FALSE, FALSE, sizeof(double));
	if (drawing_video(load, &measure->video)) {
		for (guint i = 0; i < DRAWING_FRAMES; i++) {
			measure->frames[i] = g_malloc(BOARD_STRIDE * BOARD_HEIGHT);
			drawing_video_frame(&measure->video, i, measure->frames[i]);
		}
	}
	measure->stamp = drawing_stamp(&measure->video);
	return measure;
}

/* Of the picture and what @tick's is meant to be, over the three colours. A frame that is perfect tells nothing of a quality level:
 * QEMU sends such ones between others. */
static void
look_at_video(Measure *measure, guint tick)
{
	const guint32 *frame = measure->frames[tick % DRAWING_FRAMES];
	const BoardRect *area = &measure->video;
	guint64 sum = 0, n = 0;
	double psnr;

	for (int y = area->y; y < measure->stamp.y; y += PSNR_EVERY_ROWS) {
		const guint8 *seen = measure->pixels + y * measure->stride + area->x * 4;
		const guint8 *meant = (const guint8 *)(frame + y * BOARD_WIDTH + area->x);

		for (int i = 0; i < area->width * 4; i++) {
			int difference = i % 4 == 3 ? 0 : seen[i] - meant[i];

			sum += (guint64)(difference * difference);
		}
		n += (guint64)area->width * 3;
	}
	if (sum == 0)
		return;
	psnr = 10 * log10(255. * 255. * (double)n / (double)sum);
	g_array_append_val(measure->psnr, psnr);
}

static gboolean
is_lossless(const Measure *measure)
{
	for (int y = 0; y < BOARD_HEIGHT; y++) {
		const guint32 *seen = (const guint32 *)(measure->pixels + y * measure->stride);
		const guint32 *meant = measure->board.pixels + y * BOARD_WIDTH;
		guint32 different = 0;

		for (int x = 0; x < BOARD_WIDTH; x++)
			different |= seen[x] ^ meant[x];
		if (different & RGB)
			return FALSE;
	}
	return TRUE;
}

static void
settle(Measure *measure)
{
	const BoardTimes *times = measure->board.times;

	if (!measure->settling || measure->pixels == NULL || !is_lossless(measure))
		return;
	measure->settling = FALSE;
	printf("lossless %.2f\n",
	        times->tick > 0 && measure->last_ns > times->times[times->tick]
	                ? (double)(measure->last_ns - times->times[times->tick]) / 1e6
	                : 0.0);
	fflush(stdout);
}

void
measure_picture(Measure *measure, const guint8 *pixels, int stride)
{
	const BoardTimes *times = measure->board.times;
	guint tick = board_read_stamp(pixels + measure->stamp.y * stride + measure->stamp.x * 4, stride);
	guint64 late;

	measure->pixels = pixels;
	measure->stride = stride;
	measure->last_ns = board_now_ns();
	measure->updates++;
	if (tick > measure->last && tick >= measure->first && tick <= __atomic_load_n(&times->tick, __ATOMIC_ACQUIRE)) {
		late = measure->last_ns - times->times[tick];
		measure->last = tick;
		g_array_append_val(measure->late_ns, late);
		if (measure->frames[0])
			look_at_video(measure, tick);
	}
	settle(measure);
}

static int
compare_numbers(const void *a, const void *b)
{
	guint64 one = *(const guint64 *)a, other = *(const guint64 *)b;

	return (one > other) - (one < other);
}

static int
compare_doubles(const void *a, const void *b)
{
	double one = *(const double *)a, other = *(const double *)b;

	return (one > other) - (one < other);
}

static double
late_ms(const Measure *measure, guint percent)
{
	guint n = measure->late_ns->len;

	return n == 0 ? -1 : (double)g_array_index(measure->late_ns, guint64, MIN(n * percent / 100, n - 1)) / 1e6;
}

static void
report(Measure *measure, guint64 received)
{
	qsort(measure->late_ns->data, measure->late_ns->len, sizeof(guint64), compare_numbers);
	printf("{\"bytes\": %" G_GUINT64_FORMAT ", \"updates\": %" G_GUINT64_FORMAT ", \"frames\": %u, \"p50\": %.3f, \"p99\": %.3f",
	        received - measure->received, measure->updates, measure->late_ns->len, late_ms(measure, 50), late_ms(measure, 99));
	qsort(measure->psnr->data, measure->psnr->len, sizeof(double), compare_doubles);
	if (measure->psnr->len > 0)
		printf(", \"psnr\": %.2f", g_array_index(measure->psnr, double, measure->psnr->len / 2));
	printf("}\n");
	fflush(stdout);
}

static void
start(Measure *measure, guint64 received)
{
	measure->received = received;
	measure->first = measure->board.times->tick + 1;
	measure->updates = 0;
	g_array_set_size(measure->late_ns, 0);
	g_array_set_size(measure->psnr, 0);
	puts("started");
	fflush(stdout);
}

gboolean
measure_obey(Measure *measure, guint64 received)
{
	char lines[256]; /* several, when the client was busy; the driver sends whole ones */
	ssize_t n = read(STDIN_FILENO, lines, sizeof lines - 1);

	if (n <= 0)
		return FALSE;
	lines[n] = '\0';
	for (const char *line = lines; *line; line += strcspn(line, "\n") + 1) {
		if (g_str_has_prefix(line, "start")) {
			start(measure, received);
		} else if (g_str_has_prefix(line, "settle")) {
			measure->settling = TRUE;
			settle(measure);
		} else if (g_str_has_prefix(line, "report")) {
			report(measure, received);
		}
	}
	return TRUE;
}
