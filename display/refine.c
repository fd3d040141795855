/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/refine.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "display/motion.h"

/* Rows that are compared, and reported, together. */
#define BAND_ROWS 16
/* Columns that are told apart. */
#define TILE 32
#define TILES_MAX (FRAME_SIDE_MAX / TILE)
/* Unchanged tiles between two changed ones that make them two rectangles: a rectangle costs a client about as much. */
#define GAP_TILES 4
/* What one pread(2) brings at most: it should stay in the processor's cache until it has been compared. */
#define READ_MAX (256 * 1024)
/* Rows that are looked at to guess whether a rectangle was over-reported. */
#define SAMPLE_ROWS 16

struct Refine {
	guint8 *buffer;  /* of READ_MAX and a row */
	guint32 *pixels; /* the new pixels of all that was reported, for motion.h; NULL: at rest */
	gsize pixels_max;
};

/* One band's changed columns. */
typedef struct {
	int from, to; /* empty when to <= from */
	guint8 tiles[TILES_MAX];
} Band;

Refine *
refine_new(void)
{
	Refine *refine = g_new0(Refine, 1);

	refine->buffer = g_malloc(READ_MAX + (gsize)FRAME_SIDE_MAX * 4);
	return refine;
}

void
refine_free(Refine *refine)
{
	if (refine == NULL)
		return;
	refine_rest(refine);
	g_free(refine->buffer);
	g_free(refine);
}

void
refine_rest(Refine *refine)
{
	g_clear_pointer(&refine->pixels, g_free);
	refine->pixels_max = 0;
}

/* ---- reading ---- */

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

/* A run of a rectangle's rows, as read at once. */
typedef struct {
	const guint8 *bytes;
	gsize stride;
	int rows;
} Rows;

/* Reads rows from @y on, as many as go at once and belong to @rect. A wide rectangle is read with the gaps between its rows: fewer
 * calls are worth more than the bytes between. */
static gboolean
read_rows(Refine *refine, const PixelSource *source, const Rect *rect, int y, Rows *rows)
{
	gsize row_size = (gsize)rect->width * 4;
	int left = rect->y + rect->height - y;

	if (source->fd < 0) {
		/* A message's bytes have no alignment of their own. */
		memcpy(refine->buffer, source->data + (gsize)(y - rect->y) * source->stride, row_size);
		*rows = (Rows){refine->buffer, row_size, 1};
		return TRUE;
	}
	rows->rows = row_size * 2 >= source->stride ? MIN(left, MAX(1, (int)(READ_MAX / source->stride))) : 1;
	rows->stride = source->stride;
	rows->bytes = refine->buffer;
	return read_all(source->fd, refine->buffer, (gsize)(rows->rows - 1) * source->stride + row_size,
	        source->offset + (guint64)y * source->stride + (guint64)rect->x * 4);
}

static const guint32 *
row_of(const Rows *rows, int i)
{
	return (const guint32 *)(const void *)(rows->bytes + (gsize)i * rows->stride);
}

/* ---- comparing ---- */

/* Takes @row over into the frame, and notes where it differs from what was there. */
static void
compare_row(const Frame *frame, const guint32 *row, int x, int y, int width, Band *band)
{
	guint32 *mine = frame_at(frame, x, y);

	if (memcmp(mine, row, (gsize)width * 4) == 0)
		return;
	for (int tile = 0, at = 0; at < width; tile++, at += TILE) {
		int end = MIN(at + TILE, width), first = at, last = end;

		if (memcmp(mine + at, row + at, (gsize)(end - at) * 4) == 0)
			continue;
		while (mine[first] == row[first])
			first++;
		while (mine[last - 1] == row[last - 1])
			last--;
		memcpy(mine + first, row + first, (gsize)(last - first) * 4);
		band->tiles[tile] = 1;
		band->from = MIN(band->from, first);
		band->to = MAX(band->to, last);
	}
}

