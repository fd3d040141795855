/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/common/peer.h"

#include "broker/common/error.h"

#include <errno.h>
#include <gio/gunixsocketaddress.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define AUTH_TIMEOUT_MS 5000

static const GDBusConnectionFlags client_flags =
	G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT | G_DBUS_CONNECTION_FLAGS_DELAY_MESSAGE_PROCESSING;
static const GDBusConnectionFlags server_flags =
	G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_SERVER | G_DBUS_CONNECTION_FLAGS_DELAY_MESSAGE_PROCESSING;

/* Counted: by its owner, and by each peer that is still authenticating. */
struct PeerServer {
	GSocketService *service; /* NULL once the owner has freed the server */
	uid_t *uids;
	guint max;
	PeerJoined on_joined;
	void *data;
	char *path;
	GPtrArray *connections; /* GDBusConnection */
	guint authenticating;
};

/* One peer between accept() and the end of its authentication. */
typedef struct {
	PeerServer *server;
	GCancellable *cancellable;
	guint deadline_id;
	uid_t uid;
	pid_t pid;
} Joining;

static void
server_finalize(void *data)
{
	PeerServer *server = data;

	g_free(server->uids);
	g_free(server->path);
	g_ptr_array_unref(server->connections);
}

/* Of a message: its head, and what the types of its arguments add. */
#define COVER_MORE 4096

void
peer_cover(GDBusConnection *connection, gsize size)
{
	g_autofree guint8 *zeros = g_malloc0(size + COVER_MORE);
	GVariant *bytes = g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, zeros, size + COVER_MORE, 1);

	g_dbus_connection_emit_signal(connection, NULL, "/org/carrel/Peer1", "org.carrel.Peer1", "Cover",
		g_variant_new("(@ay)", bytes), NULL);
}

gboolean
peer_credentials(int fd, uid_t *uid, pid_t *pid, GError **error)
{
	struct ucred peer;
	socklen_t size = sizeof peer;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_FAILED, "SO_PEERCRED: %s", g_strerror(errno));
		return FALSE;
	}
	*uid = peer.uid;
	*pid = peer.pid;
	return TRUE;
}

static gboolean
is_welcome(const PeerServer *server, uid_t uid)
{
	if (uid == 0 || server->uids == NULL)
		return TRUE;
	for (const uid_t *p = server->uids; *p != (uid_t)-1; p++) {
		if (*p == uid)
			return TRUE;
	}
	return FALSE;
}

static void
on_closed(GDBusConnection *connection, gboolean vanished, GError *error, gpointer data)
{
	PeerServer *server = data;

	g_signal_handlers_disconnect_by_func(connection, on_closed, server);
	g_ptr_array_remove_fast(server->connections, connection);
}

static void
joining_free(Joining *joining)
{
	joining->server->authenticating--;
	if (joining->deadline_id > 0)
		g_source_remove(joining->deadline_id);
	g_object_unref(joining->cancellable);
	g_rc_box_release_full(joining->server, server_finalize);
	g_free(joining);
}

static gboolean
on_deadline(gpointer data)
{
	Joining *joining = data;

	joining->deadline_id = 0;
	g_cancellable_cancel(joining->cancellable);
	return G_SOURCE_REMOVE;
}

static void
on_authenticated(GObject *source, GAsyncResult *result, gpointer data)
{
	Joining *joining = data;
	PeerServer *server = joining->server;
	g_autoptr(GError) error = NULL;
	g_autoptr(GDBusConnection) connection = g_dbus_connection_new_finish(result, &error);

	if (connection == NULL) {
		g_warning("process %d of user %u did not authenticate: %s", joining->pid, joining->uid, error->message);
	} else if (server->service != NULL) {
		g_dbus_connection_set_exit_on_close(connection, FALSE);
		g_ptr_array_add(server->connections, g_object_ref(connection));
		g_signal_connect(connection, "closed", G_CALLBACK(on_closed), server);
		server->on_joined(connection, joining->uid, joining->pid, server->data);
		g_dbus_connection_start_message_processing(connection);
	}
	joining_free(joining);
}

static gboolean
on_incoming(GSocketService *service, GSocketConnection *stream, GObject *source, gpointer data)
{
	PeerServer *server = data;
	g_autoptr(GError) error = NULL;
	g_autofree char *guid = NULL;
	Joining *joining;
	uid_t uid;
	pid_t pid;

	if (!peer_credentials(g_socket_get_fd(g_socket_connection_get_socket(stream)), &uid, &pid, &error)) {
		g_warning("%s", error->message);
		return TRUE;
	}
	if (!is_welcome(server, uid)) {
		g_warning("process %d of user %u was turned away at %s", pid, uid, server->path);
		return TRUE;
	}
	if (server->connections->len + server->authenticating >= server->max) {
		g_warning("process %d of user %u was turned away at %s: %u peers are connected already", pid, uid,
			server->path, server->max);
		return TRUE;
	}
	joining = g_new0(Joining, 1);
	joining->server = g_rc_box_acquire(server);
	joining->uid = uid;
	joining->pid = pid;
	joining->cancellable = g_cancellable_new();
	joining->deadline_id = g_timeout_add(AUTH_TIMEOUT_MS, on_deadline, joining);
	server->authenticating++;
	guid = g_dbus_generate_guid();
	g_dbus_connection_new(G_IO_STREAM(stream), guid, server_flags, NULL, joining->cancellable, on_authenticated, joining);
	return TRUE;
}

