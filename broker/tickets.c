/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/tickets.h"

#include <string.h>

#include "broker/common/error.h"

/* libspice-server takes passwords of at most 60 characters (SPICE_MAX_PASSWORD_LENGTH); a host name's label has at most 63. */
#define NAME_BYTES 16
#define SECRET_BYTES 24

/* SPICE opens four channels at once and up to a dozen in all; virt-viewer has them within 2 s. */
static const TicketLimits limits = {.redeem_s = TICKETS_REDEEM_S, .channels_s = 10, .channels = 16, .per_session = 8};

struct Tickets {
	Store *store;
	gint64 (*now)(void);
};

Tickets *
tickets_new(Store *store, gint64 (*now)(void))
{
	Tickets *tickets = g_new0(Tickets, 1);

	tickets->store = store;
	tickets->now = now;
	return tickets;
}

void
tickets_free(Tickets *tickets)
{
	g_free(tickets);
}

TicketRow *
tickets_issue(Tickets *tickets, const char *session, const char *desktop, const char *address, GError **error)
{
	g_autoptr(Secret) name = secret_new_random(NAME_BYTES), secret = secret_new_random(SECRET_BYTES);
	g_autoptr(TicketRow) row = g_new0(TicketRow, 1);

	row->name = g_strdup(secret_text(name));
	row->secret = g_strdup(secret_text(secret));
	row->session = g_strdup(session);
	row->desktop = g_strdup(desktop);
	row->address = g_strdup(address);
	row->created = tickets->now();
	return ticket_row_insert(tickets->store, row, &limits, error) ? g_steal_pointer(&row) : NULL;
}

TicketRow *
tickets_redeem(Tickets *tickets, const char *name, const char *address, GError **error)
{
	return ticket_row_redeem(tickets->store, name, address, tickets->now(), &limits, error);
}

TicketRow *
tickets_take(Tickets *tickets, const char *name, const Secret *secret, const char *address, GError **error)
{
	g_autoptr(TicketRow) row = ticket_row_take(tickets->store, name, address, tickets->now(), &limits, error);
	g_autoptr(Secret) other_half = row ? secret_new(row->secret, strlen(row->secret)) : NULL;

	if (row == NULL || secret_equal(secret, other_half))
		return g_steal_pointer(&row);
	g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_NOT_FOUND, "this ticket is not good, or no longer");
	return NULL;
}

void
tickets_end_of_desktop(Tickets *tickets, const char *desktop)
{
	g_autoptr(GError) error = NULL;

	if (!ticket_rows_delete_of_desktop(tickets->store, desktop, &error))
		g_warning("%s", error->message);
}

void
tickets_delete_old(Tickets *tickets)
{
	g_autoptr(GError) error = NULL;

	if (!ticket_rows_delete_old(tickets->store, tickets->now(), &limits, &error))
		g_warning("%s", error->message);
}
