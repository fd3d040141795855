/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "agent/session/link.h"

#include "agent/line-reader.h"
#include "agent/packet.h"
#include "broker/common/peer.h"

#include <glib-unix.h>
#include <unistd.h>

#define RETRY_S 1

struct Link {
	char *path;
	int fd;
	guint watch_id, retry_id;
	gboolean complained;
	const LinkHandlers *handlers;
	void *data;
};

static gboolean try_connect(gpointer data);

static void
drop(Link *link)
{
	g_clear_handle_id(&link->watch_id, g_source_remove);
	if (link->fd >= 0)
		close(link->fd);
	link->fd = -1;
	if (link->retry_id == 0)
		link->retry_id = g_timeout_add_seconds(RETRY_S, try_connect, link);
}

static gboolean
on_packet(gint socket, GIOCondition condition, gpointer data)
{
	Link *link = data;
	char buffer[LINE_MAX_BYTES];
	g_autoptr(Message) message = NULL;
	PacketResult result;
	gsize size;
	int fd;

	result = packet_receive(socket, buffer, &size, &fd);
	if (result == PACKET_NONE)
		return G_SOURCE_CONTINUE;
	if (result == PACKET_CLOSED) {
		link->watch_id = 0;
		drop(link);
		return G_SOURCE_REMOVE;
	}
	message = message_parse(buffer, size, NULL);
	if (message && message->fault == NULL)
		link->handlers->on_message(message, fd, link->data);
	else if (fd >= 0)
		close(fd);
	return link->fd == socket ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

/* Only root listens where we expect the daemon; a folder that another user made first must not get our clipboard. */
static gboolean
is_trusted(int fd)
{
	g_autoptr(GError) error = NULL;
	uid_t uid;
	pid_t pid;

	return peer_credentials(fd, &uid, &pid, &error) && (uid == 0 || uid == getuid());
}

static gboolean
try_connect(gpointer data)
{
	Link *link = data;
	g_autoptr(GError) error = NULL;
	g_autofree char *hello = NULL;
	int fd = packet_connect(link->path, &error);

	if (fd < 0) {
		if (!link->complained)
			g_message("%s; it is tried again", error->message);
		link->complained = TRUE;
		if (link->retry_id == 0)
			link->retry_id = g_timeout_add_seconds(RETRY_S, try_connect, link);
		return G_SOURCE_CONTINUE;
	}
	link->retry_id = 0;
	if (!is_trusted(fd)) {
		close(fd);
		link->fd = -1;
		drop(link);
		return G_SOURCE_REMOVE;
	}
	link->complained = FALSE;
	link->fd = fd;
	link->watch_id = g_unix_fd_add(fd, G_IO_IN, on_packet, link);
	hello = link->handlers->on_connected(link->data);
	link_send(link, hello);
	return G_SOURCE_REMOVE;
}

Link *
link_new(const char *runtime, const LinkHandlers *handlers, void *data)
{
	Link *link = g_new0(Link, 1);

	link->path = g_build_filename(runtime, PACKET_SOCKET, NULL);
	link->fd = -1;
	link->handlers = handlers;
	link->data = data;
	try_connect(link);
	return link;
}

void
link_free(Link *link)
{
	if (link == NULL)
		return;
	drop(link);
	g_clear_handle_id(&link->retry_id, g_source_remove);
	g_free(link->path);
	g_free(link);
}

void
link_send(Link *link, const char *text)
{
	g_autoptr(GError) error = NULL;

	if (link->fd < 0 || packet_send(link->fd, text, -1, &error))
		return;
	g_warning("the daemon cannot be told: %s", error->message);
	drop(link);
}
