/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/agent-port.h"

#include <errno.h>
#include <glib-unix.h>
#include <spice/vd_agent.h>
#include <sys/socket.h>
#include <unistd.h>

#include "display/chardev.h"

#define CHARDEV "org.qemu.Display1.Chardev"
#define PORT_NAME   "com.redhat.spice.0"
#define WAITING_MAX (32 * 1024 * 1024)
/* What is left of a message whose beginning was lost has come by then. */
#define RESYNC_MS   1000
/* A guest that talks nonsense does not fill the log. */
#define COMPLAIN_S  600

struct AgentPort {
	GDBusConnection *qemu;
	const AgentPortEvents *events;
	void *data;
	GCancellable *cancellable;
	AgentParser *parser;
	int fd; /* -1: none */
	GByteArray *out;
	guint read_id, write_id, opened_id;
	guint resync_id; /* what comes is passed over until then */
	gint64 complained_us;
};

static void
close_port(AgentPort *port)
{
	g_clear_handle_id(&port->read_id, g_source_remove);
	g_clear_handle_id(&port->write_id, g_source_remove);
	g_clear_handle_id(&port->resync_id, g_source_remove);
	if (port->fd >= 0)
		close(port->fd);
	port->fd = -1;
	g_byte_array_set_size(port->out, 0);
}

static void
forget_message(AgentPort *port)
{
	agent_parser_free(port->parser);
	port->parser = agent_parser_new();
}

static gboolean
on_resync(gpointer data)
{
	AgentPort *port = data;

	port->resync_id = 0;
	forget_message(port);
	port->events->on_open(port->data);
	return G_SOURCE_REMOVE;
}

static void
resync(AgentPort *port, const GError *error)
{
	gint64 now = g_get_monotonic_time();

	if (port->complained_us == 0 || now - port->complained_us > COMPLAIN_S * G_USEC_PER_SEC) {
		port->complained_us = now;
		g_warning("what the guest's agent says is passed over, and it is asked again: %s", error->message);
	}
	port->resync_id = g_timeout_add(RESYNC_MS, on_resync, port);
	port->events->on_close(port->data);
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
	if (n <= 0) {
		port->read_id = 0;
		close_port(port);
		port->events->on_close(port->data);
		return G_SOURCE_REMOVE;
	}
	if (port->resync_id == 0 &&
		!agent_parser_feed(port->parser, buffer, (gsize)n, port->events->on_message, port->data, &error))
		resync(port, error);
	return G_SOURCE_CONTINUE;
}

static gboolean
on_writable(gint fd, GIOCondition condition, gpointer data)
{
	AgentPort *port = data;
	ssize_t n = send(fd, port->out->data, port->out->len, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n > 0)
		g_byte_array_remove_range(port->out, 0, (guint)n);
	/* It may send more, and finds write_id as it is: this goes on below. */
	if (n > 0)
		port->events->on_read(port->data);
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
agent_port_send(AgentPort *port, guint32 type, const void *data, gsize size)
{
	if (port->fd < 0 || port->out->len + size > WAITING_MAX)
		return;
	agent_append_message(port->out, VDP_CLIENT_PORT, type, data, size);
	if (port->write_id == 0)
		port->write_id = g_unix_fd_add(port->fd, G_IO_OUT, on_writable, port);
}

static void
on_registered(const GError *error, void *data)
{
	AgentPort *port = data;

	if (error) {
		g_message("no agent port: %s", error->message);
		close_port(port);
		return;
	}
	port->events->on_open(port->data);
}

/* The guest's programs come and go; our end stays open. Of a message that one of them began, the next knows nothing. This may come a
 * little later than what the next one says; then that is not understood, and it is asked again. */
static void
on_port_changed(GDBusConnection *qemu, const char *sender, const char *path, const char *interface, const char *signal, GVariant *args,
	gpointer data)
{
	AgentPort *port = data;
	g_autoptr(GVariant) changed = NULL;
	gboolean opened = TRUE;

	if (!g_variant_is_of_type(args, G_VARIANT_TYPE("(sa{sv}as)")))
		return;
	g_variant_get(args, "(&s@a{sv}as)", NULL, &changed, NULL);
	if (!g_variant_lookup(changed, "FEOpened", "b", &opened) || port->fd < 0)
		return;
	forget_message(port);
	if (opened)
		port->events->on_open(port->data);
	else
		port->events->on_close(port->data);
}

static void
on_found(const char *const *paths, const GError *error, void *data)
{
	AgentPort *port = data;

	if (error) {
		g_message("no agent port: %s", error->message);
		return;
	}
	if (*paths == NULL) {
		g_message("the VM has no agent port: no clipboard");
		return;
	}
	port->opened_id = g_dbus_connection_signal_subscribe(port->qemu, NULL, "org.freedesktop.DBus.Properties", "PropertiesChanged", *paths,
		CHARDEV, G_DBUS_SIGNAL_FLAGS_NONE, on_port_changed, port, NULL);
	port->fd = chardev_register(port->qemu, *paths, port->cancellable, on_registered, port);
	if (port->fd >= 0)
		port->read_id = g_unix_fd_add(port->fd, G_IO_IN, on_readable, port);
}

AgentPort *
agent_port_new(GDBusConnection *qemu, const AgentPortEvents *events, void *data)
{
	AgentPort *port = g_new0(AgentPort, 1);

	port->qemu = g_object_ref(qemu);
	port->events = events;
	port->data = data;
	port->fd = -1;
	port->cancellable = g_cancellable_new();
	port->parser = agent_parser_new();
	port->out = g_byte_array_new();
	chardev_find(qemu, PORT_NAME, port->cancellable, on_found, port);
	return port;
}

void
agent_port_free(AgentPort *port)
{
	if (port == NULL)
		return;
	g_cancellable_cancel(port->cancellable);
	g_object_unref(port->cancellable);
	if (port->opened_id)
		g_dbus_connection_signal_unsubscribe(port->qemu, port->opened_id);
	close_port(port);
	agent_parser_free(port->parser);
	g_byte_array_unref(port->out);
	g_object_unref(port->qemu);
	g_free(port);
}
