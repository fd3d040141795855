/* One WebSocket connection's framing (RFC 6455), server side, on bytes alone: wslay reads the client's frames, ours are two to
 * ten bytes in front of what the display sent. No I/O here. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

#define WS_FRAME_MAX (1024 * 1024) /* of one frame's payload from a client, unless ws_set_frame_max says another */
#define WS_HEADER_MAX 10

enum {
	WS_NORMAL = 1000,
	WS_PROTOCOL = 1002,
	WS_UNSUPPORTED = 1003,
	WS_TOO_BIG = 1009,
	WS_SERVER_ERROR = 1011,
	WS_RESTART = 1012,     /* the screen was lost: connect again */
	WS_TRY_LATER = 1013,
	WS_BAD_SESSION = 4001, /* no session, an ended one, or not allowed on this desktop */
	WS_UNRECORDED = 4011,  /* it must be recorded, and cannot be */
	WS_STOPPED = 4009,     /* no such desktop (any more) */
};

typedef struct Ws Ws;

/* @send: takes bytes for the client, always whole frames. */
Ws *ws_new(void (*send)(const guint8 *bytes, gsize n, void *data), void *data);
void ws_free(Ws *ws);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Ws, ws_free)

void ws_set_frame_max(Ws *ws, gsize frame_max);

/* Reads @n bytes of the client. What its binary frames carry goes to @payload, which has room for @n bytes; *@payload_size says
 * how much. Answers pings and closes through @send. FALSE: the connection is over (closed by the client, or it broke the
 * protocol and was told so); nothing more is read. */
gboolean ws_feed(Ws *ws, const guint8 *bytes, gsize n, guint8 *payload, gsize *payload_size);

/* After FALSE: the close code that says how the client broke the protocol, or 0: it closed in order. */
guint ws_fault(const Ws *ws);

/* Writes the header of a binary frame with @n bytes so that it ends where @payload begins; there are WS_HEADER_MAX bytes of
 * room before it. The frame's first byte, to be sent together with the payload. */
guint8 *ws_wrap(guint8 *payload, gsize n);

/* Sends a close frame, once. @reason: a few words of UTF-8, less than 120 bytes. */
void ws_close(Ws *ws, guint code, const char *reason);
void ws_ping(Ws *ws);

/* What a hand-shake's Sec-WebSocket-Key (24 characters of base64) is answered with: 28 characters and a NUL. FALSE when it is
 * no such key. */
gboolean ws_accept_key(const char *key, gsize size, char accept[29]);
