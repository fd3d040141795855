/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "agent/helpers.h"

#include "agent/line-reader.h"
#include "agent/login.h"
#include "agent/packet.h"
#include "broker/common/error.h"
#include "broker/common/peer.h"

#include <errno.h>
#include <glib-unix.h>
#include <pwd.h>
#include <sys/socket.h>
#include <unistd.h>

/* A helper that vanished without a word is waited for: it may have failed and be started again. */
#define RETURN_CHECK_S 1
#define RETURN_TRIES 5

struct Helpers {
	char *path;
	int listen_fd;
	guint listen_id;
	/* The session's helper; -1 when there is none. */
	int fd;
	guint watch_id;
	gboolean is_registered; /* it said "session" */
	/* The session; it outlives a helper that fails. NULL when there is none. */
	char *user, *session;
	uid_t uid;
	gboolean is_ready;
	guint return_id, return_tries;
	const HelpersHandlers *handlers;
	void *data;
};

static void
end_session(Helpers *helpers)
{
	g_autofree char *user = g_steal_pointer(&helpers->user);

	g_clear_handle_id(&helpers->return_id, g_source_remove);
	g_clear_pointer(&helpers->session, g_free);
	helpers->is_ready = FALSE;
	if (user)
		helpers->handlers->on_logout(user, helpers->data);
}

static void
drop(Helpers *helpers)
{
	g_clear_handle_id(&helpers->watch_id, g_source_remove);
	if (helpers->fd >= 0)
		close(helpers->fd);
	helpers->fd = -1;
	helpers->is_registered = FALSE;
}

static gboolean
on_return_check(gpointer data)
{
	Helpers *helpers = data;
	gboolean alive = helpers->session == NULL || login_is_alive(helpers->session);

	/* Where there are no login sessions to ask about, only time tells. */
	if (alive && (helpers->session != NULL || ++helpers->return_tries < RETURN_TRIES))
		return G_SOURCE_CONTINUE;
	helpers->return_id = 0;
	end_session(helpers);
	return G_SOURCE_REMOVE;
}

static void
on_vanished(Helpers *helpers)
{
	drop(helpers);
	if (helpers->user == NULL || helpers->return_id != 0)
		return;
	helpers->return_tries = 0;
	helpers->return_id = g_timeout_add_seconds(RETURN_CHECK_S, on_return_check, helpers);
}

static void
set_ready(Helpers *helpers)
{
	if (helpers->is_ready)
		return;
	helpers->is_ready = TRUE;
	helpers->handlers->on_ready(helpers->data);
}

static void
register_helper(Helpers *helpers, const Message *message)
{
	if (helpers->is_registered)
		return;
	helpers->is_registered = TRUE;
	g_message("the session of %s is served", helpers->user);
	helpers->handlers->on_served(helpers->data);
	if (message->ready)
		set_ready(helpers);
	if (!message->port)
		helpers->handlers->on_need_port(helpers->data);
}

static void
handle(Helpers *helpers, const Message *message)
{
	switch (message->kind) {
	case MESSAGE_SESSION:
		register_helper(helpers, message);
		break;
	case MESSAGE_DRAWN:
		set_ready(helpers);
		break;
	case MESSAGE_NEED_PORT:
		helpers->handlers->on_need_port(helpers->data);
		break;
	case MESSAGE_LEAVE:
		helpers_terminate(helpers);
		break;
	case MESSAGE_ENDED:
		drop(helpers);
		end_session(helpers);
		break;
	default:
		break;
	}
}

