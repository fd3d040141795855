/* What ends, and what ends with it: a session takes its tickets, its streams and, by its pool's Reset=, its desktops along.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "broker/broker.h"

/* WebSocket close codes; the portal's page says each in words. */
#define END_TIME_LIMIT 4008
#define END_SIGNED_OUT 4009
#define END_BY_ADMIN 4010
#define END_UNRECORDED 4011
/* RFC 6455's registry, "service restart": the page comes back by itself. */
#define END_COME_BACK 1012

/* The clients of this desktop go now: streams, grants, tickets. */
void endings_end_clients(Broker *broker, const char *desktop, guint16 code);

/* Desktops that are shown in this session now, as new strings (g_free is their free function). */
GPtrArray *endings_desktops_of(Broker *broker, const char *session);

/* Signs the person out of this session. Their desktops whose pool says Reset=logout are thrown away when @release, and what
 * the session shows of others is closed: a desktop's clients end together, and those of other sessions come back by themselves.
 * @action and @actor are for the audit row. */
gboolean endings_end_session(Broker *broker, const SessionRow *session, guint16 code, gboolean release, const char *actor,
	const char *action, GError **error);

/* The same with all sessions of @user, and the desktops are released. */
gboolean endings_end_user(Broker *broker, const char *user, guint16 code, const char *actor, const char *action,
	GError **error);

/* Before one more session of @user begins: where there are as many as may be, the one that was longest without use ends, unless
 * somebody looks at a desktop in each. A sign-in must not fail for browsers that were closed and never signed out. */
void endings_make_room(Broker *broker, const char *user);

/* Sessions whose time is over end; a person's desktops are released with the last of them. VNC sessions whose viewer has
 * gone end too. Sessions with viewers count as used. */
void endings_every_minute(Broker *broker);

/* Old audit rows and origins go. */
void endings_every_hour(Broker *broker);

/* The list of viewers came anew: VNC sessions without one end; viewers of what is no longer theirs are sent away. */
void endings_on_viewers(Broker *broker);

/* The guest's graphical session ended because the person logged out of it. */
void endings_on_guest_logout(Broker *broker, const char *desktop, const char *user);
