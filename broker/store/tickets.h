/* The table "tickets": what a SPICE client shows in CONNECT, and a VNC viewer at its sign-in. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "broker/store/store.h"

typedef struct {
	char *name;    /* the routing name */
	char *secret;  /* the SPICE password: not in the table, see tickets_new */
	char *session; /* its id */
	char *desktop;
	char *address; /* of the client that it was handed to */
	gint64 created;
} TicketRow;

void ticket_row_free(TicketRow *row);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TicketRow, ticket_row_free)

/* How long a ticket is good, and for how much. */
typedef struct {
	gint64 redeem_s;   /* from its making to the first channel */
	gint64 channels_s; /* from the first channel to the last */
	gint64 channels;   /* at most */
	gint64 per_session; /* that may wait for their first channel; making one more ends the oldest */
} TicketLimits;

gboolean ticket_row_insert(Store *store, const TicketRow *row, const TicketLimits *limits, GError **error);

/* Counts one channel of the ticket, in one statement: NULL with NOT_FOUND when there is none of that name for that address
 * that is still good, whatever the reason. */
TicketRow *ticket_row_redeem(Store *store, const char *name, const char *address, gint64 now, const TicketLimits *limits,
	GError **error);

/* Why a ticket of that name would not be redeemed. */
typedef enum {
	TICKET_UNKNOWN, /* there never was one, or it ended: by its time, or with its session or its desktop's clients */
	TICKET_OTHER_ADDRESS,
	TICKET_LATE,     /* no channel came in time */
	TICKET_OVER,     /* the time for channels is over */
	TICKET_CHANNELS, /* there were as many as it is good for */
	TICKET_SECRET,   /* not its other half: of one that is taken */
	TICKET_N_REFUSALS
} TicketRefusal;

/* *@user: whose it is, or NULL. Free with g_free. */
TicketRefusal ticket_row_refusal(Store *store, const char *name, const char *address, gint64 now, const TicketLimits *limits,
	char **user);
/* Takes the row away, in one statement, when it waits for its first channel still: NULL with NOT_FOUND as above. */
TicketRow *ticket_row_take(Store *store, const char *name, const char *address, gint64 now, const TicketLimits *limits,
	GError **error);

gboolean ticket_rows_delete_of_desktop(Store *store, const char *desktop, GError **error);
gboolean ticket_rows_delete_old(Store *store, gint64 now, const TicketLimits *limits, GError **error);
