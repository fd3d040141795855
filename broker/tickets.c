/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/tickets.h"

#include <string.h>

#include "broker/common/error.h"
#include "broker/common/log.h"
#include "broker/store/audit.h"
#include "broker/store/sessions.h"

/* libspice-server takes passwords of at most 60 characters (SPICE_MAX_PASSWORD_LENGTH); a host name's label has at most 63. */
#define NAME_BYTES 16
#define SECRET_SIZE 48 /* of hexadecimal digits: 192 bits */
#define KEY_BYTES 32

/* SPICE opens four channels at once and up to a dozen in all; virt-viewer has them within 2 s. */
static const TicketLimits limits = {.redeem_s = TICKETS_REDEEM_S, .channels_s = 10, .channels = 16, .per_session = 8};

static const char *const refusal_words[TICKET_N_REFUSALS] = {
	[TICKET_UNKNOWN] = "unknown",
	[TICKET_OTHER_ADDRESS] = "other-address",
	[TICKET_LATE] = "late",
	[TICKET_OVER] = "over",
	[TICKET_CHANNELS] = "channels",
	[TICKET_SECRET] = "secret",
};

struct Tickets {
	Store *store;
	Secret *key;
	gint64 (*now)(void);
	LogRate log_rate;
	guint64 issued, channels, refused[TICKET_N_REFUSALS];
};

static gboolean
write_key(const char *file, const Secret *key, GError **error)
{
	return g_file_set_contents_full(file, secret_text(key), (gssize)secret_size(key), G_FILE_SET_CONTENTS_CONSISTENT, 0600, error);
}

Secret *
tickets_read_key(const char *file, GError **error)
{
	g_autofree char *text = NULL;
	g_autoptr(Secret) key = NULL;
	gsize size;

	if (g_file_get_contents(file, &text, &size, NULL) && size == 2 * KEY_BYTES)
		return secret_new(text, size);
	key = secret_new_random(KEY_BYTES);
	return write_key(file, key, error) ? g_steal_pointer(&key) : NULL;
}

Tickets *
tickets_new(Store *store, Secret *key, gint64 (*now)(void))
{
	Tickets *tickets = g_new0(Tickets, 1);

	tickets->store = store;
	tickets->key = key;
	tickets->now = now;
	return tickets;
}

void
tickets_free(Tickets *tickets)
{
	if (tickets == NULL)
		return;
	secret_free(tickets->key);
	g_free(tickets);
}

static void
add_secret(const Tickets *tickets, TicketRow *row)
{
	row->secret = g_compute_hmac_for_string(G_CHECKSUM_SHA256, (const guchar *)secret_text(tickets->key),
		secret_size(tickets->key), row->name, -1);
	row->secret[SECRET_SIZE] = '\0';
}

TicketRow *
tickets_issue(Tickets *tickets, const char *session, const char *desktop, const char *address, GError **error)
{
	g_autoptr(Secret) name = secret_new_random(NAME_BYTES);
	g_autoptr(TicketRow) row = g_new0(TicketRow, 1);

	row->name = g_strdup(secret_text(name));
	add_secret(tickets, row);
	row->session = g_strdup(session);
	row->desktop = g_strdup(desktop);
	row->address = g_strdup(address);
	row->created = tickets->now();
	if (!ticket_row_insert(tickets->store, row, &limits, error))
		return NULL;
	tickets->issued++;
	return g_steal_pointer(&row);
}

/* A row is a commit to disk: whoever sends names by the thousand makes no more of them than of lines. */
static void
note(Tickets *tickets, TicketRefusal why, const char *user, const char *address)
{
	g_autofree char *text = g_strdup_printf("ticket refused: %s", refusal_words[why]);
	const AuditRow row = {.time = tickets->now(), .actor = user ? user : "carrel", .address = address,
		.action = "ticket-refused", .detail = refusal_words[why]};

	tickets->refused[why]++;
	if (log_refusal(&tickets->log_rate, address, text))
		audit_add(tickets->store, &row);
}

static void
note_refusal(Tickets *tickets, const char *name, const char *address)
{
	g_autofree char *user = NULL;
	TicketRefusal why = ticket_row_refusal(tickets->store, name, address, tickets->now(), &limits, &user);

	note(tickets, why, user, address);
}

TicketRow *
tickets_redeem(Tickets *tickets, const char *name, const char *address, GError **error)
{
	g_autoptr(GError) problem = NULL;
	TicketRow *row = ticket_row_redeem(tickets->store, name, address, tickets->now(), &limits, &problem);

	if (row == NULL) {
		if (g_error_matches(problem, CARREL_ERROR, CARREL_ERROR_NOT_FOUND))
			note_refusal(tickets, name, address);
		g_propagate_error(error, g_steal_pointer(&problem));
		return NULL;
	}
	tickets->channels++;
	add_secret(tickets, row);
	return row;
}

GVariant *
tickets_counts(const Tickets *tickets)
{
	GVariantDict dict = G_VARIANT_DICT_INIT(NULL);
	GVariantBuilder refused = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("a{st}"));

	for (guint i = 0; i < TICKET_N_REFUSALS; i++)
		g_variant_builder_add(&refused, "{st}", refusal_words[i], tickets->refused[i]);
	g_variant_dict_insert(&dict, "issued", "t", tickets->issued);
	g_variant_dict_insert(&dict, "channels", "t", tickets->channels);
	g_variant_dict_insert_value(&dict, "refused", g_variant_builder_end(&refused));
	return g_variant_dict_end(&dict);
}

TicketRow *
tickets_take(Tickets *tickets, const char *name, const Secret *secret, const char *address, GError **error)
{
	g_autoptr(GError) problem = NULL;
	g_autoptr(TicketRow) row = ticket_row_take(tickets->store, name, address, tickets->now(), &limits, &problem);
	g_autoptr(Secret) other_half = NULL;
	g_autoptr(SessionRow) session = NULL;

	if (row == NULL) {
		if (g_error_matches(problem, CARREL_ERROR, CARREL_ERROR_NOT_FOUND))
			note_refusal(tickets, name, address);
		g_propagate_error(error, g_steal_pointer(&problem));
		return NULL;
	}
	add_secret(tickets, row);
	other_half = secret_new(row->secret, SECRET_SIZE);
	if (secret_equal(secret, other_half)) {
		tickets->channels++;
		return g_steal_pointer(&row);
	}
	session = session_row_by_id(tickets->store, row->session);
	note(tickets, TICKET_SECRET, session ? session->user : NULL, address);
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
