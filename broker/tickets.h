/* Tickets: the two parts that a .vv file, or a link for a VNC viewer, carries. The routing name travels in the clear and opens
 * nothing by itself; the secret is SPICE's password inside TLS. A ticket is bound to a session, a desktop and a client's address;
 * its first channel must come within 30 s, and it is good for 16 channels in the 10 s after that. A VNC viewer needs one
 * connection, and gets one. It ends with its session, and when its desktop's clients are sent away. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "broker/common/secret.h"
#include "broker/store/tickets.h"

#define TICKETS_REDEEM_S 30

typedef struct Tickets Tickets;

/* The key of tickets_new in @file, which is made where there is none. It lies where sockets do, not with the state: what is on a
 * disk, and in its backups, opens no desktop; and a broker that starts again knows the tickets of the one before. */
Secret *tickets_read_key(const char *file, GError **error);

/* A ticket's secret is the HMAC of its name with @key (taken), so that no secret is written anywhere. @store outlives it. @now:
 * UTC seconds. */
Tickets *tickets_new(Store *store, Secret *key, gint64 (*now)(void));
void tickets_free(Tickets *tickets);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Tickets, tickets_free)

/* Makes and commits a ticket. That @session may see @desktop is the caller's to check, now and when it is redeemed.
 * Free with ticket_row_free. */
TicketRow *tickets_issue(Tickets *tickets, const char *session, const char *desktop, const char *address, GError **error);

/* One channel more. NOT_FOUND for every reason that it is not good; which one is counted, and as the rate allows a line in the
 * log and a row in the audit, but never told. */
TicketRow *tickets_redeem(Tickets *tickets, const char *name, const char *address, GError **error);

/* For VNC, where both parts come inside TLS: takes the ticket away, whatever comes of it, and gives it back when @secret is its
 * other half and no channel was opened with it. NOT_FOUND for every reason that it is not good, noted as above. */
TicketRow *tickets_take(Tickets *tickets, const char *name, const Secret *secret, const char *address, GError **error);
/* Counts since the start: a{sv}, floating; keys as org.carrel.Broker1.Admin.Status tells them. */
GVariant *tickets_counts(const Tickets *tickets);

void tickets_end_of_desktop(Tickets *tickets, const char *desktop);
void tickets_delete_old(Tickets *tickets);
