/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/motion.h"

#include <stdlib.h>
#include <string.h>

/* Pixels side by side that are looked up together: fewer are not unique in text. */
#define ANCHOR_PIXELS 12
#define ANCHORS_MAX 48
/* Of the anchors, those that agree: a quarter, since a window is dragged across what stays. */
#define AGREE_MIN 3
#define AGREE_PART 4
#define BLOCK 16
#define POLLED_MAX (ANCHORS_MAX / 2)
/* When more than half of so many do already, or none of so many has been anywhere, the others are not asked. */
#define SETTLED_MIN 6
#define HOPELESS_MIN 12
/* Moves that are neither vertical nor horizontal are looked for up to so far: a drag at 30 frames a second. */
#define DRAG_MAX 64
#define VOTES_MAX 256
/* The area is tried in tiles of this side, a few rows of each. */
#define TILE 16
#define TILE_ROW_STEP 5

/* A place in the new pixels whose like is looked for in the old. */
typedef struct {
	const guint32 *pixels;
	int x, y;
	int edge; /* the first of its pixels that differs from the one before: rarer than what is flat */
} Anchor;

typedef struct {
	int dx, dy;
	guint count;
} Vote;

typedef struct {
	Vote votes[VOTES_MAX];
	guint n;
} Ballot;

static const guint32 *
patch_at(const Patch *patch, int x, int y)
{
	return patch->pixels + (gsize)(y - patch->rect.y) * patch->stride + (gsize)(x - patch->rect.x);
}

static gboolean
is_textured(const guint32 *pixels)
{
	guint edges = 0;

	for (int i = 1; i < ANCHOR_PIXELS; i++)
		edges += pixels[i] != pixels[i - 1];
	return edges >= 3;
}

/* The first place in @cell that has something on it, and something else than before. */
static gboolean
find_anchor(const Frame *frame, const Patch *patch, const Rect *cell, Anchor *anchor)
{
	for (int y = cell->y; y < cell->y + cell->height; y += 3) {
		for (int x = cell->x; x + ANCHOR_PIXELS <= cell->x + cell->width; x += ANCHOR_PIXELS / 2) {
			const guint32 *pixels = patch_at(patch, x, y);

			if (is_textured(pixels) && memcmp(pixels, frame_at(frame, x, y), ANCHOR_PIXELS * 4) != 0) {
				*anchor = (Anchor){pixels, x, y, 1};
				while (pixels[anchor->edge] == pixels[anchor->edge - 1])
					anchor->edge++;
				return TRUE;
			}
		}
	}
	return FALSE;
}

static guint
find_anchors(const Frame *frame, const Patch *patches, guint n, Anchor *anchors)
{
	gint64 area = 0;
	guint found = 0;
	int side;

	for (guint i = 0; i < n; i++)
		area += rect_area(&patches[i].rect);
	for (side = 2 * ANCHOR_PIXELS; (gint64)side * side * ANCHORS_MAX < area; side += ANCHOR_PIXELS)
		;
	for (guint i = 0; i < n; i++) {
		const Rect *rect = &patches[i].rect;

		for (int y = rect->y; y < rect->y + rect->height; y += side) {
			for (int x = rect->x; x < rect->x + rect->width && found < ANCHORS_MAX; x += side) {
				Rect cell = {x, y, side, side};

				cell = rect_intersect(&cell, rect);
				found += find_anchor(frame, &patches[i], &cell, &anchors[found]);
			}
		}
	}
	return found;
}

static void
vote(Ballot *ballot, int dx, int dy)
{
	if (dx == 0 && dy == 0)
		return;
	for (guint i = 0; i < ballot->n; i++) {
		if (ballot->votes[i].dx == dx && ballot->votes[i].dy == dy) {
			ballot->votes[i].count++;
			return;
		}
	}
	if (ballot->n < VOTES_MAX)
		ballot->votes[ballot->n++] = (Vote){dx, dy, 1};
}

/* In one of BLOCK places, without a branch, so that compilers look at several at a time. */
static gboolean
is_in_block(const guint32 *pixels, guint32 before, guint32 after)
{
	guint32 found = 0;

	for (int i = 0; i < BLOCK; i++)
		found |= (guint32)(pixels[i] == before) & (guint32)(pixels[i + 1] == after);
	return found != 0;
}

/* Where @anchor's pixels were in columns @from..@to (exclusive, of their first pixel) of row @y. */
static void
search_row(const Frame *frame, const Anchor *anchor, int y, int from, int to, Ballot *ballot)
{
	const guint32 *row = frame_at(frame, 0, y), *pair = row + anchor->edge - 1;
	const guint32 before = anchor->pixels[anchor->edge - 1], after = anchor->pixels[anchor->edge];

	for (int x = from; x < to; x += BLOCK) {
		if (x + BLOCK <= to && !is_in_block(pair + x, before, after))
			continue;
		for (int i = x; i < MIN(x + BLOCK, to); i++) {
			if (pair[i] == before && pair[i + 1] == after && memcmp(row + i, anchor->pixels, ANCHOR_PIXELS * 4) == 0)
				vote(ballot, anchor->x - i, anchor->y - y);
		}
	}
}

