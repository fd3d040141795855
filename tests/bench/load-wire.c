/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "tests/bench/load-wire.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* As browsers offer it: the quick cipher and the quick group first. */
#define PRIORITY \
	"NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+AES-128-GCM:+AES-256-GCM:+CHACHA20-POLY1305:" \
	"-GROUP-ALL:+GROUP-X25519:+GROUP-SECP256R1"

static gnutls_certificate_credentials_t credentials;
static gnutls_priority_t priority;

void
wire_init(void)
{
	/* Nothing is verified: that is the client's time, and not what is measured. */
	if (gnutls_certificate_allocate_credentials(&credentials) < 0 || gnutls_priority_init(&priority, PRIORITY, NULL) < 0)
		g_error("GnuTLS does not start");
}

static int
connect_from(guint source, guint16 port)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
	struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000100 + source)};
	struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	if (fd < 0)
		g_error("socket: %s", g_strerror(errno));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	/* The port is chosen with the whole pair of addresses in view, of which there are more. */
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
	if (bind(fd, (struct sockaddr *)&here, sizeof here) < 0 || connect(fd, (struct sockaddr *)&there, sizeof there) < 0)
		g_error("port %u: %s", port, g_strerror(errno));
	return fd;
}

static void
start_tls(Wire *wire, const gnutls_datum_t *ticket)
{
	int result;

	if (gnutls_init(&wire->tls, GNUTLS_CLIENT | GNUTLS_NO_SIGNAL) < 0)
		g_error("GnuTLS has no memory");
	gnutls_priority_set(wire->tls, priority);
	gnutls_credentials_set(wire->tls, GNUTLS_CRD_CERTIFICATE, credentials);
	gnutls_server_name_set(wire->tls, GNUTLS_NAME_DNS, "localhost", 9);
	gnutls_transport_set_int(wire->tls, wire->fd);
	if (ticket)
		gnutls_session_set_data(wire->tls, ticket->data, ticket->size);
	do
		result = gnutls_handshake(wire->tls);
	while (result < 0 && !gnutls_error_is_fatal(result));
	if (result < 0)
		g_error("TLS: %s", gnutls_strerror(result));
}

static gsize
recv_some(Wire *wire, void *bytes, gsize size)
{
	gssize n;

	if (wire->tls == NULL) {
		n = recv(wire->fd, bytes, size, 0);
		return n > 0 ? (gsize)n : 0;
	}
	do
		n = gnutls_record_recv(wire->tls, bytes, size);
	while (n < 0 && !gnutls_error_is_fatal((int)n));
	return n > 0 ? (gsize)n : 0;
}

/* A head, byte by byte: what comes behind it is not ours. Result: the length of the body that it tells of. */
static gsize
read_head(Wire *wire, const char *status, gint64 *first)
{
	g_autoptr(GString) head = g_string_new(NULL);
	char byte;

	while (!g_str_has_suffix(head->str, "\r\n\r\n")) {
		if (recv_some(wire, &byte, 1) == 0 || head->len > 8192)
			g_error("not answered: %s", head->str);
		if (head->len == 0 && first)
			*first = g_get_monotonic_time();
		g_string_append_c(head, byte);
	}
	if (strncmp(head->str + 9, status, 3) != 0)
		g_error("answered with %s", head->str);
	g_autofree char *lower = g_ascii_strdown(head->str, -1);
	const char *length = strstr(lower, "content-length:");

	return length ? (gsize)g_ascii_strtoull(length + 15, NULL, 10) : 0;
}

Wire *
wire_dial(const WireDoor *door, guint source, const gnutls_datum_t *ticket)
{
	static const char tunnel[] = "CONNECT t-1:5901 HTTP/1.1\r\nHost: t-1:5901\r\n\r\n";
	Wire *wire = g_new0(Wire, 1);

	wire->fd = connect_from(source, door->port);
	if (door->kind == WIRE_CONNECT) {
		wire_send(wire, tunnel, sizeof tunnel - 1);
		read_head(wire, "200", NULL);
	}
	start_tls(wire, ticket);
	if (door->kind == WIRE_WEBSOCKET) {
		g_autofree char *upgrade = g_strdup_printf("GET %s HTTP/1.1\r\nHost: localhost:%u\r\nUpgrade: websocket\r\n"
							   "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
							   "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: binary\r\n"
							   "Origin: https://localhost:%u\r\nCookie: __Host-carrel=good\r\n\r\n",
			door->path, door->port, door->port);

		wire_send(wire, upgrade, strlen(upgrade));
		read_head(wire, "101", NULL);
	}
	return wire;
}

