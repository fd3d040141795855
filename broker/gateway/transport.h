/* A client's bytes: a TCP socket with none, one or two layers of TLS on it. Two: SPICE's TLS inside a CONNECT that was
 * itself made inside TLS. Nothing here blocks. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "broker/gateway/tls.h"

typedef struct Transport Transport;

enum {
	TRANSPORT_END = 0,     /* the peer ended its side in order (FIN, or TLS close_notify) */
	TRANSPORT_AGAIN = -1,  /* nothing can be done before the socket is ready */
	TRANSPORT_BROKEN = -2, /* reset, cut off, or not TLS: only close */
};

Transport *transport_new(int fd);             /* takes @fd, a non-blocking socket */
void transport_free(Transport *transport);    /* closes it, without a word */
int transport_fd(const Transport *transport);

/* Puts a layer of TLS on top, of which this is the server. At most two. transport_handshake must be done before bytes
 * are sent or received. */
void transport_start_tls(Transport *transport, Tls *tls, TlsUse use);

/* 1: done. TRANSPORT_AGAIN: call it again when more has come (what it has to say waits as what transport_send took).
 * TRANSPORT_BROKEN: no TLS will come of it; transport_fault says why. */
int transport_handshake(Transport *transport);
const char *transport_fault(const Transport *transport); /* static text */
/* Behind a hand-shake, after TRANSPORT_BROKEN: the rule of TLS that the other side broke, a static text; NULL: none, it went away. */
const char *transport_breach(const Transport *transport);

/* From now on the last byte of all that is sent goes in a TLS record of its own. For SPICE clients: spice-gtk looks at the socket
 * alone for what is next, not at what its TLS library holds already, so of several messages in one record it would see the
 * first, and the others only when more comes. As long as the last byte is still in the socket, it goes on reading. */
void transport_set_last_byte_apart(Transport *transport);

/* Bytes received (1 to @size), or one of the values above. */
gssize transport_recv(Transport *transport, void *bytes, gsize size);

/* Bytes taken (1 to @size), TRANSPORT_AGAIN or TRANSPORT_BROKEN. Under TLS up to 64 KiB are taken at once, sealed, and sent
 * together; what the socket does not take of them waits here, and nothing more is taken before it has gone. */
gssize transport_send(Transport *transport, const void *bytes, gsize size);

/* Sends what waits here. 1: nothing is left. TRANSPORT_AGAIN, TRANSPORT_BROKEN. */
int transport_flush(Transport *transport);
gsize transport_unsent(const Transport *transport);

/* TRUE when bytes wait in a library's memory, of which epoll knows nothing. */
gboolean transport_is_pending(const Transport *transport);

/* Says that no more will be sent, when nothing waits any more: close_notify where there is TLS, as far as the socket takes it, and FIN. */
void transport_end(Transport *transport);
