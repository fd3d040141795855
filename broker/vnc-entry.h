/* A VNC viewer's way in: sign-in by name and password, the choice of a desktop, and the wait until it can be seen.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "broker/broker.h"

VncEntries *vnc_entries_new(Broker *broker);
void vnc_entries_free(VncEntries *entries);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VncEntries, vnc_entries_free)

/* The user name that goes with a ticket: "ticket:" and the ticket's name; the password is its secret. No account's name has a
 * colon (passwd(5)), so a ticket is never taken for an account, and its secret never comes to PAM. */
#define VNC_ENTRY_TICKET "ticket:"

/* @user: with VNC_ENTRY_TICKET the ticket's desktop is entered, within the session that it was made in. Else "NAME" or "NAME/POOL". Without a pool: the one desktop that NAME has, else the first pool that NAME may use.
 * DENIED: for every reason that lies with name, password, ticket or pool. TIMEOUT: not to be seen after 170 s.
 * EXHAUSTED: too many sign-ins at once, or no desktop left. */
void vnc_entry_async(VncEntries *entries, const char *user, const Secret *password, const char *address,
	GAsyncReadyCallback callback, void *data);
/* The grant ("ay"; free with g_variant_unref) and *@desktop (free with g_free). */
GVariant *vnc_entry_finish(GAsyncResult *result, char **desktop, GError **error);

/* The engine changed this desktop. */
void vnc_entries_on_change(VncEntries *entries, const DesktopView *desktop);
