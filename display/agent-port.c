/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/agent-port.h"

#include <errno.h>
#include <gio/gunixfdlist.h>
#include <glib-unix.h>
#include <spice/vd_agent.h>
#include <sys/socket.h>
#include <unistd.h>

#define PORT_NAME   "com.redhat.spice.0"
#define PREFIX	    "/org/qemu/Display1"
#define CHARDEV	    "org.qemu.Display1.Chardev"
#define TIMEOUT_MS  5000
#define WAITING_MAX (32 * 1024 * 1024)

struct AgentPort {
	GDBusConnection *qemu;
	AgentMessageFunc on_message;
	void (*on_open)(void *data);
	void (*on_read)(void *data);
	void (*on_closed)(void *data);
	void *data;
	GCancellable *cancellable;
	AgentParser *parser;
	int fd; /* -1: none */
	GByteArray *out;
	guint read_id, write_id;
};

static void
close_port(AgentPort *port)
{
	g_clear_handle_id(&port->read_id, g_source_remove);
	g_clear_handle_id(&port->write_id, g_source_remove);
	if (port->fd >= 0)
		close(port->fd);
	port->fd = -1;
	g_byte_array_set_size(port->out, 0);
}

static gboolean
on_readable(gint fd, GIOCondition condition, gpointer data)
{
	AgentPort *port = data;
	g_autoptr(GError) error = NULL;
	guint8 buffer[16384];
	ssize_t n = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return G_SOURCE_CONTINUE;
	if (n > 0 && agent_parser_feed(port->parser, buffer, (gsize)n, port->on_message, port->data, &error))
		return G_SOURCE_CONTINUE;
	if (error)
		g_warning("the guest's agent is not listened to any more: %s", error->message);
	port->read_id = 0;
	close_port(port);
	if (port->on_closed)
		port->on_closed(port->data);
	return G_SOURCE_REMOVE;
}

static gboolean
on_writable(gint fd, GIOCondition condition, gpointer data)
{
	AgentPort *port = data;
	ssize_t n = send(fd, port->out->data, port->out->len, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n > 0)
		g_byte_array_remove_range(port->out, 0, (guint)n);
	/* It may send more, and finds write_id as it is: this goes on below. */
	if (n > 0 && port->on_read)
		port->on_read(port->data);
	if ((n >= 0 || errno == EAGAIN || errno == EINTR) && port->out->len > 0)
		return G_SOURCE_CONTINUE;
	if (n < 0)
		g_byte_array_set_size(port->out, 0);
	port->write_id = 0;
	return G_SOURCE_REMOVE;
}

gsize
agent_port_unread(const AgentPort *port)
{
	return port->out->len;
}

void
agent_port_on_read(AgentPort *port, void (*func)(void *data))
{
	port->on_read = func;
}

void
agent_port_on_closed(AgentPort *port, void (*func)(void *data))
{
	port->on_closed = func;
}

void
agent_port_send(AgentPort *port, guint32 type, const void *data, gsize size)
{
	if (port->fd < 0 || port->out->len + size > WAITING_MAX)
		return;
	agent_append_message(port->out, VDP_CLIENT_PORT, type, data, size);
	if (port->write_id == 0)
		port->write_id = g_unix_fd_add(port->fd, G_IO_OUT, on_writable, port);
}

static void
on_registered(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GVariant) answer =
		g_dbus_connection_call_with_unix_fd_list_finish(G_DBUS_CONNECTION(source), NULL, result, &error);
	AgentPort *port = data;

	if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
		return;
	if (answer == NULL) {
		g_message("no agent port: %s", error->message);
		close_port(port);
		return;
	}
	port->on_open(port->data);
}

static void
register_port(AgentPort *port, const char *path)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
		g_warning("socketpair: %s", g_strerror(errno));
		return;
	}
	g_autoptr(GUnixFDList) fds = g_unix_fd_list_new_from_array(&ends[1], 1);

	port->fd = ends[0];
	port->read_id = g_unix_fd_add(port->fd, G_IO_IN, on_readable, port);
	g_dbus_connection_call_with_unix_fd_list(port->qemu, NULL, path, CHARDEV, "Register", g_variant_new("(h)", 0), NULL,
		G_DBUS_CALL_FLAGS_NONE, TIMEOUT_MS, fds, port->cancellable, on_registered, port);
}

static void
on_objects(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GVariant) answer = g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, &error);
	g_autoptr(GVariant) objects = NULL;
	AgentPort *port = data;
	GVariantIter iter;
	const char *path;
	GVariant *interfaces;

	if (answer == NULL) {
		if (!g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
			g_message("no agent port: %s", error->message);
		return;
	}
	objects = g_variant_get_child_value(answer, 0);
	g_variant_iter_init(&iter, objects);
	while (g_variant_iter_loop(&iter, "{&o@a{sa{sv}}}", &path, &interfaces)) {
		g_autoptr(GVariant) chardev = g_variant_lookup_value(interfaces, CHARDEV, G_VARIANT_TYPE_VARDICT);
		const char *name = "";

		if (chardev && g_variant_lookup(chardev, "Name", "&s", &name) && g_str_equal(name, PORT_NAME) &&
			port->fd < 0)
			register_port(port, path);
	}
	if (port->fd < 0)
		g_message("the VM has no agent port: no clipboard");
}

AgentPort *
agent_port_new(GDBusConnection *qemu, AgentMessageFunc on_message, void (*on_open)(void *data), void *data)
{
	AgentPort *port = g_new0(AgentPort, 1);

	port->qemu = g_object_ref(qemu);
	port->on_message = on_message;
	port->on_open = on_open;
	port->data = data;
	port->fd = -1;
	port->cancellable = g_cancellable_new();
	port->parser = agent_parser_new();
	port->out = g_byte_array_new();
	g_dbus_connection_call(qemu, NULL, PREFIX, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", NULL,
		G_VARIANT_TYPE("(a{oa{sa{sv}}})"), G_DBUS_CALL_FLAGS_NONE, TIMEOUT_MS, port->cancellable, on_objects, port);
	return port;
}

void
agent_port_free(AgentPort *port)
{
	if (port == NULL)
		return;
	g_cancellable_cancel(port->cancellable);
	g_object_unref(port->cancellable);
	close_port(port);
	agent_parser_free(port->parser);
	g_byte_array_unref(port->out);
	g_object_unref(port->qemu);
	g_free(port);
}
