/* Which recordings have to go: a decision, and nothing else. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

typedef struct {
	gint64 ended;     /* UTC s, when it was last written */
	guint64 size;     /* bytes */
	gboolean written; /* it still is */
	gboolean goes;    /* the decision */
} RetentionItem;

/* Of one pool. @items are in the order in which they began, the oldest first. @keep: seconds that one is kept behind its end; @max: bytes
 * that all may take, those that are being written included, which stay themselves; 0: no limit. Result: how many go. */
guint retention_decide(RetentionItem *items, gsize n, gint64 now, gint64 keep, gint64 max);
