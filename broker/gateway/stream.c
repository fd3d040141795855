/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/gateway/stream.h"

#include "broker/common/error.h"
#include "broker/common/peer.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define TRIES 100
#define RETRY_MS 20

typedef struct {
	struct sockaddr_un address;
	guint8 grant[32];
	uid_t uid;
	int tries;
} Opening;

static void
opening_free(void *data)
{
	explicit_bzero(data, sizeof(Opening));
	g_free(data);
}

static gboolean
check_owner(const Opening *opening, int fd, GError **error)
{
	uid_t uid;
	pid_t pid;

	if (!peer_credentials(fd, &uid, &pid, error))
		return FALSE;
	if (opening->uid == (uid_t)-1 || uid == opening->uid || uid == 0 || uid == geteuid())
		return TRUE;
	g_set_error(error, CARREL_ERROR, CARREL_ERROR_DENIED, "the stream socket belongs to user %u, not to %u", uid,
		opening->uid);
	return FALSE;
}

/* -1 without an error: try again. */
static int
connect_once(const Opening *opening, GError **error)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int fault = 0;

	if (fd < 0 || connect(fd, (const struct sockaddr *)&opening->address, sizeof opening->address) < 0)
		fault = errno;
	else if (!check_owner(opening, fd, error))
		fault = EPERM;
	/* A fresh socket's buffer takes 32 bytes. */
	else if (send(fd, opening->grant, sizeof opening->grant, MSG_NOSIGNAL) != (ssize_t)sizeof opening->grant)
		fault = EPIPE;
	if (fault == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	if (fault != EAGAIN && error && *error == NULL)
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_BUSY, "%s: %s", opening->address.sun_path, g_strerror(fault));
	return -1;
}

static gboolean
try(gpointer data)
{
	GTask *task = data;
	Opening *opening = g_task_get_task_data(task);
	GError *error = NULL;
	int fd;

	if (g_task_return_error_if_cancelled(task))
		return G_SOURCE_REMOVE;
	fd = connect_once(opening, &error);
	if (fd >= 0)
		g_task_return_int(task, fd);
	else if (error)
		g_task_return_error(task, error);
	else if (++opening->tries >= TRIES)
		g_task_return_new_error(task, CARREL_ERROR, CARREL_ERROR_BUSY, "%s: its queue stays full",
			opening->address.sun_path);
	else
		return G_SOURCE_CONTINUE;
	return G_SOURCE_REMOVE;
}

void
stream_open(const Grant *grant, uid_t uid, GCancellable *cancellable, GAsyncReadyCallback callback, void *data)
{
	g_autoptr(GTask) task = g_task_new(NULL, cancellable, callback, data);
	Opening *opening = g_new0(Opening, 1);

	/* A socket of somebody who has left meanwhile is closed by stream_open_finish's caller, who always gets it. */
	g_task_set_check_cancellable(task, FALSE);
	g_task_set_task_data(task, opening, opening_free);
	opening->address.sun_family = AF_UNIX;
	opening->uid = uid;
	memcpy(opening->grant, grant->grant, sizeof opening->grant);
	if (strlen(grant->stream) >= sizeof opening->address.sun_path) {
		g_task_return_new_error(task, CARREL_ERROR, CARREL_ERROR_PROTOCOL, "the stream socket's path is too long");
		return;
	}
	memcpy(opening->address.sun_path, grant->stream, strlen(grant->stream));
	if (try(task) == G_SOURCE_CONTINUE)
		g_timeout_add_full(G_PRIORITY_DEFAULT, RETRY_MS, try, g_object_ref(task), g_object_unref);
}

int
stream_open_finish(GAsyncResult *result, GError **error)
{
	return (int)g_task_propagate_int(G_TASK(result), error);
}
