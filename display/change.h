/* What brings a picture of one frame to the next: areas whose pixels were elsewhere in it (a scrolled page, a dragged window),
 * then areas to be taken from the frame as it is now. Who holds the frame of before does the copies in their order, each reading
 * what those before it left, then takes the damage; and has the frame of now. A copy says where most of an area came from: what of
 * it has come out wrong is in the damage.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "display/damage.h"

/* A client that is slow to fetch copies gets pixels instead. */
#define CHANGE_COPIES_MAX 8

typedef struct {
	Rect to;    /* in the frame, as is the area that it comes from */
	int dx, dy; /* how far that was moved, to the right and down: (x, y) comes from (x - dx, y - dy) */
} Copy;

typedef struct {
	Copy copies[CHANGE_COPIES_MAX];
	guint n_copies;
	Damage damage;
} Change;

/* Each adds what happened after all that @change holds. */
void change_add_copy(Change *change, const Copy *copy);
void change_add_damage(Change *change, const Rect *rect);
void change_add(Change *change, const Change *later);
void change_clear(Change *change);
gboolean change_is_empty(const Change *change);

static inline Rect
copy_source(const Copy *copy)
{
	return (Rect){copy->to.x - copy->dx, copy->to.y - copy->dy, copy->to.width, copy->to.height};
}
