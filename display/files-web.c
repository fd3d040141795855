/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/files-web.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "broker/common/agent-files.h"
#include "broker/common/error.h"
#include "display/files-wire.h"

/* Each may hold what its windows allow. */
#define CLIENTS_MAX 16
#define READ_MAX (64 * 1024)
/* What waits for a browser: the windows of what it takes, and words. */
#define OUT_MAX (FILES_AT_ONCE * FILES_WINDOW + 256 * 1024)
/* Files of one connection that it has begun and that have not ended. */
#define SENDS_MAX (FILES_WAITING_MAX + 1)
#define STALLED_S 60

/* What has come of a file and has not gone on to the guest. */
typedef struct {
	guint32 id;
	guint64 size; /* of the file */
	gboolean flows;
	GByteArray *waits; /* at most FILES_WINDOW */
} Send;

typedef struct {
	FilesWeb *web;
	Client *who;
	FilesPeer *peer;
	int fd;
	gboolean gone;
	GByteArray *in, *out;
	GPtrArray *sends; /* Send: whose turn it is first */
	guint read_id, write_id, deadline_id;
} Web;

struct FilesWeb {
	Files *files;
	GPtrArray *clients; /* Web */
	GPtrArray *gone;    /* Web, to be freed by reap_id */
	guint reap_id;
};

static void
send_free(void *data)
{
	g_byte_array_unref(((Send *)data)->waits);
	g_free(data);
}

static void
web_free(void *data)
{
	Web *web = data;

	web->gone = TRUE;
	g_clear_handle_id(&web->read_id, g_source_remove);
	g_clear_handle_id(&web->write_id, g_source_remove);
	g_clear_handle_id(&web->deadline_id, g_source_remove);
	files_peer_free(web->peer);
	g_ptr_array_unref(web->sends);
	g_byte_array_unref(web->in);
	g_byte_array_unref(web->out);
	close(web->fd);
	client_free(web->who);
	g_free(web);
}

static gboolean
on_reap(gpointer data)
{
	FilesWeb *all = data;

	all->reap_id = 0;
	g_ptr_array_set_size(all->gone, 0);
	return G_SOURCE_REMOVE;
}

/* Others may be calling it: it is freed later. */
static void
leave(Web *web, const char *why)
{
	FilesWeb *all = web->web;
	guint i;

	if (web->gone)
		return;
	web->gone = TRUE;
	g_clear_handle_id(&web->read_id, g_source_remove);
	g_clear_handle_id(&web->write_id, g_source_remove);
	g_clear_handle_id(&web->deadline_id, g_source_remove);
	if (g_ptr_array_find(all->clients, web, &i))
		g_ptr_array_steal_index_fast(all->clients, i);
	g_ptr_array_add(all->gone, web);
	if (all->reap_id == 0)
		all->reap_id = g_idle_add_full(G_PRIORITY_HIGH, on_reap, all, NULL);
	g_message("a browser of %s at %s has no connection for files any more: %s", web->who->user, web->who->address, why);
}

/* --- to the browser --- */

static gboolean
on_stalled(gpointer data)
{
	Web *web = data;

	web->deadline_id = 0;
	leave(web, "it takes no bytes");
	return G_SOURCE_REMOVE;
}

static gboolean
on_writable(gint fd, GIOCondition condition, gpointer data)
{
	Web *web = data;
	ssize_t n = send(web->fd, web->out->data, web->out->len, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		web->write_id = 0;
		leave(web, "its connection broke");
		return G_SOURCE_REMOVE;
	}
	if (n > 0) {
		g_byte_array_remove_range(web->out, 0, (guint)n);
		g_clear_handle_id(&web->deadline_id, g_source_remove);
	}
	if (web->out->len == 0) {
		web->write_id = 0;
		return G_SOURCE_REMOVE;
	}
	if (web->deadline_id == 0)
		web->deadline_id = g_timeout_add_seconds(STALLED_S, on_stalled, web);
	return G_SOURCE_CONTINUE;
}

static void
put(Web *web, FilesKind kind, guint32 id, const void *body, gsize size)
{
	if (web->gone)
		return;
	if (web->out->len + size > OUT_MAX) {
		leave(web, "it asks for more than it reads");
		return;
	}
	files_frame_append(web->out, kind, id, body, size);
	if (web->write_id == 0)
		web->write_id = g_unix_fd_add(web->fd, G_IO_OUT, on_writable, web);
}

