/* Load for a front door, and what the door's processes used under it. Prints one line of JSON.
 *
 *   gateway-load relay ...       streams through the door to a server of our own behind it
 *   gateway-load handshakes ...  connections that shake hands and end
 *   gateway-load hold ...        connections that are idle; prints "ready", ends when its input ends
 *   gateway-load slow ...        half of them with an unfinished request, half that do not read; the same
 *   gateway-load first-byte ...  small requests, one after the other
 *
 * tests/bench/gateway says with what. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "tests/bench/load-cpu.h"
#include "tests/bench/load-wire.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define WARM_UP_US (300 * 1000)
#define FROM_EACH 200 /* connections from one source address */
#define MASK "\x5a\x17\xc3\x2e"

typedef enum { DOWN, UP, ECHO } Direction;

static WireDoor door = {.path = "/"};
static Direction direction;
static int port, pid, size = 65536, streams = 4, count = 100, threads = 4;
static double seconds = 1.5;
static char *kind_word = "tls", *first_word = "none", *direction_word = "down", *backend, *path;
static gboolean passthrough, resumed, kept;
static guint64 payload; /* bytes that have been taken from whoever sends them */
static gint next;
static Wire **held;

static void
send_all(int fd, const guint8 *bytes, gsize n)
{
	for (gssize sent; n > 0; bytes += sent, n -= (gsize)sent) {
		sent = send(fd, bytes, n, MSG_NOSIGNAL);
		if (sent <= 0)
			return;
	}
}

/* The server behind the door. */
static void
serve(int fd)
{
	g_autofree guint8 *bytes = g_malloc0(65536);
	gssize n = 1;

	while (n > 0) {
		if (direction == DOWN) {
			n = send(fd, bytes, (gsize)size, MSG_NOSIGNAL);
			__atomic_fetch_add(&payload, (guint64)MAX(n, 0), __ATOMIC_RELAXED);
			continue;
		}
		n = recv(fd, bytes, 65536, 0);
		if (direction == ECHO && n > 0)
			send_all(fd, bytes, (gsize)n);
	}
}

/* What the client sends as one message: a masked frame (RFC 6455, section 5.2) where frames are spoken. */
static GByteArray *
make_message(void)
{
	GByteArray *message = g_byte_array_new();
	guint8 head[] = {0x82, 0x80 | 126, (guint8)(size >> 8), (guint8)size};
	guint8 long_head[] = {0x82, 0x80 | 127, 0, 0, 0, 0, 0, (guint8)(size >> 16), (guint8)(size >> 8), (guint8)size};

	if (door.kind == WIRE_WEBSOCKET) {
		if (size < 65536)
			g_byte_array_append(message, head, sizeof head);
		else
			g_byte_array_append(message, long_head, sizeof long_head);
		g_byte_array_append(message, (const guint8 *)MASK, 4);
	}
	for (int i = 0; i < size; i++) {
		guint8 byte = door.kind == WIRE_WEBSOCKET ? (guint8)MASK[i % 4] : 0;

		g_byte_array_append(message, &byte, 1);
	}
	return message;
}

