/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/spice-relay.h"

#include <errno.h>
#include <glib-unix.h>
#include <sys/socket.h>
#include <unistd.h>

#include "display/spice-guard.h"

/* One direction. What was read is written before more is read. */
typedef struct {
	SpiceRelay *relay;
	int from, to;
	SpiceGuard *guard; /* NULL: what the library says */
	guint8 bytes[65536];
	gsize at, size;
	guint id; /* reads, or writes while something is left */
} Way;

struct SpiceRelay {
	SpiceRelayEnd on_end;
	void *data;
	int client, library;
	SpiceGuard guard;
	Way in, out;
};

static void await(Way *way);

static void
end(SpiceRelay *relay)
{
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

static gboolean
read_in(Way *way)
{
	ssize_t n = recv(way->from, way->bytes, sizeof way->bytes, MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	way->at = 0;
	way->size = (gsize)n;
	return n > 0 && is_allowed(way) && write_out(way);
}

static gboolean
on_ready(gint fd, GIOCondition condition, gpointer data)
{
	Way *way = data;
	gboolean good = way->at < way->size ? write_out(way) : read_in(way);

	way->id = 0;
	if (good)
		await(way);
	else
		end(way->relay);
	return G_SOURCE_REMOVE;
}

static void
await(Way *way)
{
	if (way->at < way->size)
		way->id = g_unix_fd_add(way->to, G_IO_OUT, on_ready, way);
	else
		way->id = g_unix_fd_add(way->from, G_IO_IN, on_ready, way);
}

SpiceRelay *
spice_relay_new(int fd, int *library, SpiceRelayEnd on_end, void *data)
{
	SpiceRelay *relay;
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
		g_warning("socketpair: %s", g_strerror(errno));
		return NULL;
	}
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

void
spice_relay_free(SpiceRelay *relay)
{
	g_clear_handle_id(&relay->in.id, g_source_remove);
	g_clear_handle_id(&relay->out.id, g_source_remove);
	close(relay->client);
	close(relay->library);
	g_free(relay);
}
