/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/gateway/screen.h"

#include "broker/common/error.h"
#include "broker/gateway/broker-link.h"
#include "broker/gateway/http-check.h"
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
	if (g_error_matches(error, CARREL_ERROR, CARREL_ERROR_CONFIG)) {
		refuse(client, WS_UNRECORDED, "the desktop must be recorded, and cannot be");
		return;
	}
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

/* What a desktop has for a browser. */
static const struct Kind {
	const char *path;     /* behind the desktop's */
	const char *protocol; /* relay_protocol() */
	void (*open)(BrokerLink *, const char *, const char *, const char *, GCancellable *, GAsyncReadyCallback, void *);
} kinds[] = {
	{"/screen", "browser", broker_link_open_screen},
	{"/sound", "sound", broker_link_open_sound},
	{"/files", "files", broker_link_open_files},
};

/* NULL: the request is for none of them. *@desktop: to be freed. */
static const struct Kind *
kind_of(Client *client, char **desktop)
{
	HttpSlice path = http_request(client)->path;
	const char *text = (const char *)http_request_bytes(client) + path.start;

	for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++) {
		*desktop = http_check_stream_path(text, path.size, kinds[i].path);
		if (*desktop)
			return &kinds[i];
	}
	return NULL;
}

static void
on_stream(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(Client) client = data;
	g_autofree char *desktop = NULL;
	g_autoptr(GError) error = NULL;
	int stream = stream_open_finish(result, &error);

	if (client_is_closed(client)) {
		if (stream >= 0)
			close(stream);
	} else if (stream < 0) {
		g_warning("%s", error->message);
		refuse(client, WS_TRY_LATER, "the display server is away");
	} else if (upgrade(client)) {
		relay_start_websocket(client, stream, kind_of(client, &desktop)->protocol);
	} else {
		close(stream);
	}
}

static void
on_grant(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(Client) client = data;
	g_autoptr(GError) error = NULL;
	g_autoptr(Grant) grant = broker_link_grant_finish(result, &error);

	if (client_is_closed(client))
		return;
	if (grant == NULL) {
		refuse_for(client, error);
		return;
	}
	client_grant(client, grant->desktop);
	stream_open(grant, client_gateway(client)->display_uid, client_cancellable(client), on_stream, client_ref(client));
}

gboolean
screen_start(Client *client)
{
	g_autofree char *desktop = NULL, *session = NULL;
	const struct Kind *kind = kind_of(client, &desktop);
	guint status;
	const char *fault;

	if (kind == NULL)
		return FALSE;
	fault = fault_of(client, &status);
	if (fault)
		http_refuse(client, REFUSAL_WEBSOCKET, status, "protocol", fault);
	else if (!http_origin_is_ours(client) || !http_session_cookie(client, &session))
		return TRUE; /* and answered */
	else if (session == NULL)
		refuse(client, WS_BAD_SESSION, "not signed in");
	else
		kind->open(client_gateway(client)->broker, session, desktop, client_address(client), client_cancellable(client), on_grant,
			client_ref(client));
	return TRUE;
}
