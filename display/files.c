/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/files.h"

#include <spice/vd_agent.h>

#include "display/agent-wire.h"
#include "display/files-private.h"

/* What the guest has not read before files wait; what is said beside them is behind no more than this. */
#define UNREAD_MAX (128 * 1024)
#define TICK_S 5
/* How long a guest may read nothing while files wait for it. */
#define FULL_US (30 * G_USEC_PER_SEC)

Files *
files_new(const FilesSink *sink, gint64 (*clock)(void), void *user_data)
{
	Files *files = g_new0(Files, 1);

	files->sink = sink;
	files->data = user_data;
	files->clock = clock ? clock : g_get_monotonic_time;
	files->peers = g_ptr_array_new();
	files->sendings = g_ptr_array_new_with_free_func(sending_free);
	files->offers = g_ptr_array_new_with_free_func(offer_free);
	return files;
}

void
files_free(Files *files)
{
	if (files == NULL)
		return;
	g_clear_handle_id(&files->tick_id, g_source_remove);
	g_ptr_array_unref(files->sendings);
	g_ptr_array_unref(files->offers);
	g_ptr_array_unref(files->peers);
	g_free(files);
}

void
files_note(Files *files, const char *format, ...)
{
	g_autofree char *text = NULL;
	gint64 now = files->clock();
	va_list args;

	if (files->noted != 0 && now - files->noted < G_USEC_PER_SEC)
		return;
	files->noted = now;
	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	g_message("%s", text);
}

guint32
files_next_id(Files *files)
{
	/* Far from coming round while one with the same number is under way: that would take four thousand million files. */
	if (++files->last_id == 0)
		files->last_id = 1;
	return files->last_id;
}

gboolean
files_has_room(const Files *files)
{
	return files->sink->unread(files->data) < UNREAD_MAX;
}

guint
files_under_way(const Files *files)
{
	return files->sendings->len + files->offers->len;
}

static gboolean
on_tick(gpointer data)
{
	Files *files = data;

	files_check_deadlines(files);
	if (files_under_way(files) > 0)
		return G_SOURCE_CONTINUE;
	files->tick_id = 0;
	return G_SOURCE_REMOVE;
}

void
files_watch(Files *files)
{
	if (files->tick_id == 0)
		files->tick_id = g_timeout_add_seconds(TICK_S, on_tick, files);
}

void
files_check_deadlines(Files *files)
{
	gint64 now = files->clock();

	if (files->sendings->len == 0 || files_has_room(files))
		files->full_since = 0;
	else if (files->full_since == 0)
		files->full_since = now;
	if (files->full_since != 0 && now - files->full_since >= FULL_US) {
		files->full_since = 0;
		g_message("files for the desktop are given up: it reads nothing");
		sending_end_all(files, FILES_STALLED);
	}
	sending_check(files, now);
	offer_check(files, now);
}

void
files_guest_reads(Files *files)
{
	if (!files_has_room(files))
		return;
	files->full_since = 0;
	/* None may free a peer: the array stays as it is. */
	for (guint i = 0; i < files->peers->len; i++) {
		FilesPeer *peer = files->peers->pdata[i];

		peer->events->room(peer->data);
	}
}

void
files_guest_lost(Files *files)
{
	files->has_agent = FALSE;
	sending_end_all(files, FILES_NO_AGENT);
	offer_end_all(files, FILES_NO_AGENT);
}

/* The multiplexer hears it too. */
static void
guest_announces(Files *files, const guint8 *data, gsize size)
{
	if (size < 4)
		return;
	/* One that asks has just begun: it knows of no file. */
	if (agent_read_u32(data) != 0 && files->has_agent)
		files_guest_lost(files);
	files->has_agent = TRUE;
	files->agent_disabled = size >= 8 && (agent_read_u32(data + 4) & (1u << VD_AGENT_CAP_FILE_XFER_DISABLED));
}

gboolean
files_from_guest(Files *files, guint32 type, const guint8 *data, gsize size)
{
	if (type == VD_AGENT_ANNOUNCE_CAPABILITIES)
		guest_announces(files, data, size);
	return sending_from_guest(files, type, data, size) || offer_from_guest(files, type, data, size);
}

FilesPeer *
files_peer_new(Files *files, const Client *client, const FilesEvents *events, void *data)
{
	FilesPeer *peer = g_new0(FilesPeer, 1);

	peer->files = files;
	peer->client = client;
	peer->events = events;
	peer->data = data;
	g_ptr_array_add(files->peers, peer);
	offer_peer_came(peer);
	return peer;
}

void
files_peer_free(FilesPeer *peer)
{
	if (peer == NULL)
		return;
	g_ptr_array_remove(peer->files->peers, peer);
	sending_peer_gone(peer);
	offer_peer_gone(peer);
	g_free(peer);
}