static void
search_axes(const Frame *frame, const Rect *bounds, const Anchor *anchor, Ballot *ballot)
{
	for (int y = bounds->y; y < bounds->y + bounds->height; y++)
		search_row(frame, anchor, y, anchor->x, anchor->x + 1, ballot);
	search_row(frame, anchor, anchor->y, bounds->x, bounds->x + bounds->width - ANCHOR_PIXELS + 1, ballot);
}

static void
search_around(const Frame *frame, const Rect *bounds, const Anchor *anchor, Ballot *ballot)
{
	int from = MAX(bounds->x, anchor->x - DRAG_MAX);
	int to = MIN(bounds->x + bounds->width - ANCHOR_PIXELS, anchor->x + DRAG_MAX) + 1;

	for (int y = MAX(bounds->y, anchor->y - DRAG_MAX); y < MIN(bounds->y + bounds->height, anchor->y + DRAG_MAX + 1); y++)
		search_row(frame, anchor, y, from, to, ballot);
}

/* Of two distances with as many votes the shorter is meant more often. */
static const Vote *
elect(const Ballot *ballot, guint n_anchors)
{
	const Vote *best = NULL;

	for (guint i = 0; i < ballot->n; i++) {
		const Vote *vote = &ballot->votes[i];

		if (vote->count < AGREE_MIN || vote->count * AGREE_PART < n_anchors)
			continue;
		if (best == NULL || vote->count > best->count ||
		        (vote->count == best->count && abs(vote->dx) + abs(vote->dy) < abs(best->dx) + abs(best->dy)))
			best = vote;
	}
	return best;
}

typedef void (*Search)(const Frame *frame, const Rect *bounds, const Anchor *anchor, Ballot *ballot);

/* Asks @most of the anchors, from all over the area by turns: what is at its top may be what a window uncovers. */
static const Vote *
poll_anchors(Search search, const Frame *frame, const Rect *bounds, const Anchor *anchors, guint n, guint most, Ballot *ballot)
{
	const guint step = n % 13 != 0 ? 13 : 11; /* has no divisor in common with n, so that each has one turn */
	const Vote *best;

	ballot->n = 0;
	for (guint i = 0; i < most; i++) {
		search(frame, bounds, &anchors[i * step % n], ballot);
		best = i + 1 >= SETTLED_MIN ? elect(ballot, i + 1) : NULL;
		if (best && best->count * 2 > i + 1)
			return best;
		if (i + 1 >= HOPELESS_MIN && ballot->n == 0)
			return NULL;
	}
	return elect(ballot, most);
}

static gboolean
find_distance(const Frame *frame, const Patch *patches, guint n, int *dx, int *dy)
{
	Anchor anchors[ANCHORS_MAX];
	guint n_anchors = find_anchors(frame, patches, n, anchors);
	Ballot ballot;
	Rect bounds = patches[0].rect;
	const Vote *best;

	if (n_anchors < AGREE_MIN)
		return FALSE;
	for (guint i = 1; i < n; i++)
		bounds = rect_union(&bounds, &patches[i].rect);
	best = poll_anchors(search_axes, frame, &bounds, anchors, n_anchors, MIN(n_anchors, POLLED_MAX), &ballot);
	/* Half of them: this search is the dear one. */
	if (best == NULL)
		best = poll_anchors(search_around, frame, &bounds, anchors, n_anchors, (n_anchors + 1) / 2, &ballot);
	if (best == NULL)
		return FALSE;
	*dx = best->dx;
	*dy = best->dy;
	return TRUE;
}

typedef enum {
	TILE_SAME,    /* as before, with the copy and without */
	TILE_SPOILED, /* as before, without the copy */
	TILE_MOVED,   /* new here, and was where the copy reads */
	TILE_NEW,
} TileKind;

typedef struct {
	const Frame *frame;
	const Patch *patch;
	Copy copy; /* of all of the patch that comes from within the frame */
	int columns, rows;
	guint8 *kinds; /* TileKind; columns * rows */
} Trial;

static gboolean
row_has_come(const Trial *trial, int x, int y, int width)
{
	return memcmp(patch_at(trial->patch, x, y), frame_at(trial->frame, x - trial->copy.dx, y - trial->copy.dy), (gsize)width * 4) == 0;
}

static gboolean
row_is_same(const Trial *trial, int x, int y, int width)
{
	return memcmp(patch_at(trial->patch, x, y), frame_at(trial->frame, x, y), (gsize)width * 4) == 0;
}

static TileKind
try_tile(const Trial *trial, int x, int y)
{
	const Rect *to = &trial->copy.to;
	int width = MIN(TILE, to->x + to->width - x), bottom = MIN(y + TILE, to->y + to->height);
	gboolean same = TRUE, moved = TRUE;

	for (int row = y; row < bottom && (same || moved); row += TILE_ROW_STEP) {
		same = same && row_is_same(trial, x, row, width);
		moved = moved && row_has_come(trial, x, row, width);
	}
	return same ? (moved ? TILE_SAME : TILE_SPOILED) : (moved ? TILE_MOVED : TILE_NEW);
}

