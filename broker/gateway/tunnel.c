/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/gateway/tunnel.h"

#include "broker/gateway/broker-link.h"
#include "broker/gateway/http.h"
#include "broker/gateway/http-check.h"
#include "broker/gateway/relay.h"
#include "broker/gateway/stream.h"

#include <string.h>
#include <unistd.h>

/* Between the answer and the end of the TLS hand-shake; it holds the stream. */
typedef struct {
	int stream;
} Tunnel;

static void
tunnel_free(void *state)
{
	Tunnel *tunnel = state;

	if (tunnel->stream >= 0)
		close(tunnel->stream);
	g_free(tunnel);
}

static void
on_secured(Client *client, void *state)
{
	Tunnel *tunnel = state;
	int stream = tunnel->stream;

	tunnel->stream = -1;
	tunnel_free(tunnel);
	client_set_last_byte_apart(client);
	relay_start(client, stream, "SPICE");
}

static void
on_stream(GObject *source, GAsyncResult *result, gpointer data)
{
	static const char established[] = "HTTP/1.1 200 Connection established\r\n\r\n";
	g_autoptr(Client) client = data;
	g_autoptr(GError) error = NULL;
	int stream = stream_open_finish(result, &error);

	if (client_is_closed(client)) {
		if (stream >= 0)
			close(stream);
		return;
	}
	if (stream < 0) {
		g_warning("%s", error->message);
		http_refuse(client, REFUSAL_CONNECT, 503, "busy", "the display server is away");
		return;
	}
	Tunnel *tunnel = g_new0(Tunnel, 1);

	tunnel->stream = stream;
	client_send(client, established, sizeof established - 1);
	if (client_is_closed(client))
		tunnel_free(tunnel);
	else
		client_start_tls(client, TLS_STREAM, on_secured, tunnel, tunnel_free);
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
		http_refuse(client, REFUSAL_TICKET, broker_link_status(error), broker_link_word(error), "this ticket opens nothing");
		return;
	}
	client_grant(client, grant->desktop);
	stream_open(grant, client_gateway(client)->display_uid, client_cancellable(client), on_stream, client_ref(client));
}

void
tunnel_start(Client *client)
{
	const HttpHead *head = http_request(client);
	const char *authority = (const char *)http_request_bytes(client) + head->target.start;
	g_autofree char *name = http_check_routing_name(authority, head->target.size);

	if (!http_request_is_last(client)) {
		http_refuse(client, REFUSAL_CONNECT, 400, "protocol", "bytes before the tunnel was there");
		return;
	}
	broker_link_redeem(client_gateway(client)->broker, name, client_address(client), client_cancellable(client), on_grant,
		client_ref(client));
}
