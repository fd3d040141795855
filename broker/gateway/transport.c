/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/gateway/transport.h"

#include "broker/gateway/queue.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LAYERS_MAX 2
#define RECV_MIN 4096                /* received at once, also for smaller needs and for a hand-shake */
#define SEND_MAX 65536               /* taken by one transport_send */
#define SEALED_MAX (SEND_MAX + 4096) /* the same in records, of 16 KiB or one byte, in two layers */

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
	gboolean is_breach; /* of TLS's rules, by the other side */
	Queue ahead;  /* received, and not yet asked for by TLS */
	Queue sealed; /* records that the socket did not take */
	gssize ending; /* TRANSPORT_END or _BROKEN, found behind bytes that were to be given out first; else 1 */
};

/* What one call receives or sends, so that it takes one system call and not one or two a record. One thread, so one of each is
 * enough for all. They are empty between two calls, and @of keeps it so: no client must ever get another's bytes. */
static struct {
	const Transport *of;
	guint8 bytes[65536];
	gsize start, end;
	gsize most;       /* to receive: about what the caller asked for, so that little is left over */
	gboolean drained; /* the socket gave less than it was asked for: asking again would be in vain */
} inbox;
static struct {
	const Transport *of;
	guint8 bytes[SEALED_MAX];
	gsize n;
} outbox;

