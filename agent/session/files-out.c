/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "agent/session/files-out.h"

#include "agent/line-reader.h"
#include "agent/packet.h"
#include "broker/common/agent-files.h"
#include "broker/common/file-name.h"
#include "broker/common/peer.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONNECTIONS_MAX 64
/* What the host has not read before files wait; the clipboard is behind no more than this. */
#define UNREAD_MAX (128 * 1024)
/* How often the command is told how far it is. */
#define TELL_BYTES (1024 * 1024)

typedef struct {
	FilesOut *out;
	int fd; /* of the connection */
	guint watch_id;
	guint32 id;       /* 0: nothing is offered yet */
	int file;         /* -1: none */
	guint64 size, at; /* of the file; bytes sent */
	guint64 credit, told;
	gboolean ended; /* all was sent */
} Out;

struct FilesOut {
	char *path;
	int fd; /* listens; -1: does not */
	guint watch_id;
	guint32 last_id;
	GPtrArray *outs; /* Out: whose turn it is first */
	const FilesOutHost *host;
	void *data;
};

static const char *const sentences[AGENT_FILE_N_ANSWERS] = {
        [AGENT_FILE_REFUSED] = "It was refused at the browser.",
        [AGENT_FILE_CANCELLED] = "It was stopped at the browser.",
        [AGENT_FILE_DENIED] = "Files may not leave this desktop: ask the administrator of its pool.",
        [AGENT_FILE_TOO_LARGE] = "The file is larger than files from this desktop may be: send it in parts, or ask the administrator.",
        [AGENT_FILE_TOO_MANY] = "Too many files are on offer already: answer those in the browser first.",
        [AGENT_FILE_NOBODY] = "Nobody is connected to this desktop who could take a file.",
        [AGENT_FILE_NO_BROWSER] = "Files can only be fetched in the browser: open this desktop there, and send again.",
        [AGENT_FILE_LOST] = "The connection to the browser was lost: send it again when it is back.",
        [AGENT_FILE_UNANSWERED] = "Nobody answered in the browser: send it again when somebody is there.",
        [AGENT_FILE_BROKEN] = "It could not be sent whole: send it again.",
};

static void
out_free(void *data)
{
	Out *one = data;

	g_clear_handle_id(&one->watch_id, g_source_remove);
	if (one->file >= 0)
		close(one->file);
	close(one->fd);
	g_free(one);
}

static void
say(Out *one, guint32 type, guint32 number)
{
	guint32 message[2] = {GUINT32_TO_LE(one->id), GUINT32_TO_LE(number)};

	one->out->host->send(type, message, sizeof message, one->out->data);
}

/* The command may be gone, or stopped: what it is told is lost then. */
static void
tell(Out *one, const char *text)
{
	packet_send(one->fd, text, -1, NULL);
}

static void
drop(Out *one)
{
	g_ptr_array_remove(one->out->outs, one);
}

static void
fail(Out *one, const char *why)
{
	g_autofree char *text = g_strdup_printf("failed %s", why);

	tell(one, text);
	drop(one);
}

static void
withdraw(Out *one)
{
	if (one->id != 0)
		say(one, AGENT_FILE_END, 1);
}

static void
send_offer(Out *one, const char *name)
{
	g_autoptr(GByteArray) message = g_byte_array_new();
	guint32 id = GUINT32_TO_LE(one->id);
	guint64 size = GUINT64_TO_LE(one->size);

	g_byte_array_append(message, (const guint8 *)&id, sizeof id);
	g_byte_array_append(message, (const guint8 *)&size, sizeof size);
	g_byte_array_append(message, (const guint8 *)name, (guint)strlen(name));
	one->out->host->send(AGENT_FILE_OFFER, message->data, message->len, one->out->data);
}

/* Takes @file. */
static void
offer(Out *one, const char *bytes, gsize size, int file)
{
	FilesOut *out = one->out;
	g_autofree char *name = file_name_clean(bytes, size, FILE_NAME_MAX);
	struct stat about;

	one->file = file;
	if (file < 0 || fstat(file, &about) < 0 || !S_ISREG(about.st_mode)) {
		fail(one, "Only files can be sent: put a folder into an archive first.");
		return;
	}
	if (!out->host->is_open(out->data)) {
		fail(one, sentences[AGENT_FILE_NOBODY]);
		return;
	}
	one->size = (guint64)about.st_size;
	one->id = ++out->last_id;
	tell(one, "offered");
	send_offer(one, name);
}

static gboolean
on_packet(gint fd, GIOCondition condition, gpointer data)
{
	Out *one = data;
	char buffer[LINE_MAX_BYTES];
	PacketResult result;
	gsize size;
	int file = -1;

	result = packet_receive(fd, buffer, &size, &file);
	if (result == PACKET_NONE)
		return G_SOURCE_CONTINUE;
	if (result == PACKET_GOT && one->id == 0 && one->file < 0) {
		offer(one, buffer, size, file);
		return G_SOURCE_CONTINUE; /* where it was dropped, this source is gone already */
	}
	if (file >= 0)
		close(file);
	withdraw(one);
	drop(one);
	return G_SOURCE_CONTINUE;
}

