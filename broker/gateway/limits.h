/* How many connections may be open, in all and from one address. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>
#include <sys/socket.h>

typedef struct Limits Limits;

/* An address as it is counted: an IPv4 address, or the /64 of an IPv6 one (a single host owns that many). */
typedef struct {
	guint64 network;
	gboolean is_counted; /* FALSE: loopback; a proxy on this host brings everybody's connections */
} LimitsKey;

LimitsKey limits_key(const struct sockaddr *address);

/* @total: connections in all. @each: from one address, as long as nothing has said who they are. */
Limits *limits_new(guint total, guint each);
void limits_free(Limits *limits);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Limits, limits_free)

/* NULL when one more may come in, and then it is counted; else which limit stands against it (static text). */
const char *limits_enter(Limits *limits, LimitsKey key);

/* The connection has shown a grant: it does not count for its address any more, so that an office behind one address is
 * not limited to a few desktops. */
void limits_admit(Limits *limits, LimitsKey key);

/* It ends. @admitted: limits_admit was called for it. */
void limits_leave(Limits *limits, LimitsKey key, gboolean admitted);