static gpointer
run_stream(gpointer data)
{
	g_autofree guint8 *bytes = g_malloc(65536);
	g_autoptr(GByteArray) message = make_message();
	/* What comes back of it: unmasked in a frame of the server's, or as it was sent. */
	gsize answer = door.kind != WIRE_WEBSOCKET || passthrough ? message->len : (gsize)size + 4;
	Wire *wire = wire_dial(&door, 1, NULL);

	for (;;) {
		if (direction == DOWN) {
			if (wire_recv(wire, bytes, 65536) == 0)
				g_error("the server ended a stream");
			continue;
		}
		wire_send(wire, message->data, message->len);
		for (gsize left = direction == ECHO ? answer : 0; left > 0;) {
			gsize n = wire_recv(wire, bytes, left);

			if (n == 0)
				g_error("the server ended a stream");
			left -= n;
		}
		__atomic_fetch_add(&payload, (guint64)size, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void
relay(void)
{
	double cpu;
	guint64 bytes;
	gint64 started;

	for (int i = 0; i < streams; i++)
		g_thread_unref(g_thread_new("stream", run_stream, NULL));
	g_usleep(WARM_UP_US);
	started = g_get_monotonic_time();
	cpu = cpu_seconds(pid);
	bytes = __atomic_load_n(&payload, __ATOMIC_RELAXED);
	g_usleep((gulong)(seconds * G_USEC_PER_SEC));
	bytes = __atomic_load_n(&payload, __ATOMIC_RELAXED) - bytes;
	cpu = cpu_seconds(pid) - cpu;
	printf("{\"bytes\": %" G_GUINT64_FORMAT ", \"cpu\": %.3f, \"wall\": %.3f}\n", bytes, cpu,
		(double)(g_get_monotonic_time() - started) / G_USEC_PER_SEC);
}

/* A ticket to resume with, for all that follow. */
static gnutls_datum_t
get_ticket(void)
{
	gnutls_datum_t ticket = {0};
	Wire *wire = wire_dial(&door, 1, NULL);

	wire_get(wire, "/");
	if (gnutls_session_get_data2(wire->tls, &ticket) < 0)
		g_error("no ticket came");
	wire_end(wire);
	return ticket;
}

static gpointer
shake_hands(gpointer data)
{
	const gnutls_datum_t *ticket = data;

	while (g_atomic_int_add(&next, 1) < count) {
		Wire *wire = wire_dial(&door, 1, ticket);

		if (ticket && !gnutls_session_is_resumed(wire->tls))
			g_error("a ticket was refused");
		wire_end(wire);
	}
	return NULL;
}

static void
run_threads(GThreadFunc function, gpointer data)
{
	g_autofree GThread **all = g_new(GThread *, threads);

	for (int i = 0; i < threads; i++)
		all[i] = g_thread_new("client", function, data);
	for (int i = 0; i < threads; i++)
		g_thread_join(all[i]);
}

static void
handshakes(void)
{
	gnutls_datum_t ticket = resumed ? get_ticket() : (gnutls_datum_t){0};
	Wire *wire = wire_dial(&door, 1, NULL);
	char *words = gnutls_session_get_desc(wire->tls);
	double cpu;
	gint64 started;

	wire_end(wire);
	started = g_get_monotonic_time();
	cpu = cpu_seconds(pid);
	run_threads(shake_hands, resumed ? &ticket : NULL);
	cpu = cpu_seconds(pid) - cpu;
	printf("{\"handshakes\": %d, \"cpu\": %.3f, \"wall\": %.3f, \"words\": \"%s\"}\n", count, cpu,
		(double)(g_get_monotonic_time() - started) / G_USEC_PER_SEC, words);
}

static gpointer
open_some(gpointer data)
{
	int i;

	while ((i = g_atomic_int_add(&next, 1)) < count) {
		held[i] = wire_dial(&door, 1 + (guint)i / FROM_EACH, NULL);
		/* A browser's connection has had a request before it is idle. */
		if (path)
			wire_get(held[i], path);
	}
	return NULL;
}

static void
wait_for_end_of_input(void)
{
	char byte;

	printf("ready\n");
	fflush(stdout);
	while (read(0, &byte, 1) > 0)
		;
}

static void
hold(void)
{
	held = g_new0(Wire *, count);
	run_threads(open_some, NULL);
	wait_for_end_of_input();
}

static gpointer
open_slow(gpointer data)
{
	static const WireKind kinds[] = {WIRE_TLS, WIRE_WEBSOCKET};
	int i;

	while ((i = g_atomic_int_add(&next, 1)) < count) {
		WireDoor one = door;

		/* The stalled reader's server sends all that the door takes. */
		one.kind = kinds[i % 2];
		held[i] = wire_dial(&one, 1 + (guint)i / FROM_EACH, NULL);
		if (one.kind == WIRE_TLS)
			wire_send(held[i], "GET / HTTP/1.1\r\nX: ", 19);
	}
	return NULL;
}

/* One more byte of each request each second. A server that has had enough of it closes the connection: that is its right. */
static gpointer
trickle(gpointer data)
{
	for (;; g_usleep(G_USEC_PER_SEC)) {
		for (int i = 0; i < count; i += 2)
			gnutls_record_send(held[i]->tls, "x", 1);
	}
	return NULL;
}

static void
slow(void)
{
	held = g_new0(Wire *, count);
	run_threads(open_slow, NULL);
	g_thread_unref(g_thread_new("trickle", trickle, NULL));
	wait_for_end_of_input();
}

static int
compare(const void *a, const void *b)
{
	gint64 x = *(const gint64 *)a, y = *(const gint64 *)b;

	return (x > y) - (x < y);
}

/* From connect(2) on, as a browser that comes anew; with @kept on one connection. */
static void
first_byte(void)
{
	g_autofree gint64 *took = g_new0(gint64, count);
	Wire *wire = kept ? wire_dial(&door, 1, NULL) : NULL;
	double cpu = cpu_seconds(pid);

	for (int i = 0; i < count; i++) {
		gint64 started = g_get_monotonic_time();

		if (!kept)
			wire = wire_dial(&door, 1, NULL);
		started = g_get_monotonic_time() - started;
		took[i] = started + wire_get(wire, "/");
		if (!kept)
			wire_close(wire);
	}
	cpu = cpu_seconds(pid) - cpu;
	qsort(took, (gsize)count, sizeof *took, compare);
	printf("{\"median_us\": %" G_GINT64_FORMAT ", \"p95_us\": %" G_GINT64_FORMAT ", \"CPU_us\": %.0f}\n", took[count / 2],
		took[count * 95 / 100], cpu * G_USEC_PER_SEC / count);
}

static int
word_in(const char *word, const char *const *words)
{
	for (int i = 0; words[i]; i++) {
		if (strcmp(word, words[i]) == 0)
			return i;
	}
	g_error("“%s” is not understood", word);
}

static void
parse(int *argc, char ***argv)
{
	const GOptionEntry options[] = {{"port", 0, 0, G_OPTION_ARG_INT, &port, "The door's", "N"},
		{"pid", 0, 0, G_OPTION_ARG_INT, &pid, "The door's process", "N"},
		{"kind", 0, 0, G_OPTION_ARG_STRING, &kind_word, "tls, connect or websocket", "WORD"},
		{"path", 0, 0, G_OPTION_ARG_STRING, &path, "Of a request on each connection that is held", "PATH"},
		{"websocket-path", 0, 0, G_OPTION_ARG_STRING, &door.path, "Of WebSockets", "PATH"},
		{"backend", 0, 0, G_OPTION_ARG_FILENAME, &backend, "Where to serve what is behind the door", "SOCKET"},
		{"first", 0, 0, G_OPTION_ARG_STRING, &first_word, "What the door says there first: none, grant or http", "WORD"},
		{"passthrough", 0, 0, G_OPTION_ARG_NONE, &passthrough, "The door does not unmask", NULL},
		{"direction", 0, 0, G_OPTION_ARG_STRING, &direction_word, "down, up or echo", "WORD"},
		{"size", 0, 0, G_OPTION_ARG_INT, &size, "Of one message, 126 to 65536", "BYTES"},
		{"streams", 0, 0, G_OPTION_ARG_INT, &streams, "At a time", "N"},
		{"seconds", 0, 0, G_OPTION_ARG_DOUBLE, &seconds, "To measure", "S"},
		{"count", 0, 0, G_OPTION_ARG_INT, &count, "Connections or requests", "N"},
		{"resumed", 0, 0, G_OPTION_ARG_NONE, &resumed, "Hand-shakes with a ticket", NULL},
		{"kept", 0, 0, G_OPTION_ARG_NONE, &kept, "Requests on one connection", NULL}, {NULL}};
	static const char *const kinds[] = {"tls", "connect", "websocket", NULL}, *const firsts[] = {"none", "grant", "http", NULL},
				 *const directions[] = {"down", "up", "echo", NULL};
	g_autoptr(GOptionContext) context = g_option_context_new("relay|handshakes|hold|slow|first-byte");
	g_autoptr(GError) error = NULL;

	g_option_context_add_main_entries(context, options, NULL);
	if (!g_option_context_parse(context, argc, argv, &error))
		g_error("%s", error->message);
	door.kind = (WireKind)word_in(kind_word, kinds);
	door.port = (guint16)port;
	direction = (Direction)word_in(direction_word, directions);
	if (backend)
		wire_listen(backend, (WireFirst)word_in(first_word, firsts), serve);
}

int
main(int argc, char **argv)
{
	static const char *const words[] = {"relay", "handshakes", "hold", "slow", "first-byte", NULL};
	static void (*const commands[])(void) = {relay, handshakes, hold, slow, first_byte};
	struct rlimit files;

	signal(SIGPIPE, SIG_IGN);
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	wire_init();
	parse(&argc, &argv);
	if (argc != 2)
		g_error("one word says what to do; see --help");
	commands[word_in(argv[1], words)]();
	return 0;
}
