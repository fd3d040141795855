/* Where the heads (monitors) of a desktop lie in its one frame. Pure functions.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "display/frame.h"
#include "display/rect.h"

/* What Monitors= of a pool allows. */
#define HEADS_MAX 4
/* No head is asked to be smaller; what a guest does is its own affair. */
#define HEAD_SIDE_MIN 200

typedef struct {
	Rect rects[HEADS_MAX]; /* empty: that head is off, or has no place */
	int width, height;     /* of the frame that holds them, from (0, 0) on; 0 when all are off */
} Heads;

/* How many are on. */
guint heads_count(const Heads *heads);
gboolean heads_equal(const Heads *a, const Heads *b);
/* One head that is all of the frame. */
Heads heads_single(int width, int height);

/* Places @heads, of which the sizes are given, each 1..FRAME_SIDE_MAX or 0: where @wish has them when it has as many in just these
 * sizes, else in a row. One for which a frame has no room (FRAME_SIDE_MAX) is made empty. Result: bit n: head n had none. */
guint heads_place(Heads *heads, const Heads *wish);

/* A monitor as a client wishes it. */
typedef struct {
	guint32 id;
	Rect rect; /* any numbers */
} HeadWish;

typedef enum {
	HEADS_GOOD,
	HEADS_TOO_MANY,
	HEADS_BAD, /* one is empty or out of bounds, two overlap, or there is none */
} HeadsResult;

/* A wish for at most @max heads (1..HEADS_MAX). An @id below @max names its head, others take the free ones; head 0, which no
 * guest does without, is always among them. Sides are brought into HEAD_SIDE_MIN..FRAME_SIDE_MAX, and the first row and column
 * of the frame has something. @heads is filled only when HEADS_GOOD. */
HeadsResult heads_from_wishes(Heads *heads, const HeadWish *wishes, guint n, guint max);
/* The same of sizes alone, in a row; what has no room is left out. */
HeadsResult heads_in_a_row(Heads *heads, const HeadWish *wishes, guint n, guint max);

/* The head in which a pixel of the frame lies, or the next to it: *@x and *@y become the head's. 0 when all are off. */
guint heads_locate(const Heads *heads, int *x, int *y);