void
wire_close(Wire *wire)
{
	if (wire->tls)
		gnutls_deinit(wire->tls);
	close(wire->fd);
	g_free(wire);
}

void
wire_end(Wire *wire)
{
	char rest[4096];

	gnutls_bye(wire->tls, GNUTLS_SHUT_WR);
	shutdown(wire->fd, SHUT_WR);
	while (recv(wire->fd, rest, sizeof rest, 0) > 0)
		;
	wire_close(wire);
}

void
wire_send(Wire *wire, const void *bytes, gsize size)
{
	for (gsize done = 0; done < size;) {
		gssize n = wire->tls ? gnutls_record_send(wire->tls, (const char *)bytes + done, size - done)
				     : send(wire->fd, (const char *)bytes + done, size - done, MSG_NOSIGNAL);

		if (n < 0 && (wire->tls == NULL || gnutls_error_is_fatal((int)n)))
			g_error("the server has gone away");
		done += (gsize)MAX(n, 0);
	}
}

gsize
wire_recv(Wire *wire, void *bytes, gsize size)
{
	return recv_some(wire, bytes, size);
}

gint64
wire_get(Wire *wire, const char *path)
{
	g_autofree char *text = g_strdup_printf("GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);
	gint64 started = g_get_monotonic_time(), first = 0;
	gsize left;
	char body[4096];

	wire_send(wire, text, strlen(text));
	left = read_head(wire, "200", &first);
	while (left > 0) {
		gsize n = recv_some(wire, body, MIN(left, sizeof body));

		if (n == 0)
			g_error("half an answer to %s", path);
		left -= n;
	}
	return first - started;
}

typedef struct {
	int fd;
	WireFirst first;
	void (*serve)(int fd);
} Accepted;

static gpointer
serve_one(gpointer data)
{
	static const char switching[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
					"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
					"Sec-WebSocket-Protocol: binary\r\n\r\n";
	g_autofree Accepted *accepted = data;
	char grant[32];

	if (accepted->first == FIRST_GRANT)
		recv(accepted->fd, grant, sizeof grant, MSG_WAITALL);
	if (accepted->first == FIRST_HTTP) {
		Wire wire = {.fd = accepted->fd};
		guint32 last = 0;
		guint8 byte;

		for (; last != 0x0d0a0d0a && recv_some(&wire, &byte, 1) == 1; last = last << 8 | byte)
			;
		wire_send(&wire, switching, sizeof switching - 1);
	}
	accepted->serve(accepted->fd);
	close(accepted->fd);
	return NULL;
}

static gpointer
accept_all(gpointer data)
{
	Accepted *listener = data;

	for (;;) {
		Accepted *accepted = g_memdup2(listener, sizeof *listener);

		accepted->fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC);
		if (accepted->fd < 0)
			g_error("accept: %s", g_strerror(errno));
		g_thread_unref(g_thread_new("serve", serve_one, accepted));
	}
	return NULL;
}

void
wire_listen(const char *path, WireFirst first, void (*serve)(int fd))
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	Accepted *listener = g_new0(Accepted, 1);

	if (g_strlcpy(address.sun_path, path, sizeof address.sun_path) >= sizeof address.sun_path)
		g_error("%s is too long", path);
	unlink(path);
	*listener = (Accepted){socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), first, serve};
	if (bind(listener->fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener->fd, 1024) < 0 ||
		chmod(path, 0666) < 0)
		g_error("%s: %s", path, g_strerror(errno));
	g_thread_unref(g_thread_new("accept", accept_all, listener));
}
