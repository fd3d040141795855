/* Where a portal is: https://HOST[:PORT], as a person types it. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>

typedef struct {
	char *host; /* a name in lower case, an IPv4 address, or an IPv6 address in brackets: nothing else is in it */
	guint16 port;
	char *url; /* "https://HOST:PORT" */
} Address;

/* @text may lack "https://". INVALID for another scheme, a path, a user name, or a host that is none. Free with address_free. */
Address *address_parse(const char *text, GError **error);
void address_free(Address *address);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Address, address_free)

/* The name as certificates and resolvers have it: without brackets. Free with g_free. */
char *address_name(const Address *address);
