/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/damage.h"

/* Unchanged pixels that cost less than a rectangle of its own does, to make, to send and to draw. */
#define WASTE_MAX 256

static void
drop(Damage *damage, guint i)
{
	damage->rects[i] = damage->rects[--damage->n];
}

static gint64
waste(const Rect *a, const Rect *b)
{
	Rect both = rect_union(a, b);

	return rect_area(&both) - rect_area(a) - rect_area(b);
}

static void
merge_cheapest_pair(Damage *damage)
{
	guint best_i = 0, best_j = 1;
	gint64 best = G_MAXINT64;

	for (guint i = 0; i < damage->n; i++) {
		for (guint j = i + 1; j < damage->n; j++) {
			gint64 cost = waste(&damage->rects[i], &damage->rects[j]);

			if (cost < best) {
				best = cost;
				best_i = i;
				best_j = j;
			}
		}
	}
	damage->rects[best_i] = rect_union(&damage->rects[best_i], &damage->rects[best_j]);
	drop(damage, best_j);
}

void
damage_add(Damage *damage, const Rect *rect)
{
	Rect added = *rect;

	if (rect_is_empty(&added))
		return;
	for (guint i = 0; i < damage->n;) {
		if (rect_contains(&damage->rects[i], &added))
			return;
		/* Touching or overlapping rectangles become one, as do close ones, and that one may swallow others. */
		if (waste(&damage->rects[i], &added) <= WASTE_MAX) {
			added = rect_union(&damage->rects[i], &added);
			drop(damage, i);
			i = 0;
		} else {
			i++;
		}
	}
	if (damage->n == DAMAGE_RECTS_MAX)
		merge_cheapest_pair(damage);
	damage->rects[damage->n++] = added;
}

void
damage_add_all(Damage *damage, const Damage *other)
{
	for (guint i = 0; i < other->n; i++)
		damage_add(damage, &other->rects[i]);
}

/* What of @rect is not @part, which lies in it. */
static void
add_rest(Damage *damage, const Rect *rect, const Rect *part)
{
	int right = rect->x + rect->width, bottom = rect->y + rect->height;
	int part_right = part->x + part->width, part_bottom = part->y + part->height;

	damage_add(damage, &(Rect){rect->x, rect->y, rect->width, part->y - rect->y});
	damage_add(damage, &(Rect){rect->x, part_bottom, rect->width, bottom - part_bottom});
	damage_add(damage, &(Rect){rect->x, part->y, part->x - rect->x, part->height});
	damage_add(damage, &(Rect){part_right, part->y, right - part_right, part->height});
}

void
damage_subtract(Damage *damage, const Rect *rect)
{
	Damage before = *damage;

	damage_clear(damage);
	for (guint i = 0; i < before.n; i++) {
		Rect part = rect_intersect(&before.rects[i], rect);

		if (rect_is_empty(&part))
			damage_add(damage, &before.rects[i]);
		else
			add_rest(damage, &before.rects[i], &part);
	}
}

void
damage_clear(Damage *damage)
{
	damage->n = 0;
}

void
damage_clip(Damage *damage, int width, int height)
{
	for (guint i = 0; i < damage->n;) {
		rect_clip(&damage->rects[i], width, height);
		if (rect_is_empty(&damage->rects[i]))
			drop(damage, i);
		else
			i++;
	}
}
