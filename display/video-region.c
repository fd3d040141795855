/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/video-region.h"

#include <stdlib.h>
#include <string.h>

#define TILE 32
/* Changes are counted in steps of time; together they are the second or so. */
#define STEP_US (200 * G_TIME_SPAN_MILLISECOND)
#define STEPS 6
/* Changes that are looked at for where the edges are. */
#define RECENT 16
/* In percent: of the rectangle round tiles that change together, so many do; a change of a smaller part of the region does not keep it
 * alive; and a region of which less is left has been covered or has become smaller. */
#define FILL_MIN 60
#define ALIVE_MIN 6
#define LEFT_MIN 75
/* Edges are not the same in each frame. */
#define TOLERANCE (2 * TILE)

typedef struct {
	guint8 counts[STEPS];
	gboolean visited;
	guint change; /* the last that was counted */
} Tile;

typedef struct {
	int left, top, right, bottom; /* in tiles; the last two are the first outside */
	int n;
} Cluster;

struct VideoRegion {
	int width, height, columns, rows;
	Tile *tiles;
	int *stack;
	gint64 step; /* the present one */
	guint change;
	Damage recent[RECENT];
	guint n_recent, next_recent;
	Rect candidate; /* what was found a step ago; empty: nothing */
	gboolean on;
	Rect rect;
	guint serial;
	gint64 changed;
};

VideoRegion *
video_region_new(int width, int height)
{
	VideoRegion *region = g_new0(VideoRegion, 1);

	video_region_resize(region, width, height);
	return region;
}

void
video_region_free(VideoRegion *region)
{
	if (region == NULL)
		return;
	g_free(region->tiles);
	g_free(region->stack);
	g_free(region);
}

void
video_region_resize(VideoRegion *region, int width, int height)
{
	gsize n;

	g_free(region->tiles);
	g_free(region->stack);
	*region = (VideoRegion){.width = width, .height = height, .serial = region->serial};
	region->columns = (width + TILE - 1) / TILE;
	region->rows = (height + TILE - 1) / TILE;
	n = (gsize)region->columns * (gsize)region->rows;
	region->tiles = g_new0(Tile, n);
	region->stack = g_new(int, n);
}

static Tile *
at(const VideoRegion *region, int column, int row)
{
	return &region->tiles[row * region->columns + column];
}

/* Tiles that @rect touches. */
static Cluster
touched(const Rect *rect)
{
	return (Cluster){
	        rect->x / TILE, rect->y / TILE, (rect->x + rect->width + TILE - 1) / TILE, (rect->y + rect->height + TILE - 1) / TILE, 0};
}

/* ---- counting ---- */

static void
advance(VideoRegion *region, gint64 now)
{
	gint64 step = now / STEP_US, passed = CLAMP(step - region->step, 0, STEPS);
	int n = region->columns * region->rows;

	if (passed == 0)
		return;
	for (int i = 0; i < n; i++) {
		Tile *tile = &region->tiles[i];

		memmove(tile->counts + passed, tile->counts, (gsize)(STEPS - passed));
		memset(tile->counts, 0, (gsize)passed);
	}
	region->step = step;
}

static int
count(const Tile *tile)
{
	int n = 0;

	for (int i = 0; i < STEPS; i++)
		n += tile->counts[i];
	return n;
}

/* A tile counts once a change, however many of its rectangles touch it. */
static void
note(VideoRegion *region, const Rect *rect)
{
	Cluster tiles = touched(rect);

	for (int row = tiles.top; row < tiles.bottom; row++) {
		for (int column = tiles.left; column < tiles.right; column++) {
			Tile *tile = at(region, column, row);

			if (tile->change != region->change && tile->counts[0] < G_MAXUINT8)
				tile->counts[0]++;
			tile->change = region->change;
		}
	}
}

