/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/gateway/transport.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define LAYERS_MAX 2

typedef struct {
	gnutls_session_t session;
	Tls *tls;
} Layer;

struct Transport {
	int fd;
	int n;
	Layer layers[LAYERS_MAX];
	gboolean last_byte_apart;
	const char *fault;
};

Transport *
transport_new(int fd)
{
	Transport *transport = g_new0(Transport, 1);

	transport->fd = fd;
	transport->fault = "none";
	return transport;
}

void
transport_free(Transport *transport)
{
	if (transport == NULL)
		return;
	while (transport->n > 0) {
		Layer *layer = &transport->layers[--transport->n];

		gnutls_deinit(layer->session);
		tls_unref(layer->tls);
	}
	close(transport->fd);
	g_free(transport);
}

int
transport_fd(const Transport *transport)
{
	return transport->fd;
}

static gnutls_session_t
top(const Transport *transport)
{
	return transport->n > 0 ? transport->layers[transport->n - 1].session : NULL;
}

static gssize
judge(Transport *transport, gssize result)
{
	if (result >= 0)
		return result;
	if (result == GNUTLS_E_AGAIN || result == GNUTLS_E_INTERRUPTED)
		return TRANSPORT_AGAIN;
	/* Renegotiation is among these: it has no use here and a history of holes. */
	transport->fault = gnutls_strerror((int)result);
	return TRANSPORT_BROKEN;
}

/* The inner layer's socket is the outer layer. */
static ssize_t
pull_from_outer(gnutls_transport_ptr_t data, void *bytes, size_t size)
{
	Transport *transport = data;
	ssize_t n = gnutls_record_recv(transport->layers[0].session, bytes, size);

	if (n < 0) {
		gnutls_transport_set_errno(transport->layers[1].session, !gnutls_error_is_fatal((int)n) ? EAGAIN : EIO);
		return -1;
	}
	return n;
}

static ssize_t
push_to_outer(gnutls_transport_ptr_t data, const void *bytes, size_t size)
{
	Transport *transport = data;
	ssize_t n = gnutls_record_send(transport->layers[0].session, bytes, size);

	if (n < 0) {
		gnutls_transport_set_errno(transport->layers[1].session, !gnutls_error_is_fatal((int)n) ? EAGAIN : EIO);
		return -1;
	}
	return n;
}

void
transport_start_tls(Transport *transport, Tls *tls, TlsUse use)
{
	Layer *layer = &transport->layers[transport->n];

	g_assert(transport->n < LAYERS_MAX);
	layer->session = tls_session_new(tls, use);
	layer->tls = tls_ref(tls);
	if (transport->n == 0) {
		gnutls_transport_set_int(layer->session, transport->fd);
	} else {
		gnutls_transport_set_ptr(layer->session, transport);
		gnutls_transport_set_pull_function(layer->session, pull_from_outer);
		gnutls_transport_set_push_function(layer->session, push_to_outer);
	}
	transport->n++;
}

int
transport_handshake(Transport *transport)
{
	int result;

	/* A warning alert is no reason to wait for the socket: what follows it may be in memory. */
	do {
		result = gnutls_handshake(top(transport));
	} while (result < 0 && result != GNUTLS_E_AGAIN && !gnutls_error_is_fatal(result));
	if (result == GNUTLS_E_SUCCESS)
		return 1;
	if (result == GNUTLS_E_AGAIN)
		return TRANSPORT_AGAIN;
	transport->fault = gnutls_strerror(result);
	/* Tell an honest client what it was ("no common version"); one packet, no wait. */
	gnutls_alert_send_appropriate(top(transport), result);
	return TRANSPORT_BROKEN;
}

gboolean
transport_wants_write(const Transport *transport)
{
	/* The top layer alone: one below it that is full blocks it, and one that is not says what it did last. */
	return transport->n > 0 && gnutls_record_get_direction(top(transport)) == 1;
}

const char *
transport_fault(const Transport *transport)
{
	return transport->fault;
}

gssize
transport_recv(Transport *transport, void *bytes, gsize size)
{
	gssize n;

	if (transport->n > 0) {
		do {
			n = gnutls_record_recv(top(transport), bytes, size);
		} while (n == GNUTLS_E_INTERRUPTED);
		return judge(transport, n);
	}
	n = recv(transport->fd, bytes, size, 0);
	if (n >= 0)
		return n;
	return errno == EAGAIN || errno == EINTR ? TRANSPORT_AGAIN : TRANSPORT_BROKEN;
}

void
transport_set_last_byte_apart(Transport *transport)
{
	transport->last_byte_apart = TRUE;
}

gssize
transport_send(Transport *transport, const void *bytes, gsize size)
{
	gssize n;

	if (transport->last_byte_apart && size > 1)
		size--;
	if (transport->n > 0)
		return judge(transport, gnutls_record_send(top(transport), bytes, size));
	n = send(transport->fd, bytes, size, MSG_NOSIGNAL);
	if (n >= 0)
		return n;
	return errno == EAGAIN || errno == EINTR ? TRANSPORT_AGAIN : TRANSPORT_BROKEN;
}

gboolean
transport_is_pending(const Transport *transport)
{
	for (int i = 0; i < transport->n; i++) {
		if (gnutls_record_check_pending(transport->layers[i].session) > 0)
			return TRUE;
	}
	return FALSE;
}

void
transport_end(Transport *transport)
{
	for (int i = transport->n - 1; i >= 0; i--)
		gnutls_bye(transport->layers[i].session, GNUTLS_SHUT_WR);
	shutdown(transport->fd, SHUT_WR);
}
