/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/spice-relay.h"

#include <errno.h>
#include <glib-unix.h>
#include <spice/enums.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "display/spice-guard.h"

/* The library tries a blocked channel again each 10 ms. */
#define QUIET_MS 100
#define LINK_HEADER 16 /* SpiceLinkHeader, whose last word is the size of what follows */

/* The library pings a new client three times: for the length of the way, and with 250 kB for its width. Where the third answer is there
 * first, for a client that was busy at the second, it takes the way for one of 10 Mbit/s (main-channel-client.cpp, handle_pong), which is ten
 * frames a second of a film. So late that one is handed on; 400 Mbit/s is what is seen then at most. */
#define WIDTH_MS 5

/* One direction. What was read is written before more is read. */
typedef struct {
	SpiceRelay *relay;
	int from, to;
	SpiceGuard *guard; /* NULL: what the library says */
	guint8 bytes[65536];
	gsize at, size;
	guint id;     /* reads, or writes while something is left */
	gboolean held; /* what was read has to wait */
	guint hup_id; /* meanwhile: who has gone is not read from */
} Way;

struct SpiceRelay {
	SpiceRelayEnd on_end;
	void *data;
	int client, library;
	SpiceGuard guard;
	Way in, out;
	gboolean measured; /* the width of its way */
	gboolean retired, told; /* the library that its client is gone */
	guint8 link[LINK_HEADER]; /* of what the library said */
	guint64 said;             /* bytes */
	guint quiet_id;
};

static void await(Way *way);

static void
note_said(SpiceRelay *relay, const guint8 *bytes, gsize size)
{
	if (relay->said < LINK_HEADER)
		memcpy(relay->link + relay->said, bytes, MIN(size, LINK_HEADER - relay->said));
	relay->said += size;
}

/* The worker has begun to serve it: something came behind the link's answer and the password's. */
static gboolean
is_served(const SpiceRelay *relay)
{
	const guint8 *size = relay->link + 12;

	return relay->said > LINK_HEADER &&
	        relay->said > LINK_HEADER + 4 + (size[0] | (guint64)size[1] << 8 | (guint64)size[2] << 16 | (guint64)size[3] << 24);
}

/* Where the library waits, it uses a channel that ended meanwhile after it was freed: so not while it has something to say, nor while a
 * display's INIT has not been taken (see spice-guard.h), for which it gives up by itself after half a minute. */
static gboolean
on_quiet(gpointer data)
{
	SpiceRelay *relay = data;

	if (relay->guard.is_display && relay->guard.signed_in && !is_served(relay))
		return G_SOURCE_CONTINUE;
	relay->quiet_id = 0;
	relay->told = TRUE;
	shutdown(relay->library, SHUT_WR);
	return G_SOURCE_REMOVE;
}

static void
await_quiet(SpiceRelay *relay)
{
	g_clear_handle_id(&relay->quiet_id, g_source_remove);
	if (!relay->told)
		relay->quiet_id = g_timeout_add(QUIET_MS, on_quiet, relay);
}

static void
forget(Way *way)
{
	g_clear_handle_id(&way->id, g_source_remove);
	g_clear_handle_id(&way->hup_id, g_source_remove);
}

static void
end(SpiceRelay *relay)
{
	forget(&relay->in);
	forget(&relay->out);
	relay->on_end(relay, relay->data);
}