static gboolean
on_incoming(gint listening, GIOCondition condition, gpointer data)
{
	int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd >= 0)
		files_out_connect(data, fd);
	return G_SOURCE_CONTINUE;
}

void
files_out_connect(FilesOut *out, int fd)
{
	uid_t uid;
	pid_t pid;
	Out *one;

	/* The folder is the person's alone; this makes sure. */
	if (out->outs->len >= CONNECTIONS_MAX || !peer_credentials(fd, &uid, &pid, NULL) || uid != getuid()) {
		close(fd);
		return;
	}
	one = g_new0(Out, 1);
	one->out = out;
	one->fd = fd;
	one->file = -1;
	one->watch_id = g_unix_fd_add(fd, G_IO_IN, on_packet, one);
	g_ptr_array_add(out->outs, one);
}

FilesOut *
files_out_new(const char *path, const FilesOutHost *host, void *data)
{
	FilesOut *out = g_new0(FilesOut, 1);
	g_autoptr(GError) error = NULL;

	out->path = g_strdup(path);
	out->host = host;
	out->data = data;
	out->outs = g_ptr_array_new_with_free_func(out_free);
	out->fd = path ? packet_listen(path, &error) : -1;
	if (out->fd >= 0)
		out->watch_id = g_unix_fd_add(out->fd, G_IO_IN, on_incoming, out);
	else if (path)
		g_warning("files cannot be sent from here: %s", error->message);
	return out;
}

void
files_out_free(FilesOut *out)
{
	if (out == NULL)
		return;
	g_clear_handle_id(&out->watch_id, g_source_remove);
	g_ptr_array_unref(out->outs);
	if (out->fd >= 0) {
		close(out->fd);
		unlink(out->path);
	}
	g_free(out->path);
	g_free(out);
}

static guint32
read_u32(const guint8 *p)
{
	guint32 value;

	memcpy(&value, p, sizeof value);
	return GUINT32_FROM_LE(value);
}

/* FALSE: it was dropped. */
static gboolean
send_piece(Out *one)
{
	guint8 message[4 + AGENT_FILE_PIECE];
	guint32 id = GUINT32_TO_LE(one->id);
	gsize wanted = (gsize)MIN(MIN(one->credit, one->size - one->at), AGENT_FILE_PIECE);
	ssize_t n = pread(one->file, message + 4, wanted, (off_t)one->at);

	if (n <= 0) {
		withdraw(one);
		fail(one, n < 0 ? "It cannot be read." : "It became shorter while it was sent.");
		return FALSE;
	}
	memcpy(message, &id, sizeof id);
	one->out->host->send(AGENT_FILE_BYTES, message, 4 + (gsize)n, one->out->data);
	one->at += (guint64)n;
	one->credit -= (guint64)n;
	if (one->at - one->told >= TELL_BYTES) {
		g_autofree char *text = g_strdup_printf("sent %" G_GUINT64_FORMAT, one->at);

		one->told = one->at;
		tell(one, text);
	}
	return TRUE;
}

static void
end_when_whole(Out *one)
{
	if (one->at < one->size || one->ended)
		return;
	one->ended = TRUE;
	say(one, AGENT_FILE_END, 0);
}

/* One that can be sent a piece of, which then goes behind the others; NULL: none. */
static Out *
next_turn(FilesOut *out)
{
	for (guint i = 0; i < out->outs->len; i++) {
		Out *one = out->outs->pdata[i];

		if (one->credit == 0 || one->at == one->size)
			continue;
		g_ptr_array_steal_index(out->outs, i);
		g_ptr_array_add(out->outs, one);
		return one;
	}
	return NULL;
}

void
files_out_room(FilesOut *out)
{
	Out *one;

	while (out->host->unread(out->data) < UNREAD_MAX && (one = next_turn(out)) != NULL) {
		if (send_piece(one))
			end_when_whole(one);
	}
}

static void
answered(Out *one, guint32 answer)
{
	if (answer == AGENT_FILE_TAKEN) {
		tell(one, "taken");
		end_when_whole(one); /* an empty one */
	} else if (answer == AGENT_FILE_SAVED) {
		tell(one, "saved");
		drop(one);
	} else {
		fail(one, answer < AGENT_FILE_N_ANSWERS ? sentences[answer] : "It was not taken.");
	}
}

void
files_out_take(FilesOut *out, guint32 type, const guint8 *bytes, gsize size)
{
	Out *one = NULL;

	for (guint i = 0; size >= 8 && i < out->outs->len && one == NULL; i++) {
		if (((Out *)out->outs->pdata[i])->id == read_u32(bytes))
			one = out->outs->pdata[i];
	}
	if (one == NULL || one->id == 0)
		return;
	if (type == AGENT_FILE_ANSWER) {
		answered(one, read_u32(bytes + 4));
	} else {
		one->credit += read_u32(bytes + 4);
		files_out_room(out);
	}
}

void
files_out_reset(FilesOut *out)
{
	for (guint i = out->outs->len; i-- > 0;) {
		Out *one = out->outs->pdata[i];

		if (one->id != 0)
			fail(one, sentences[AGENT_FILE_LOST]);
	}
}
