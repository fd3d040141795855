/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/gateway/relay.h"

#include "broker/common/reactor.h"
#include "broker/common/secret.h"
#include "broker/gateway/counters.h"
#include "broker/gateway/queue.h"
#include "broker/gateway/ws.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFER_MAX (256 * 1024) /* as much as RelayBuffer= may say */
#define TURNS 4             /* reads of one side before others get their turn */
#define UNSENT_MAX(relay) (2 * (relay)->buffer) /* with pongs behind a full buffer, a WebSocket client is not read any more */
#define FINISH_S 5
/* When a desktop is taken away, the end of its stream and the broker's word on why come by two ways: the word may be later. */
#define GRACE_MS 250
#define HALF_S 10 /* the stream may still send this long after its client has ended */

typedef struct {
	Client *client; /* whose state this is */
	const char *protocol;
	gsize buffer;
	int fd; /* -1 once it has ended */
	Watch *watch;
	Queue to_stream;
	Ws *ws; /* NULL: bytes as they are */
	gboolean client_ended;
	guint lost_id; /* the stream has ended; a browser is told why when this runs out */
	gint64 started, progress, heard, pinged; /* progress: of what waits for the stream */
	guint64 from_client, from_stream;
} Relay;

/* One thread, so one of each is enough for all. */
static guint8 raw[BUFFER_MAX], plain[BUFFER_MAX];
static guint8 framed[WS_HEADER_MAX + BUFFER_MAX];

static void
close_stream(Relay *relay)
{
	g_clear_pointer(&relay->watch, watch_free);
	if (relay->fd >= 0)
		close(relay->fd);
	relay->fd = -1;
	queue_clear(&relay->to_stream);
}

static void
relay_free(void *state)
{
	Relay *relay = state;

	g_clear_handle_id(&relay->lost_id, g_source_remove);
	close_stream(relay);
	ws_free(relay->ws);
	g_free(relay);
}

/* Asks the kernel for what can be acted on now. */
static void
update(Relay *relay)
{
	Client *client = relay->client;
	gboolean waits = queue_length(&relay->to_stream) > 0;

	if (client_is_closed(client) || relay->fd < 0)
		return;
	watch_set(relay->watch, (client_unsent(client) == 0 ? EPOLLIN : 0) | (waits ? EPOLLOUT : 0));
	client_set_reading(client, !waits && !relay->client_ended && client_unsent(client) < UNSENT_MAX(relay));
}

/* The end, said in order. @code is for browsers. */
static void
finish(Relay *relay, guint code, const char *reason)
{
	g_clear_handle_id(&relay->lost_id, g_source_remove);
	if (relay->ws)
		ws_close(relay->ws, code, reason);
	close_stream(relay);
	client_finish(relay->client, FINISH_S);
}

static gboolean
on_lost(gpointer data)
{
	Relay *relay = data;
	Client *client = client_ref(relay->client);

	relay->lost_id = 0;
	finish(relay, WS_RESTART, "the screen was lost");
	client_unref(client);
	return G_SOURCE_REMOVE;
}

static void
stream_is_lost(Relay *relay)
{
	if (client_desktop(relay->client))
		g_message("%s: %s stream of %s ended by the display server", client_address(relay->client), relay->protocol,
			client_desktop(relay->client));
	if (relay->ws == NULL) {
		finish(relay, WS_RESTART, NULL);
		return;
	}
	close_stream(relay);
	client_set_reading(relay->client, FALSE);
	if (relay->lost_id == 0)
		relay->lost_id = g_timeout_add(GRACE_MS, on_lost, relay);
}

/* FALSE when the stream is no more. */
static gboolean
flush_to_stream(Relay *relay)
{
	while (queue_length(&relay->to_stream) > 0) {
		ssize_t n = send(relay->fd, queue_bytes(&relay->to_stream), queue_length(&relay->to_stream), MSG_NOSIGNAL);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return TRUE;
		if (n < 0) {
			stream_is_lost(relay);
			return FALSE;
		}
		queue_consume(&relay->to_stream, (gsize)n);
		relay->progress = g_get_monotonic_time();
	}
	if (relay->client_ended)
		shutdown(relay->fd, SHUT_WR);
	return TRUE;
}

