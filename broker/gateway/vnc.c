/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/gateway/vnc.h"

#include "broker/common/error.h"
#include "broker/common/reactor.h"
#include "broker/gateway/broker-link.h"
#include "broker/gateway/relay.h"
#include "broker/gateway/rfb-client.h"
#include "broker/gateway/stream.h"
#include "broker/gateway/vencrypt.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define STREAM_S 10
#define FINISH_S 5

typedef struct {
	Client *client; /* whose state this is */
	Vencrypt *vencrypt;
	gboolean signing_in;
	/* What came of @wanted bytes so far: a password among them. */
	guint8 bytes[VENCRYPT_WANTED_MAX];
	gsize n;
	/* The display server's side. */
	int stream;
	Watch *watch;
	RfbClient rfb;
	guint8 stream_bytes[RFB_CLIENT_WANTED_MAX];
	gsize stream_n;
} Vnc;

static void
close_stream(Vnc *vnc)
{
	g_clear_pointer(&vnc->watch, watch_free);
	if (vnc->stream >= 0)
		close(vnc->stream);
	vnc->stream = -1;
}

static void
vnc_free(void *state)
{
	Vnc *vnc = state;

	close_stream(vnc);
	vencrypt_free(vnc->vencrypt);
	explicit_bzero(vnc->bytes, sizeof vnc->bytes);
	g_free(vnc);
}

static void on_input(Client *client);
static void on_close(Client *client);

static const Stage stage = {"VNC sign-in", .on_input = on_input, .on_close = on_close, .free = vnc_free};

static void
on_close(Client *client)
{
	close_stream(client_state(client));
}

static void
send_output(Vnc *vnc)
{
	gsize n;
	const guint8 *output = vencrypt_output(vnc->vencrypt, &n);

	client_send(vnc->client, output, n);
}

static void
fail(Vnc *vnc, const char *reason)
{
	vencrypt_result(vnc->vencrypt, reason);
	send_output(vnc);
	client_finish(vnc->client, FINISH_S);
}

/* One fixed text a code: who has not signed in learns nothing from the words. */
static void
fail_for(Vnc *vnc, const GError *error)
{
	const char *word = broker_link_word(error);

	refusal(client_address(vnc->client), REFUSAL_SIGN_IN, word);
	switch (broker_link_status(error)) {
	case 400: /* no account has such a name, or such a password */
	case 403:
		fail(vnc, "Authentication failed");
		break;
	case 404:
		fail(vnc, "There is no such desktop for you.");
		break;
	case 503:
		fail(vnc, "No desktop is free now, or too many have tried to sign in. Try again in a moment.");
		break;
	case 504:
		fail(vnc, "The desktop took too long to start. Try again in a moment.");
		break;
	default:
		fail(vnc, "The desktop could not be started.");
	}
}

static void
stream_failed(Vnc *vnc, const char *why)
{
	g_warning("%s: the display server's stream: %s", client_address(vnc->client), why);
	close_stream(vnc);
	fail(vnc, "The desktop's screen could not be reached. Try again in a moment.");
}

static void
on_stream_ready(Vnc *vnc)
{
	Client *client = vnc->client;
	int stream = vnc->stream;

	g_clear_pointer(&vnc->watch, watch_free);
	vnc->stream = -1;
	vencrypt_result(vnc->vencrypt, NULL);
	send_output(vnc);
	if (client_is_closed(client))
		close(stream);
	else
		relay_start(client, stream, "VNC");
}

static void
on_stream_input(void *data, guint32 events)
{
	Vnc *vnc = data;
	g_autoptr(Client) client = client_ref(vnc->client);

	while (!client_is_closed(client)) {
		gsize wanted = rfb_client_wanted(&vnc->rfb);
		ssize_t n = recv(vnc->stream, vnc->stream_bytes + vnc->stream_n, wanted - vnc->stream_n, 0);
		RfbClientResult result;

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			stream_failed(vnc, "closed");
			return;
		}
		vnc->stream_n += (gsize)n;
		if (vnc->stream_n < wanted)
			continue;
		vnc->stream_n = 0;
		result = rfb_client_feed(&vnc->rfb, vnc->stream_bytes);
		if (result == RFB_CLIENT_DONE) {
			on_stream_ready(vnc);
			return;
		}
		/* Twelve bytes on a socket that nothing else writes to. */
		if (result == RFB_CLIENT_BAD || send(vnc->stream, vnc->rfb.output, vnc->rfb.output_size, MSG_NOSIGNAL) !=
							(ssize_t)vnc->rfb.output_size) {
			stream_failed(vnc, "does not speak RFB 3.8 without security");
			return;
		}
	}
}

