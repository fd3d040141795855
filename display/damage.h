/* What of a frame has changed since somebody last looked: a short list of rectangles that may overlap and together cover
 * every rectangle that was added. Rectangles that touch or are close become one. It never grows beyond its array: where it would, the two
 * whose union wastes least are merged. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "display/rect.h"

#define DAMAGE_RECTS_MAX 24

typedef struct {
	Rect rects[DAMAGE_RECTS_MAX];
	guint n;
} Damage;

/* Empty rectangles are ignored; the others must lie in the frame. */
void damage_add(Damage *damage, const Rect *rect);
void damage_add_all(Damage *damage, const Damage *other);
/* What lies in @rect is no damage any more, except where rectangles merge. */
void damage_subtract(Damage *damage, const Rect *rect);
void damage_clear(Damage *damage);
/* After the frame became @width x @height. */
void damage_clip(Damage *damage, int width, int height);