static gboolean
send_to_stream(Relay *relay, const guint8 *bytes, gsize n)
{
	ssize_t sent = n > 0 ? send(relay->fd, bytes, n, MSG_NOSIGNAL) : 0;

	relay->from_client += n;
	counter_add(COUNTER_BYTES_IN, n);
	if (sent < 0 && errno != EAGAIN && errno != EINTR) {
		stream_is_lost(relay);
		return FALSE;
	}
	relay->progress = g_get_monotonic_time();
	sent = MAX(sent, 0);
	queue_append(&relay->to_stream, bytes + sent, n - (gsize)sent);
	return TRUE;
}

static void
client_has_ended(Relay *relay)
{
	relay->client_ended = TRUE;
	client_set_deadline(relay->client, HALF_S);
	flush_to_stream(relay);
}

/* FALSE when there is nothing more to read, now or ever: less than was asked for was all there is. */
static gboolean
read_client(Relay *relay)
{
	gsize payload = 0;
	gssize n;

	/* The first may have come with the end of a hand-shake. */
	secret_wipes_freed = relay->from_client == 0;
	n = client_recv(relay->client, raw, relay->buffer);
	secret_wipes_freed = TRUE;
	if (n == TRANSPORT_AGAIN)
		return FALSE;
	if (n == TRANSPORT_BROKEN) {
		client_close(relay->client);
		return FALSE;
	}
	if (n == TRANSPORT_END) {
		client_has_ended(relay);
		return FALSE;
	}
	relay->heard = g_get_monotonic_time();
	if (relay->ws == NULL)
		return send_to_stream(relay, raw, (gsize)n) && (gsize)n == relay->buffer;
	gboolean open = ws_feed(relay->ws, raw, (gsize)n, plain, &payload);

	if (client_is_closed(relay->client) || !send_to_stream(relay, plain, payload))
		return FALSE;
	if (!open) {
		if (ws_fault(relay->ws))
			refusal(client_address(relay->client),
				ws_fault(relay->ws) == WS_TOO_BIG ? REFUSAL_FRAME_SIZE : REFUSAL_FRAME_SYNTAX, NULL);
		finish(relay, WS_NORMAL, "");
	}
	return open && (gsize)n == relay->buffer;
}

static void
on_input(Client *client)
{
	Relay *relay = client_state(client);

	for (int turn = 0; turn < TURNS && relay->fd >= 0; turn++) {
		if (queue_length(&relay->to_stream) > 0 || client_unsent(client) >= UNSENT_MAX(relay) || !read_client(relay))
			break;
	}
	update(relay);
}

