/* The header that a proxy puts before a client's bytes: the PROXY protocol of haproxy.org, version 2 (section 2.2 of
 * proxy-protocol.txt), read strictly. Version 1, text, is not taken. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>
#include <sys/socket.h>

#define PROXY_HEADER_FIXED 16
#define PROXY_HEADER_MAX (PROXY_HEADER_FIXED + 2048) /* addresses, and what load balancers are known to add */

typedef enum { PROXY_HEADER_MORE, PROXY_HEADER_DONE, PROXY_HEADER_BAD } ProxyHeaderResult;

/* Zero-initialise. */
typedef struct {
	/* When DONE. */
	gboolean is_local; /* LOCAL: the proxy speaks for itself; there is no address */
	struct sockaddr_storage source;
	socklen_t source_size;
	/* When BAD: a fixed text. */
	const char *fault;
} ProxyHeader;

/* How long the header is, as far as its first @size bytes say: more than @size while it is incomplete. The client's own bytes
 * begin right behind it, so a reader must not take more. */
gsize proxy_header_wanted(const guint8 *bytes, gsize size);

/* @bytes: the header so far, from its first byte, at most proxy_header_wanted() of them. Call it again with more after MORE; a
 * byte that cannot be is BAD as soon as it is there. DONE promises: command LOCAL, or PROXY for TCP over IPv4 or IPv6 with a
 * source address that is one host's; and extensions (TLVs, of which none is looked at) that fill the header exactly. */
ProxyHeaderResult proxy_header_parse(ProxyHeader *header, const guint8 *bytes, gsize size);