static gboolean
listen_on(PeerServer *server, GError **error)
{
	g_autoptr(GSocketAddress) address = NULL;
	mode_t mask;
	gboolean listening;

	if (strlen(server->path) >= sizeof((struct sockaddr_un *)0)->sun_path) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_CONFIG,
			"the socket's path %s is longer than the kernel allows (107 bytes): choose a shorter [Paths] Runtime=",
			server->path);
		return FALSE;
	}
	g_unlink(server->path);
	address = g_unix_socket_address_new(server->path);
	mask = umask(0);
	listening = g_socket_listener_add_address(G_SOCKET_LISTENER(server->service), address, G_SOCKET_TYPE_STREAM,
		G_SOCKET_PROTOCOL_DEFAULT, NULL, NULL, error);
	umask(mask);
	return listening;
}

PeerServer *
peer_server_new(const char *path, const uid_t *uids, guint max, PeerJoined on_joined, void *data, GError **error)
{
	g_autoptr(PeerServer) server = g_rc_box_new0(PeerServer);
	gsize n = 0;

	server->service = g_socket_service_new();
	server->connections = g_ptr_array_new_with_free_func(g_object_unref);
	server->path = g_strdup(path);
	server->max = max;
	server->on_joined = on_joined;
	server->data = data;
	while (uids && uids[n] != (uid_t)-1)
		n++;
	if (uids)
		server->uids = g_memdup2(uids, (n + 1) * sizeof *uids);
	if (!listen_on(server, error))
		return NULL;
	g_signal_connect(server->service, "incoming", G_CALLBACK(on_incoming), server);
	g_socket_service_start(server->service);
	return g_steal_pointer(&server);
}

void
peer_server_free(PeerServer *server)
{
	if (server == NULL)
		return;
	g_socket_service_stop(server->service);
	g_socket_listener_close(G_SOCKET_LISTENER(server->service));
	g_signal_handlers_disconnect_by_data(server->service, server);
	g_clear_object(&server->service);
	for (guint i = 0; i < server->connections->len; i++) {
		g_signal_handlers_disconnect_by_func(server->connections->pdata[i], on_closed, server);
		g_dbus_connection_close(server->connections->pdata[i], NULL, NULL, NULL);
	}
	g_ptr_array_set_size(server->connections, 0);
	g_unlink(server->path);
	g_rc_box_release_full(server, server_finalize);
}

typedef struct {
	uid_t server_uid;
	GCancellable *cancellable; /* ours: the caller's and the deadline's cancel it */
	GCancellable *callers;
	gulong callers_id;
	guint deadline_id;
} Connecting;

static void
connecting_free(void *data)
{
	Connecting *connecting = data;

	g_clear_handle_id(&connecting->deadline_id, g_source_remove);
	if (connecting->callers)
		g_cancellable_disconnect(connecting->callers, connecting->callers_id);
	g_clear_object(&connecting->callers);
	g_object_unref(connecting->cancellable);
	g_free(connecting);
}

static gboolean
on_connect_deadline(gpointer data)
{
	Connecting *connecting = data;

	connecting->deadline_id = 0;
	g_cancellable_cancel(connecting->cancellable);
	return G_SOURCE_REMOVE;
}

static void
on_caller_cancelled(GCancellable *callers, gpointer data)
{
	g_cancellable_cancel(data);
}

static gboolean
is_expected_server(GSocketConnection *stream, uid_t server_uid, GError **error)
{
	uid_t uid;
	pid_t pid;

	if (!peer_credentials(g_socket_get_fd(g_socket_connection_get_socket(stream)), &uid, &pid, error))
		return FALSE;
	if (server_uid != (uid_t)-1 && uid != server_uid && uid != 0) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_DENIED,
			"process %d listens there as user %u, where user %u was expected", pid, uid, server_uid);
		return FALSE;
	}
	return TRUE;
}

static void
on_client_authenticated(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(GTask) task = data;
	GError *error = NULL;
	GDBusConnection *connection = g_dbus_connection_new_finish(result, &error);

	if (connection == NULL) {
		g_task_return_error(task, error);
		return;
	}
	g_dbus_connection_set_exit_on_close(connection, FALSE);
	g_task_return_pointer(task, connection, g_object_unref);
}

