/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/streams.h"

#include <errno.h>
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "broker/common/error.h"
#include "broker/common/peer.h"

/* Connections whose grant has not come yet. */
#define PENDING_MAX	256
#define GRANT_TIMEOUT_S 10

struct Streams {
	int fd;
	guint accept_id;
	uid_t uid;
	Desks *desks;
	char *path;
	GHashTable *pending; /* Pending, a set */
};

typedef struct {
	Streams *streams;
	int fd; /* -1: handed over */
	guint read_id, deadline_id;
	guint8 grant[GRANT_SIZE];
	gsize size;
} Pending;

static void
pending_free(void *data)
{
	Pending *pending = data;

	g_clear_handle_id(&pending->read_id, g_source_remove);
	g_clear_handle_id(&pending->deadline_id, g_source_remove);
	if (pending->fd >= 0)
		close(pending->fd);
	g_free(pending);
}

static gboolean
on_readable(gint fd, GIOCondition condition, gpointer data)
{
	Pending *pending = data;
	ssize_t n = recv(fd, pending->grant + pending->size, GRANT_SIZE - pending->size, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return G_SOURCE_CONTINUE;
	if (n > 0)
		pending->size += (gsize)n;
	if (n > 0 && pending->size < GRANT_SIZE)
		return G_SOURCE_CONTINUE;
	pending->read_id = 0;
	if (pending->size == GRANT_SIZE) {
		pending->fd = -1;
		if (!desks_redeem(pending->streams->desks, pending->grant, fd))
			g_message("a connection whose grant is not known was closed");
	}
	g_hash_table_remove(pending->streams->pending, pending);
	return G_SOURCE_REMOVE;
}

static gboolean
on_deadline(gpointer data)
{
	Pending *pending = data;

	pending->deadline_id = 0;
	g_hash_table_remove(pending->streams->pending, pending);
	return G_SOURCE_REMOVE;
}

static gboolean
is_welcome(Streams *streams, int fd)
{
	g_autoptr(GError) error = NULL;
	uid_t uid;
	pid_t pid;

	if (!peer_credentials(fd, &uid, &pid, &error)) {
		g_warning("%s", error->message);
		return FALSE;
	}
	if (uid != 0 && uid != streams->uid) {
		g_warning("process %d of user %u was turned away at %s", pid, uid, streams->path);
		return FALSE;
	}
	if (g_hash_table_size(streams->pending) >= PENDING_MAX) {
		g_warning("a connection was turned away: %d wait for their grant already", PENDING_MAX);
		return FALSE;
	}
	return TRUE;
}

static gboolean
on_incoming(gint listening, GIOCondition condition, gpointer data)
{
	Streams *streams = data;
	int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	Pending *pending;

	if (fd < 0) {
		/* Out of descriptors: without a pause the loop would spin on it. */
		if (errno == EMFILE || errno == ENFILE)
			g_usleep(10000);
		return G_SOURCE_CONTINUE;
	}
	if (!is_welcome(streams, fd)) {
		close(fd);
		return G_SOURCE_CONTINUE;
	}
	pending = g_new0(Pending, 1);
	pending->streams = streams;
	pending->fd = fd;
	pending->read_id = g_unix_fd_add(fd, G_IO_IN, on_readable, pending);
	pending->deadline_id = g_timeout_add_seconds(GRANT_TIMEOUT_S, on_deadline, pending);
	g_hash_table_add(streams->pending, pending);
	return G_SOURCE_CONTINUE;
}

static int
listen_on(const char *path, GError **error)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	mode_t mask;
	int fd, saved;

	if (strlen(path) >= sizeof address.sun_path) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_CONFIG,
			"the socket's path %s is longer than the kernel allows: choose a shorter [Paths] Runtime=", path);
		return -1;
	}
	strcpy(address.sun_path, path);
	g_unlink(path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mask = umask(0111);
	if (fd >= 0 && (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 128) < 0)) {
		saved = errno;
		close(fd);
		errno = saved;
		fd = -1;
	}
	umask(mask);
	if (fd < 0)
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_FAILED, "%s: %s", path, g_strerror(errno));
	return fd;
}

Streams *
streams_new(const char *path, uid_t uid, Desks *desks, GError **error)
{
	int fd = listen_on(path, error);
	Streams *streams;

	if (fd < 0)
		return NULL;
	streams = g_new0(Streams, 1);
	streams->fd = fd;
	streams->uid = uid;
	streams->desks = desks;
	streams->path = g_strdup(path);
	streams->pending = g_hash_table_new_full(NULL, NULL, pending_free, NULL);
	streams->accept_id = g_unix_fd_add(fd, G_IO_IN, on_incoming, streams);
	return streams;
}

void
streams_free(Streams *streams)
{
	if (streams == NULL)
		return;
	g_source_remove(streams->accept_id);
	close(streams->fd);
	g_unlink(streams->path);
	g_hash_table_unref(streams->pending);
	g_free(streams->path);
	g_free(streams);
}
