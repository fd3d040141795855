/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/gateway/ws.h"

#include <string.h>
#include <wslay/wslay.h>

struct Ws {
	wslay_event_context_ptr context;
	void (*send)(const guint8 *bytes, gsize n, void *data);
	void *data;
	/* During ws_feed. */
	const guint8 *bytes;
	gsize n;
	guint8 *payload;
	gsize payload_size;
	gsize frame_max;
	gboolean over, control;
	guint refused; /* a close code, when a frame came that is not taken here */
};

static ssize_t
on_recv(wslay_event_context_ptr context, uint8_t *bytes, size_t size, int flags, void *data)
{
	Ws *ws = data;
	gsize n = MIN(size, ws->n);

	if (n == 0) {
		wslay_event_set_error(context, WSLAY_ERR_WOULDBLOCK);
		return -1;
	}
	memcpy(bytes, ws->bytes, n);
	ws->bytes += n;
	ws->n -= n;
	return (ssize_t)n;
}

static ssize_t
on_send(wslay_event_context_ptr context, const uint8_t *bytes, size_t size, int flags, void *data)
{
	Ws *ws = data;

	ws->send(bytes, size, ws->data);
	return (ssize_t)size;
}

static void
on_frame(wslay_event_context_ptr context, const struct wslay_event_on_frame_recv_start_arg *frame, void *data)
{
	Ws *ws = data;

	ws->control = wslay_is_ctrl_frame(frame->opcode);
	if (frame->payload_length > ws->frame_max)
		ws->refused = WS_TOO_BIG; /* wslay's own limit looks only at what it keeps */
	else if (frame->opcode == WSLAY_TEXT_FRAME)
		ws->refused = WS_UNSUPPORTED;
	else if ((frame->opcode > WSLAY_BINARY_FRAME && !ws->control) || frame->opcode > WSLAY_PONG)
		ws->refused = WS_PROTOCOL; /* reserved; wslay lets them pass */
}

static void
on_chunk(wslay_event_context_ptr context, const struct wslay_event_on_frame_recv_chunk_arg *chunk, void *data)
{
	Ws *ws = data;

	/* wslay acts on pings and closes by itself. Payload is never longer than what was fed. */
	if (ws->control || ws->refused)
		return;
	memcpy(ws->payload + ws->payload_size, chunk->data, chunk->data_length);
	ws->payload_size += chunk->data_length;
}

Ws *
ws_new(void (*send)(const guint8 *bytes, gsize n, void *data), void *data)
{
	static const struct wslay_event_callbacks callbacks = {.recv_callback = on_recv,
		.send_callback = on_send,
		.on_frame_recv_start_callback = on_frame,
		.on_frame_recv_chunk_callback = on_chunk};
	Ws *ws = g_new0(Ws, 1);

	ws->send = send;
	ws->data = data;
	ws->frame_max = WS_FRAME_MAX;
	if (wslay_event_context_server_init(&ws->context, &callbacks, ws) != 0)
		g_error("wslay has no memory");
	/* Frames are passed on as they come. */
	wslay_event_config_set_no_buffering(ws->context, 1);
	return ws;
}

void
ws_free(Ws *ws)
{
	if (ws == NULL)
		return;
	wslay_event_context_free(ws->context);
	g_free(ws);
}

void
ws_set_frame_max(Ws *ws, gsize frame_max)
{
	ws->frame_max = frame_max;
}

guint
ws_fault(const Ws *ws)
{
	if (ws->refused)
		return ws->refused;
	return wslay_event_get_close_received(ws->context) ? 0 : WS_PROTOCOL;
}

gboolean
ws_feed(Ws *ws, const guint8 *bytes, gsize n, guint8 *payload, gsize *payload_size)
{
	ws->bytes = bytes;
	ws->n = n;
	ws->payload = payload;
	ws->payload_size = 0;
	if (!ws->over && (wslay_event_recv(ws->context) != 0 || wslay_event_get_close_received(ws->context) ||
				 !wslay_event_get_read_enabled(ws->context)))
		ws->over = TRUE;
	*payload_size = ws->payload_size;
	if (ws->refused && !ws->over) {
		ws_close(ws, ws->refused,
			ws->refused == WS_TOO_BIG ? "the frame is too long" : "only binary frames are taken here");
		ws->over = TRUE;
	}
	/* Pongs, and the answer to a close. */
	if (wslay_event_want_write(ws->context))
		wslay_event_send(ws->context);
	return !ws->over;
}

guint8 *
ws_wrap(guint8 *payload, gsize n)
{
	guint8 *start;

	if (n < 126) {
		start = payload - 2;
		start[1] = (guint8)n;
	} else if (n <= 0xffff) {
		start = payload - 4;
		start[1] = 126;
		start[2] = (guint8)(n >> 8);
		start[3] = (guint8)n;
	} else {
		guint64 length = GUINT64_TO_BE((guint64)n);

		start = payload - 10;
		start[1] = 127;
		memcpy(start + 2, &length, 8);
	}
	start[0] = 0x80 | WSLAY_BINARY_FRAME;
	return start;
}

void
ws_close(Ws *ws, guint code, const char *reason)
{
	if (wslay_event_queue_close(ws->context, (uint16_t)code, (const uint8_t *)reason, strlen(reason)) == 0)
		wslay_event_send(ws->context);
}

void
ws_ping(Ws *ws)
{
	struct wslay_event_msg ping = {.opcode = WSLAY_PING};

	if (wslay_event_queue_msg(ws->context, &ping) == 0)
		wslay_event_send(ws->context);
}

gboolean
ws_accept_key(const char *key, gsize size, char accept[29])
{
	static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; /* RFC 6455, section 1.3 */
	g_autoptr(GChecksum) sha1 = g_checksum_new(G_CHECKSUM_SHA1);
	g_autofree char *text = g_strndup(key, size), *base64 = NULL;
	g_autofree guchar *nonce = NULL;
	guint8 digest[20];
	gsize n = 0, digest_size = sizeof digest;

	if (size != 24 || strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") != 22 ||
		strcmp(text + 22, "==") != 0)
		return FALSE;
	nonce = g_base64_decode(text, &n);
	if (n != 16)
		return FALSE;
	g_checksum_update(sha1, (const guchar *)text, (gssize)size);
	g_checksum_update(sha1, (const guchar *)guid, sizeof guid - 1);
	g_checksum_get_digest(sha1, digest, &digest_size);
	base64 = g_base64_encode(digest, sizeof digest);
	memcpy(accept, base64, 29);
	return TRUE;
}