static guint8 *
kind_at(const Trial *trial, int column, int row)
{
	return &trial->kinds[row * trial->columns + column];
}

/* How many tiles of @area a copy gives right that are not right already, less those that it spoils. */
static int
gain(const Trial *trial, const Rect *area)
{
	int moved = 0, spoiled = 0;

	for (int row = area->y; row < area->y + area->height; row++) {
		for (int column = area->x; column < area->x + area->width; column++) {
			moved += *kind_at(trial, column, row) == TILE_MOVED;
			spoiled += *kind_at(trial, column, row) == TILE_SPOILED;
		}
	}
	return moved - spoiled;
}

/* The tiles' area that is worth to copy: all that moved, without edges where it spoils more. */
static gboolean
find_area(const Trial *trial, Rect *area)
{
	Rect all = {0};
	gboolean cut = TRUE;

	for (int row = 0; row < trial->rows; row++) {
		for (int column = 0; column < trial->columns; column++) {
			Rect tile = {column, row, 1, 1};

			if (*kind_at(trial, column, row) == TILE_MOVED)
				all = rect_is_empty(&all) ? tile : rect_union(&all, &tile);
		}
	}
	while (cut && !rect_is_empty(&all)) {
		Rect top = {all.x, all.y, all.width, 1}, bottom = {all.x, all.y + all.height - 1, all.width, 1};
		Rect left = {all.x, all.y, 1, all.height}, right = {all.x + all.width - 1, all.y, 1, all.height};

		cut = TRUE;
		if (gain(trial, &top) <= 0)
			all.y++, all.height--;
		else if (gain(trial, &bottom) <= 0)
			all.height--;
		else if (gain(trial, &left) <= 0)
			all.x++, all.width--;
		else if (gain(trial, &right) <= 0)
			all.width--;
		else
			cut = FALSE;
	}
	*area = all;
	return !rect_is_empty(&all);
}

static gboolean
column_has_come(const Trial *trial, int x, const Rect *rect)
{
	for (int y = rect->y; y < rect->y + rect->height; y++) {
		if (!row_has_come(trial, x, y, 1))
			return FALSE;
	}
	return TRUE;
}

/* From tiles to the pixel: what was dragged rarely begins where a tile does. */
static Rect
stretch(const Trial *trial, Rect rect)
{
	const Rect *most = &trial->copy.to;
	int left = MAX(most->x, rect.x - TILE), right = MIN(most->x + most->width, rect.x + rect.width + TILE);
	int top = MAX(most->y, rect.y - TILE), bottom = MIN(most->y + most->height, rect.y + rect.height + TILE);

	while (rect.y > top && row_has_come(trial, rect.x, rect.y - 1, rect.width))
		rect.y--, rect.height++;
	while (rect.y + rect.height < bottom && row_has_come(trial, rect.x, rect.y + rect.height, rect.width))
		rect.height++;
	while (rect.x > left && column_has_come(trial, rect.x - 1, &rect))
		rect.x--, rect.width++;
	while (rect.x + rect.width < right && column_has_come(trial, rect.x + rect.width, &rect))
		rect.width++;
	return rect;
}

static gboolean
try_patch(Trial *trial, Rect *area, int *gained, int *changed)
{
	const Rect *to = &trial->copy.to;
	g_autofree guint8 *kinds = NULL;

	trial->columns = (to->width + TILE - 1) / TILE;
	trial->rows = (to->height + TILE - 1) / TILE;
	trial->kinds = kinds = g_malloc((gsize)trial->columns * (gsize)trial->rows);
	*changed = 0;
	for (int row = 0; row < trial->rows; row++) {
		for (int column = 0; column < trial->columns; column++) {
			TileKind kind = try_tile(trial, to->x + column * TILE, to->y + row * TILE);

			*kind_at(trial, column, row) = (guint8)kind;
			*changed += kind == TILE_MOVED || kind == TILE_NEW;
		}
	}
	if (!find_area(trial, area))
		return FALSE;
	*gained = gain(trial, area);
	*area = (Rect){to->x + area->x * TILE, to->y + area->y * TILE, area->width * TILE, area->height * TILE};
	*area = rect_intersect(area, to);
	*area = stretch(trial, *area);
	return TRUE;
}

gboolean
motion_find(const Frame *frame, const Patch *patches, guint n, Copy *copy)
{
	Rect bounds = {0, 0, frame->width, frame->height}, area;
	int dx, dy, best = 0, gained, changed;

	if (n == 0 || !find_distance(frame, patches, n, &dx, &dy))
		return FALSE;
	bounds.x += dx;
	bounds.y += dy;
	for (guint i = 0; i < n; i++) {
		Trial trial = {frame, &patches[i], {rect_intersect(&bounds, &patches[i].rect), dx, dy}, 0, 0, NULL};

		if (rect_is_empty(&trial.copy.to) || !try_patch(&trial, &area, &gained, &changed))
			continue;
		if (gained <= best || gained * 4 < changed || (gint64)gained * TILE * TILE < MOTION_AREA_MIN)
			continue;
		best = gained;
		*copy = (Copy){area, dx, dy};
	}
	return best > 0;
}
