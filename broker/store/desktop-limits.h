/* The table "desktop_limits": what the limits of a desktop need to know after a restart of the broker and is nowhere else. A row is
 * there only where something is to be remembered, and goes with its desktop's. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "broker/store/store.h"

typedef struct {
	char *groups;	 /* of its person when they were last heard of, a line each; NULL: never */
	gint64 began;	 /* UTC seconds, of a session that is not the first on this desktop; 0: when it was handed out */
	gint64 extended; /* seconds that were added to the session */
} DesktopLimits;

void desktop_limits_clear(DesktopLimits *limits);

/* Fills @limits; zeroes where there is no row, or where the database failed, which it says in the log. */
void desktop_limits_read(Store *store, const char *desktop, DesktopLimits *limits);

gboolean desktop_limits_write(Store *store, const char *desktop, const DesktopLimits *limits, GError **error);