/* The same for the stream. */
static gboolean
read_stream(Relay *relay)
{
	guint8 *payload = framed + WS_HEADER_MAX, *start = payload;
	/* With its header a frame fills four TLS records, and not four and a bit. */
	gsize size = relay->ws ? relay->buffer - WS_HEADER_MAX : relay->buffer;
	ssize_t n = recv(relay->fd, payload, size, 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return FALSE;
	if (n <= 0) {
		stream_is_lost(relay);
		return FALSE;
	}
	relay->from_stream += (guint64)n;
	counter_add(COUNTER_BYTES_OUT, (guint64)n);
	if (relay->ws)
		start = ws_wrap(payload, (gsize)n);
	secret_wipes_freed = FALSE;
	client_send(relay->client, start, (gsize)(payload + n - start));
	secret_wipes_freed = TRUE;
	return !client_is_closed(relay->client) && (gsize)n == size;
}

static void
on_stream(void *data, guint32 events)
{
	Relay *relay = data;
	g_autoptr(Client) client = client_ref(relay->client);

	if ((events & EPOLLOUT) && !flush_to_stream(relay))
		return;
	for (int turn = 0; turn < TURNS && (events & ~(guint32)EPOLLOUT) && relay->fd >= 0; turn++) {
		if (client_unsent(client) > 0 || !read_stream(relay))
			break;
	}
	update(relay);
}

static void
on_drained(Client *client)
{
	Relay *relay = client_state(client);

	/* The socket had been full, so the other side has taken bytes: it is alive, though a ping may still wait behind others. */
	relay->heard = g_get_monotonic_time();
	update(relay);
}

static void
on_tick(Client *client, gint64 now)
{
	Relay *relay = client_state(client);
	gint64 ping_us = client_limits(client)->ping_interval * G_USEC_PER_SEC;

	if (relay->fd < 0)
		return;
	if (queue_length(&relay->to_stream) > 0 && now - relay->progress > client_limits(client)->write_timeout * G_USEC_PER_SEC) {
		g_warning("%s: the display server takes no bytes: closed (Limit=WriteTimeout)", client_address(client));
		stream_is_lost(relay);
	} else if (relay->ws && relay->pinged > relay->heard && now - relay->pinged > ping_us) {
		refusal(client_address(client), REFUSAL_PING_INTERVAL, NULL);
		client_close(client);
	} else if (relay->ws && now - MAX(relay->heard, relay->pinged) > ping_us) {
		relay->pinged = now;
		counter_add(COUNTER_PINGS, 1);
		ws_ping(relay->ws);
	}
}

static void
on_deadline(Client *client)
{
	client_finish(client, FINISH_S);
}

static void
on_end(Client *client, guint code)
{
	finish(client_state(client), code, "ended by the broker");
}

static void
on_close(Client *client)
{
	Relay *relay = client_state(client);
	gint64 seconds = (g_get_monotonic_time() - relay->started) / G_USEC_PER_SEC;

	close_stream(relay);
	if (client_desktop(client))
		g_debug("%s: %s stream of %s closed after %" G_GINT64_FORMAT " s, %" G_GUINT64_FORMAT " bytes from the client, "
			"%" G_GUINT64_FORMAT " to it",
			client_address(client), relay->protocol, client_desktop(client), seconds, relay->from_client,
			relay->from_stream);
}

static const Stage stage = {"relay", on_input, on_drained, on_tick, on_deadline, on_end, on_close, relay_free};

static Relay *
relay_new(Client *client, int stream, const char *protocol)
{
	Relay *relay = g_new0(Relay, 1);

	relay->client = client;
	relay->protocol = protocol;
	relay->buffer = (gsize)client_limits(client)->relay_buffer;
	relay->fd = stream;
	relay->started = relay->heard = g_get_monotonic_time();
	if (stream >= 0)
		relay->watch = watch_new(client_gateway(client)->reactor, stream, on_stream, relay);
	return relay;
}

const char *
relay_protocol(const Client *client)
{
	const Relay *relay = client_stage(client) == &stage ? client_state(client) : NULL;

	return relay && relay->fd >= 0 ? relay->protocol : NULL;
}

void
relay_start(Client *client, int stream, const char *protocol)
{
	Relay *relay = relay_new(client, stream, protocol);

	counter_add(strcmp(protocol, "VNC") == 0 ? COUNTER_VNC_STREAMS : COUNTER_SPICE_STREAMS, 1);
	g_message("%s: %s stream of %s", client_address(client), protocol, client_desktop(client));
	client_set_deadline(client, 0);
	client_set_stage(client, &stage, relay);
	update(relay);
}

static void
send_frames(const guint8 *bytes, gsize n, void *data)
{
	client_send(data, bytes, n);
}

void
relay_start_websocket(Client *client, int stream, const char *protocol)
{
	Relay *relay = relay_new(client, stream, protocol);

	relay->ws = ws_new(send_frames, client);
	ws_set_frame_max(relay->ws, (gsize)client_limits(client)->frame_size);
	counter_add(strcmp(protocol, "sound") == 0  ? COUNTER_SOUND_STREAMS
		    : strcmp(protocol, "files") == 0 ? COUNTER_FILES_STREAMS
						     : COUNTER_BROWSER_STREAMS,
		1);
	g_message("%s: %s stream of %s", client_address(client), protocol, client_desktop(client));
	client_set_deadline(client, 0);
	client_set_stage(client, &stage, relay);
	update(relay);
}

void
relay_refuse_websocket(Client *client, guint code, const char *reason)
{
	Relay *relay = relay_new(client, -1, "browser");

	relay->ws = ws_new(send_frames, client);
	client_set_stage(client, &stage, relay);
	finish(relay, code, reason);
}
