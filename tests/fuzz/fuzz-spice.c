/* A hostile SPICE client against libspice-server as display/spice.c makes it: link messages, and the messages of the channels.
 * The first byte chooses rights; then come steps of a byte that says what happens, a length, and that many bytes. Connections
 * are new for each input, the server is not (it leaks when it is destroyed); its display channel has a thread of its own, so that
 * runs differ a little. Messages that are known to end the library (FINDINGS.md) are left out, which is why bytes that go as they
 * are end with the link.
 * Two functions of OpenSSL stand here in place of its own, or a key of 1024 bits would be made for each link, and no input could
 * hold a password: the key is always the same one, and a password's encryption is itself.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <dlfcn.h>
#include <linux/sockios.h>
#include <spice/enums.h>
#include <spice/protocol.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "display/frame.h"
#include "display/spice.h"

#define CONNECTIONS_MAX 6
#define TICKET_SIZE 128
#define SECRET "secret"
/* Header, link message with two capabilities, way of authentication, password; not the head of a message behind them. */
#define RAW_MAX (16 + 26 + 4 + TICKET_SIZE)
/* What a display channel hears before its first message is read: the link's answer, its result, SET_ACK. */
#define DISPLAY_HEARD (16 + 178 + 4 + 4 + 4 + 6 + 8)
#define RAW_ID 16 /* where the connection's id, and its type, stand in these */
#define RAW_CHANNEL 20
#define RAW (-1)
#define ANY (-2)
#define PATIENCE_WITH_DISPLAY_US (5 * G_USEC_PER_SEC)
#define PATIENCE_US 5000 /* for the library's thread to take what was sent */

enum { STEP_SAY, STEP_BEGIN, STEP_MESSAGE, STEP_LINK, STEP_CONNECT, STEP_CLOSE, STEP_DAMAGE, STEP_AGENT, N_STEPS };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__asan_default_options(void);
void *EVP_PKEY_Q_keygen(void *context, const char *properties, const char *type, ...);
int EVP_PKEY_decrypt(void *context, guint8 *out, size_t *out_size, const guint8 *in, size_t in_size);

static Spice *spice;
static Frame *frame;
static Heads heads;
static gboolean view_only; /* of the clients of this input */

typedef struct {
	int fd;		/* the client's end; -1: closed */
	int channel;  /* what it was linked as; RAW: the input does that itself */
	gsize raw_at; /* bytes that it said as they are, RAW_MAX at most */
	gsize heard;  /* bytes that the server said */
	gboolean ended; /* by the server */
} Connection;

typedef struct {
	Connection connections[CONNECTIONS_MAX];
	guint n;
	int stuck; /* bytes that the server did not take in time, and surely never will */
} Session;

/* Messages that end the process, all of them known (FINDINGS.md). */
static const struct {
	int channel; /* SPICE_CHANNEL_*, or ANY */
	guint16 type;
} fatal[] = {
	{ANY, SPICE_MSGC_MIGRATE_FLUSH_MARK},
	{SPICE_CHANNEL_DISPLAY, SPICE_MSGC_DISPLAY_INIT}, /* a second one */
	{SPICE_CHANNEL_MAIN, SPICE_MSGC_MAIN_MIGRATE_DST_DO_SEAMLESS},
	{SPICE_CHANNEL_MAIN, SPICE_MSGC_MAIN_AGENT_TOKEN}, /* before AGENT_START */
};

/* The library leaks (FINDINGS.md). */
const char *
__asan_default_options(void)
{
	return "detect_leaks=0";
}

void *
EVP_PKEY_Q_keygen(void *context, const char *properties, const char *type, ...)
{
	static void *key;
	static int (*ref)(void *key);

	if (key == NULL) {
		void *(*make)(void *, const char *, const char *, ...) = dlsym(RTLD_NEXT, "EVP_PKEY_Q_keygen");
		va_list args;

		va_start(args, type);
		ref = dlsym(RTLD_NEXT, "EVP_PKEY_up_ref");
		key = make(context, properties, type, va_arg(args, size_t));
		va_end(args);
	}
	ref(key);
	return key;
}

