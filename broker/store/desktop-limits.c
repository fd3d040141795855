/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/store/desktop-limits.h"

void
desktop_limits_clear(DesktopLimits *limits)
{
	g_clear_pointer(&limits->groups, g_free);
	limits->began = limits->extended = 0;
}

void
desktop_limits_read(Store *store, const char *desktop, DesktopLimits *limits)
{
	g_autoptr(GError) error = NULL;
	sqlite3_stmt *statement =
		store_prepare(store, "SELECT groups, began, extended FROM desktop_limits WHERE desktop = ?", &error);
	StoreStep step = STORE_FAILED;

	*limits = (DesktopLimits){0};
	if (statement != NULL) {
		store_bind(statement, "s", desktop);
		step = store_step(store, statement, &error);
	}
	if (step == STORE_FAILED) {
		g_warning("%s", error->message);
		return;
	}
	if (step == STORE_ROW) {
		limits->groups = store_text(statement, 0);
		limits->began = sqlite3_column_int64(statement, 1);
		limits->extended = sqlite3_column_int64(statement, 2);
	}
	store_reset(statement);
}

gboolean
desktop_limits_write(Store *store, const char *desktop, const DesktopLimits *limits, GError **error)
{
	return store_run(store, error,
		       "INSERT INTO desktop_limits (desktop, groups, began, extended) VALUES (?, ?, ?, ?) ON CONFLICT (desktop)"
		       " DO UPDATE SET groups = excluded.groups, began = excluded.began, extended = excluded.extended",
		       "ssii", desktop, limits->groups, limits->began, limits->extended) >= 0;
}
