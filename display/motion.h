/* Motion: what of new pixels is in the frame already, elsewhere: a page that was scrolled, a window that was dragged. A few places
 * with something on them are looked up in the frame; the distance that most agree on is tried on the whole area. It costs a small
 * part of what comparing does, and is a guess: whoever uses it compares afterwards.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "display/change.h"
#include "display/frame.h"

/* New pixels for a rectangle of the frame. They may be others at each look: who can write them may be hostile. */
typedef struct {
	Rect rect;
	const guint32 *pixels;
	gsize stride; /* pixels from one row to the next */
} Patch;

/* Below this many pixels a copy saves nothing that is worth a search. */
#define MOTION_AREA_MIN 4096

/* The copy within @frame, which is as it was before, that gives most of @patches right. FALSE when none gives enough of them to be
 * worth it. @copy->to lies in one of @patches. */
gboolean motion_find(const Frame *frame, const Patch *patches, guint n, Copy *copy);