static gint64
add_run(const Rect *rect, int from, int to, Damage *damage)
{
	Rect run = {rect->x + from, rect->y, to - from, rect->height};

	damage_add(damage, &run);
	return rect_area(&run);
}

/* The changed columns of a band, without wide gaps. Result: their area. */
static gint64
add_band(const Rect *rect, const Band *band, Damage *damage)
{
	int from = band->from, end = -1; /* of the run so far */
	gint64 area = 0;

	if (band->to <= band->from)
		return 0;
	for (int tile = band->from / TILE; tile * TILE < band->to; tile++) {
		if (!band->tiles[tile])
			continue;
		if (end >= 0 && tile - end > GAP_TILES) {
			area += add_run(rect, from, end * TILE, damage);
			from = tile * TILE;
		}
		end = tile + 1;
	}
	return area + add_run(rect, from, MIN(end * TILE, band->to), damage);
}

static void
clear_band(Band *band, int width)
{
	memset(band->tiles, 0, (gsize)(width + TILE - 1) / TILE);
	band->from = G_MAXINT;
	band->to = 0;
}

/* Rows of one rectangle, as they are compared one after the other. */
typedef struct {
	const Rect *rect;
	Band band;
	int band_y; /* where the band begins */
	Damage damage;
	gint64 area;
	Rect box;
} Comparison;

static void
begin_comparison(Comparison *comparison, const Rect *rect)
{
	comparison->rect = rect;
	comparison->band_y = rect->y;
	comparison->damage.n = 0;
	comparison->area = 0;
	comparison->box = (Rect){0};
	clear_band(&comparison->band, rect->width);
}

static void
end_band(Comparison *comparison, int y)
{
	const Rect *rect = comparison->rect;
	const Band *band = &comparison->band;
	Rect rows = {rect->x, comparison->band_y, rect->width, y - comparison->band_y};
	Rect box = {rect->x + band->from, rows.y, band->to - band->from, rows.height};

	if (!rect_is_empty(&rows) && band->to > band->from) {
		comparison->area += add_band(&rows, band, &comparison->damage);
		comparison->box = rect_is_empty(&comparison->box) ? box : rect_union(&comparison->box, &box);
	}
	comparison->band_y = y;
	clear_band(&comparison->band, rect->width);
}

static void
compare(Comparison *comparison, const Frame *frame, const guint32 *row, int y)
{
	compare_row(frame, row, comparison->rect->x, y, comparison->rect->width, &comparison->band);
	if (y + 1 - comparison->band_y == BAND_ROWS)
		end_band(comparison, y + 1);
}

/* Streams of video are recognised by their rectangle, so it is kept whole where most of it changed. */
static void
end_comparison(Comparison *comparison, int y, Change *change)
{
	end_band(comparison, y);
	if (comparison->area * 2 >= rect_area(&comparison->box))
		change_add_damage(change, &comparison->box);
	else
		damage_add_all(&change->damage, &comparison->damage);
}

static gboolean
compare_source(Refine *refine, const Frame *frame, const PixelSource *source, const Rect *rect, Change *change)
{
	Comparison comparison;
	Rows rows = {0};
	int y = rect->y;

	begin_comparison(&comparison, rect);
	while (y < rect->y + rect->height && read_rows(refine, source, rect, y, &rows)) {
		for (int i = 0; i < rows.rows; i++, y++)
			compare(&comparison, frame, row_of(&rows, i), y);
	}
	end_comparison(&comparison, y, change);
	return y == rect->y + rect->height;
}

/* ---- what was moved ---- */

