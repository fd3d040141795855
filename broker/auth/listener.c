/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/auth/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gunixsocketaddress.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "broker/common/error.h"
#include "broker/common/peer.h"

/* Twice the most that Processes= may say: who is answered may have left before the next is taken. GLib's own ten are fewer than may
 * sign in at once, and whoever comes too many is told that nobody can sign in. */
#define BACKLOG 1024

struct Listener {
	GSocketService *service;
	char *path;
	char **argv;
	uid_t broker_uid;
	guint workers_max, life_s;
	GPtrArray *workers; /* Worker */
};

/* One sign-in's process. */
typedef struct {
	Listener *listener;
	GPid pid;
	guint watch_id, deadline_id;
} Worker;

static void
worker_free(void *data)
{
	Worker *worker = data;

	g_clear_handle_id(&worker->watch_id, g_source_remove);
	g_clear_handle_id(&worker->deadline_id, g_source_remove);
	g_free(worker);
}

static void
on_worker_exit(GPid pid, int status, gpointer data)
{
	Worker *worker = data;

	if (WIFSIGNALED(status))
		g_warning("a sign-in's process ended by signal %d (%s)", WTERMSIG(status), g_strsignal(WTERMSIG(status)));
	worker->watch_id = 0;
	g_spawn_close_pid(pid);
	/* Who waited is taken now. */
	g_socket_service_start(worker->listener->service);
	g_ptr_array_remove_fast(worker->listener->workers, worker);
}

static gboolean
on_worker_deadline(gpointer data)
{
	Worker *worker = data;

	worker->deadline_id = 0;
	kill(worker->pid, SIGKILL);
	return G_SOURCE_REMOVE;
}

gboolean
listener_is_welcome(int fd, uid_t broker_uid)
{
	g_autoptr(GError) error = NULL;
	uid_t uid;
	pid_t pid;

	if (!peer_credentials(fd, &uid, &pid, &error)) {
		g_warning("%s", error->message);
		return FALSE;
	}
	if (uid == 0 || uid == broker_uid || uid == geteuid())
		return TRUE;
	g_warning("process %d of user %u was turned away", pid, uid);
	return FALSE;
}

static void
start_worker(Listener *listener, int fd)
{
	g_autoptr(GError) error = NULL;
	Worker *worker = g_new0(Worker, 1);

	/* GSocket made it non-blocking; the worker polls before each call, so that need not change. */
	if (!g_spawn_async_with_fds(NULL, listener->argv, NULL,
		    G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_FILE_AND_ARGV_ZERO | G_SPAWN_CLOEXEC_PIPES, NULL, NULL, &worker->pid,
		    fd, -1, -1, &error)) {
		g_warning("cannot start a sign-in's process: %s", error->message);
		g_free(worker);
		return;
	}
	worker->listener = listener;
	worker->watch_id = g_child_watch_add(worker->pid, on_worker_exit, worker);
	worker->deadline_id = g_timeout_add_seconds(listener->life_s, on_worker_deadline, worker);
	g_ptr_array_add(listener->workers, worker);
	if (listener->workers->len >= listener->workers_max)
		g_socket_service_stop(listener->service);
}

static gboolean
on_incoming(GSocketService *service, GSocketConnection *stream, GObject *source, gpointer data)
{
	Listener *listener = data;
	int fd = g_socket_get_fd(g_socket_connection_get_socket(stream));

	if (listener_is_welcome(fd, listener->broker_uid))
		start_worker(listener, fd);
	return TRUE;
}

static gboolean
listen_on(Listener *listener, GError **error)
{
	g_autoptr(GSocketAddress) address = NULL;
	mode_t mask;
	gboolean listening;

	if (strlen(listener->path) >= sizeof((struct sockaddr_un *)0)->sun_path) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_CONFIG,
			"the socket's path %s is longer than the kernel allows (107 bytes): choose a shorter [Paths] Runtime=",
			listener->path);
		return FALSE;
	}
	g_unlink(listener->path);
	address = g_unix_socket_address_new(listener->path);
	mask = umask(0);
	listening = g_socket_listener_add_address(G_SOCKET_LISTENER(listener->service), address, G_SOCKET_TYPE_STREAM,
		G_SOCKET_PROTOCOL_DEFAULT, NULL, NULL, error);
	umask(mask);
	return listening;
}

Listener *
listener_new(const ListenerConfig *config, GError **error)
{
	g_autoptr(Listener) listener = g_new0(Listener, 1);

	listener->service = g_socket_service_new();
	g_socket_listener_set_backlog(G_SOCKET_LISTENER(listener->service), BACKLOG);
	listener->path = g_strdup(config->path);
	listener->argv = g_strdupv((char **)config->argv);
	listener->broker_uid = config->broker_uid;
	listener->workers_max = config->workers;
	listener->life_s = config->life_s;
	listener->workers = g_ptr_array_new_with_free_func(worker_free);
	if (!listen_on(listener, error))
		return NULL;
	g_signal_connect(listener->service, "incoming", G_CALLBACK(on_incoming), listener);
	g_socket_service_start(listener->service);
	return g_steal_pointer(&listener);
}

void
listener_free(Listener *listener)
{
	if (listener == NULL)
		return;
	g_socket_service_stop(listener->service);
	g_socket_listener_close(G_SOCKET_LISTENER(listener->service));
	g_signal_handlers_disconnect_by_data(listener->service, listener);
	g_object_unref(listener->service);
	for (guint i = 0; i < listener->workers->len; i++)
		kill(((Worker *)listener->workers->pdata[i])->pid, SIGKILL);
	g_ptr_array_unref(listener->workers);
	g_unlink(listener->path);
	g_free(listener->path);
	g_strfreev(listener->argv);
	g_free(listener);
}
