/* One connection from the network, from accept(2) to close(2). What it is at is its stage: a small table of functions
 * with a state of its own. The client itself keeps what every stage needs: bytes out with a bound on how long they may
 * wait, a deadline, and a place in the limits.
 *
 * Lifetime: a client is freed once it is closed and nobody holds a reference. A stage that waits for an answer holds
 * one (client_ref) until the answer comes, and then looks at client_is_closed first. client_cancellable makes that soon.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "broker/gateway/admission.h"
#include "broker/gateway/gateway.h"
#include "broker/gateway/refusal.h"
#include "broker/gateway/transport.h"

typedef struct {
	const char *name; /* for the log: "TLS hand-shake" */
	/* Bytes can be received. Only while client_set_reading is TRUE. */
	void (*on_input)(Client *client);
	/* All that was sent has gone to the kernel. May be NULL. */
	void (*on_drained)(Client *client);
	/* About once a second. @now: monotonic, microseconds. May be NULL. */
	void (*on_tick)(Client *client, gint64 now);
	/* The deadline passed. NULL: refused by the name that client_set_limit gave, and closed. */
	void (*on_deadline)(Client *client);
	/* The broker ended the desktop's streams. NULL: closed at once. @code: see EndStreams. */
	void (*on_end)(Client *client, guint code);
	/* The connection was closed while in this stage: let go of descriptors. The state lives on until free. May be NULL. */
	void (*on_close)(Client *client);
	void (*free)(void *state);
} Stage;

/* Takes @fd, connected and non-blocking, and @place, which admission_enter filled. */
Client *client_new(Gateway *gateway, int fd, const char *address, const AdmissionPlace *place);
Client *client_ref(Client *client);
void client_unref(Client *client);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Client, client_unref)

/* Enters a stage; takes @state. The last stage's state is freed at once: let it be the last thing a function does. Reads
 * from then on. */
void client_set_stage(Client *client, const Stage *stage, void *state);
void *client_state(const Client *client);
/* The same, for a stage that hands its state on: the caller owns it now. */
void *client_take_state(Client *client);
const Stage *client_stage(const Client *client);

Gateway *client_gateway(const Client *client);
const GatewayLimits *client_limits(const Client *client); /* of carrel.conf, as they are now */
const char *client_address(const Client *client); /* numeric */
/* It speaks for another, who is counted from now on: REFUSAL_NONE, or the limit that stands against that address. */
Refusal client_set_address(Client *client, const struct sockaddr *address);
GCancellable *client_cancellable(const Client *client);
gboolean client_is_tls(const Client *client);
int client_fd(const Client *client);

/* 0: none. Else the stage's on_deadline is called @seconds from now, if it is not set again before. */
void client_set_deadline(Client *client, guint seconds);
/* The same, with the name under which a stage without an on_deadline refuses what is late. */
void client_set_limit(Client *client, gint64 seconds, Refusal limit);

/* FALSE: on_input is not called until it is TRUE again. */
void client_set_reading(Client *client, gboolean reading);

/* As transport_set_last_byte_apart. */
void client_set_last_byte_apart(Client *client);

/* As transport_recv. */
gssize client_recv(Client *client, void *bytes, gsize size);

/* Sends, or copies what the socket does not take now. The caller bounds how much that may become. May close. */
void client_send(Client *client, const void *bytes, gsize n);
/* The same for a long body, of which a reference is kept instead of a copy. One at a time. */
void client_send_body(Client *client, GBytes *body);
gsize client_unsent(const Client *client);

/* Shakes hands as a TLS server within HandshakeTimeout=, then calls @next, which enters the next stage.
 * @next takes @state; @free (may be NULL) frees it when it does not come to that. */
void client_start_tls(Client *client, TlsUse use, void (*next)(Client *client, void *state), void *state,
	void (*free)(void *state));

/* The broker knows its session. */
void client_set_signed_in(Client *client);
/* Which desktop it has been granted: it is ended with that desktop, and leaves its address's limit. */
void client_grant(Client *client, const char *desktop);
const char *client_desktop(const Client *client); /* NULL: none */

/* Now. */
void client_close(Client *client);
/* After what waits has been sent, in order, for which WriteTimeout counts, and @seconds for the other side to read it. */
void client_finish(Client *client, guint seconds);
gboolean client_is_closed(const Client *client);

/* For the gateway's clock: deadlines, stalled writes, on_tick. */
void client_tick(Client *client, gint64 now);

/* The broker ended the client's desktop: see EndStreams. */
void client_end_stream(Client *client, guint code);
