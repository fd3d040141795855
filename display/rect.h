/* A rectangle of a frame, in pixels from the frame's top left corner.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

typedef struct {
	int x, y, width, height;
} Rect;

static inline gboolean
rect_is_empty(const Rect *rect)
{
	return rect->width <= 0 || rect->height <= 0;
}

/* Cuts @rect down to a frame of @width x @height. Any four ints may come in (they are a peer's); what comes out lies in
 * the frame, or is empty. */
static inline void
rect_clip(Rect *rect, int width, int height)
{
	gint64 x1 = MAX((gint64)rect->x, 0), y1 = MAX((gint64)rect->y, 0);
	gint64 x2 = MIN((gint64)rect->x + rect->width, width), y2 = MIN((gint64)rect->y + rect->height, height);

	if (x2 <= x1 || y2 <= y1)
		*rect = (Rect){0};
	else
		*rect = (Rect){(int)x1, (int)y1, (int)(x2 - x1), (int)(y2 - y1)};
}

static inline Rect
rect_union(const Rect *a, const Rect *b)
{
	int x1 = MIN(a->x, b->x), y1 = MIN(a->y, b->y);
	int x2 = MAX(a->x + a->width, b->x + b->width), y2 = MAX(a->y + a->height, b->y + b->height);

	return (Rect){x1, y1, x2 - x1, y2 - y1};
}

/* Empty (0, 0, 0, 0) where they have nothing in common. */
static inline Rect
rect_intersect(const Rect *a, const Rect *b)
{
	int x1 = MAX(a->x, b->x), y1 = MAX(a->y, b->y);
	int x2 = MIN(a->x + a->width, b->x + b->width), y2 = MIN(a->y + a->height, b->y + b->height);

	return x2 <= x1 || y2 <= y1 ? (Rect){0} : (Rect){x1, y1, x2 - x1, y2 - y1};
}

static inline gboolean
rect_contains(const Rect *a, const Rect *b)
{
	return a->x <= b->x && a->y <= b->y && a->x + a->width >= b->x + b->width &&
	       a->y + a->height >= b->y + b->height;
}

static inline gint64
rect_area(const Rect *rect)
{
	return (gint64)rect->width * rect->height;
}