int
EVP_PKEY_decrypt(void *context, guint8 *out, size_t *out_size, const guint8 *in, size_t in_size)
{
	*out_size = strnlen((const char *)in, MIN(in_size, *out_size));
	memcpy(out, in, *out_size);
	return 1;
}

static void
on_joined(const Client *client, void *data)
{
}

static void
on_left(const Client *client, const char *why, void *data)
{
}

static void
on_resize(const Client *client, const Heads *wish, void *data)
{
	if (view_only)
		g_error("a client that may only look wishes for a size");
	if (rect_is_empty(&wish->rects[0]) || wish->width > FRAME_SIDE_MAX || wish->height > FRAME_SIDE_MAX)
		g_error("a wish for %dx%d", wish->width, wish->height);
}

static void
on_agent(guint32 type, const guint8 *bytes, gsize size, void *data)
{
}

static void
on_displace(const Client *next, void *data)
{
}

static const SpiceEvents events = {on_joined, on_left, on_displace, on_resize, on_agent};

static void
on_key(void *data, guint qnum, gboolean down)
{
	if (qnum < 1 || qnum > 255)
		g_error("there is no key %u", qnum);
}

static void
on_motion(void *data, int x, int y)
{
	if (x < 0 || y < 0 || x >= FRAME_SIDE_MAX || y >= FRAME_SIDE_MAX)
		g_error("the pointer is outside, at %d,%d", x, y);
}

static void
on_button(void *data, guint button, gboolean down)
{
	if (button > 8)
		g_error("there is no button %u", button);
}

static const InputSink sink = {on_key, on_motion, on_button, NULL};

/* Bytes that the server has not read yet. */
static int
unread(const Session *session)
{
	int sum = 0;

	for (guint i = 0; i < session->n; i++) {
		int n = 0;

		if (session->connections[i].fd >= 0 && ioctl(session->connections[i].fd, SIOCOUTQ, &n) == 0)
			sum += n;
	}
	return sum;
}

static void
hear(Connection *connection)
{
	static guint8 buffer[65536];
	ssize_t n = 1;

	while (connection->fd >= 0 && n > 0) {
		n = recv(connection->fd, buffer, sizeof buffer, MSG_DONTWAIT);
		connection->heard += n > 0 ? (gsize)n : 0;
		connection->ended |= n == 0;
	}
}

static void
run_once(Session *session)
{
	while (g_main_context_iteration(NULL, FALSE))
		;
	for (guint i = 0; i < session->n; i++)
		hear(&session->connections[i]);
}

static void
turn(Session *session)
{
	gint64 deadline = g_get_monotonic_time() + PATIENCE_US;

	for (;;) {
		run_once(session);
		if (unread(session) <= session->stuck)
			return;
		if (g_get_monotonic_time() > deadline)
			break;
		g_usleep(100);
	}
	session->stuck = unread(session);
}

