/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/gateway/client.h"

#include "broker/common/reactor.h"
#include "broker/gateway/address.h"
#include "broker/gateway/counters.h"
#include "broker/gateway/queue.h"

#define BODY_CHUNK 65536

struct Client {
	guint refs;
	Gateway *gateway;
	Transport *transport;
	Watch *watch;
	char *address;
	AdmissionPlace place;
	GCancellable *cancellable;
	const Stage *stage;
	void *state;
	void (*free_state)(void *state);
	gboolean reading, tls, finishing, closed;
	guint linger_s;
	Queue out;
	GBytes *body; /* goes out behind @out */
	gsize body_sent;
	Refusal limit; /* the deadline's */
	gint64 deadline, progress; /* monotonic, microseconds; progress: of what waits to be sent */
	char *desktop;
};

static void on_ready(void *data, guint32 events);

static void
free_state(Client *client)
{
	if (client->state && client->free_state)
		client->free_state(client->state);
	client->state = NULL;
}

Client *
client_new(Gateway *gateway, int fd, const char *address, const AdmissionPlace *place)
{
	Client *client = g_new0(Client, 1);

	client->refs = 1;
	client->gateway = gateway;
	client->transport = transport_new(fd);
	client->watch = watch_new(gateway->reactor, fd, on_ready, client);
	client->address = g_strdup(address);
	client->place = *place;
	client->cancellable = g_cancellable_new();
	g_hash_table_add(gateway->clients, client);
	return client;
}

Client *
client_ref(Client *client)
{
	client->refs++;
	return client;
}

void
client_unref(Client *client)
{
	if (client == NULL || --client->refs > 0)
		return;
	free_state(client);
	queue_clear(&client->out);
	g_clear_pointer(&client->body, g_bytes_unref);
	g_object_unref(client->cancellable);
	g_free(client->desktop);
	g_free(client->address);
	g_free(client);
}

void
client_close(Client *client)
{
	if (client->closed)
		return;
	client->closed = TRUE;
	g_debug("%s: closed (%s)", client->address, client->stage ? client->stage->name : "new");
	g_cancellable_cancel(client->cancellable);
	if (client->stage && client->stage->on_close)
		client->stage->on_close(client);
	g_clear_pointer(&client->watch, watch_free);
	g_clear_pointer(&client->transport, transport_free);
	queue_clear(&client->out);
	g_clear_pointer(&client->body, g_bytes_unref);
	admission_leave(client->gateway->admission, &client->place);
	g_hash_table_remove(client->gateway->clients, client);
	client_unref(client);
}

static gboolean
has_unsent(const Client *client)
{
	return queue_length(&client->out) > 0 || client->body != NULL || transport_unsent(client->transport) > 0;
}

static void
update(Client *client)
{
	guint32 events = 0;

	if (client->closed)
		return;
	if (client->reading)
		events |= EPOLLIN;
	if (has_unsent(client))
		events |= EPOLLOUT;
	watch_set(client->watch, events);
	if (client->reading && transport_is_pending(client->transport))
		watch_poke(client->watch);
}

static gboolean
send_some(Client *client, const guint8 *bytes, gsize n, gsize *sent)
{
	*sent = 0;
	while (*sent < n) {
		gssize result = transport_send(client->transport, bytes + *sent, n - *sent);

		if (result == TRANSPORT_AGAIN)
			break;
		if (result < 0) {
			client_close(client);
			return FALSE;
		}
		*sent += (gsize)result;
		client->progress = g_get_monotonic_time();
	}
	return TRUE;
}

/* FALSE when that closed the client. */
static gboolean
flush(Client *client)
{
	gsize sent, waited = transport_unsent(client->transport);
	int result = transport_flush(client->transport);

	if (transport_unsent(client->transport) < waited)
		client->progress = g_get_monotonic_time();
	if (result == TRANSPORT_BROKEN) {
		client_close(client);
		return FALSE;
	}
	if (queue_length(&client->out) > 0) {
		if (!send_some(client, queue_bytes(&client->out), queue_length(&client->out), &sent))
			return FALSE;
		queue_consume(&client->out, sent);
	}
	while (queue_length(&client->out) == 0 && client->body) {
		gsize size;
		const guint8 *bytes = g_bytes_get_data(client->body, &size);
		gsize n = MIN(size - client->body_sent, BODY_CHUNK);

		if (!send_some(client, bytes + client->body_sent, n, &sent))
			return FALSE;
		client->body_sent += sent;
		if (client->body_sent == size)
			g_clear_pointer(&client->body, g_bytes_unref);
		else if (sent < n)
			break;
	}
	return TRUE;
}

