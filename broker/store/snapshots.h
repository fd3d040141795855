/* The table "snapshots": what a desktop can be taken back to. They lie in its overlay, and go with it.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "broker/store/store.h"

typedef struct {
	char *name;
	gint64 created; /* UTC seconds; 0: it is being made, or that was broken off */
} SnapshotRow;

/* SnapshotRow * with their free function, oldest first. NULL on failure. */
GPtrArray *snapshot_rows_of(Store *store, const char *desktop, GError **error);

/* Before it is made, and once it is whole: @created 0 and then the time. One of that name is replaced. */
gboolean snapshot_row_put(Store *store, const char *desktop, const char *name, gint64 created, GError **error);
gboolean snapshot_row_delete(Store *store, const char *desktop, const char *name, GError **error);
/* Those that a process which died was making. */
gboolean snapshot_rows_delete_broken(Store *store, GError **error);
