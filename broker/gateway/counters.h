/* What the gateway has done since it started: for `carrel status`. One table a process, since there is one gateway in it.
 * What was refused is counted in refusal.h. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

typedef enum {
	COUNTER_WEB_CONNECTIONS, /* let in at Listen= */
	COUNTER_VNC_CONNECTIONS, /* let in at VncListen= */
	COUNTER_PROXIED,         /* of these, with an address that a PROXY header named */
	COUNTER_HANDSHAKES,      /* of TLS, done */
	COUNTER_REQUESTS,        /* HTTP heads that were read */
	COUNTER_API_REQUESTS,    /* of these, handed to the broker */
	COUNTER_REDIRECTS,       /* plain text that was sent to https */
	COUNTER_IDLE_CLOSED,     /* kept or opened ahead of need, and never used: KeepAliveTimeout=, HandshakeTimeout= */
	COUNTER_BROWSER_STREAMS,
	COUNTER_SOUND_STREAMS,   /* a browser's, beside its screen */
	COUNTER_FILES_STREAMS,   /* as well */
	COUNTER_SPICE_STREAMS,   /* one a channel */
	COUNTER_VNC_STREAMS,
	COUNTER_BYTES_IN,        /* of streams, from clients to desktops */
	COUNTER_BYTES_OUT,       /* of streams, from desktops to clients */
	COUNTER_PINGS,
	COUNTER_RELOADS,         /* SIGHUP, with a file that was taken */
	COUNTER_LINES_LEFT_OUT,  /* of refusals, from the log */
	COUNTERS
} Counter;

extern guint64 counters[COUNTERS];

static inline void
counter_add(Counter counter, guint64 n)
{
	counters[counter] += n;
}

/* "web-connections": stable, as org.carrel.Gateway1 and carrel(1) document. Static. */
const char *counter_name(Counter counter);