/* The last stage of a connection that ends in order: the other side reads what it was sent before it sees a reset. What
 * it still sends is thrown away. */
static void
on_lingering_input(Client *client)
{
	guint8 rest[4096];
	gssize n = client_recv(client, rest, sizeof rest);

	if (n == TRANSPORT_END || n == TRANSPORT_BROKEN)
		client_close(client);
}

static void
on_lingering_deadline(Client *client)
{
	client_close(client);
}

static const Stage lingering = {"ending", .on_input = on_lingering_input, .on_deadline = on_lingering_deadline};

static void
end_if_sent(Client *client)
{
	if (!client->finishing || has_unsent(client) || client->stage == &lingering)
		return;
	transport_end(client->transport);
	client_set_deadline(client, client->linger_s);
	if (client->stage->on_close)
		client->stage->on_close(client);
	/* The last stage's state stays until the client is freed: its functions may be on the stack. */
	client->stage = &lingering;
	client->reading = TRUE;
}

void
client_finish(Client *client, guint seconds)
{
	if (client->closed || client->finishing)
		return;
	client->finishing = TRUE;
	client->reading = FALSE;
	client->linger_s = seconds;
	client_set_deadline(client, 0);
	if (flush(client))
		end_if_sent(client);
	update(client);
}

static void
on_ready(void *data, guint32 events)
{
	g_autoptr(Client) client = client_ref(data);

	if ((events & EPOLLOUT) && has_unsent(client)) {
		if (!flush(client))
			return;
		if (client->finishing)
			end_if_sent(client);
		else if (!has_unsent(client) && client->stage->on_drained)
			client->stage->on_drained(client);
	}
	if (!client->closed && client->reading && (events & ~(guint32)EPOLLOUT) != 0)
		client->stage->on_input(client);
	update(client);
}

void
client_set_stage(Client *client, const Stage *stage, void *state)
{
	free_state(client);
	client->stage = stage;
	client->state = state;
	client->free_state = stage->free;
	client->reading = TRUE;
	update(client);
}

void *
client_state(const Client *client)
{
	return client->state;
}

void *
client_take_state(Client *client)
{
	return g_steal_pointer(&client->state);
}

const Stage *
client_stage(const Client *client)
{
	return client->stage;
}

Gateway *
client_gateway(const Client *client)
{
	return client->gateway;
}

const GatewayLimits *
client_limits(const Client *client)
{
	return &client->gateway->limits;
}

const char *
client_address(const Client *client)
{
	return client->address;
}

Refusal
client_set_address(Client *client, const struct sockaddr *address)
{
	char text[ADDRESS_TEXT_MAX];

	address_print(address, text);
	g_free(client->address);
	client->address = g_strdup(text);
	return admission_move(client->gateway->admission, &client->place, address_key(address));
}

GCancellable *
client_cancellable(const Client *client)
{
	return client->cancellable;
}

gboolean
client_is_tls(const Client *client)
{
	return client->tls;
}

int
client_fd(const Client *client)
{
	return transport_fd(client->transport);
}

void
client_set_limit(Client *client, gint64 seconds, Refusal limit)
{
	client->deadline = seconds > 0 ? g_get_monotonic_time() + seconds * G_USEC_PER_SEC : 0;
	client->limit = limit;
}

void
client_set_deadline(Client *client, guint seconds)
{
	client_set_limit(client, seconds, REFUSAL_NONE);
}

void
client_set_reading(Client *client, gboolean reading)
{
	/* Once it is to end, its stage has no say: what still comes is read, to see the other side end. */
	if (client->finishing)
		return;
	client->reading = reading;
	update(client);
}

void
client_set_last_byte_apart(Client *client)
{
	transport_set_last_byte_apart(client->transport);
}

