/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/gateway/ws.h"

#include <string.h>
#include <wslay/wslay.h>

#define HEAD_MAX 14 /* RFC 6455, section 5.2: two bytes, eight of length, four of mask */

struct Ws {
	wslay_event_context_ptr context; /* NULL while it is not needed: it keeps 4 KiB for what it reads */
	void (*send)(const guint8 *bytes, gsize n, void *data);
	void *data;
	/* The frame that is being read: its head as far as it is there, then what is left of it. */
	guint8 head[HEAD_MAX];
	gsize head_size;
	guint64 left;
	gboolean ours;      /* read here, not by wslay */
	gboolean in_pieces; /* amid a message of several frames */
	guint8 mask[4];     /* of the next byte on */
	/* During ws_feed. */
	const guint8 *bytes; /* for wslay */
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
	if (frame->opcode == WSLAY_TEXT_FRAME)
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
	Ws *ws = g_new0(Ws, 1);

	ws->send = send;
	ws->data = data;
	ws->frame_max = WS_FRAME_MAX;
	return ws;
}

static wslay_event_context_ptr
need_wslay(Ws *ws)
{
	static const struct wslay_event_callbacks callbacks = {.recv_callback = on_recv,
		.send_callback = on_send,
		.on_frame_recv_start_callback = on_frame,
		.on_frame_recv_chunk_callback = on_chunk};

	if (ws->context)
		return ws->context;
	if (wslay_event_context_server_init(&ws->context, &callbacks, ws) != 0)
		g_error("wslay has no memory");
	/* Frames are passed on as they come. */
	wslay_event_config_set_no_buffering(ws->context, 1);
	return ws->context;
}

/* Between two messages it knows nothing that has to be kept. */
static void
free_wslay(Ws *ws)
{
	if (ws->context)
		wslay_event_context_free(ws->context);
	ws->context = NULL;
}

void
ws_free(Ws *ws)
{
	if (ws == NULL)
		return;
	free_wslay(ws);
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
	return ws->context == NULL || wslay_event_get_close_received(ws->context) ? 0 : WS_PROTOCOL;
}

static void
refuse(Ws *ws)
{
	ws_close(ws, ws->refused, ws->refused == WS_TOO_BIG	? "the frame is too long"
				  : ws->refused == WS_PROTOCOL	? "no frame of RFC 6455"
								: "only binary frames are taken here");
	ws->over = TRUE;
}

/* Its bytes are the next that wslay reads. */
static void
give_wslay(Ws *ws, const guint8 *bytes, gsize n)
{
	wslay_event_context_ptr context = need_wslay(ws);

	ws->bytes = bytes;
	ws->n = n;
	if (wslay_event_recv(context) != 0 || wslay_event_get_close_received(context) ||
		!wslay_event_get_read_enabled(context)) {
		ws->over = TRUE;
	} else if (ws->refused) {
		refuse(ws);
	}
	/* Pongs, and the answer to a close. */
	if (wslay_event_want_write(context))
		wslay_event_send(context);
	if (ws->left == 0 && !ws->in_pieces && !ws->over && !wslay_event_get_close_sent(context))
		free_wslay(ws);
}

/* How long the head is that begins with @head, of which two bytes are there. */
static gsize
head_length(const guint8 *head)
{
	guint length = head[1] & 0x7f;

	return 2 + (length == 126 ? 2 : length == 127 ? 8 : 0) + (head[1] & 0x80 ? 4 : 0);
}

static guint64
payload_length(const guint8 *head)
{
	guint64 length = head[1] & 0x7f;

	if (length == 126)
		return (guint64)head[2] << 8 | head[3];
	if (length == 127) {
		memcpy(&length, head + 2, 8);
		return GUINT64_FROM_BE(length);
	}
	return length;
}

static gboolean
is_shortest(const guint8 *head, guint64 length)
{
	guint form = head[1] & 0x7f;

	return form < 126 || length >= (form == 126 ? 126 : 65536);
}

/* What can be told from a head, so that it is told before a byte of payload has come: wslay does so later, and closes without a
 * code where a frame's lengths or pieces are wrong. */
