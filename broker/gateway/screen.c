/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/gateway/screen.h"

#include "broker/common/error.h"
#include "broker/gateway/broker-link.h"
#include "broker/gateway/http.h"
#include "broker/gateway/relay.h"
#include "broker/gateway/stream.h"
#include "broker/gateway/ws.h"

#include <string.h>
#include <unistd.h>

/* NULL when the request is a hand-shake of RFC 6455, section 4.2.1, for our subprotocol. */
static const char *
fault_of(Client *client, guint *status)
{
	const HttpHead *head = http_request(client);
	const guint8 *bytes = http_request_bytes(client);
	gsize size = 0;
	guint n;
	const char *version = http_head_find(head, bytes, "sec-websocket-version", &size, &n);

	*status = 400;
	if (head->method != HTTP_GET || !http_head_has_token(head, bytes, "upgrade", "websocket") ||
		!http_head_has_token(head, bytes, "connection", "upgrade")) {
		*status = 426;
		return "a WebSocket is needed here";
	}
	if (n != 1 || size != 2 || memcmp(version, "13", 2) != 0) {
		*status = 426;
		return "only version 13 of WebSocket is spoken here";
	}
	if (!http_head_has_token(head, bytes, "sec-websocket-protocol", "binary"))
		return "the subprotocol binary is not offered";
	if (!http_request_is_last(client))
		return "frames before the hand-shake was answered";
	return NULL;
}

static gboolean
upgrade(Client *client)
{
	const guint8 *bytes = http_request_bytes(client);
	gsize size = 0;
	guint n;
	const char *key = http_head_find(http_request(client), bytes, "sec-websocket-key", &size, &n);
	char accept[29];

	if (n != 1 || !ws_accept_key(key, size, accept)) {
		http_refuse(client, REFUSAL_WEBSOCKET, 400, "protocol", "the Sec-WebSocket-Key is not one");
		return FALSE;
	}
	g_autofree char *answer = g_strdup_printf("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
						  "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n"
						  "Sec-WebSocket-Protocol: binary\r\n\r\n",
		accept);

	client_send(client, answer, strlen(answer));
	return !client_is_closed(client);
}

static void
refuse(Client *client, guint code, const char *reason)
{
	refusal(client_address(client), REFUSAL_SCREEN, reason);
	if (upgrade(client))
		relay_refuse_websocket(client, code, reason);
}

static void
refuse_for(Client *client, const GError *error)
{
	switch (broker_link_status(error)) {
	case 400:
	case 404:
		refuse(client, WS_STOPPED, "there is no such desktop");
		break;
	case 403:
		refuse(client, WS_BAD_SESSION, "not signed in, or not allowed");
		break;
	case 503:
	case 504:
		refuse(client, WS_TRY_LATER, "the desktop is not ready");
		break;
	default:
		refuse(client, WS_SERVER_ERROR, "the desktop could not be opened");
	}
}

/* What is on its way to being a stream. */
typedef struct {
	Client *client;
	gboolean files; /* else the screen */
} Opening;

static void
opening_free(Opening *opening)
{
	client_unref(opening->client);
	g_free(opening);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Opening, opening_free)

static void
on_stream(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(Opening) opening = data;
	g_autoptr(GError) error = NULL;
	Client *client = opening->client;
	int stream = stream_open_finish(result, &error);

	if (client_is_closed(client)) {
		if (stream >= 0)
			close(stream);
	} else if (stream < 0) {
		g_warning("%s", error->message);
		refuse(client, WS_TRY_LATER, "the display server is away");
	} else if (upgrade(client)) {
		relay_start_websocket(client, stream, opening->files ? "files" : "browser");
	} else {
		close(stream);
	}
}

static void
on_grant(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(Opening) opening = data;
	g_autoptr(GError) error = NULL;
	g_autoptr(Grant) grant = broker_link_grant_finish(result, &error);
	Client *client = opening->client;

	if (client_is_closed(client))
		return;
	if (grant == NULL) {
		refuse_for(client, error);
		return;
	}
	client_grant(client, grant->desktop);
	stream_open(grant, client_gateway(client)->display_uid, client_cancellable(client), on_stream, g_steal_pointer(&opening));
}

static void
start(Client *client, const char *desktop, gboolean files)
{
	g_autofree char *session = NULL;
	guint status;
	const char *fault = fault_of(client, &status);
	Opening *opening;

	if (fault) {
		http_refuse(client, REFUSAL_WEBSOCKET, status, "protocol", fault);
		return;
	}
	if (!http_origin_is_ours(client) || !http_session_cookie(client, &session))
		return;
	if (session == NULL) {
		refuse(client, WS_BAD_SESSION, "not signed in");
		return;
	}
	opening = g_new0(Opening, 1);
	opening->client = client_ref(client);
	opening->files = files;
	(files ? broker_link_open_files : broker_link_open_screen)(client_gateway(client)->broker, session, desktop,
		client_address(client), client_cancellable(client), on_grant, opening);
}

void
screen_start(Client *client, const char *desktop)
{
	start(client, desktop, FALSE);
}

void
screen_start_files(Client *client, const char *desktop)
{
	start(client, desktop, TRUE);
}
