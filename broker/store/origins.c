/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/store/origins.h"

gboolean
origin_add(Store *store, const char *user, const char *origin, gint64 now, GError **error)
{
	return store_run(store, error,
		       "INSERT INTO origins (user, origin, seen) VALUES (?, ?, ?)"
		       " ON CONFLICT (user, origin) DO UPDATE SET seen = excluded.seen",
		       "ssi", user, origin, now) >= 0;
}

gboolean
origin_is_known(Store *store, const char *user, const char *origin, gint64 since)
{
	g_autoptr(GError) error = NULL;
	sqlite3_stmt *statement =
		store_prepare(store, "SELECT 1 FROM origins WHERE user = ? AND origin = ? AND seen >= ?", &error);
	StoreStep step;

	if (statement == NULL) {
		g_warning("%s", error->message);
		return FALSE;
	}
	store_bind(statement, "ssi", user, origin, since);
	step = store_step(store, statement, &error);
	if (step == STORE_FAILED)
		g_warning("%s", error->message);
	else
		store_reset(statement);
	return step == STORE_ROW;
}

gboolean
origins_delete_old(Store *store, gint64 before, GError **error)
{
	return store_run(store, error, "DELETE FROM origins WHERE seen < ?", "i", before) >= 0;
}
