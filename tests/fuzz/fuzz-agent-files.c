/* What the host may say about files on the guest's SPICE port, while a file is on offer.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/packet.h"
#include "agent/session/files-in.h"
#include "agent/session/files-out.h"
#include "agent/session/vdagent.h"
#include "broker/common/agent-files.h"
#include "broker/common/file-name.h"

int LLVMFuzzerTestOneInput(const guint8 *bytes, gsize size);

typedef struct {
	Vdagent *agent;
	FilesIn *in;
	FilesOut *out;
	guint64 credit, sent; /* of the file on offer */
} Side;

static void
send_file_message(guint32 type, const void *bytes, gsize size, void *data)
{
	Side *side = data;

	if (type != AGENT_FILE_BYTES)
		return;
	side->sent += size - 4;
	if (side->sent > side->credit)
		g_error("more was sent than the host allowed");
}

static gboolean
yes(void *data)
{
	return TRUE;
}

static gsize
none(void *data)
{
	return 0;
}

static void
on_file(guint32 type, const guint8 *bytes, gsize size, void *data)
{
	Side *side = data;

	if (type == AGENT_FILE_CREDIT && size >= 8) {
		guint32 number;

		memcpy(&number, bytes + 4, sizeof number);
		side->credit += GUINT32_FROM_LE(number);
	}
	if (type == AGENT_FILE_ANSWER || type == AGENT_FILE_CREDIT)
		files_out_take(side->out, type, bytes, size);
	else
		files_in_take(side->in, type, bytes, size);
}

static void
on_client_gone(void *data)
{
	files_in_reset(((Side *)data)->in);
}

static gboolean
write_port(const void *bytes, gsize size, void *data)
{
	return TRUE;
}

static void
ignore(void *data)
{
}

static void
ignore_selection(guint selection, void *data)
{
}

static void
ignore_grab(guint selection, gboolean has_text, void *data)
{
}

static void
ignore_text(guint selection, const char *text, gsize size, void *data)
{
}

static gboolean
ignore_monitors(const VdagentMonitor *monitors, guint n, void *data)
{
	return TRUE;
}

static const FilesInHost in_host = {send_file_message, yes};
static const FilesOutHost out_host = {send_file_message, yes, none};
static const VdagentHandlers handlers = {
        .write = write_port,
        .on_peer = ignore,
        .on_grab = ignore_grab,
        .on_release = ignore_selection,
        .on_request = ignore_selection,
        .on_text = ignore_text,
        .on_monitors = ignore_monitors,
        .on_file = on_file,
        .on_client_gone = on_client_gone,
};

/* The folder is emptied; what was in it had good names, and nothing in it was half. */
static void
check_folder(const char *folder)
{
	g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
	const char *name;

	while (dir && (name = g_dir_read_name(dir)) != NULL) {
		g_autofree char *path = g_build_filename(folder, name, NULL), *clean = file_name_clean(name, strlen(name), FILE_NAME_MAX);

		if (strcmp(name, clean) != 0)
			g_error("“%s” is no name", name);
		if (g_unlink(path) < 0)
			g_error("“%s” is no file", name);
	}
}

/* carrel-send's end of a connection that offers 100 kB. */
static int
offer(Side *side)
{
	int ends[2], memory = memfd_create("offer", MFD_CLOEXEC);

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) < 0 || ftruncate(memory, 100000) < 0)
		g_error("no socket");
	files_out_connect(side->out, ends[0]);
	packet_send(ends[1], "offered", memory, NULL);
	close(memory);
	for (int i = 0; i < 5; i++)
		g_main_context_iteration(NULL, FALSE);
	return ends[1];
}

static GLogWriterOutput
write_log(GLogLevelFlags level, const GLogField *fields, gsize n, gpointer data)
{
	return level & G_LOG_LEVEL_MESSAGE ? G_LOG_WRITER_HANDLED : g_log_writer_default(level, fields, n, data);
}

int
LLVMFuzzerTestOneInput(const guint8 *bytes, gsize size)
{
	static char *folder;
	Side side = {0};
	int command;

	if (folder == NULL) {
		g_log_set_writer_func(write_log, NULL, NULL);
		folder = g_dir_make_tmp("carrel-fuzz-XXXXXX", NULL);
	}
	side.agent = vdagent_new(8192, &handlers, &side);
	side.in = files_in_new(folder, &in_host, &side);
	side.out = files_out_new(NULL, &out_host, &side);
	command = offer(&side);
	vdagent_open(side.agent);
	/* The first byte says where the stream is cut. */
	if (size > 0) {
		gsize cut = MIN(bytes[0], size - 1);

		if (vdagent_feed(side.agent, bytes + 1, cut))
			vdagent_feed(side.agent, bytes + 1 + cut, size - 1 - cut);
	}
	files_in_reset(side.in);
	check_folder(folder);
	files_out_reset(side.out);
	vdagent_free(side.agent);
	files_in_free(side.in);
	files_out_free(side.out);
	close(command);
	return 0;
}