static void
forget(VideoRegion *region, const Rect *rect)
{
	Cluster tiles = touched(rect);

	for (int row = tiles.top; row < tiles.bottom; row++) {
		for (int column = tiles.left; column < tiles.right; column++)
			memset(at(region, column, row)->counts, 0, STEPS);
	}
}

/* ---- looking ---- */

/* The tiles that hang together with the one at @first, each with @least changes. */
static Cluster
gather(VideoRegion *region, int first, int least)
{
	Cluster cluster = {region->columns, region->rows, 0, 0, 0};
	int depth = 0;

	region->stack[depth++] = first;
	region->tiles[first].visited = TRUE;
	while (depth > 0) {
		int i = region->stack[--depth], column = i % region->columns, row = i / region->columns;

		cluster.left = MIN(cluster.left, column);
		cluster.right = MAX(cluster.right, column + 1);
		cluster.top = MIN(cluster.top, row);
		cluster.bottom = MAX(cluster.bottom, row + 1);
		cluster.n++;
		for (int y = MAX(row - 1, 0); y <= MIN(row + 1, region->rows - 1); y++) {
			for (int x = MAX(column - 1, 0); x <= MIN(column + 1, region->columns - 1); x++) {
				Tile *tile = at(region, x, y);

				if (tile->visited || count(tile) < least)
					continue;
				tile->visited = TRUE;
				region->stack[depth++] = y * region->columns + x;
			}
		}
	}
	return cluster;
}

static Cluster
largest_cluster(VideoRegion *region, int least)
{
	Cluster best = {0};
	int n = region->columns * region->rows;

	for (int i = 0; i < n; i++)
		region->tiles[i].visited = FALSE;
	for (int i = 0; i < n; i++) {
		Cluster cluster;

		if (region->tiles[i].visited || count(&region->tiles[i]) < least)
			continue;
		cluster = gather(region, i, least);
		if (cluster.n > best.n)
			best = cluster;
	}
	return best;
}