/* TRUE where it is not worth to look for motion: little, or the same as before for the most part. */
static gboolean
is_quiet(Refine *refine, const Frame *frame, const PixelSource *source, const Rect *rect)
{
	int step = MAX(1, rect->height / SAMPLE_ROWS), seen = 0, changed = 0;

	if (rect_area(rect) < MOTION_AREA_MIN)
		return TRUE;
	for (int y = rect->y + step / 2; y < rect->y + rect->height; y += step, seen++) {
		Rect row = {rect->x, y, rect->width, 1};
		PixelSource at = *source;
		Rows rows = {0};

		if (source->fd < 0)
			at.data += (gsize)(y - rect->y) * source->stride;
		if (!read_rows(refine, &at, &row, y, &rows))
			return TRUE;
		changed += memcmp(rows.bytes, frame_at(frame, rect->x, y), (gsize)rect->width * 4) != 0;
	}
	return changed * 4 < seen;
}

static gboolean
make_room(Refine *refine, gsize pixels)
{
	if (pixels <= refine->pixels_max)
		return TRUE;
	g_free(refine->pixels);
	refine->pixels = g_try_new(guint32, pixels);
	refine->pixels_max = refine->pixels ? pixels : 0;
	return refine->pixels != NULL;
}

static gboolean
read_patch(Refine *refine, const PixelSource *source, const Rect *rect, guint32 *pixels)
{
	Rows rows = {0};

	for (int y = rect->y; y < rect->y + rect->height;) {
		if (!read_rows(refine, source, rect, y, &rows))
			return FALSE;
		for (int i = 0; i < rows.rows; i++, y++, pixels += rect->width)
			memcpy(pixels, row_of(&rows, i), (gsize)rect->width * 4);
	}
	return TRUE;
}

static void
do_copy(const Frame *frame, const Copy *copy)
{
	Rect from = copy_source(copy);

	for (int i = 0; i < from.height; i++) {
		int row = copy->dy > 0 ? from.height - 1 - i : i;

		memmove(frame_at(frame, copy->to.x, copy->to.y + row), frame_at(frame, from.x, from.y + row), (gsize)from.width * 4);
	}
}

static void
compare_patch(const Frame *frame, const Patch *patch, Change *change)
{
	const Rect *rect = &patch->rect;
	Comparison comparison;

	begin_comparison(&comparison, rect);
	for (int y = rect->y; y < rect->y + rect->height; y++)
		compare(&comparison, frame, patch->pixels + (gsize)(y - rect->y) * (gsize)rect->width, y);
	end_comparison(&comparison, rect->y + rect->height, change);
}

/* All that is new is read before anything old is overwritten: where a window was is where its pixels are found. */
static gboolean
update_moved(Refine *refine, const Frame *frame, const PixelSource *source, const Damage *reported, Change *change)
{
	Patch patches[DAMAGE_RECTS_MAX] = {0};
	guint32 *pixels = refine->pixels;
	gboolean ok = TRUE;
	guint n = 0;
	Copy copy;

	for (; n < reported->n && ok; n++) {
		patches[n] = (Patch){reported->rects[n], pixels};
		ok = read_patch(refine, source, &patches[n].rect, pixels);
		pixels += rect_area(&patches[n].rect);
	}
	n -= !ok;
	if (motion_find(frame, patches, n, &copy)) {
		do_copy(frame, &copy);
		change_add_copy(change, &copy);
	}
	for (guint i = 0; i < n; i++)
		compare_patch(frame, &patches[i], change);
	return ok;
}

gboolean
refine_update(Refine *refine, Frame *frame, const PixelSource *source, const Damage *reported, Change *change)
{
	gboolean quiet = TRUE, ok = TRUE;
	gint64 area = 0;

	for (guint i = 0; i < reported->n; i++) {
		area += rect_area(&reported->rects[i]);
		quiet = quiet && is_quiet(refine, frame, source, &reported->rects[i]);
	}
	/* Rectangles may overlap; but more than a frame's worth of them is not a desktop at work. */
	if (!quiet && area <= (gint64)frame->width * frame->height && make_room(refine, (gsize)area))
		return update_moved(refine, frame, source, reported, change);
	for (guint i = 0; ok && i < reported->n; i++)
		ok = compare_source(refine, frame, source, &reported->rects[i], change);
	return ok;
}