static void
put_number(Web *web, FilesKind kind, guint32 id, guint32 number)
{
	number = GUINT32_TO_BE(number);
	put(web, kind, id, &number, sizeof number);
}

static void
put_hello(Web *web)
{
	g_autoptr(GByteArray) body = g_byte_array_new();
	guint8 rights = (guint8)((web->who->files_to_desktop ? 1 : 0) | (web->who->files_from_desktop ? 2 : 0));

	g_byte_array_append(body, &rights, 1);
	files_append_u64(body, web->who->file_max);
	files_append_u32(body, FILES_WINDOW);
	files_append_u32(body, FILES_AT_ONCE);
	put(web, FILES_HELLO, 0, body->data, body->len);
}

/* --- to the guest --- */

static Send *
find(const Web *web, guint32 id)
{
	for (guint i = 0; i < web->sends->len; i++) {
		if (((Send *)web->sends->pdata[i])->id == id)
			return web->sends->pdata[i];
	}
	return NULL;
}

/* One piece of the file whose turn it is. FALSE: none has anything. */
static gboolean
pump_piece(Web *web)
{
	for (guint i = 0; i < web->sends->len; i++) {
		Send *send = web->sends->pdata[i];
		gsize n = MIN(send->waits->len, AGENT_FILE_PIECE);
		guint32 id = send->id;

		if (n == 0)
			continue;
		/* Its turn comes again after the others'. */
		g_ptr_array_steal_index(web->sends, i);
		g_ptr_array_add(web->sends, send);
		/* What came is bounded and complete already, so it is taken off first: it may be gone after this. */
		g_autofree guint8 *piece = g_memdup2(send->waits->data, n);

		g_byte_array_remove_range(send->waits, 0, (guint)n);
		if (files_send_bytes(web->peer, id, piece, n))
			put_number(web, FILES_MORE, id, (guint32)n);
		return TRUE;
	}
	return FALSE;
}

static void
pump(Web *web)
{
	while (!web->gone && files_has_room(web->web->files) && pump_piece(web))
		;
}

static void
on_go(guint32 id, void *data)
{
	Web *web = data;
	Send *send = find(web, id);

	if (send == NULL)
		return;
	send->flows = TRUE;
	put(web, FILES_GO, id, NULL, 0);
	/* The guest waits for a piece of an empty file, too. */
	if (send->size == 0)
		files_send_bytes(web->peer, id, (const guint8 *)"", 0);
}

static void
on_sent(guint32 id, FilesResult result, guint64 space, void *data)
{
	Web *web = data;
	g_autoptr(GByteArray) body = g_byte_array_new();
	guint8 byte = (guint8)result;
	Send *send = find(web, id);

	if (send)
		g_ptr_array_remove(web->sends, send);
	g_byte_array_append(body, &byte, 1);
	files_append_u64(body, space);
	put(web, FILES_SENT, id, body->data, body->len);
}

static void
on_room(void *data)
{
	pump(data);
}

static void
on_offer(guint32 id, guint64 size, const char *name, void *data)
{
	g_autoptr(GByteArray) body = g_byte_array_new();

	files_append_u64(body, size);
	g_byte_array_append(body, (const guint8 *)name, (guint)strlen(name));
	put(data, FILES_OFFER, id, body->data, body->len);
}

static void
on_bytes(guint32 id, const guint8 *bytes, gsize size, void *data)
{
	/* A hostile guest's message is longer than ours would be. */
	for (gsize at = 0; at < size; at += FILES_BODY_MAX)
		put(data, FILES_CAME, id, bytes + at, MIN(size - at, FILES_BODY_MAX));
}

static void
on_offer_over(guint32 id, FilesResult result, void *data)
{
	guint8 byte = (guint8)result;

	put(data, FILES_OVER, id, &byte, 1);
}

static const FilesEvents peer_events = {on_go, on_sent, on_room, on_offer, on_bytes, on_offer_over};

/* --- from the browser --- */

