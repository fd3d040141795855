/* D-Bus peer to peer over a unix socket between Carrel's own processes. Who the peer is comes from the kernel
 * (SO_PEERCRED), never from a message. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>
#include <sys/types.h>

typedef struct PeerServer PeerServer;

/* A peer whose user was let in. Export objects on @connection here; message processing starts when this returns. Keep a
 * reference to keep it; watch its "closed" signal. */
typedef void (*PeerJoined)(GDBusConnection *connection, uid_t uid, pid_t pid, void *data);

/* Listens on @path (an old socket there is replaced, mode 0666). Peers are let in when their user is in @uids (ending
 * with (uid_t)-1), or any user when @uids is NULL; root always is. Not more than @max at once. */
PeerServer *peer_server_new(const char *path, const uid_t *uids, guint max, PeerJoined on_joined, void *data,
	GError **error);
void peer_server_free(PeerServer *server); /* closes the connections that it let in, too */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PeerServer, peer_server_free)

/* Connects to such a server and checks that it runs as @server_uid or root ((uid_t)-1: any). @timeout_ms bounds
 * connecting and authentication. Incoming messages are not processed before g_dbus_connection_start_message_processing. */
void peer_connect_async(const char *path, uid_t server_uid, guint timeout_ms, GCancellable *cancellable,
	GAsyncReadyCallback callback, void *data);
GDBusConnection *peer_connect_finish(GAsyncResult *result, GError **error);
GDBusConnection *peer_connect_sync(const char *path, uid_t server_uid, guint timeout_ms, GError **error);

/* A connection over one end of a socketpair that we made. The side that spawned the other is the @server. Consumes @fd,
 * also on failure. Incoming messages wait for g_dbus_connection_start_message_processing. Authentication is of our own
 * peers only, yet may block: at most @timeout_ms. */
GDBusConnection *peer_connection_new_from_fd(int fd, gboolean server, guint timeout_ms, GError **error);

/* D-Bus's own hand-shake over a stream that is connected already; the two above do this. Not consumed: @stream. Blocks, at most
 * @timeout_ms. Incoming messages wait as above. */
GDBusConnection *peer_authenticate(GIOStream *stream, gboolean server, guint timeout_ms, GError **error);

/* To be called after a message of about @size bytes with a secret in it. GDBus reads messages into one buffer for as long as the
 * connection lasts: this sends one more of no meaning, a signal that nobody listens to, which takes that one's place. */
void peer_cover(GDBusConnection *connection, gsize size);

/* The peer of a connected unix socket, from the kernel. */
gboolean peer_credentials(int fd, uid_t *uid, pid_t *pid, GError **error);
