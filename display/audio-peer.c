/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/audio-peer.h"

#include <errno.h>
#include <gio/gunixfdlist.h>
#include <sys/socket.h>
#include <unistd.h>

#include "broker/common/error.h"

#define AUDIO_PATH "/org/qemu/Display1/Audio"
#define AUDIO_INTERFACE "org.qemu.Display1.Audio"
#define REGISTER_TIMEOUT_MS 5000
#define RETRY_MS 250
#define TRIES_MAX 40

struct AudioPeer {
	GDBusConnection *qemu;
	const char *method;
	AudioPeerFunc func;
	void *data;
	GCancellable *cancellable; /* of the present try */
	GDBusConnection *connection;
	guint retry_id, tries;
};

static void try_once(AudioPeer *peer);

static void
give_up(AudioPeer *peer, gboolean absent, const GError *error)
{
	g_message("%s of the VM: %s", peer->method, error->message);
	peer->func(NULL, absent, peer->data);
}

static gboolean
on_retry(gpointer data)
{
	AudioPeer *peer = data;

	peer->retry_id = 0;
	try_once(peer);
	return G_SOURCE_REMOVE;
}

static void
on_registered(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GVariant) answer = g_dbus_connection_call_with_unix_fd_list_finish(G_DBUS_CONNECTION(source), NULL, result, &error);
	AudioPeer *peer = data;

	if (answer || g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
		return;
	/* The connection of this try is not going to be. */
	g_cancellable_cancel(peer->cancellable);
	if (peer->tries >= TRIES_MAX)
		give_up(peer, FALSE, error);
	else
		peer->retry_id = g_timeout_add(RETRY_MS, on_retry, peer);
}

static void
on_connected(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GDBusConnection) connection = g_dbus_connection_new_finish(result, &error);
	AudioPeer *peer = data;

	/* A refusal is told by the call's answer, with its reason. */
	if (connection == NULL)
		return;
	g_dbus_connection_set_exit_on_close(connection, FALSE);
	peer->connection = g_steal_pointer(&connection);
	peer->func(peer->connection, FALSE, peer->data);
	g_dbus_connection_start_message_processing(peer->connection);
}

/* QEMU authenticates on the new connection while it answers the call: both must be under way at once. */
static gboolean
start(AudioPeer *peer, GError **error)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_FAILED, "socketpair: %s", g_strerror(errno));
		return FALSE;
	}
	g_autoptr(GUnixFDList) fds = g_unix_fd_list_new_from_array(&ends[1], 1);
	g_autoptr(GSocket) socket = g_socket_new_from_fd(ends[0], error);

	if (socket == NULL) {
		close(ends[0]);
		return FALSE;
	}
	g_autoptr(GSocketConnection) stream = g_socket_connection_factory_create_connection(socket);

	g_dbus_connection_call_with_unix_fd_list(peer->qemu, NULL, AUDIO_PATH, AUDIO_INTERFACE, peer->method, g_variant_new("(h)", 0), NULL,
	        G_DBUS_CALL_FLAGS_NONE, REGISTER_TIMEOUT_MS, fds, peer->cancellable, on_registered, peer);
	g_dbus_connection_new(G_IO_STREAM(stream), NULL,
	        G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT | G_DBUS_CONNECTION_FLAGS_DELAY_MESSAGE_PROCESSING, NULL, peer->cancellable,
	        on_connected, peer);
	return TRUE;
}

static void
try_once(AudioPeer *peer)
{
	g_autoptr(GError) error = NULL;

	peer->tries++;
	g_clear_object(&peer->cancellable);
	peer->cancellable = g_cancellable_new();
	if (!start(peer, &error))
		give_up(peer, FALSE, error);
}

static void
on_interfaces(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GVariant) answer = g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, &error);

	if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
		return;
	if (answer)
		try_once(data);
	else
		give_up(data, TRUE, error);
}

/* QEMU before 8.0 dies of a listener that comes by a connection like ours, which has no bus names. Those versions do not have this
 * property. */
static void
ask_for_interfaces(AudioPeer *peer)
{
	peer->cancellable = g_cancellable_new();
	g_dbus_connection_call(peer->qemu, NULL, AUDIO_PATH, "org.freedesktop.DBus.Properties", "Get",
	        g_variant_new("(ss)", AUDIO_INTERFACE, "Interfaces"), G_VARIANT_TYPE("(v)"), G_DBUS_CALL_FLAGS_NONE, REGISTER_TIMEOUT_MS,
	        peer->cancellable, on_interfaces, peer);
}

AudioPeer *
audio_peer_new(GDBusConnection *qemu, const char *method, AudioPeerFunc func, void *data)
{
	AudioPeer *peer = g_new0(AudioPeer, 1);

	peer->qemu = g_object_ref(qemu);
	peer->method = method;
	peer->func = func;
	peer->data = data;
	ask_for_interfaces(peer);
	return peer;
}

void
audio_peer_free(AudioPeer *peer)
{
	if (peer == NULL)
		return;
	g_cancellable_cancel(peer->cancellable);
	g_object_unref(peer->cancellable);
	g_clear_handle_id(&peer->retry_id, g_source_remove);
	if (peer->connection)
		g_dbus_connection_close(peer->connection, NULL, NULL, NULL);
	g_clear_object(&peer->connection);
	g_object_unref(peer->qemu);
	g_free(peer);
}
