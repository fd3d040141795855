/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/store/tickets.h"

#include "broker/common/error.h"

void
ticket_row_free(TicketRow *row)
{
	if (row == NULL)
		return;
	g_free(row->name);
	g_free(row->secret);
	g_free(row->session);
	g_free(row->desktop);
	g_free(row->address);
	g_free(row);
}

static gboolean
insert(Store *store, const TicketRow *row, const TicketLimits *limits, GError **error)
{
	return store_run(store, error,
		       "DELETE FROM tickets WHERE name IN (SELECT name FROM tickets WHERE session = ? AND redeemed IS NULL"
		       " ORDER BY created DESC, name LIMIT -1 OFFSET ?)",
		       "si", row->session, limits->per_session - 1) >= 0 &&
	       store_run(store, error,
		       "INSERT INTO tickets (name, session, desktop, address, created) VALUES (?, ?, ?, ?, ?)",
		       "ssssi", row->name, row->session, row->desktop, row->address, row->created) >= 0;
}

gboolean
ticket_row_insert(Store *store, const TicketRow *row, const TicketLimits *limits, GError **error)
{
	if (!store_begin(store, error))
		return FALSE;
	if (insert(store, row, limits, error))
		return store_commit(store, error);
	store_rollback(store);
	return FALSE;
}

#define RETURNING " RETURNING name, session, desktop, address, created"

/* Runs a statement that returns one row, or none. */
static TicketRow *
step_once(Store *store, sqlite3_stmt *statement, GError **error)
{
	g_autoptr(TicketRow) row = NULL;
	StoreStep step;

	while ((step = store_step(store, statement, error)) == STORE_ROW) {
		row = g_new0(TicketRow, 1);
		row->name = store_text(statement, 0);
		row->session = store_text(statement, 1);
		row->desktop = store_text(statement, 2);
		row->address = store_text(statement, 3);
		row->created = sqlite3_column_int64(statement, 4);
	}
	if (step == STORE_FAILED)
		return NULL;
	store_reset(statement);
	if (row == NULL)
		g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_NOT_FOUND, "this ticket is not good, or no longer");
	return g_steal_pointer(&row);
}

TicketRow *
ticket_row_redeem(Store *store, const char *name, const char *address, gint64 now, const TicketLimits *limits,
	GError **error)
{
	sqlite3_stmt *statement = store_prepare(store,
		"UPDATE tickets SET redeemed = coalesce(redeemed, ?3), channels = channels + 1"
		" WHERE name = ?1 AND address = ?2 AND channels < ?6"
		" AND CASE WHEN redeemed IS NULL THEN ?3 - created <= ?4 ELSE ?3 - redeemed <= ?5 END" RETURNING,
		error);

	if (statement == NULL)
		return NULL;
	store_bind(statement, "ssiiii", name, address, now, limits->redeem_s, limits->channels_s, limits->channels);
	return step_once(store, statement, error);
}

TicketRow *
ticket_row_take(Store *store, const char *name, const char *address, gint64 now, const TicketLimits *limits, GError **error)
{
	sqlite3_stmt *statement = store_prepare(store,
		"DELETE FROM tickets WHERE name = ?1 AND address = ?2 AND redeemed IS NULL AND ?3 - created <= ?4" RETURNING, error);

	if (statement == NULL)
		return NULL;
	store_bind(statement, "ssii", name, address, now, limits->redeem_s);
	return step_once(store, statement, error);
}

static TicketRefusal
judge(sqlite3_stmt *row, const char *address, gint64 now, const TicketLimits *limits)
{
	g_autofree char *bound = store_text(row, 0);
	gint64 redeemed = sqlite3_column_int64(row, 2);

	if (g_strcmp0(bound, address) != 0)
		return TICKET_OTHER_ADDRESS;
	if (redeemed == 0)
		return now - sqlite3_column_int64(row, 1) > limits->redeem_s ? TICKET_LATE : TICKET_UNKNOWN;
	if (now - redeemed > limits->channels_s)
		return TICKET_OVER;
	return sqlite3_column_int64(row, 3) >= limits->channels ? TICKET_CHANNELS : TICKET_UNKNOWN;
}

TicketRefusal
ticket_row_refusal(Store *store, const char *name, const char *address, gint64 now, const TicketLimits *limits, char **user)
{
	g_autoptr(GError) error = NULL;
	TicketRefusal refusal = TICKET_UNKNOWN;
	sqlite3_stmt *statement = store_prepare(store,
		"SELECT t.address, t.created, t.redeemed, t.channels, s.user FROM tickets t"
		" JOIN sessions s ON s.id = t.session WHERE t.name = ?",
		&error);

	*user = NULL;
	if (statement == NULL) {
		g_warning("%s", error->message);
		return refusal;
	}
	store_bind(statement, "s", name);
	switch (store_step(store, statement, &error)) {
	case STORE_ROW:
		refusal = judge(statement, address, now, limits);
		*user = store_text(statement, 4);
		store_reset(statement);
		break;
	case STORE_DONE:
		store_reset(statement);
		break;
	case STORE_FAILED:
		g_warning("%s", error->message);
	}
	return refusal;
}

gboolean
ticket_rows_delete_of_desktop(Store *store, const char *desktop, GError **error)
{
	return store_run(store, error, "DELETE FROM tickets WHERE desktop = ?", "s", desktop) >= 0;
}

gboolean
ticket_rows_delete_old(Store *store, gint64 now, const TicketLimits *limits, GError **error)
{
	return store_run(store, error,
		       "DELETE FROM tickets WHERE CASE WHEN redeemed IS NULL THEN ?1 - created > ?2"
		       " ELSE ?1 - redeemed > ?3 END",
		       "iii", now, limits->redeem_s, limits->channels_s) >= 0;
}