static gboolean
on_packet(gint socket, GIOCondition condition, gpointer data)
{
	Helpers *helpers = data;
	char buffer[LINE_MAX_BYTES];
	g_autoptr(Message) message = NULL;
	PacketResult result;
	gsize size;
	int fd;

	result = packet_receive(socket, buffer, &size, &fd);
	if (result == PACKET_NONE)
		return G_SOURCE_CONTINUE;
	if (result == PACKET_CLOSED) {
		helpers->watch_id = 0;
		on_vanished(helpers);
		return G_SOURCE_REMOVE;
	}
	if (fd >= 0)
		close(fd);
	message = message_parse(buffer, size, NULL);
	if (message)
		handle(helpers, message);
	/* The handler may have dropped the helper, and its source with it. */
	return helpers->fd == socket ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

/* @session is consumed. */
static void
welcome(Helpers *helpers, int fd, uid_t uid, char *session)
{
	g_autofree char *name = session;
	struct passwd *entry = getpwuid(uid);
	gboolean is_same = helpers->user != NULL && helpers->uid == uid && g_strcmp0(helpers->session, session) == 0;

	drop(helpers);
	g_clear_handle_id(&helpers->return_id, g_source_remove);
	helpers->fd = fd;
	helpers->watch_id = g_unix_fd_add(fd, G_IO_IN, on_packet, helpers);
	if (is_same)
		return;
	end_session(helpers);
	helpers->uid = uid;
	helpers->session = g_steal_pointer(&name);
	helpers->user = entry ? g_strdup(entry->pw_name) : g_strdup_printf("%u", uid);
	helpers->handlers->on_login(helpers->user, helpers->data);
}

static gboolean
on_incoming(gint socket, GIOCondition condition, gpointer data)
{
	Helpers *helpers = data;
	g_autoptr(GError) error = NULL;
	char *session = NULL;
	int fd = accept4(socket, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	uid_t uid;
	pid_t pid;

	if (fd < 0)
		return G_SOURCE_CONTINUE;
	if (!peer_credentials(fd, &uid, &pid, &error)) {
		g_warning("%s", error->message);
	} else if (helpers->fd >= 0) {
		g_debug("process %d of user %u came while another is served", pid, uid);
	} else if (!login_find_session(pid, uid, &session)) {
		g_warning("process %d of user %u is of no login session and was turned away", pid, uid);
	} else {
		welcome(helpers, fd, uid, session);
		return G_SOURCE_CONTINUE;
	}
	close(fd);
	return G_SOURCE_CONTINUE;
}

Helpers *
helpers_new(const char *runtime, const HelpersHandlers *handlers, void *data, GError **error)
{
	g_autoptr(Helpers) helpers = g_new0(Helpers, 1);

	helpers->fd = -1;
	helpers->handlers = handlers;
	helpers->data = data;
	helpers->path = g_build_filename(runtime, PACKET_SOCKET, NULL);
	helpers->listen_fd = packet_listen(helpers->path, error);
	if (helpers->listen_fd < 0)
		return NULL;
	helpers->listen_id = g_unix_fd_add(helpers->listen_fd, G_IO_IN, on_incoming, helpers);
	return g_steal_pointer(&helpers);
}

void
helpers_free(Helpers *helpers)
{
	if (helpers == NULL)
		return;
	drop(helpers);
	g_clear_handle_id(&helpers->return_id, g_source_remove);
	g_clear_handle_id(&helpers->listen_id, g_source_remove);
	if (helpers->listen_fd >= 0) {
		close(helpers->listen_fd);
		unlink(helpers->path);
	}
	g_free(helpers->path);
	g_free(helpers->user);
	g_free(helpers->session);
	g_free(helpers);
}

const char *
helpers_user(const Helpers *helpers)
{
	return helpers->user;
}

gboolean
helpers_is_ready(const Helpers *helpers)
{
	return helpers->user != NULL && helpers->is_ready;
}

gboolean
helpers_send(Helpers *helpers, const char *text, int fd, GError **error)
{
	if (helpers->fd < 0 || !helpers->is_registered) {
		g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_NOT_FOUND, "nobody is signed in");
		return FALSE;
	}
	if (packet_send(helpers->fd, text, fd, error))
		return TRUE;
	/* It does not read, or is gone: another may be started in its place. */
	on_vanished(helpers);
	return FALSE;
}

void
helpers_forget(Helpers *helpers)
{
	drop(helpers);
	end_session(helpers);
}

void
helpers_terminate(Helpers *helpers)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GSubprocess) process = NULL;
	g_autofree char *uid = g_strdup_printf("%u", helpers->uid);

	if (helpers->user == NULL)
		return;
	g_message("the session of %s is ended", helpers->user);
	process = g_subprocess_new(G_SUBPROCESS_FLAGS_NONE, &error, "loginctl",
		helpers->session ? "terminate-session" : "terminate-user", helpers->session ? helpers->session : uid, NULL);
	if (process == NULL)
		g_warning("loginctl: %s", error->message);
}
