/* What one client's encoder made, for the others that show the same frame. Of one thread, as its encoders are.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "display/damage.h"

typedef struct TightShare TightShare;

TightShare *tight_share_new(void);
/* After all encoders that use it. */
void tight_share_free(TightShare *share);
/* @damage of the frame has changed since the last call; NULL: anything may have, and its size, too. To be called after each change
 * of the frame, before an encoder sees it. */
void tight_share_forget(TightShare *share, const Damage *damage);

/* For the encoders: each joins and leaves once. @share may be NULL in all that follows. */
void tight_share_join(TightShare *share);
void tight_share_leave(TightShare *share);
/* Nothing is kept while there is but one. */
gboolean tight_share_is_used(const TightShare *share);

/* Rectangles that bring @n_rects rectangles of the frame to a client, whatever it got before. */
typedef struct {
	GByteArray *bytes;
	guint n;
	Damage lossy;
} TightShared;

/* @options: numbers without gaps that decide how. What was added, until _forget, _leave or _add; NULL where there is nothing. */
const TightShared *tight_share_find(const TightShare *share, const Rect *rects, guint n_rects, gconstpointer options, gsize options_size);
/* Takes a copy. Not beyond a few MiB, and a few of them. */
void tight_share_add(TightShare *share, const Rect *rects, guint n_rects, gconstpointer options, gsize options_size, const guint8 *bytes,
        gsize size, guint n, const Damage *lossy);