/* FALSE: the other side is gone. */
static gboolean
write_out(Way *way)
{
	ssize_t n = send(way->to, way->bytes + way->at, way->size - way->at, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	way->at += (gsize)n;
	return TRUE;
}

static gboolean
is_allowed(Way *way)
{
	const char *why;

	if (way->guard == NULL || spice_guard_check(way->guard, way->bytes, way->size, &why))
		return TRUE;
	g_message("a SPICE client is cut: it sends %s", why);
	return FALSE;
}

/* The third answer's body waits. The answers may come all at once: what is before it in the same bytes goes on. */
static gboolean
must_hold(Way *way)
{
	SpiceRelay *relay = way->relay;
	const SpiceGuard *guard = way->guard;
	guint64 start;
	ssize_t n = 0;

	if (relay->measured || guard == NULL || guard->pongs < SPICE_GUARD_WIDTH_PONG || guard->taken <= guard->width_pong_at)
		return FALSE;
	start = guard->taken - way->size;
	if (guard->width_pong_at > start)
		n = send(way->to, way->bytes, (gsize)(guard->width_pong_at - start), MSG_DONTWAIT | MSG_NOSIGNAL);
	way->at = (gsize)MAX(n, 0);
	relay->measured = way->held = TRUE;
	return TRUE;
}

static gboolean
read_in(Way *way)
{
	ssize_t n = recv(way->from, way->bytes, sizeof way->bytes, MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	way->at = 0;
	way->size = (gsize)n;
	if (n > 0 && way == &way->relay->out)
		note_said(way->relay, way->bytes, way->size);
	if (way->relay->retired) {
		way->size = 0;
		await_quiet(way->relay);
	}
	return n > 0 && (way->relay->retired || (is_allowed(way) && (must_hold(way) || write_out(way))));
}

static gboolean
on_ready(gint fd, GIOCondition condition, gpointer data)
{
	Way *way = data;
	gboolean good = way->at < way->size ? write_out(way) : read_in(way);

	way->id = 0;
	forget(way);
	if (good)
		await(way);
	else
		end(way->relay);
	return G_SOURCE_REMOVE;
}

static gboolean
on_held(gpointer data)
{
	Way *way = data;

	way->held = FALSE;
	return on_ready(way->to, 0, way);
}

static gboolean
on_hup(gint fd, GIOCondition condition, gpointer data)
{
	Way *way = data;

	way->hup_id = 0;
	end(way->relay);
	return G_SOURCE_REMOVE;
}

static void
await(Way *way)
{
	if (way->at < way->size) {
		way->id = way->held ? g_timeout_add(WIDTH_MS, on_held, way) : g_unix_fd_add(way->to, G_IO_OUT, on_ready, way);
		way->hup_id = g_unix_fd_add(way->from, G_IO_HUP, on_hup, way);
	} else {
		way->id = g_unix_fd_add(way->from, G_IO_IN, on_ready, way);
	}
}

SpiceRelay *
spice_relay_new(int fd, int *library, SpiceRelayEnd on_end, void *data)
{
	/* Little waits here: what is behind is the past by the time that it comes out, and a client drops a film's frame that is late. */
	const int buffer = 32 * 1024, outside = 64 * 1024;
	SpiceRelay *relay;
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
		g_warning("socketpair: %s", g_strerror(errno));
		return NULL;
	}
	setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &outside, sizeof outside);
	relay = g_new0(SpiceRelay, 1);
	relay->on_end = on_end;
	relay->data = data;
	relay->client = fd;
	relay->library = ends[0];
	spice_guard_init(&relay->guard);
	relay->in.relay = relay->out.relay = relay;
	relay->in.from = relay->out.to = fd;
	relay->in.to = relay->out.from = ends[0];
	relay->in.guard = &relay->guard;
	await(&relay->in);
	await(&relay->out);
	*library = ends[1];
	return relay;
}

/* A display that left without its INIT has one from us, so that the library need not wait for it. */
static void
begin_display(SpiceRelay *relay)
{
	/* DISPLAY_INIT (spice.proto): a cache of pixels and a dictionary, each with an id and a size. */
	static const guint8 mini[] = {SPICE_MSGC_DISPLAY_INIT, 0, 14, 0, 0, 0}, whole[18] = {[8] = SPICE_MSGC_DISPLAY_INIT, [10] = 14},
			    body[14] = {1, 0, 0, 16, 0, 0, 0, 0, 0, 1, 0, 0, 16, 0};

	if (!spice_guard_awaits_init(&relay->guard) || relay->in.at < relay->in.size)
		return;
	relay->guard.initialised = send(relay->library, relay->guard.mini_header ? mini : whole, relay->guard.mini_header ? sizeof mini : sizeof whole,
	                                   MSG_DONTWAIT | MSG_NOSIGNAL | MSG_MORE) > 0 &&
	        send(relay->library, body, sizeof body, MSG_DONTWAIT | MSG_NOSIGNAL) > 0;
}

void
spice_relay_retire(SpiceRelay *relay)
{
	if (relay->retired)
		return;
	relay->retired = TRUE;
	begin_display(relay);
	forget(&relay->in);
	forget(&relay->out);
	shutdown(relay->client, SHUT_RDWR);
	await_quiet(relay);
	relay->out.at = relay->out.size = 0;
	await(&relay->out);
}

gboolean
spice_relay_is_main(const SpiceRelay *relay)
{
	return relay->guard.is_main;
}

gboolean
spice_relay_is_retired(const SpiceRelay *relay)
{
	return relay->retired;
}

void
spice_relay_free(SpiceRelay *relay)
{
	forget(&relay->in);
	forget(&relay->out);
	g_clear_handle_id(&relay->quiet_id, g_source_remove);
	close(relay->client);
	close(relay->library);
	g_free(relay);
}
