/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/retention.h"

guint
retention_decide(RetentionItem *items, gsize n, gint64 now, gint64 keep, gint64 max)
{
	guint64 total = 0;
	guint gone = 0;

	for (gsize i = 0; i < n; i++) {
		/* A clock that was set back keeps what it finds in the future. */
		items[i].goes = !items[i].written && keep > 0 && items[i].ended < now && now - items[i].ended > keep;
		if (!items[i].goes)
			total += items[i].size;
	}
	for (gsize i = 0; max > 0 && i < n && total > (guint64)max; i++) {
		if (items[i].written || items[i].goes)
			continue;
		items[i].goes = TRUE;
		total -= items[i].size;
	}
	for (gsize i = 0; i < n; i++)
		gone += items[i].goes;
	return gone;
}
