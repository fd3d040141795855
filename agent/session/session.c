/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "agent/session/session.h"

#include "agent/port.h"
#include "agent/session/clipboard.h"
#include "agent/session/desktop.h"
#include "agent/session/drawn.h"
#include "agent/session/files-in.h"
#include "agent/session/files-out.h"
#include "agent/session/link.h"
#include "agent/session/pointer.h"
#include "agent/session/randr.h"
#include "agent/session/vdagent.h"
#include "broker/common/agent-files.h"

#include <unistd.h>

/* Beside one text of the largest size, room for what is said meanwhile; the heads of its chunks add 0.4 %. */
#define QUEUE_SPARE (1024 * 1024)
#define NOTICES_MAX 4
/* How long after garbage on the port a fresh one is asked for. */
#define FRESH_PORT_S 1

struct Session {
	SessionConfig config;
	X *x;
	Desktop *desktop;
	Drawn *drawn;
	Randr *randr;         /* NULL: this X server cannot be resized */
	Pointer *pointer;     /* NULL: it has no XTEST */
	Clipboard *clipboard; /* NULL: it has no XFixes */
	VdagentHandlers handlers;
	Vdagent *vdagent;
	FilesIn *files_in;
	FilesOut *files_out;
	Port *port; /* NULL: not given yet */
	Link *link;
	gboolean is_ready;
	guint *notices; /* how many are shown; a reference box, as they may outlive the session */
	guint fresh_port_id, bad_port_id;
	void (*on_ended)(void *data);
	void *data;
};

/* --- the port --- */

static gboolean
on_fresh_port_due(gpointer data)
{
	Session *session = data;
	g_autofree char *line = message_write("need-port", NULL);

	session->fresh_port_id = 0;
	link_send(session->link, line);
	return G_SOURCE_REMOVE;
}

/* Nobody is there any more who could let go of a button. */
static void
close_port(Session *session)
{
	vdagent_close(session->vdagent);
	files_in_reset(session->files_in);
	files_out_reset(session->files_out);
	if (session->pointer)
		pointer_press(session->pointer, 0);
}

static void
give_up_port(Session *session)
{
	close_port(session);
	g_clear_pointer(&session->port, port_free);
	if (session->fresh_port_id == 0)
		session->fresh_port_id = g_timeout_add_seconds(FRESH_PORT_S, on_fresh_port_due, session);
}

static void
on_port_open(void *data)
{
	vdagent_open(((Session *)data)->vdagent);
}

static void
on_port_close(void *data)
{
	close_port(data);
}

static void
on_port_sent(void *data)
{
	files_out_room(((Session *)data)->files_out);
}

static void
on_port_gone(void *data)
{
	give_up_port(data);
}

static gboolean
on_bad_port(gpointer data)
{
	Session *session = data;

	session->bad_port_id = 0;
	g_warning("the SPICE agent's port does not speak its protocol: it is opened anew");
	give_up_port(session);
	return G_SOURCE_REMOVE;
}

static void
on_port_bytes(const guint8 *bytes, gsize size, void *data)
{
	Session *session = data;

	/* The port must not be freed while it calls us. */
	if (!vdagent_feed(session->vdagent, bytes, size) && session->bad_port_id == 0)
		session->bad_port_id = g_idle_add(on_bad_port, session);
}

static const PortHandlers port_handlers = {
	.on_open = on_port_open,
	.on_bytes = on_port_bytes,
	.on_close = on_port_close,
	.on_sent = on_port_sent,
	.on_gone = on_port_gone,
};

static void
take_port(Session *session, int fd)
{
	g_autoptr(GError) error = NULL;

	g_clear_handle_id(&session->fresh_port_id, g_source_remove);
	g_clear_handle_id(&session->bad_port_id, g_source_remove);
	if (session->port) {
		close_port(session);
		g_clear_pointer(&session->port, port_free);
	}
	session->port = port_new(fd, session->config.clipboard_max + session->config.clipboard_max / 128 + QUEUE_SPARE,
		&port_handlers, session, &error);
	if (session->port == NULL)
		g_warning("%s", error->message);
}

/* --- the SPICE agent protocol --- */

static gboolean
write_port(const void *bytes, gsize size, void *data)
{
	Session *session = data;

	return session->port && port_write(session->port, bytes, size);
}

