/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/yuv.h"

#include <string.h>

/* Loops of a fixed length: compilers make vector instructions of them at -O2, too. */
#define BLOCK 16

Yuv *
yuv_new(int width, int height)
{
	gsize stride = ((gsize)width + BLOCK - 1) / BLOCK * BLOCK, size = stride * (gsize)height;
	Yuv *yuv = g_new0(Yuv, 1);

	yuv->width = width;
	yuv->height = height;
	yuv->stride[0] = (int)stride;
	yuv->stride[1] = yuv->stride[2] = (int)stride / 2;
	yuv->planes[0] = g_try_malloc0(size * 3 / 2);
	if (yuv->planes[0] == NULL) {
		g_free(yuv);
		return NULL;
	}
	yuv->planes[1] = yuv->planes[0] + size;
	yuv->planes[2] = yuv->planes[1] + size / 4;
	return yuv;
}

void
yuv_free(Yuv *yuv)
{
	if (yuv == NULL)
		return;
	g_free(yuv->planes[0]);
	g_free(yuv);
}

/* Sixteen bits hold all that comes up on the way, and make twice as many numbers a vector than 32. */
typedef struct {
	guint16 r[BLOCK], g[BLOCK], b[BLOCK];
} Colours;

static void
split(const guint32 *pixels, Colours *colours)
{
	for (int i = 0; i < BLOCK; i++)
		colours->r[i] = (guint16)(pixels[i] >> 16 & 255);
	for (int i = 0; i < BLOCK; i++)
		colours->g[i] = (guint16)(pixels[i] >> 8 & 255);
	for (int i = 0; i < BLOCK; i++)
		colours->b[i] = (guint16)(pixels[i] & 255);
}

static void
convert_luma(const Colours *c, guint8 *luma)
{
	guint16 y[BLOCK];

	for (int i = 0; i < BLOCK; i++)
		y[i] = (guint16)((guint16)(66 * c->r[i] + 129 * c->g[i] + 25 * c->b[i] + 128) >> 8);
	for (int i = 0; i < BLOCK; i++)
		luma[i] = (guint8)(y[i] + 16);
}

static gint16
mean(const guint16 *upper, const guint16 *lower)
{
	return (gint16)((upper[0] + upper[1] + lower[0] + lower[1] + 2) >> 2);
}

static void
convert_chroma(const Colours *upper, const Colours *lower, guint8 *u, guint8 *v)
{
	gint16 r[BLOCK / 2], g[BLOCK / 2], b[BLOCK / 2];

	for (int i = 0; i < BLOCK / 2; i++) {
		r[i] = mean(upper->r + 2 * i, lower->r + 2 * i);
		g[i] = mean(upper->g + 2 * i, lower->g + 2 * i);
		b[i] = mean(upper->b + 2 * i, lower->b + 2 * i);
	}
	for (int i = 0; i < BLOCK / 2; i++) {
		u[i] = (guint8)(((gint16)(-38 * r[i] - 74 * g[i] + 112 * b[i] + 128) >> 8) + 128);
		v[i] = (guint8)(((gint16)(112 * r[i] - 94 * g[i] - 18 * b[i] + 128) >> 8) + 128);
	}
}

static void
convert_block(const guint32 *upper, const guint32 *lower, guint8 *const luma[2], guint8 *u, guint8 *v)
{
	Colours colours[2];

	split(upper, &colours[0]);
	split(lower, &colours[1]);
	convert_luma(&colours[0], luma[0]);
	convert_luma(&colours[1], luma[1]);
	convert_chroma(&colours[0], &colours[1], u, v);
}

void
yuv_convert(const Yuv *yuv, const Frame *frame, int x, int y)
{
	int whole = yuv->width / BLOCK * BLOCK, rest = yuv->width - whole;

	for (int row = 0; row < yuv->height; row += 2) {
		const guint32 *upper = frame_at(frame, x, y + row), *lower = frame_at(frame, x, y + row + 1);
		guint8 *luma = yuv->planes[0] + (gsize)row * (gsize)yuv->stride[0];
		guint8 *u = yuv->planes[1] + (gsize)row / 2 * (gsize)yuv->stride[1];
		guint8 *v = yuv->planes[2] + (gsize)row / 2 * (gsize)yuv->stride[2];
		guint32 ends[2][BLOCK] = {0};

		for (int i = 0; i < whole; i += BLOCK)
			convert_block(upper + i, lower + i, (guint8 *[]){luma + i, luma + yuv->stride[0] + i}, u + i / 2, v + i / 2);
		if (rest == 0)
			continue;
		/* What is right of it may be the end of memory. */
		memcpy(ends[0], upper + whole, (gsize)rest * 4);
		memcpy(ends[1], lower + whole, (gsize)rest * 4);
		convert_block(ends[0], ends[1], (guint8 *[]){luma + whole, luma + yuv->stride[0] + whole}, u + whole / 2, v + whole / 2);
	}
}
