/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/refine.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* Rows that are compared, and reported, together. */
#define BAND_ROWS 16
/* What one pread(2) brings at most: it should stay in the processor's cache until it has been compared. */
#define READ_MAX (256 * 1024)

/* One band's changed columns: from..to, empty when to <= from. */
typedef struct {
	int from, to;
} Span;

static void
compare_row(const Frame *frame, const guint32 *row, int x, int y, int width, Span *span)
{
	guint32 *mine = frame_at(frame, x, y);
	int first = 0, last = width;

	if (memcmp(mine, row, (gsize)width * 4) == 0)
		return;
	while (mine[first] == row[first])
		first++;
	while (mine[last - 1] == row[last - 1])
		last--;
	memcpy(mine + first, row + first, (gsize)(last - first) * 4);
	span->from = MIN(span->from, x + first);
	span->to = MAX(span->to, x + last);
}

static gboolean
read_all(int fd, guint8 *buffer, gsize size, guint64 offset)
{
	while (size > 0) {
		ssize_t n = pread(fd, buffer, size, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return FALSE;
		buffer += n;
		size -= (gsize)n;
		offset += (guint64)n;
	}
	return TRUE;
}

/* A wide rectangle is read with the gaps between its rows: fewer calls are worth more than the bytes between. */
static gboolean
compare_band(Frame *frame, const PixelSource *source, const Rect *band, guint8 *buffer, Span *span)
{
	gsize row_size = (gsize)band->width * 4;
	int step = row_size * 2 >= source->stride ? MAX(1, (int)(READ_MAX / source->stride)) : 1;

	for (int y = band->y; y < band->y + band->height; y += step) {
		int rows = MIN(step, band->y + band->height - y);
		guint64 at = source->offset + (guint64)y * source->stride + (guint64)band->x * 4;

		if (!read_all(source->fd, buffer, (gsize)(rows - 1) * source->stride + row_size, at))
			return FALSE;
		for (int i = 0; i < rows; i++)
			compare_row(frame, (const guint32 *)(const void *)(buffer + (gsize)i * source->stride), band->x,
				y + i, band->width, span);
	}
	return TRUE;
}

static gboolean
compare_copied_band(Frame *frame, const PixelSource *source, const Rect *band, int top, guint8 *buffer, Span *span)
{
	for (int y = band->y; y < band->y + band->height; y++) {
		/* A message's bytes have no alignment of their own. */
		memcpy(buffer, source->data + (gsize)(y - top) * source->stride, (gsize)band->width * 4);
		compare_row(frame, (const guint32 *)(const void *)buffer, band->x, y, band->width, span);
	}
	return TRUE;
}

/* Streams of video are recognised by their rectangle, so it is kept whole where most of it changed. */
static void
report(const Span *spans, int n, const Rect *reported, Damage *changed)
{
	Rect box = {0}, rect;
	gint64 area = 0;

	for (int i = 0; i < n; i++) {
		int y = reported->y + i * BAND_ROWS;

		if (spans[i].to <= spans[i].from)
			continue;
		rect = (Rect){spans[i].from, y, spans[i].to - spans[i].from,
			MIN(BAND_ROWS, reported->y + reported->height - y)};
		area += rect_area(&rect);
		box = rect_is_empty(&box) ? rect : rect_union(&box, &rect);
	}
	if (area * 2 >= rect_area(&box)) {
		damage_add(changed, &box);
		return;
	}
	for (int i = 0; i < n; i++) {
		int y = reported->y + i * BAND_ROWS;

		rect = (Rect){spans[i].from, y, spans[i].to - spans[i].from,
			MIN(BAND_ROWS, reported->y + reported->height - y)};
		damage_add(changed, &rect);
	}
}

gboolean
refine_update(Frame *frame, const PixelSource *source, const Rect *reported, Damage *changed)
{
	int n = (reported->height + BAND_ROWS - 1) / BAND_ROWS;
	g_autofree Span *spans = g_new(Span, (gsize)MAX(n, 1));
	g_autofree guint8 *buffer = g_malloc(READ_MAX + (gsize)FRAME_SIDE_MAX * 4);
	gboolean ok = TRUE;

	for (int i = 0; i < n; i++) {
		Rect band = {reported->x, reported->y + i * BAND_ROWS, reported->width, BAND_ROWS};

		band.height = MIN(BAND_ROWS, reported->y + reported->height - band.y);
		spans[i] = (Span){G_MAXINT, 0};
		if (ok)
			ok = source->fd >= 0 ? compare_band(frame, source, &band, buffer, &spans[i])
					     : compare_copied_band(frame, source, &band, reported->y, buffer, &spans[i]);
	}
	report(spans, n, reported, changed);
	return ok;
}
