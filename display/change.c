/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/change.h"

/* What is damaged already moves along: where it goes the copy brings what is out of date, and where else the copy goes it brings what is
 * not. */
static void
move_damage(Damage *damage, const Copy *copy)
{
	Damage before = *damage;
	Rect from = copy_source(copy);

	damage_subtract(damage, &copy->to);
	for (guint i = 0; i < before.n; i++) {
		Rect moved = rect_intersect(&before.rects[i], &from);

		moved.x += copy->dx;
		moved.y += copy->dy;
		damage_add(damage, &moved);
	}
}

void
change_add_copy(Change *change, const Copy *copy)
{
	if (rect_is_empty(&copy->to))
		return;
	if (change->n_copies == CHANGE_COPIES_MAX) {
		damage_add(&change->damage, &copy->to);
		return;
	}
	move_damage(&change->damage, copy);
	change->copies[change->n_copies++] = *copy;
}

void
change_add_damage(Change *change, const Rect *rect)
{
	damage_add(&change->damage, rect);
}

void
change_add(Change *change, const Change *later)
{
	for (guint i = 0; i < later->n_copies; i++)
		change_add_copy(change, &later->copies[i]);
	damage_add_all(&change->damage, &later->damage);
}

void
change_clear(Change *change)
{
	change->n_copies = 0;
	damage_clear(&change->damage);
}

gboolean
change_is_empty(const Change *change)
{
	return change->n_copies == 0 && change->damage.n == 0;
}