static void
take_send(Web *web, const FilesFrame *frame)
{
	Send *send;

	if (find(web, frame->id) || web->sends->len >= SENDS_MAX) {
		leave(web, find(web, frame->id) ? "it sends two files with one number" : "it sends too many files at once");
		return;
	}
	send = g_new0(Send, 1);
	send->id = frame->id;
	send->size = frame->number;
	send->waits = g_byte_array_new();
	g_ptr_array_add(web->sends, send);
	files_send(web->peer, frame->id, frame->number, (const char *)frame->body, frame->size);
}

static void
take_bytes(Web *web, const FilesFrame *frame)
{
	Send *send = find(web, frame->id);

	/* It may have ended while they were on their way. */
	if (send == NULL)
		return;
	if (!send->flows || send->waits->len + frame->size > FILES_WINDOW) {
		leave(web, "it sends more of a file than it may");
		return;
	}
	g_byte_array_append(send->waits, frame->body, (guint)frame->size);
	pump(web);
}

static void
take_frame(Web *web, const FilesFrame *frame)
{
	switch (frame->kind) {
	case FILES_SEND:
		take_send(web, frame);
		break;
	case FILES_BYTES:
		take_bytes(web, frame);
		break;
	case FILES_CANCEL:
		files_send_cancel(web->peer, frame->id);
		break;
	case FILES_TAKE:
		/* Another was faster: it was told, or is about to be. */
		files_take(web->peer, frame->id);
		break;
	case FILES_REFUSE:
		files_refuse(web->peer, frame->id);
		break;
	case FILES_STOP:
		files_take_cancel(web->peer, frame->id);
		break;
	default:
		if (!files_took(web->peer, frame->id, frame->number))
			leave(web, "it took more of a file than it was sent");
		break;
	}
}

static void
take_all(Web *web)
{
	FilesFrame frame;
	gsize at = 0, used = 0;
	FilesParsed parsed = FILES_FRAME_DONE;

	while (!web->gone && parsed == FILES_FRAME_DONE) {
		parsed = files_frame_parse(web->in->data + at, web->in->len - at, &frame, &used);
		if (parsed != FILES_FRAME_DONE)
			break;
		take_frame(web, &frame);
		at += used;
	}
	if (parsed == FILES_FRAME_BAD)
		leave(web, "it does not speak the protocol of files");
	if (at > 0)
		g_byte_array_remove_range(web->in, 0, (guint)at);
}

static gboolean
on_readable(gint fd, GIOCondition condition, gpointer data)
{
	Web *web = data;
	guint8 buffer[READ_MAX];
	ssize_t n = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return G_SOURCE_CONTINUE;
	if (n <= 0) {
		web->read_id = 0;
		leave(web, n == 0 ? "it closed" : "its connection broke");
		return G_SOURCE_REMOVE;
	}
	g_byte_array_append(web->in, buffer, (guint)n);
	take_all(web);
	return G_SOURCE_CONTINUE; /* where it left, this source is gone already */
}

FilesWeb *
files_web_new(Files *files)
{
	FilesWeb *all = g_new0(FilesWeb, 1);

	all->files = files;
	all->clients = g_ptr_array_new_with_free_func(web_free);
	all->gone = g_ptr_array_new_with_free_func(web_free);
	return all;
}

void
files_web_free(FilesWeb *all)
{
	if (all == NULL)
		return;
	g_clear_handle_id(&all->reap_id, g_source_remove);
	g_ptr_array_unref(all->clients);
	g_ptr_array_unref(all->gone);
	g_free(all);
}

gboolean
files_web_add_client(FilesWeb *all, int fd, Client *client, GError **error)
{
	Web *web;

	if (all->clients->len >= CLIENTS_MAX) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_EXHAUSTED, "%d connections for files are there already", CLIENTS_MAX);
		close(fd);
		client_free(client);
		return FALSE;
	}
	web = g_new0(Web, 1);
	web->web = all;
	web->fd = fd;
	web->who = client;
	web->in = g_byte_array_new();
	web->out = g_byte_array_new();
	web->sends = g_ptr_array_new_with_free_func(send_free);
	web->read_id = g_unix_fd_add(fd, G_IO_IN, on_readable, web);
	g_ptr_array_add(all->clients, web);
	put_hello(web);
	web->peer = files_peer_new(all->files, client, &peer_events, web);
	return TRUE;
}
