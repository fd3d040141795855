/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/store/sessions.h"

#include "broker/common/error.h"

#define COLUMNS "id, user, groups, admin, address, kind, created, seen, expires"

void
session_row_free(SessionRow *row)
{
	if (row == NULL)
		return;
	g_free(row->id);
	g_free(row->user);
	g_strfreev(row->groups);
	g_free(row->address);
	g_free(row->kind);
	g_free(row);
}

gboolean
session_row_insert(Store *store, const SessionRow *row, const char *token, GError **error)
{
	g_autofree char *groups = g_strjoinv("\n", row->groups);

	return store_run(store, error,
		       "INSERT INTO sessions (id, token, user, groups, admin, address, kind, created, seen, expires)"
		       " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		       "ssssissiii", row->id, token, row->user, groups, (gint64)row->admin, row->address, row->kind,
		       row->created, row->seen, row->expires) >= 0;
}

static SessionRow *
read_row(sqlite3_stmt *statement)
{
	SessionRow *row = g_new0(SessionRow, 1);
	g_autofree char *groups = store_text(statement, 2);

	row->id = store_text(statement, 0);
	row->user = store_text(statement, 1);
	row->groups = g_strsplit(groups ? groups : "", "\n", -1);
	row->admin = sqlite3_column_int(statement, 3) != 0;
	row->address = store_text(statement, 4);
	row->kind = store_text(statement, 5);
	row->created = sqlite3_column_int64(statement, 6);
	row->seen = sqlite3_column_int64(statement, 7);
	row->expires = sqlite3_column_int64(statement, 8);
	return row;
}

/* Steps a bound statement to its end. */
static GPtrArray *
read_all(Store *store, sqlite3_stmt *statement)
{
	g_autoptr(GError) error = NULL;
	GPtrArray *rows = g_ptr_array_new_with_free_func((GDestroyNotify)session_row_free);
	StoreStep step;

	while ((step = store_step(store, statement, &error)) == STORE_ROW)
		g_ptr_array_add(rows, read_row(statement));
	if (step == STORE_FAILED)
		g_warning("%s", error->message);
	else
		store_reset(statement);
	return rows;
}

static SessionRow *
read_one(Store *store, const char *sql, const char *key)
{
	g_autoptr(GError) error = NULL;
	sqlite3_stmt *statement = store_prepare(store, sql, &error);
	g_autoptr(GPtrArray) rows = NULL;

	if (statement == NULL) {
		g_warning("%s", error->message);
		return NULL;
	}
	store_bind(statement, "s", key);
	rows = read_all(store, statement);
	return rows->len > 0 ? g_ptr_array_steal_index(rows, 0) : NULL;
}

SessionRow *
session_row_by_token(Store *store, const char *token)
{
	return read_one(store, "SELECT " COLUMNS " FROM sessions WHERE token = ?", token);
}

SessionRow *
session_row_by_id(Store *store, const char *id)
{
	return read_one(store, "SELECT " COLUMNS " FROM sessions WHERE id = ?", id);
}

GPtrArray *
session_rows_all(Store *store)
{
	return session_rows_over(store, G_MAXINT64, 0);
}

GPtrArray *
session_rows_over(Store *store, gint64 now, gint64 idle_s)
{
	g_autoptr(GError) error = NULL;
	sqlite3_stmt *statement = store_prepare(store,
		"SELECT " COLUMNS " FROM sessions WHERE expires <= ?1 OR seen <= ?1 - ?2 ORDER BY created, id", &error);

	if (statement == NULL) {
		g_warning("%s", error->message);
		return g_ptr_array_new();
	}
	store_bind(statement, "ii", now, idle_s);
	return read_all(store, statement);
}

gboolean
session_rows_shift(Store *store, gint64 seconds, GError **error)
{
	return store_run(store, error, "UPDATE sessions SET created = created + ?1, seen = seen + ?1, expires = expires + ?1", "i",
		       seconds) >= 0;
}

gboolean
session_row_touch(Store *store, const char *id, gint64 now, GError **error)
{
	return store_run(store, error, "UPDATE sessions SET seen = ? WHERE id = ?", "is", now, id) >= 0;
}

gboolean
session_row_delete(Store *store, const char *id, GError **error)
{
	int changed = store_run(store, error, "DELETE FROM sessions WHERE id = ?", "s", id);

	if (changed == 0)
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_NOT_FOUND, "there is no session “%s”", id);
	return changed > 0;
}
