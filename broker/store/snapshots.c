/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/store/snapshots.h"

static void
snapshot_row_free(void *data)
{
	SnapshotRow *row = data;

	g_free(row->name);
	g_free(row);
}

GPtrArray *
snapshot_rows_of(Store *store, const char *desktop, GError **error)
{
	g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func(snapshot_row_free);
	sqlite3_stmt *statement =
		store_prepare(store, "SELECT name, created FROM snapshots WHERE desktop = ? ORDER BY created, name", error);
	StoreStep step;

	if (statement == NULL)
		return NULL;
	store_bind(statement, "s", desktop);
	while ((step = store_step(store, statement, error)) == STORE_ROW) {
		SnapshotRow *row = g_new0(SnapshotRow, 1);

		row->name = store_text(statement, 0);
		row->created = sqlite3_column_int64(statement, 1);
		g_ptr_array_add(rows, row);
	}
	store_reset(statement);
	return step == STORE_DONE ? g_steal_pointer(&rows) : NULL;
}

gboolean
snapshot_row_put(Store *store, const char *desktop, const char *name, gint64 created, GError **error)
{
	return store_run(store, error, "INSERT OR REPLACE INTO snapshots (desktop, name, created) VALUES (?, ?, ?)", "ssi", desktop, name,
		       created) >= 0;
}

gboolean
snapshot_row_delete(Store *store, const char *desktop, const char *name, GError **error)
{
	return store_run(store, error, "DELETE FROM snapshots WHERE desktop = ? AND name = ?", "ss", desktop, name) >= 0;
}

gboolean
snapshot_rows_delete_broken(Store *store, GError **error)
{
	return store_run(store, error, "DELETE FROM snapshots WHERE created = 0", "") >= 0;
}