static void
on_host_grab(guint selection, gboolean has_text, void *data)
{
	Session *session = data;

	if (session->clipboard)
		clipboard_host_grabbed(session->clipboard, selection, has_text);
}

static void
on_host_release(guint selection, void *data)
{
	Session *session = data;

	if (session->clipboard)
		clipboard_host_released(session->clipboard, selection);
}

static void
on_host_request(guint selection, void *data)
{
	Session *session = data;

	if (session->clipboard)
		clipboard_host_requests(session->clipboard, selection);
	else
		vdagent_send_text(session->vdagent, selection, NULL, 0);
}

static void
on_host_text(guint selection, const char *text, gsize size, void *data)
{
	Session *session = data;

	if (session->clipboard)
		clipboard_host_answers(session->clipboard, selection, text, size);
}

static void
on_host_came(void *data)
{
	Session *session = data;

	if (session->clipboard)
		clipboard_host_came(session->clipboard);
}

static gboolean
on_host_monitors(const VdagentMonitor *monitors, guint n, void *data)
{
	Session *session = data;

	return session->randr && randr_set_monitors(session->randr, monitors, n);
}

static void
on_host_pointer(guint monitor, guint x, guint y, guint32 buttons, void *data)
{
	Session *session = data;
	int root_x, root_y;

	if (session->randr && randr_locate(session->randr, monitor, x, y, &root_x, &root_y))
		pointer_move(session->pointer, root_x, root_y);
	pointer_press(session->pointer, buttons);
}

static void
on_host_file(guint32 type, const guint8 *bytes, gsize size, void *data)
{
	Session *session = data;

	if (type == AGENT_FILE_ANSWER || type == AGENT_FILE_CREDIT)
		files_out_take(session->files_out, type, bytes, size);
	else
		files_in_take(session->files_in, type, bytes, size);
}

static void
on_client_gone(void *data)
{
	files_in_reset(((Session *)data)->files_in);
}

static const VdagentHandlers vdagent_handlers = {
	.write = write_port,
	.on_peer = on_host_came,
	.on_grab = on_host_grab,
	.on_release = on_host_release,
	.on_request = on_host_request,
	.on_text = on_host_text,
	.on_monitors = on_host_monitors,
	.on_pointer = on_host_pointer,
	.on_file = on_host_file,
	.on_client_gone = on_client_gone,
};

/* --- files --- */

static void
send_file_message(guint32 type, const void *bytes, gsize size, void *data)
{
	vdagent_send_file(((Session *)data)->vdagent, type, bytes, size);
}

static gboolean
host_knows_details(void *data)
{
	return vdagent_knows_file_details(((Session *)data)->vdagent);
}

static gboolean
host_takes_files(void *data)
{
	Session *session = data;

	return session->port && port_is_open(session->port) && vdagent_takes_files(session->vdagent);
}

static gsize
host_unread(void *data)
{
	Session *session = data;

	return session->port ? port_unsent(session->port) : 0;
}

static const FilesInHost files_in_host = {send_file_message, host_knows_details};
static const FilesOutHost files_out_host = {send_file_message, host_takes_files, host_unread};

/* --- the clipboard --- */

static void
send_grab(guint selection, void *data)
{
	vdagent_send_grab(((Session *)data)->vdagent, selection);
}

static void
send_release(guint selection, void *data)
{
	vdagent_send_release(((Session *)data)->vdagent, selection);
}

static gboolean
send_request(guint selection, void *data)
{
	return vdagent_send_request(((Session *)data)->vdagent, selection);
}

static void
send_text(guint selection, const char *text, gsize size, void *data)
{
	vdagent_send_text(((Session *)data)->vdagent, selection, text, size);
}

static const ClipboardHost clipboard_host = {
	.grab = send_grab,
	.release = send_release,
	.request = send_request,
	.text = send_text,
};

/* --- the daemon --- */

static char *
on_connected(void *data)
{
	Session *session = data;

	return message_write_session(session->is_ready, session->port != NULL);
}

static void
on_notice_over(GObject *process, GAsyncResult *result, gpointer data)
{
	guint *notices = data;

	g_subprocess_wait_finish(G_SUBPROCESS(process), result, NULL);
	(*notices)--;
	g_rc_box_release(notices);
}