static void
on_connected(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(GTask) task = data;
	Connecting *connecting = g_task_get_task_data(task);
	GError *error = NULL;
	g_autoptr(GSocketConnection) stream =
		g_socket_client_connect_finish(G_SOCKET_CLIENT(source), result, &error);

	if (stream == NULL || !is_expected_server(stream, connecting->server_uid, &error)) {
		g_task_return_error(task, error);
		return;
	}
	g_dbus_connection_new(G_IO_STREAM(stream), NULL, client_flags, NULL, connecting->cancellable,
		on_client_authenticated, g_steal_pointer(&task));
}

void
peer_connect_async(const char *path, uid_t server_uid, guint timeout_ms, GCancellable *cancellable,
	GAsyncReadyCallback callback, void *data)
{
	GTask *task = g_task_new(NULL, cancellable, callback, data);
	Connecting *connecting = g_new0(Connecting, 1);
	g_autoptr(GSocketClient) client = g_socket_client_new();
	g_autoptr(GSocketAddress) address = g_unix_socket_address_new(path);

	connecting->server_uid = server_uid;
	connecting->cancellable = g_cancellable_new();
	connecting->deadline_id = g_timeout_add(timeout_ms, on_connect_deadline, connecting);
	if (cancellable) {
		connecting->callers = g_object_ref(cancellable);
		connecting->callers_id = g_cancellable_connect(cancellable, G_CALLBACK(on_caller_cancelled),
			g_object_ref(connecting->cancellable), g_object_unref);
	}
	g_task_set_task_data(task, connecting, connecting_free);
	g_socket_client_connect_async(client, G_SOCKET_CONNECTABLE(address), connecting->cancellable, on_connected, task);
}

GDBusConnection *
peer_connect_finish(GAsyncResult *result, GError **error)
{
	return g_task_propagate_pointer(G_TASK(result), error);
}

typedef struct {
	GMainLoop *loop;
	GAsyncResult *result;
} Waiting;

static void
on_wait_done(GObject *source, GAsyncResult *result, gpointer data)
{
	Waiting *waiting = data;

	waiting->result = g_object_ref(result);
	g_main_loop_quit(waiting->loop);
}

static gboolean
on_wait_deadline(gpointer data)
{
	g_cancellable_cancel(data);
	return G_SOURCE_REMOVE;
}

/* In a main context of its own, since GDBus has no deadline for the blocking form. */
GDBusConnection *
peer_authenticate(GIOStream *stream, gboolean server, guint timeout_ms, GError **error)
{
	g_autoptr(GMainContext) context = g_main_context_new();
	g_autoptr(GMainLoop) loop = g_main_loop_new(context, FALSE);
	g_autoptr(GCancellable) cancellable = g_cancellable_new();
	g_autoptr(GSource) deadline = g_timeout_source_new(timeout_ms);
	g_autofree char *guid = server ? g_dbus_generate_guid() : NULL;
	Waiting waiting = {loop, NULL};
	/* Made before the context below is in force: "closed" is told where the connection was made, and this context is
	 * not run again. */
	g_autoptr(GDBusConnection) connection = g_object_new(G_TYPE_DBUS_CONNECTION, "stream", stream, "guid", guid, "flags",
		server ? server_flags : client_flags, NULL);
	gboolean ok;

	g_source_set_callback(deadline, on_wait_deadline, cancellable, NULL);
	g_source_attach(deadline, context);
	g_main_context_push_thread_default(context);
	g_async_initable_init_async(G_ASYNC_INITABLE(connection), G_PRIORITY_DEFAULT, cancellable, on_wait_done, &waiting);
	g_main_loop_run(loop);
	ok = g_async_initable_init_finish(G_ASYNC_INITABLE(connection), waiting.result, error);
	g_object_unref(waiting.result);
	g_main_context_pop_thread_default(context);
	g_source_destroy(deadline);
	if (!ok)
		return NULL;
	g_dbus_connection_set_exit_on_close(connection, FALSE);
	return g_steal_pointer(&connection);
}

GDBusConnection *
peer_connect_sync(const char *path, uid_t server_uid, guint timeout_ms, GError **error)
{
	g_autoptr(GSocketClient) client = g_socket_client_new();
	g_autoptr(GSocketAddress) address = g_unix_socket_address_new(path);
	g_autoptr(GSocketConnection) stream = NULL;

	g_socket_client_set_timeout(client, (timeout_ms + 999) / 1000);
	stream = g_socket_client_connect(client, G_SOCKET_CONNECTABLE(address), NULL, error);
	if (stream == NULL || !is_expected_server(stream, server_uid, error))
		return NULL;
	g_socket_set_timeout(g_socket_connection_get_socket(stream), 0);
	return peer_authenticate(G_IO_STREAM(stream), FALSE, timeout_ms, error);
}

GDBusConnection *
peer_connection_new_from_fd(int fd, gboolean server, guint timeout_ms, GError **error)
{
	g_autoptr(GSocket) socket = g_socket_new_from_fd(fd, error);

	if (socket == NULL) {
		close(fd);
		return NULL;
	}
	g_autoptr(GSocketConnection) stream = g_socket_connection_factory_create_connection(socket);

	return peer_authenticate(G_IO_STREAM(stream), server, timeout_ms, error);
}