Transport *
transport_new(int fd)
{
	Transport *transport = g_new0(Transport, 1);

	transport->fd = fd;
	transport->fault = "none";
	transport->ending = 1;
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
	queue_clear(&transport->ahead);
	queue_clear(&transport->sealed);
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

/* A socket that breaks, a client that ends without a word or says why it does: none of them breaks a rule. */
static void
keep_fault(Transport *transport, int result)
{
	static const int innocent[] = {GNUTLS_E_PULL_ERROR, GNUTLS_E_PUSH_ERROR, GNUTLS_E_PREMATURE_TERMINATION,
		GNUTLS_E_FATAL_ALERT_RECEIVED, GNUTLS_E_WARNING_ALERT_RECEIVED, GNUTLS_E_SESSION_EOF};

	if (transport->is_breach)
		return; /* the outer layer's, which the inner one knows as a broken socket */
	transport->fault = gnutls_strerror(result);
	transport->is_breach = TRUE;
	for (gsize i = 0; i < G_N_ELEMENTS(innocent); i++)
		transport->is_breach = transport->is_breach && result != innocent[i];
}

static gssize
judge(Transport *transport, gssize result)
{
	if (result >= 0)
		return result;
	if (result == GNUTLS_E_AGAIN || result == GNUTLS_E_INTERRUPTED)
		return TRANSPORT_AGAIN;
	/* Renegotiation is among these: it has no use here and a history of holes. */
	keep_fault(transport, (int)result);
	return TRANSPORT_BROKEN;
}

/* The lowest layer reads what is there at once, and is given it piece by piece. */
static ssize_t
pull(gnutls_transport_ptr_t data, void *bytes, size_t size)
{
	Transport *transport = data;
	gsize n;

	if (queue_length(&transport->ahead) > 0) {
		n = MIN(size, queue_length(&transport->ahead));
		memcpy(bytes, queue_bytes(&transport->ahead), n);
		queue_consume(&transport->ahead, n);
		return (ssize_t)n;
	}
	if (inbox.start == inbox.end) {
		ssize_t got = -1;

		errno = EAGAIN;
		if (!inbox.drained)
			got = recv(transport->fd, inbox.bytes, inbox.most, 0);
		if (got <= 0)
			return got;
		inbox.of = transport;
		inbox.start = 0;
		inbox.end = (gsize)got;
		inbox.drained = inbox.end < inbox.most;
	}
	g_assert(inbox.of == transport);
	n = MIN(size, inbox.end - inbox.start);
	memcpy(bytes, inbox.bytes + inbox.start, n);
	inbox.start += n;
	return (ssize_t)n;
}

static ssize_t
push(gnutls_transport_ptr_t data, const void *bytes, size_t size)
{
	g_assert(outbox.n == 0 || outbox.of == data);
	if (size > sizeof outbox.bytes - outbox.n) {
		errno = EAGAIN;
		return -1;
	}
	outbox.of = data;
	memcpy(outbox.bytes + outbox.n, bytes, size);
	outbox.n += size;
	return (ssize_t)size;
}

/* After each call into TLS that may have sent. FALSE: the connection is broken. */
static gboolean
send_outbox(Transport *transport)
{
	gsize n = outbox.n;
	ssize_t sent = 0;

	outbox.n = 0;
	if (n > 0 && queue_length(&transport->sealed) == 0)
		sent = send(transport->fd, outbox.bytes, n, MSG_NOSIGNAL);
	if (sent < 0 && errno != EAGAIN && errno != EINTR)
		return FALSE;
	sent = MAX(sent, 0);
	queue_append(&transport->sealed, outbox.bytes + sent, n - (gsize)sent);
	return TRUE;
}

static void
open_inbox(gsize most)
{
	inbox.most = CLAMP(most, RECV_MIN, sizeof inbox.bytes);
	inbox.drained = FALSE;
}

/* After each call into TLS that may have received. */
static void
keep_inbox(Transport *transport)
{
	queue_append(&transport->ahead, inbox.bytes + inbox.start, inbox.end - inbox.start);
	inbox.start = inbox.end = 0;
}

/* The inner layer's socket is the outer layer. */
static ssize_t
pull_from_outer(gnutls_transport_ptr_t data, void *bytes, size_t size)
{
	Transport *transport = data;
	ssize_t n = gnutls_record_recv(transport->layers[0].session, bytes, size);

	if (n < 0) {
		judge(transport, n);
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
	gnutls_transport_set_ptr(layer->session, transport);
	gnutls_transport_set_pull_function(layer->session, transport->n == 0 ? pull : pull_from_outer);
	gnutls_transport_set_push_function(layer->session, transport->n == 0 ? push : push_to_outer);
	transport->n++;
}

int
transport_handshake(Transport *transport)
{
	int result;

	open_inbox(RECV_MIN);
	/* A warning alert is no reason to wait for the socket: what follows it may be in memory. */
	do {
		result = gnutls_handshake(top(transport));
	} while (result < 0 && result != GNUTLS_E_AGAIN && !gnutls_error_is_fatal(result));
	keep_inbox(transport);
	/* Tell an honest client what it was ("no common version"); one packet, no wait. */
	if (result < 0 && result != GNUTLS_E_AGAIN)
		gnutls_alert_send_appropriate(top(transport), result);
	if (!send_outbox(transport))
		result = GNUTLS_E_PUSH_ERROR;
	if (result == GNUTLS_E_SUCCESS)
		return 1;
	if (result == GNUTLS_E_AGAIN)
		return TRANSPORT_AGAIN;
	transport->fault = gnutls_strerror(result);
	return TRANSPORT_BROKEN;
}

const char *
transport_fault(const Transport *transport)
{
	return transport->fault;
}

const char *
transport_breach(const Transport *transport)
{
	return transport->is_breach ? transport->fault : NULL;
}

static gssize
recv_records(Transport *transport, guint8 *bytes, gsize size)
{
	gsize done = 0;
	gssize n;

	open_inbox(size);
	do {
		do {
			n = gnutls_record_recv(top(transport), bytes + done, size - done);
		} while (n == GNUTLS_E_INTERRUPTED);
		n = judge(transport, n);
		done += (gsize)MAX(n, 0);
	} while (n > 0 && done < size && (inbox.start < inbox.end || transport_is_pending(transport)));
	keep_inbox(transport);
	/* TLS 1.3 may have had an update of its keys to answer. */
	if (!send_outbox(transport))
		n = TRANSPORT_BROKEN;
	if (done == 0)
		return n;
	if (n == TRANSPORT_END || n == TRANSPORT_BROKEN)
		transport->ending = n;
	return (gssize)done;
}

gssize
transport_recv(Transport *transport, void *bytes, gsize size)
{
	gssize n = transport->ending;

	transport->ending = 1;
	if (n <= 0)
		return n;
	if (transport->n > 0)
		return recv_records(transport, bytes, size);
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

static gssize
send_records(Transport *transport, const guint8 *bytes, gsize size)
{
	gsize done = 0;
	gssize n = 1;

	size = MIN(size, SEND_MAX);
	while (n > 0 && done < size) {
		gsize left = size - done;

		n = gnutls_record_send(top(transport), bytes + done, transport->last_byte_apart && left > 1 ? left - 1 : left);
		done += (gsize)MAX(n, 0);
	}
	if (!send_outbox(transport))
		return TRANSPORT_BROKEN;
	return done > 0 ? (gssize)done : judge(transport, n);
}

int
transport_flush(Transport *transport)
{
	ssize_t sent;

	if (queue_length(&transport->sealed) == 0)
		return 1;
	sent = send(transport->fd, queue_bytes(&transport->sealed), queue_length(&transport->sealed), MSG_NOSIGNAL);
	if (sent < 0)
		return errno == EAGAIN || errno == EINTR ? TRANSPORT_AGAIN : TRANSPORT_BROKEN;
	queue_consume(&transport->sealed, (gsize)sent);
	return queue_length(&transport->sealed) == 0 ? 1 : TRANSPORT_AGAIN;
}

gsize
transport_unsent(const Transport *transport)
{
	return queue_length(&transport->sealed);
}

gssize
transport_send(Transport *transport, const void *bytes, gsize size)
{
	gssize n;

	if (transport->n > 0) {
		n = transport_flush(transport);
		return n == 1 ? send_records(transport, bytes, size) : n;
	}
	n = send(transport->fd, bytes, size, MSG_NOSIGNAL);
	if (n >= 0)
		return n;
	return errno == EAGAIN || errno == EINTR ? TRANSPORT_AGAIN : TRANSPORT_BROKEN;
}

gboolean
transport_is_pending(const Transport *transport)
{
	if (transport->ending != 1 || queue_length(&transport->ahead) > 0)
		return TRUE;
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
	send_outbox(transport);
	queue_clear(&transport->sealed);
	shutdown(transport->fd, SHUT_WR);
}