static guint
fault_of_head(const Ws *ws, guint64 length)
{
	guint opcode = ws->head[0] & 0x0f;
	gboolean fin = (ws->head[0] & 0x80) != 0;

	if (!is_shortest(ws->head, length) || length >> 63)
		return WS_PROTOCOL;
	if (wslay_is_ctrl_frame(opcode) && (!fin || length > 125 || (opcode == WSLAY_CONNECTION_CLOSE && length == 1)))
		return WS_PROTOCOL;
	return length > ws->frame_max ? WS_TOO_BIG : 0;
}

/* What a browser sends, and little else: a whole binary message, masked, its length within bounds and in its shortest form. It is read
 * here, eight bytes at a time. All else is wslay's, which reads a byte at a time and knows all rules. */
static gboolean
is_plain(const Ws *ws, guint64 length)
{
	return ws->head[0] == (0x80 | WSLAY_BINARY_FRAME) && (ws->head[1] & 0x80) && !ws->in_pieces && length <= ws->frame_max &&
	       is_shortest(ws->head, length);
}

static gsize
read_head(Ws *ws, const guint8 *bytes, gsize n)
{
	gsize taken = 0;

	while (taken < n && (ws->head_size < 2 || ws->head_size < head_length(ws->head)))
		ws->head[ws->head_size++] = bytes[taken++];
	if (ws->head_size < 2 || ws->head_size < head_length(ws->head))
		return taken;
	ws->left = payload_length(ws->head);
	ws->ours = is_plain(ws, ws->left);
	if (ws->ours) {
		memcpy(ws->mask, ws->head + ws->head_size - 4, 4);
	} else if ((ws->refused = fault_of_head(ws, ws->left)) != 0) {
		refuse(ws);
	} else {
		if (!wslay_is_ctrl_frame(ws->head[0] & 0x0f))
			ws->in_pieces = !(ws->head[0] & 0x80);
		give_wslay(ws, ws->head, ws->head_size);
	}
	ws->head_size = 0;
	return taken;
}

static void
unmask(guint8 *to, const guint8 *from, gsize n, guint8 mask[4])
{
	guint8 rotated[4];
	guint32 four;
	guint64 key, word;
	gsize i = 0;

	memcpy(&four, mask, 4);
	key = (guint64)four << 32 | four;
	for (; i + 8 <= n; i += 8) {
		memcpy(&word, from + i, 8);
		word ^= key;
		memcpy(to + i, &word, 8);
	}
	for (; i < n; i++)
		to[i] = from[i] ^ mask[i % 4];
	for (i = 0; i < 4; i++)
		rotated[i] = mask[(n + i) % 4];
	memcpy(mask, rotated, 4);
}

static gsize
read_payload(Ws *ws, const guint8 *bytes, gsize n)
{
	n = (gsize)MIN((guint64)n, ws->left);
	ws->left -= n;
	if (ws->ours) {
		unmask(ws->payload + ws->payload_size, bytes, n, ws->mask);
		ws->payload_size += n;
	} else {
		give_wslay(ws, bytes, n);
	}
	return n;
}

gboolean
ws_feed(Ws *ws, const guint8 *bytes, gsize n, guint8 *payload, gsize *payload_size)
{
	ws->payload = payload;
	ws->payload_size = 0;
	while (n > 0 && !ws->over) {
		gsize taken = ws->left > 0 ? read_payload(ws, bytes, n) : read_head(ws, bytes, n);

		bytes += taken;
		n -= taken;
	}
	*payload_size = ws->payload_size;
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
	if (wslay_event_queue_close(need_wslay(ws), (uint16_t)code, (const uint8_t *)reason, strlen(reason)) == 0)
		wslay_event_send(ws->context);
}

void
ws_ping(Ws *ws)
{
	static const guint8 ping[] = {0x80 | WSLAY_PING, 0};

	if (ws->context == NULL || !wslay_event_get_close_sent(ws->context))
		ws->send(ping, sizeof ping, ws->data);
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
