/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/heads.h"

static gboolean
is_on(const Heads *heads, guint i)
{
	return !rect_is_empty(&heads->rects[i]);
}

static gboolean
overlap(const Rect *a, const Rect *b)
{
	return a->x < b->x + b->width && b->x < a->x + a->width && a->y < b->y + b->height && b->y < a->y + a->height;
}

guint
heads_count(const Heads *heads)
{
	guint n = 0;

	for (guint i = 0; i < HEADS_MAX; i++)
		n += is_on(heads, i);
	return n;
}

gboolean
heads_equal(const Heads *a, const Heads *b)
{
	for (guint i = 0; i < HEADS_MAX; i++) {
		const Rect *one = &a->rects[i], *other = &b->rects[i];

		if (one->x != other->x || one->y != other->y || one->width != other->width || one->height != other->height)
			return FALSE;
	}
	return a->width == b->width && a->height == b->height;
}

Heads
heads_single(int width, int height)
{
	return (Heads){.rects = {{0, 0, width, height}}, .width = width, .height = height};
}

static void
measure(Heads *heads)
{
	heads->width = heads->height = 0;
	for (guint i = 0; i < HEADS_MAX; i++) {
		if (!is_on(heads, i))
			continue;
		heads->width = MAX(heads->width, heads->rects[i].x + heads->rects[i].width);
		heads->height = MAX(heads->height, heads->rects[i].y + heads->rects[i].height);
	}
}

static guint
place_in_a_row(Heads *heads)
{
	guint homeless = 0;
	int x = 0;

	for (guint i = 0; i < HEADS_MAX; i++) {
		Rect *rect = &heads->rects[i];

		if (rect_is_empty(rect))
			continue;
		if (rect->width > FRAME_SIDE_MAX - x) {
			homeless |= 1u << i;
			*rect = (Rect){0};
			continue;
		}
		rect->x = x;
		rect->y = 0;
		x += rect->width;
	}
	measure(heads);
	return homeless;
}

guint
heads_place(Heads *heads, const Heads *wish)
{
	gboolean as_wished = TRUE;

	for (guint i = 0; i < HEADS_MAX; i++)
		as_wished = as_wished && heads->rects[i].width == wish->rects[i].width && heads->rects[i].height == wish->rects[i].height;
	if (!as_wished)
		return place_in_a_row(heads);
	*heads = *wish;
	return 0;
}

/* Gives each wish its head. The first takes head 0 when no other has it. */
static HeadsResult
assign(Heads *heads, const HeadWish *wishes, guint n, guint max)
{
	guint taken = 0, named = 0, next = 0;

	max = MIN(max, HEADS_MAX);
	if (n == 0)
		return HEADS_BAD;
	if (n > max)
		return HEADS_TOO_MANY;
	*heads = (Heads){0};
	for (guint i = 0; i < n; i++) {
		guint32 id = wishes[i].id;

		if (id < max && !(taken & 1u << id)) {
			taken |= 1u << id;
			named |= 1u << i;
			heads->rects[id] = wishes[i].rect;
		}
	}
	for (guint i = 0; i < n; i++) {
		if (named & 1u << i)
			continue;
		while (taken & 1u << next)
			next++;
		taken |= 1u << next;
		heads->rects[next] = wishes[i].rect;
	}
	for (guint i = 1; !(taken & 1u) && i < max; i++) {
		if (!(taken & 1u << i))
			continue;
		heads->rects[0] = heads->rects[i];
		heads->rects[i] = (Rect){0};
		taken |= 1u;
	}
	return HEADS_GOOD;
}

static gboolean
clamp_sides(Heads *heads)
{
	gboolean clamped = FALSE;

	for (guint i = 0; i < HEADS_MAX; i++) {
		Rect *rect = &heads->rects[i];
		int width = CLAMP(rect->width, HEAD_SIDE_MIN, FRAME_SIDE_MAX);
		int height = CLAMP(rect->height, HEAD_SIDE_MIN, FRAME_SIDE_MAX);

		if (rect_is_empty(rect) || (width == rect->width && height == rect->height))
			continue;
		rect->width = width;
		rect->height = height;
		clamped = TRUE;
	}
	return clamped;
}

/* The frame begins where the first head does. */
static void
crop(Heads *heads)
{
	int left = G_MAXINT, top = G_MAXINT;

	for (guint i = 0; i < HEADS_MAX; i++) {
		if (is_on(heads, i)) {
			left = MIN(left, heads->rects[i].x);
			top = MIN(top, heads->rects[i].y);
		}
	}
	for (guint i = 0; i < HEADS_MAX; i++) {
		if (is_on(heads, i)) {
			heads->rects[i].x -= left;
			heads->rects[i].y -= top;
		}
	}
	measure(heads);
}

HeadsResult
heads_from_wishes(Heads *heads, const HeadWish *wishes, guint n, guint max)
{
	Heads made;
	HeadsResult result = assign(&made, wishes, n, max);

	if (result != HEADS_GOOD)
		return result;
	for (guint i = 0; i < n; i++) {
		Rect inside = wishes[i].rect;

		rect_clip(&inside, FRAME_SIDE_MAX, FRAME_SIDE_MAX);
		if (rect_is_empty(&inside) || !rect_contains(&inside, &wishes[i].rect))
			return HEADS_BAD;
		for (guint k = 0; k < i; k++) {
			if (overlap(&wishes[i].rect, &wishes[k].rect))
				return HEADS_BAD;
		}
	}
	if (clamp_sides(&made))
		place_in_a_row(&made);
	else
		crop(&made);
	*heads = made;
	return HEADS_GOOD;
}

HeadsResult
heads_in_a_row(Heads *heads, const HeadWish *wishes, guint n, guint max)
{
	Heads made;
	HeadsResult result = assign(&made, wishes, n, max);

	if (result != HEADS_GOOD)
		return result;
	for (guint i = 0; i < HEADS_MAX; i++) {
		if (rect_is_empty(&made.rects[i]))
			made.rects[i] = (Rect){0};
	}
	if (!is_on(&made, 0))
		return HEADS_BAD;
	clamp_sides(&made);
	place_in_a_row(&made);
	*heads = made;
	return HEADS_GOOD;
}

static int
gap(int at, int from, int size)
{
	return at < from ? from - at : MAX(0, at - (from + size - 1));
}

guint
heads_locate(const Heads *heads, int *x, int *y)
{
	guint best = 0;
	gint64 best_gap = G_MAXINT64;

	for (guint i = 0; i < HEADS_MAX; i++) {
		const Rect *rect = &heads->rects[i];
		gint64 distance;

		if (rect_is_empty(rect))
			continue;
		distance = (gint64)gap(*x, rect->x, rect->width) + gap(*y, rect->y, rect->height);
		if (distance < best_gap) {
			best_gap = distance;
			best = i;
		}
	}
	if (best_gap < G_MAXINT64) {
		*x = CLAMP(*x - heads->rects[best].x, 0, heads->rects[best].width - 1);
		*y = CLAMP(*y - heads->rects[best].y, 0, heads->rects[best].height - 1);
	}
	return best;
}