gssize
client_recv(Client *client, void *bytes, gsize size)
{
	gssize n = transport_recv(client->transport, bytes, size);
	const char *breach = n == TRANSPORT_BROKEN ? transport_breach(client->transport) : NULL;

	if (breach)
		refusal(client->address, REFUSAL_TLS, breach);
	return n;
}

void
client_send(Client *client, const void *bytes, gsize n)
{
	gsize sent = 0;

	if (client->closed || client->finishing)
		return;
	if (!has_unsent(client)) {
		client->progress = g_get_monotonic_time();
		if (!send_some(client, bytes, n, &sent))
			return;
	}
	g_assert(client->body == NULL);
	queue_append(&client->out, (const guint8 *)bytes + sent, n - sent);
	update(client);
}

void
client_send_body(Client *client, GBytes *body)
{
	if (client->closed || client->finishing || g_bytes_get_size(body) == 0)
		return;
	g_assert(client->body == NULL);
	client->body = g_bytes_ref(body);
	client->body_sent = 0;
	if (queue_length(&client->out) == 0)
		client->progress = g_get_monotonic_time();
	if (flush(client))
		update(client);
}

gsize
client_unsent(const Client *client)
{
	if (client->closed)
		return 0;
	return queue_length(&client->out) + transport_unsent(client->transport) +
	       (client->body ? g_bytes_get_size(client->body) - client->body_sent : 0);
}

typedef struct {
	void (*next)(Client *client, void *state);
	void *state;
	void (*free)(void *state);
} Handshake;

static void
handshake_free(void *data)
{
	Handshake *handshake = data;

	if (handshake->free && handshake->state)
		handshake->free(handshake->state);
	g_free(handshake);
}

static void
on_handshake(Client *client)
{
	Handshake *handshake = client_state(client);
	int result = transport_handshake(client->transport);

	if (result == TRANSPORT_BROKEN) {
		refusal(client->address, REFUSAL_TLS, transport_fault(client->transport));
		client_close(client);
	} else if (result == 1) {
		counter_add(COUNTER_HANDSHAKES, 1);
		client_set_deadline(client, 0);
		handshake->next(client, g_steal_pointer(&handshake->state));
	}
}

static const Stage handshaking = {"TLS hand-shake", .on_input = on_handshake, .free = handshake_free};

void
client_start_tls(Client *client, TlsUse use, void (*next)(Client *client, void *state), void *state,
	void (*free)(void *state))
{
	Handshake *handshake = g_new0(Handshake, 1);

	handshake->next = next;
	handshake->state = state;
	handshake->free = free;
	transport_start_tls(client->transport, client->gateway->tls, use);
	client->tls = TRUE;
	client_set_limit(client, client->gateway->limits.handshake_timeout, REFUSAL_HANDSHAKE_TIMEOUT);
	client_set_stage(client, &handshaking, handshake);
}

void
client_set_signed_in(Client *client)
{
	admission_rise(client->gateway->admission, &client->place, STANDING_SIGNED_IN);
}

void
client_grant(Client *client, const char *desktop)
{
	g_assert(client->desktop == NULL);
	client->desktop = g_strdup(desktop);
	admission_rise(client->gateway->admission, &client->place, STANDING_GRANTED);
}

const char *
client_desktop(const Client *client)
{
	return client->desktop;
}

gboolean
client_is_closed(const Client *client)
{
	return client->closed;
}

static void
tick(Client *client, gint64 now)
{
	if (has_unsent(client) && now - client->progress > client->gateway->limits.write_timeout * G_USEC_PER_SEC) {
		refusal(client->address, REFUSAL_WRITE_TIMEOUT, client->stage->name);
		client_close(client);
	} else if (client->deadline > 0 && now > client->deadline) {
		client->deadline = 0;
		if (client->stage->on_deadline) {
			client->stage->on_deadline(client);
		} else {
			refusal(client->address, client->limit, client->stage->name);
			client_close(client);
		}
	} else if (client->stage->on_tick) {
		client->stage->on_tick(client, now);
	}
}

void
client_tick(Client *client, gint64 now)
{
	/* What happens in between may close it. */
	client_ref(client);
	if (!client->closed)
		tick(client, now);
	client_unref(client);
}

void
client_end_stream(Client *client, guint code)
{
	client_ref(client);
	if (client->stage->on_end)
		client->stage->on_end(client, code);
	else
		client_close(client);
	client_unref(client);
}