static void
on_stream(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(Client) client = data;
	g_autoptr(GError) error = NULL;
	int stream = stream_open_finish(result, &error);
	Vnc *vnc;

	if (client_is_closed(client) || client_stage(client) != &stage) {
		if (stream >= 0)
			close(stream);
		return;
	}
	vnc = client_state(client);
	if (stream < 0) {
		stream_failed(vnc, error->message);
		return;
	}
	vnc->stream = stream;
	vnc->watch = watch_new(client_gateway(client)->reactor, stream, on_stream_input, vnc);
	watch_set(vnc->watch, EPOLLIN);
	client_set_limit(client, STREAM_S, REFUSAL_SIGN_IN_TIMEOUT);
}

static void
on_signed_in(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(Client) client = data;
	g_autoptr(GError) error = NULL;
	g_autoptr(Grant) grant = broker_link_grant_finish(result, &error);

	if (client_is_closed(client) || client_stage(client) != &stage)
		return;
	if (grant == NULL) {
		fail_for(client_state(client), error);
		return;
	}
	client_grant(client, grant->desktop);
	stream_open(grant, client_gateway(client)->display_uid, client_cancellable(client), on_stream, client_ref(client));
}

static void
sign_in(Vnc *vnc)
{
	const Secret *secret = vencrypt_password(vnc->vencrypt);
	GVariant *password = g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, secret_text(secret), secret_size(secret), 1);

	vencrypt_forget_password(vnc->vencrypt);
	explicit_bzero(vnc->bytes, sizeof vnc->bytes);
	vnc->signing_in = TRUE;
	client_set_deadline(vnc->client, 0); /* the call has its own */
	broker_link_sign_in_vnc(client_gateway(vnc->client)->broker, vencrypt_user(vnc->vencrypt), password,
		client_address(vnc->client), client_cancellable(vnc->client), on_signed_in, client_ref(vnc->client));
}

static void
on_secured(Client *client, void *state)
{
	/* A viewer asks its user for the password after the TLS hand-shake. */
	client_set_limit(client, client_limits(client)->sign_in_timeout, REFUSAL_SIGN_IN_TIMEOUT);
	client_set_stage(client, &stage, state);
}

/* FALSE when there is nothing more to read here. */
static gboolean
act(Vnc *vnc, VencryptResult result)
{
	Client *client = vnc->client;

	send_output(vnc);
	if (client_is_closed(client))
		return FALSE;
	switch (result) {
	case VENCRYPT_MORE:
		return TRUE;
	case VENCRYPT_START_TLS:
		client_start_tls(client, vencrypt_is_anonymous(vnc->vencrypt) ? TLS_ANONYMOUS : TLS_STREAM, on_secured,
			client_take_state(client), vnc_free);
		return FALSE;
	case VENCRYPT_SIGN_IN:
		sign_in(vnc);
		return FALSE;
	case VENCRYPT_BAD:
		refusal(client_address(client), REFUSAL_VNC_SYNTAX, vencrypt_fault(vnc->vencrypt));
		client_finish(client, FINISH_S);
	}
	return FALSE;
}

static void
on_input(Client *client)
{
	Vnc *vnc = client_state(client);

	for (;;) {
		/* While the sign-in goes on one byte is asked for: its end is noticed, a byte is a breach. */
		gsize wanted = vnc->signing_in ? 1 : vencrypt_wanted(vnc->vencrypt);
		gssize n = client_recv(client, vnc->bytes + vnc->n, wanted - vnc->n);

		if (n == TRANSPORT_AGAIN)
			return;
		if (n > 0 && vnc->signing_in)
			refusal(client_address(client), REFUSAL_VNC_SYNTAX, "bytes before its sign-in was answered");
		if (n <= 0 || vnc->signing_in) {
			client_close(client);
			return;
		}
		vnc->n += (gsize)n;
		if (vnc->n < wanted)
			continue;
		vnc->n = 0;
		if (!act(vnc, vencrypt_feed(vnc->vencrypt, vnc->bytes)))
			return;
	}
}

void
vnc_start(Client *client)
{
	Vnc *vnc = g_new0(Vnc, 1);

	vnc->client = client;
	vnc->vencrypt = vencrypt_new(client_gateway(client)->vnc_tls_plain);
	vnc->stream = -1;
	client_set_limit(client, client_limits(client)->handshake_timeout, REFUSAL_HANDSHAKE_TIMEOUT);
	client_set_stage(client, &stage, vnc);
	client_send(client, VENCRYPT_GREETING, strlen(VENCRYPT_GREETING));
}
