/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "agent/port.h"

#include "broker/common/error.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/* Read at most so much before the main loop may look after others. */
#define READ_BUDGET (256 * 1024)

struct Port {
	int fd;
	int epoll_fd;
	guint watch_id;
	guint again_id; /* more to read, after the others had their turn */
	gboolean is_open;
	gsize queue_max;
	GByteArray *queue; /* from @sent on: what the host has still to take */
	gsize sent;
	const PortHandlers *handlers;
	void *data;
};

int
port_open_device(const char *path, GError **error)
{
	int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);

	if (fd < 0) {
		CarrelErrorCode code = errno == ENOENT || errno == ENODEV || errno == ENXIO ? CARREL_ERROR_NOT_FOUND
				       : errno == EBUSY					    ? CARREL_ERROR_BUSY
											    : CARREL_ERROR_FAILED;

		g_set_error(error, CARREL_ERROR, code, "%s: %s", path, g_strerror(errno));
	}
	return fd;
}

static void
set_open(Port *port, gboolean is_open)
{
	if (port->is_open == is_open)
		return;
	port->is_open = is_open;
	if (is_open) {
		if (port->handlers->on_open)
			port->handlers->on_open(port->data);
		return;
	}
	g_byte_array_set_size(port->queue, 0);
	port->sent = 0;
	if (port->handlers->on_close)
		port->handlers->on_close(port->data);
}

/* FALSE: the port is gone. */
static gboolean
flush(Port *port)
{
	while (port->sent < port->queue->len) {
		ssize_t n = write(port->fd, port->queue->data + port->sent, port->queue->len - port->sent);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EPIPE || errno == ECONNRESET))
			break;
		if (n <= 0)
			return FALSE;
		port->sent += (gsize)n;
	}
	if (port->sent == port->queue->len) {
		g_byte_array_set_size(port->queue, 0);
		port->sent = 0;
	} else if (port->sent > port->queue->len / 2) {
		g_byte_array_remove_range(port->queue, 0, (guint)port->sent);
		port->sent = 0;
	}
	return TRUE;
}

static gboolean on_again(gpointer data);

/* Reads until nothing is left, as edge-triggered watching demands. FALSE: the port is gone. */
static gboolean
drain(Port *port)
{
	guint8 buffer[16384];
	gsize budget = READ_BUDGET;

	for (;;) {
		ssize_t n = read(port->fd, buffer, sizeof buffer);

		if (n > 0) {
			/* Bytes prove that the host's side is open, whatever order the kernel tells it in. */
			set_open(port, TRUE);
			if (port->handlers->on_bytes)
				port->handlers->on_bytes(buffer, (gsize)n, port->data);
			budget -= MIN(budget, (gsize)n);
			if (budget > 0)
				continue;
			if (port->again_id == 0)
				port->again_id = g_idle_add(on_again, port);
			return TRUE;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0 || errno == ECONNRESET || errno == EPIPE)
			set_open(port, FALSE);
		else if (errno != EAGAIN)
			return FALSE;
		return TRUE;
	}
}

static void
gone(Port *port)
{
	set_open(port, FALSE);
	g_clear_handle_id(&port->watch_id, g_source_remove);
	g_clear_handle_id(&port->again_id, g_source_remove);
	if (port->handlers->on_gone)
		port->handlers->on_gone(port->data);
}

static gboolean
on_again(gpointer data)
{
	Port *port = data;

	port->again_id = 0;
	if (!drain(port))
		gone(port);
	return G_SOURCE_REMOVE;
}

static gboolean
on_ready(gint fd, GIOCondition condition, gpointer data)
{
	Port *port = data;
	struct epoll_event event;
	int n = epoll_wait(port->epoll_fd, &event, 1, 0);

	if (n <= 0)
		return G_SOURCE_CONTINUE;
	if (!(event.events & EPOLLHUP))
		set_open(port, TRUE);
	gboolean waited = port_unsent(port) > 0;

	if (!drain(port) || !flush(port)) {
		/* gone() takes this source away, and its callback may free the port. */
		gone(port);
		return G_SOURCE_CONTINUE;
	}
	if (waited && port->is_open && port_unsent(port) == 0 && port->handlers->on_sent)
		port->handlers->on_sent(port->data);
	return G_SOURCE_CONTINUE;
}

Port *
port_new(int fd, gsize queue_max, const PortHandlers *handlers, void *data, GError **error)
{
	g_autoptr(Port) port = g_new0(Port, 1);
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET};

	port->fd = fd;
	port->queue = g_byte_array_new();
	port->queue_max = queue_max;
	port->handlers = handlers;
	port->data = data;
	port->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (port->epoll_fd < 0 || !g_unix_set_fd_nonblocking(fd, TRUE, NULL) ||
		epoll_ctl(port->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_FAILED, "cannot watch a port: %s", g_strerror(errno));
		return NULL;
	}
	port->watch_id = g_unix_fd_add(port->epoll_fd, G_IO_IN, on_ready, port);
	return g_steal_pointer(&port);
}

void
port_free(Port *port)
{
	if (port == NULL)
		return;
	g_clear_handle_id(&port->watch_id, g_source_remove);
	g_clear_handle_id(&port->again_id, g_source_remove);
	if (port->epoll_fd >= 0)
		close(port->epoll_fd);
	close(port->fd);
	g_byte_array_unref(port->queue);
	g_free(port);
}

gboolean
port_is_open(const Port *port)
{
	return port->is_open;
}

gsize
port_unsent(const Port *port)
{
	return port->queue->len - port->sent;
}

gsize
port_room(const Port *port)
{
	gsize waiting = port->queue->len - port->sent;

	return port->is_open && waiting < port->queue_max ? port->queue_max - waiting : 0;
}

gboolean
port_write(Port *port, const void *bytes, gsize size)
{
	if (size > port_room(port))
		return FALSE;
	g_byte_array_append(port->queue, bytes, (guint)size);
	/* An error is found again by the next read, which can say so to the owner. */
	if (!flush(port))
		g_debug("a port cannot be written: %s", g_strerror(errno));
	return TRUE;
}
