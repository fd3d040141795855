/* A client of a front door under load, and the server behind that door: blocking sockets, a thread each. Whatever fails ends
 * the program with a word on it: a figure of half a load would mislead. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>
#include <gnutls/gnutls.h>

/* How a door is come through. */
typedef enum {
	WIRE_TLS,       /* TLS and nothing else: haproxy in tcp mode, and plain HTTPS requests */
	WIRE_CONNECT,   /* CONNECT in the clear, TLS inside: SPICE's way */
	WIRE_WEBSOCKET, /* TLS, then an upgrade */
} WireKind;

typedef struct {
	WireKind kind;
	guint16 port; /* on 127.0.0.1 */
	const char *path; /* of the WebSocket */
} WireDoor;

typedef struct {
	int fd;
	gnutls_session_t tls;
} Wire;

/* Once, before all else. */
void wire_init(void);

/* Comes through @door from 127.0.1.@source. @ticket (may be NULL): of an earlier session, to be resumed. Result: the
 * caller's, to be closed with wire_close. */
Wire *wire_dial(const WireDoor *door, guint source, const gnutls_datum_t *ticket);
void wire_close(Wire *wire);

/* The server has ended the connection, or has been made to: reads until then, then frees. */
void wire_end(Wire *wire);

void wire_send(Wire *wire, const void *bytes, gsize size);

/* Bytes received, 0 at the end. */
gsize wire_recv(Wire *wire, void *bytes, gsize size);

/* A GET on a kept connection: asks, and reads the answer as a whole. Result: microseconds to its first byte. */
gint64 wire_get(Wire *wire, const char *path);

/* What stands at the other side of a door. */
typedef enum {
	FIRST_NOTHING,
	FIRST_GRANT, /* the gateway's 32 bytes */
	FIRST_HTTP,  /* a head, answered with 101 */
} WireFirst;

/* Listens at @path, a unix socket that is made anew, and calls @serve in a thread of its own with each connection that has got
 * past @first. @serve's descriptor is closed when it returns. */
void wire_listen(const char *path, WireFirst first, void (*serve)(int fd));