/* A program of its own: drawing text needs libraries that this process, which a session always has, can do without. */
static void
show_notice(Session *session, const Message *message)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GSubprocess) process = NULL;
	g_autofree char *timeout = g_strdup_printf("%" G_GINT64_FORMAT, message->timeout_s);

	if (*session->notices >= NOTICES_MAX) {
		g_warning("a notice is not shown: %d are shown already", NOTICES_MAX);
		return;
	}
	process = g_subprocess_new(G_SUBPROCESS_FLAGS_NONE, &error, session->config.notice_program, "--timeout", timeout,
		"--", message->text, NULL);
	if (process == NULL) {
		g_warning("a notice cannot be shown: %s", error->message);
		return;
	}
	(*session->notices)++;
	g_subprocess_wait_async(process, NULL, on_notice_over, g_rc_box_acquire(session->notices));
}

static void
on_windows_closed(void *data)
{
	Session *session = data;
	g_autofree char *line = message_write("leave", NULL);

	link_send(session->link, line);
}

static void
on_message(const Message *message, int fd, void *data)
{
	Session *session = data;

	switch (message->kind) {
	case MESSAGE_PORT:
		if (fd >= 0)
			take_port(session, fd);
		return;
	case MESSAGE_USER:
		desktop_set_user(session->desktop,
			message->full_name && *message->full_name ? message->full_name : message->name);
		break;
	case MESSAGE_NOTICE:
		show_notice(session, message);
		break;
	case MESSAGE_SIGN_OUT:
		desktop_close_windows(session->desktop, on_windows_closed, session);
		break;
	default:
		break;
	}
	if (fd >= 0)
		close(fd);
}

static const LinkHandlers link_handlers = {
	.on_connected = on_connected,
	.on_message = on_message,
};

/* --- X --- */

static void
on_drawn(void *data)
{
	Session *session = data;
	g_autofree char *line = message_write("drawn", NULL);

	session->is_ready = TRUE;
	link_send(session->link, line);
}

static void
on_x_lost(void *data)
{
	Session *session = data;
	g_autofree char *line = message_write("ended", NULL);

	if (session->link)
		link_send(session->link, line);
	session->on_ended(session->data);
}

Session *
session_new(const SessionConfig *config, void (*on_ended)(void *data), void *data, GError **error)
{
	g_autoptr(Session) session = g_new0(Session, 1);
	g_autoptr(GError) lack = NULL;

	session->config = *config;
	session->notices = g_rc_box_new0(guint);
	session->on_ended = on_ended;
	session->data = data;
	session->x = x_new(config->display, on_x_lost, session, error);
	if (session->x == NULL)
		return NULL;
	session->pointer = pointer_new(session->x);
	session->handlers = vdagent_handlers;
	if (session->pointer == NULL) {
		g_warning("the X server has no XTEST: the host moves its own pointer");
		session->handlers.on_pointer = NULL;
	}
	session->vdagent = vdagent_new(config->clipboard_max, &session->handlers, session);
	session->files_in = files_in_new(config->downloads, &files_in_host, session);
	session->files_out = files_out_new(config->send_socket, &files_out_host, session);
	session->desktop = desktop_new(session->x);
	session->randr = randr_new(session->x, &lack);
	if (session->randr == NULL)
		g_warning("the screen cannot be resized: %s", lack->message);
	g_clear_error(&lack);
	session->clipboard = clipboard_new(session->x, config->clipboard_max, &clipboard_host, session, &lack);
	if (session->clipboard == NULL)
		g_warning("there is no clipboard: %s", lack->message);
	session->link = link_new(config->runtime, &link_handlers, session);
	session->drawn = drawn_new(session->x, on_drawn, session);
	return g_steal_pointer(&session);
}

void
session_free(Session *session)
{
	if (session == NULL)
		return;
	g_clear_handle_id(&session->fresh_port_id, g_source_remove);
	g_clear_handle_id(&session->bad_port_id, g_source_remove);
	link_free(session->link);
	port_free(session->port);
	files_out_free(session->files_out);
	files_in_free(session->files_in);
	vdagent_free(session->vdagent);
	drawn_free(session->drawn);
	clipboard_free(session->clipboard);
	pointer_free(session->pointer);
	randr_free(session->randr);
	desktop_free(session->desktop);
	x_free(session->x);
	g_rc_box_release(session->notices);
	g_free(session);
}