static int
compare_ints(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

static Rect
damage_within(const Damage *damage, const Rect *within)
{
	Rect all = {0};

	for (guint i = 0; i < damage->n; i++) {
		Rect part = rect_intersect(&damage->rects[i], within);

		if (!rect_is_empty(&part))
			all = rect_is_empty(&all) ? part : rect_union(&all, &part);
	}
	return all;
}

/* To the pixel: each edge is where a quarter of the late changes reach. So a clock beside it does not move it, nor does a frame that comes
 * in parts, or changes in part: for which one more tile is looked at all round. */
static Rect
find_edges(const VideoRegion *region, const Cluster *cluster)
{
	Rect tiles = {(cluster->left - 1) * TILE, (cluster->top - 1) * TILE, (cluster->right - cluster->left + 2) * TILE,
	        (cluster->bottom - cluster->top + 2) * TILE};
	int edges[4][RECENT], n = 0, quarter;

	for (guint i = 0; i < region->n_recent; i++) {
		Rect rect = damage_within(&region->recent[i], &tiles);

		if (rect_is_empty(&rect))
			continue;
		edges[0][n] = rect.x;
		edges[1][n] = rect.y;
		edges[2][n] = -(rect.x + rect.width);
		edges[3][n++] = -(rect.y + rect.height);
	}
	if (n == 0)
		return (Rect){0};
	quarter = (n - 1) / 4;
	for (int i = 0; i < 4; i++)
		qsort(edges[i], (gsize)n, sizeof(int), compare_ints);
	return (Rect){edges[0][quarter], edges[1][quarter], -edges[2][quarter] - edges[0][quarter], -edges[3][quarter] - edges[1][quarter]};
}

static Rect
make_even(const VideoRegion *region, const Rect *rect)
{
	int x = rect->x & ~1, y = rect->y & ~1;
	int right = MIN((rect->x + rect->width + 1) & ~1, region->width & ~1);
	int bottom = MIN((rect->y + rect->height + 1) & ~1, region->height & ~1);

	return (Rect){x, y, right - x, bottom - y};
}

/* What changes @least times; empty: nothing that could be a film. */
static Rect
look(VideoRegion *region, int least)
{
	Cluster cluster = largest_cluster(region, least);
	Rect rect;

	if (cluster.n == 0 || cluster.n * 100 < (cluster.right - cluster.left) * (cluster.bottom - cluster.top) * FILL_MIN)
		return (Rect){0};
	rect = find_edges(region, &cluster);
	if (rect.width < VIDEO_REGION_WIDTH_MIN || rect.height < VIDEO_REGION_HEIGHT_MIN)
		return (Rect){0};
	return make_even(region, &rect);
}

/* ---- deciding ---- */

static gboolean
is_within(const Rect *inner, const Rect *outer)
{
	Rect grown = {outer->x - TOLERANCE, outer->y - TOLERANCE, outer->width + 2 * TOLERANCE, outer->height + 2 * TOLERANCE};

	return rect_contains(&grown, inner);
}

static gboolean
is_about(const Rect *a, const Rect *b)
{
	return is_within(a, b) && is_within(b, a);
}

static void
begin(VideoRegion *region, const Rect *rect, gint64 now)
{
	region->on = TRUE;
	region->rect = *rect;
	region->serial++;
	region->changed = now;
}

static void
decide(VideoRegion *region, gint64 now)
{
	Rect found = look(region, VIDEO_REGION_CHANGES_MIN), before = region->candidate;

	region->candidate = found;
	if (region->on) {
		Rect left = look(region, VIDEO_REGION_CHANGES_MIN / 2);

		if (rect_is_empty(&left) || rect_area(&left) * 100 < rect_area(&region->rect) * LEFT_MIN)
			region->on = FALSE;
		else if (rect_is_empty(&found) || is_within(&found, &region->rect))
			return;
	}
	/* Twice the same: what is on its way to somewhere else is none. */
	if (!rect_is_empty(&found) && !rect_is_empty(&before) && is_about(&found, &before))
		begin(region, &found, now);
}

static void
take_copies(VideoRegion *region, const Change *change)
{
	for (guint i = 0; i < change->n_copies; i++) {
		Rect from = copy_source(&change->copies[i]), both = rect_union(&from, &change->copies[i].to);
		Rect common = rect_intersect(&both, &region->rect);

		forget(region, &both);
		if (!rect_is_empty(&common))
			region->on = FALSE;
	}
}

static gboolean
is_alive(const VideoRegion *region, const Damage *damage)
{
	gint64 area = 0;

	for (guint i = 0; i < damage->n; i++) {
		Rect part = rect_intersect(&damage->rects[i], &region->rect);

		area += rect_area(&part);
	}
	return area * 100 >= rect_area(&region->rect) * ALIVE_MIN;
}

void
video_region_change(VideoRegion *region, const Change *change, gint64 now)
{
	gboolean look_now = now / STEP_US > region->step;
	Rect rect;
	guint serial;

	/* What has rested must become a film anew. */
	if (region->on && !video_region_get(region, now, &rect, &serial)) {
		region->on = FALSE;
		forget(region, &region->rect);
	}
	advance(region, now);
	region->change++;
	take_copies(region, change);
	if (change->damage.n == 0)
		return;
	for (guint i = 0; i < change->damage.n; i++)
		note(region, &change->damage.rects[i]);
	region->recent[region->next_recent] = change->damage;
	region->next_recent = (region->next_recent + 1) % RECENT;
	region->n_recent = MIN(region->n_recent + 1, RECENT);
	if (region->on && is_alive(region, &change->damage))
		region->changed = now;
	if (look_now)
		decide(region, now);
}

gboolean
video_region_get(const VideoRegion *region, gint64 now, Rect *rect, guint *serial)
{
	if (!region->on || now - region->changed >= VIDEO_REGION_STILL_MS * G_TIME_SPAN_MILLISECOND)
		return FALSE;
	*rect = region->rect;
	*serial = region->serial;
	return TRUE;
}
