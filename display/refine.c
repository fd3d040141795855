/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/refine.h"

#include <string.h>

#include "display/motion.h"

/* Rows that are compared, and reported, together. */
#define BAND_ROWS 16
/* Columns that are told apart. */
#define TILE 32
#define TILES_MAX (FRAME_SIDE_MAX / TILE)
/* Unchanged tiles between two changed ones that make them two rectangles: a rectangle costs a client about as much. */
#define GAP_TILES 4
/* Rows that are looked at to guess whether a rectangle was over-reported. */
#define SAMPLE_ROWS 16

/* One band's changed columns. */
typedef struct {
	int from, to; /* empty when to <= from */
	guint8 tiles[TILES_MAX];
} Band;

static const guint32 *
source_at(const PixelSource *source, int x, int y)
{
	return source->pixels + (gsize)(y - source->y) * source->stride + (gsize)(x - source->x);
}

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
		/* Bounded: the row may be the same by now. */
		while (first < end - 1 && mine[first] == row[first])
			first++;
		while (last > first + 1 && mine[last - 1] == row[last - 1])
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

	if (!rect_is_empty(&rows) && band->to > band->from) {
		Rect box = {rect->x + band->from, rows.y, band->to - band->from, rows.height};

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

static void
compare_source(const Frame *frame, const PixelSource *source, const Rect *rect, Change *change)
{
	Comparison comparison;

	begin_comparison(&comparison, rect);
	for (int y = rect->y; y < rect->y + rect->height; y++)
		compare(&comparison, frame, source_at(source, rect->x, y), y);
	end_comparison(&comparison, rect->y + rect->height, change);
}

/* It is not worth to look for motion: there is little, or it is the same as before for the most part. */
static gboolean
is_quiet(const Frame *frame, const PixelSource *source, const Rect *rect)
{
	int step = MAX(1, rect->height / SAMPLE_ROWS), seen = 0, changed = 0;

	if (rect_area(rect) < MOTION_AREA_MIN)
		return TRUE;
	for (int y = rect->y + step / 2; y < rect->y + rect->height; y += step, seen++)
		changed += memcmp(source_at(source, rect->x, y), frame_at(frame, rect->x, y), (gsize)rect->width * 4) != 0;
	return changed * 4 < seen;
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

/* Before anything old is overwritten: where a window was is where its pixels are found. */
static void
take_motion(const Frame *frame, const PixelSource *source, const Damage *reported, Change *change)
{
	Patch patches[DAMAGE_RECTS_MAX];
	Copy copy;

	for (guint i = 0; i < reported->n; i++) {
		const Rect *rect = &reported->rects[i];

		patches[i] = (Patch){*rect, source_at(source, rect->x, rect->y), source->stride};
	}
	if (!motion_find(frame, patches, reported->n, &copy))
		return;
	do_copy(frame, &copy);
	change_add_copy(change, &copy);
}

void
refine_update(const Frame *frame, const PixelSource *source, const Damage *reported, Change *change)
{
	gboolean quiet = TRUE;

	for (guint i = 0; i < reported->n && quiet; i++)
		quiet = is_quiet(frame, source, &reported->rects[i]);
	if (!quiet)
		take_motion(frame, source, reported, change);
	for (guint i = 0; i < reported->n; i++)
		compare_source(frame, source, &reported->rects[i], change);
}