static void
put(Connection *connection, const void *bytes, size_t size)
{
	if (connection->fd >= 0 && size > 0 && send(connection->fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		g_debug("the server reads no more");
}

/* Bytes as they are: no more than a link has; and only a main channel's, without an id of its own, for what the display channel
 * does next depends on that. */
static void
say(Connection *connection, const uint8_t *data, size_t size)
{
	gsize at = connection->raw_at;

	size = MIN(size, RAW_MAX - at);
	for (gsize i = MAX(at, RAW_ID); i < at + size && i <= RAW_CHANNEL; i++) {
		if (data[i - at] != (i == RAW_CHANNEL ? SPICE_CHANNEL_MAIN : 0))
			size = i - at;
	}
	connection->raw_at += size;
	put(connection, data, size);
}

static gboolean
is_fatal(const Connection *connection, guint16 type)
{
	for (gsize i = 0; i < G_N_ELEMENTS(fatal); i++) {
		if (fatal[i].type == type && (fatal[i].channel == ANY || connection->channel == RAW || fatal[i].channel == connection->channel))
			return TRUE;
	}
	return FALSE;
}

/* A message with its small header. @claim: the size that its header gives, where it is not its own: nothing follows it then. */
static void
say_message(Connection *connection, const uint8_t *data, size_t size, guint32 claim)
{
	g_autofree guint8 *message = g_malloc(6 + size);
	guint32 body = GUINT32_TO_LE(claim > 0 ? claim : (guint32)size - 2);

	if (size < 2 || (connection->channel == RAW && connection->raw_at < RAW_MAX) || is_fatal(connection, (guint16)(data[0] | data[1] << 8)))
		return;
	memcpy(message, data, 2);
	memcpy(message + 2, &body, 4);
	memcpy(message + 6, data + 2, size - 2);
	put(connection, message, 4 + size);
	if (claim > 0 && connection->fd >= 0)
		shutdown(connection->fd, SHUT_WR);
}

/* The beginning of a message: its size is in the first four bytes, at least as much as there is. */
static void
begin_message(Connection *connection, const uint8_t *data, size_t size)
{
	guint32 claim;

	if (size < 6)
		return;
	memcpy(&claim, data, 4);
	say_message(connection, data + 4, size - 4, MAX(claim, (guint32)size - 6 + 1));
}

static Connection *
add_connection(Session *session, int channel)
{
	g_autoptr(GVariant) params = g_variant_ref_sink(g_variant_new_parsed(
		"{'protocol': <'spice'>, 'client': <'fuzz'>, 'secret': <'" SECRET "'>, 'view-only': <%b>}", view_only));
	Connection *connection = &session->connections[session->n];
	int ends[2];

	if (session->n == CONNECTIONS_MAX)
		return NULL;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
		g_error("no sockets");
	session->n++;
	*connection = (Connection){ends[0], channel, channel == RAW ? 0 : RAW_MAX};
	if (!spice_add_client(spice, ends[1], client_new(params, NULL), NULL))
		g_error("not even so few connections are taken");
	return connection;
}

/* The connection ids that the library will give, since g_random_int is seeded for each input: NUMBER 1 is the first main
 * channel's. */
static guint32
connection_id(guint number)
{
	g_autoptr(GRand) numbers = g_rand_new_with_seed(1);
	guint32 id = 0;

	for (guint i = 0; i < number; i++)
		id = g_rand_int(numbers);
	return id;
}

/* A client's whole link, with the right password: channel type, channel id, which connection id, capabilities. */
static void
link_channel(Session *session, const uint8_t *data, size_t size)
{
	struct __attribute__((packed)) {
		SpiceLinkHeader header;
		SpiceLinkMess mess;
		guint32 common, channel, mechanism;
		guint8 ticket[TICKET_SIZE];
	} hello = {.ticket = SECRET};
	/* SPICE_MSGC_DISPLAY_INIT: number and size of the cache, number and size of the dictionary. */
	static const guint8 init[20] = {SPICE_MSGC_DISPLAY_INIT, 0, 14, 0, 0, 0, 1, 0, 4, 0, 0, 0, 0, 0, 0, 1, 0, 16, 0, 0};
	guint8 bytes[7] = {SPICE_CHANNEL_MAIN};

	memcpy(bytes, data, MIN(size, sizeof bytes));
	hello.header = (SpiceLinkHeader){SPICE_MAGIC, GUINT32_TO_LE(SPICE_VERSION_MAJOR), GUINT32_TO_LE(SPICE_VERSION_MINOR),
		GUINT32_TO_LE(sizeof hello.mess + 8)};
	/* A main channel that brings an id of its own comes from another server, and ends this one in many ways (FINDINGS.md). */
	hello.mess.connection_id = GUINT32_TO_LE(connection_id(bytes[0] == SPICE_CHANNEL_MAIN ? 0 : bytes[2] % 4));
	hello.mess.channel_type = bytes[0];
	hello.mess.channel_id = bytes[1];
	hello.mess.num_common_caps = hello.mess.num_channel_caps = GUINT32_TO_LE(1);
	hello.mess.caps_offset = GUINT32_TO_LE(sizeof hello.mess);
	hello.common = GUINT32_TO_LE(1u << SPICE_COMMON_CAP_PROTOCOL_AUTH_SELECTION | 1u << SPICE_COMMON_CAP_AUTH_SPICE |
				     1u << SPICE_COMMON_CAP_MINI_HEADER);
	memcpy(&hello.channel, bytes + 3, 4);
	hello.mechanism = GUINT32_TO_LE(SPICE_COMMON_CAP_AUTH_SPICE);
	Connection *connection = add_connection(session, bytes[0]);
	gint64 deadline = g_get_monotonic_time() + PATIENCE_WITH_DISPLAY_US;

	if (connection == NULL)
		return;
	put(connection, &hello, sizeof hello);
	if (bytes[0] != SPICE_CHANNEL_DISPLAY)
		return;
	/* With its first message at once, and nothing behind it until that was answered: the library's thread waits for it, and uses
	 * what is freed when the connection ends meanwhile. */
	put(connection, init, sizeof init);
	while (!connection->ended && connection->heard <= DISPLAY_HEARD && g_get_monotonic_time() < deadline) {
		run_once(session);
		g_usleep(100);
	}
}

static void
close_connection(Connection *connection)
{
	if (connection->fd >= 0)
		close(connection->fd);
	connection->fd = -1;
}

static void
damage_frame(const uint8_t *data, size_t size)
{
	Rect rect = {0, 0, frame->width, frame->height};
	Change change = {.n_copies = 0};

	if (size >= 4)
		rect = (Rect){data[0], data[1], data[2], data[3]};
	rect_clip(&rect, frame->width, frame->height);
	for (int y = rect.y; y < rect.y + rect.height; y++) {
		for (int x = rect.x; x < rect.x + rect.width; x++)
			*frame_at(frame, x, y) = (guint32)(x * y) ^ (size > 4 ? data[4] : 0);
	}
	change_add_damage(&change, &rect);
	spice_change(spice, &change);
}

/* What happens is in the low bits, on which connection in the high ones. */
static void
step(Session *session, guint8 what, const uint8_t *data, size_t size)
{
	static Connection none = {-1, RAW, 0};
	guint i = (guint)what / N_STEPS % CONNECTIONS_MAX;
	Connection *connection = i < session->n ? &session->connections[i] : &none;

	switch (what % N_STEPS) {
	case STEP_SAY:
		say(connection, data, size);
		break;
	case STEP_BEGIN:
		begin_message(connection, data, size);
		break;
	case STEP_MESSAGE:
		say_message(connection, data, size, 0);
		break;
	case STEP_LINK:
		link_channel(session, data, size);
		break;
	case STEP_CONNECT:
		add_connection(session, RAW);
		break;
	case STEP_CLOSE:
		close_connection(connection);
		break;
	case STEP_DAMAGE:
		damage_frame(data, size);
		break;
	case STEP_AGENT:
		if (size >= 1)
			spice_send_agent(spice, data[0], data + 1, size - 1);
		break;
	}
	turn(session);
}

/* The library tells of each thing that it refuses. */
static GLogWriterOutput
write_log(GLogLevelFlags level, const GLogField *fields, gsize n, gpointer data)
{
	return level & G_LOG_LEVEL_ERROR ? g_log_writer_standard_streams(level, fields, n, data) : G_LOG_WRITER_HANDLED;
}

static void
prepare(void)
{
	if (spice)
		return;
	g_log_set_writer_func(write_log, NULL, NULL);
	/* Its g_return_if_fail are how it refuses many a message; in a screen they are a line in the log, too. */
	g_log_set_always_fatal(G_LOG_FATAL_MASK);
	frame = frame_new(64, 48);
	heads = heads_single(64, 48);
	spice = spice_new("fuzz", frame, &heads, 2, &sink, NULL, sound_new(NULL), &events, NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Session session = {.n = 0};

	if (size == 0)
		return 0;
	prepare();
	g_random_set_seed(1);
	view_only = data[0] & 1;
	for (size_t at = 1; at + 2 <= size;) {
		size_t n = MIN((size_t)data[at + 1], size - at - 2);

		step(&session, data[at], data + at + 2, n);
		at += 2 + n;
	}
	turn(&session);
	for (guint i = 0; i < session.n; i++)
		close_connection(&session.connections[i]);
	turn(&session);
	return 0;
}
