/* Who may see which desktop, and the grant for it: what the browser's screen, a ticket and a VNC sign-in have in common.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "broker/broker.h"

/* Does somebody hold it? One that failed is its person's still, who is told so; what is being thrown away is nobody's. */
gboolean access_is_held(const DesktopView *desktop);

/* The desktop @id when @user holds it; NULL and NOT_FOUND otherwise, also when it is another person's. Valid until the next
 * call into the engine. */
const DesktopView *access_own_desktop(Broker *broker, const char *user, const char *id, GError **error);

/* Is @user (with @groups) entitled to the pool still? */
gboolean access_may_use_pool(Broker *broker, const char *pool, const char *user, const char *const *groups);

/* engine_claim, within [Broker] DesktopsPerUser=: EXHAUSTED also when @user holds as many of other pools, which the message names. */
const DesktopView *access_claim(Broker *broker, const char *pool, const char *user, GError **error);

/* Has carrel-display expect one client of @session on @desktop. NOT_FOUND: not its person's. DENIED: no longer entitled.
 * BUSY: nothing to see yet. When the session ended or the desktop changed hands meanwhile, the grant is taken back and the
 * result is DENIED. @secret: SPICE's password, or NULL. @client: the name of the client (access_client_name). */
void access_admit_async(Broker *broker, const SessionRow *session, const char *desktop, const char *protocol,
	const char *client, const char *address, const char *secret, GAsyncReadyCallback callback, void *data);
GVariant *access_admit_finish(GAsyncResult *result, GError **error);

/* A client's name says whose session it belongs to, so that this is known again after a restart: SESSION:SUFFIX. @suffix
 * NULL: a random one. Free with g_free. */
char *access_client_name(const char *session, const char *suffix);
gboolean access_client_is_of(const char *client, const char *session);
char *access_client_session(const char *client);

/* An address as tickets and conversations are bound to it: IPv4 in IPv6 as IPv4, and one name for 127.0.0.1 and
 * ::1. NULL when @text is no numeric address. Free with g_free. */
char *access_address(const char *text);
