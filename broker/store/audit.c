/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/store/audit.h"

void
audit_add(Store *store, const AuditRow *row)
{
	g_autoptr(GError) error = NULL;

	if (store_run(store, &error,
		    "INSERT INTO audit (time, actor, address, action, desktop, pool, detail) VALUES (?, ?, ?, ?, ?, ?, ?)",
		    "issssss", row->time, row->actor, row->address, row->action, row->desktop, row->pool, row->detail) < 0)
		g_warning("audit row lost: %s %s from %s, desktop %s, pool %s, %s: %s", row->actor, row->action,
			row->address ? row->address : "-", row->desktop ? row->desktop : "-", row->pool ? row->pool : "-",
			row->detail ? row->detail : "-", error->message);
}

gboolean
audit_trim(Store *store, gint64 before, gint64 failures, GError **error)
{
	return store_run(store, error, "DELETE FROM audit WHERE time < ?", "i", before) >= 0 &&
	       store_run(store, error,
		       "DELETE FROM audit WHERE action IN ('sign-in-failed', 'ticket-refused') AND id <="
		       " (SELECT id FROM audit WHERE action IN ('sign-in-failed', 'ticket-refused')"
		       " ORDER BY id DESC LIMIT 1 OFFSET ?)",
		       "i", failures) >= 0;
}
