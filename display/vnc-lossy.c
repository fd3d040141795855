/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/vnc-lossy.h"

#define TILE 64
#define STILL_US (VNC_LOSSY_STILL_MS * G_TIME_SPAN_MILLISECOND)

struct VncLossy {
	int width, height, columns, rows;
	gint64 *since; /* of each tile; 0: it is as it should be */
	guint n;       /* that are not */
};

/* In tiles, those that @rect touches, or those that it covers. */
static Rect
touched(const VncLossy *lossy, const Rect *rect)
{
	int right = MIN((rect->x + rect->width + TILE - 1) / TILE, lossy->columns);
	int bottom = MIN((rect->y + rect->height + TILE - 1) / TILE, lossy->rows);

	return (Rect){rect->x / TILE, rect->y / TILE, right - rect->x / TILE, bottom - rect->y / TILE};
}

static Rect
covered(const VncLossy *lossy, const Rect *rect)
{
	int left = (rect->x + TILE - 1) / TILE, top = (rect->y + TILE - 1) / TILE;
	/* The last column and row of tiles may be cut by the frame's edge. */
	int right = rect->x + rect->width >= lossy->width ? lossy->columns : (rect->x + rect->width) / TILE;
	int bottom = rect->y + rect->height >= lossy->height ? lossy->rows : (rect->y + rect->height) / TILE;

	return (Rect){left, top, right - left, bottom - top};
}

static gint64 *
at(const VncLossy *lossy, int column, int row)
{
	return &lossy->since[row * lossy->columns + column];
}

static void
set(VncLossy *lossy, const Rect *tiles, gint64 since)
{
	for (int row = tiles->y; row < tiles->y + tiles->height; row++) {
		for (int column = tiles->x; column < tiles->x + tiles->width; column++) {
			gint64 *tile = at(lossy, column, row);

			lossy->n += (since != 0) - (guint)(*tile != 0);
			*tile = since;
		}
	}
}

VncLossy *
vnc_lossy_new(int width, int height)
{
	VncLossy *lossy = g_new0(VncLossy, 1);

	lossy->width = width;
	lossy->height = height;
	lossy->columns = (width + TILE - 1) / TILE;
	lossy->rows = (height + TILE - 1) / TILE;
	lossy->since = g_new0(gint64, (gsize)lossy->columns * (gsize)lossy->rows);
	return lossy;
}

void
vnc_lossy_free(VncLossy *lossy)
{
	if (lossy == NULL)
		return;
	g_free(lossy->since);
	g_free(lossy);
}

void
vnc_lossy_add(VncLossy *lossy, const Damage *damage, gint64 now)
{
	for (guint i = 0; i < damage->n; i++) {
		Rect tiles = touched(lossy, &damage->rects[i]);

		set(lossy, &tiles, now);
	}
}

void
vnc_lossy_remove(VncLossy *lossy, const Rect *rect)
{
	Rect tiles = covered(lossy, rect);

	if (lossy->n > 0)
		set(lossy, &tiles, 0);
}

void
vnc_lossy_copy(VncLossy *lossy, const Copy *copy, gint64 now)
{
	Rect from = copy_source(copy), tiles = touched(lossy, &from), to = touched(lossy, &copy->to);

	if (lossy->n == 0)
		return;
	for (int row = tiles.y; row < tiles.y + tiles.height; row++) {
		for (int column = tiles.x; column < tiles.x + tiles.width; column++) {
			if (*at(lossy, column, row) == 0)
				continue;
			set(lossy, &to, now);
			return;
		}
	}
}

gint64
vnc_lossy_due(const VncLossy *lossy, const Rect *where)
{
	Rect tiles = covered(lossy, where);
	gint64 first = G_MAXINT64;

	if (lossy->n == 0)
		return 0;
	for (int row = tiles.y; row < tiles.y + tiles.height; row++) {
		for (int column = tiles.x; column < tiles.x + tiles.width; column++) {
			gint64 since = *at(lossy, column, row);

			if (since != 0)
				first = MIN(first, since);
		}
	}
	return first == G_MAXINT64 ? 0 : first + STILL_US;
}

void
vnc_lossy_take(const VncLossy *lossy, const Rect *where, gint64 now, gint64 area_max, Damage *still)
{
	Rect tiles = covered(lossy, where);
	gint64 area = 0;

	for (int row = tiles.y; row < tiles.y + tiles.height; row++) {
		for (int column = tiles.x; column < tiles.x + tiles.width; column++) {
			gint64 since = *at(lossy, column, row);
			Rect rect = {column * TILE, row * TILE, TILE, TILE};

			if (since == 0 || since + STILL_US > now)
				continue;
			/* Damage that merges would cover what still moves. */
			if ((area > 0 && area + TILE * TILE > area_max) || still->n == DAMAGE_RECTS_MAX)
				return;
			rect_clip(&rect, lossy->width, lossy->height);
			damage_add(still, &rect);
			area += TILE * TILE;
		}
	}
}
