/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/files-spice.h"

#include <spice/vd_agent.h>
#include <string.h>

#include "display/agent-wire.h"

/* spice-gtk's is some 60 bytes beside the name. */
#define START_MAX 4096
/* How long a client that sends a file may say nothing of it before it is nudged. */
#define SILENT_S 1
/* spice-gtk sends 64 KiB. */
#define PIECE_MAX (256 * 1024)

struct FilesSpice {
	Files *files;
	FilesPeer *peer;
	const FilesSpiceSink *sink;
	void *data;
	guint nudge_id;
	gboolean heard;         /* since the last look */
	gboolean stops;         /* it has just said that it stops one */
	gboolean knows_details; /* VD_AGENT_CAP_FILE_XFER_DETAILED_ERRORS */
};

static void
tell(FilesSpice *spice, guint32 id, guint32 status, const guint64 *space)
{
	g_autoptr(GByteArray) out = g_byte_array_new();

	agent_append_u32(out, id);
	agent_append_u32(out, status);
	if (space) {
		agent_append_u32(out, (guint32)*space);
		agent_append_u32(out, (guint32)(*space >> 32));
	}
	spice->sink->to_spice(VD_AGENT_FILE_XFER_STATUS, out->data, out->len, spice->data);
}

/* spice-gtk queues that it has cancelled a file, and sends it with whatever makes its channel do something next: here is something.
 * It passes over a reply to what it did not ask. */
static gboolean
on_silence(gpointer data)
{
	FilesSpice *spice = data;
	const guint32 reply[2] = {GUINT32_TO_LE(VD_AGENT_FILE_XFER_STATUS), GUINT32_TO_LE(VD_AGENT_SUCCESS)};

	if (!files_peer_sends(spice->peer)) {
		spice->nudge_id = 0;
		return G_SOURCE_REMOVE;
	}
	if (!spice->heard)
		spice->sink->to_spice(VD_AGENT_REPLY, reply, sizeof reply, spice->data);
	spice->heard = FALSE;
	return G_SOURCE_CONTINUE;
}

static void
on_go(guint32 id, void *data)
{
	tell(data, id, VD_AGENT_FILE_XFER_STATUS_CAN_SEND_DATA, NULL);
}

static void
on_sent(guint32 id, FilesResult result, guint64 space, void *data)
{
	FilesSpice *spice = data;

	switch (result) {
	case FILES_DONE:
		tell(spice, id, VD_AGENT_FILE_XFER_STATUS_SUCCESS, NULL);
		break;
	case FILES_CANCELLED:
		/* spice-gtk has forgotten what it stopped itself, and complains. */
		if (!spice->stops)
			tell(spice, id, VD_AGENT_FILE_XFER_STATUS_CANCELLED, NULL);
		break;
	case FILES_NO_SPACE:
		tell(spice, id, spice->knows_details ? VD_AGENT_FILE_XFER_STATUS_NOT_ENOUGH_SPACE : VD_AGENT_FILE_XFER_STATUS_ERROR,
		        spice->knows_details ? &space : NULL);
		break;
	case FILES_DENIED:
		tell(spice, id, spice->knows_details ? VD_AGENT_FILE_XFER_STATUS_DISABLED : VD_AGENT_FILE_XFER_STATUS_ERROR, NULL);
		break;
	case FILES_LOCKED:
		tell(spice, id, spice->knows_details ? VD_AGENT_FILE_XFER_STATUS_SESSION_LOCKED : VD_AGENT_FILE_XFER_STATUS_ERROR, NULL);
		break;
	case FILES_NO_AGENT:
		tell(spice, id, spice->knows_details ? VD_AGENT_FILE_XFER_STATUS_VDAGENT_NOT_CONNECTED : VD_AGENT_FILE_XFER_STATUS_ERROR,
		        NULL);
		break;
	default:
		tell(spice, id, VD_AGENT_FILE_XFER_STATUS_ERROR, NULL);
		break;
	}
	/* What it still had to say of this one may pass, and be dropped. */
	spice->sink->room(spice->data);
}

static void
on_room(void *data)
{
	FilesSpice *spice = data;

	spice->sink->room(spice->data);
}

static const FilesEvents events = {.go = on_go, .sent = on_sent, .room = on_room};

FilesSpice *
files_spice_new(Files *files, const Client *client, const FilesSpiceSink *sink, void *user_data)
{
	FilesSpice *spice = g_new0(FilesSpice, 1);

	spice->files = files;
	spice->sink = sink;
	spice->data = user_data;
	spice->peer = files_peer_new(files, client, &events, spice);
	return spice;
}

void
files_spice_free(FilesSpice *spice)
{
	if (spice == NULL)
		return;
	g_clear_handle_id(&spice->nudge_id, g_source_remove);
	files_peer_free(spice->peer);
	g_free(spice);
}

/* A key file's text, in which @name and @size are. */
static gboolean
read_start(const guint8 *data, gsize size, char **name, guint64 *file_size)
{
	g_autoptr(GKeyFile) text = g_key_file_new();
	g_autoptr(GError) error = NULL;
	gsize length = strnlen((const char *)data, size);

	if (length == 0 || length > START_MAX || !g_utf8_validate((const char *)data, (gssize)length, NULL) ||
	        !g_key_file_load_from_data(text, (const char *)data, length, G_KEY_FILE_NONE, NULL))
		return FALSE;
	*file_size = g_key_file_get_uint64(text, "vdagent-file-xfer", "size", &error);
	*name = error ? NULL : g_key_file_get_string(text, "vdagent-file-xfer", "name", NULL);
	return *name != NULL;
}

static void
take_start(FilesSpice *spice, guint32 id, const guint8 *data, gsize size)
{
	g_autofree char *name = NULL;
	guint64 file_size = 0;

	if (!read_start(data, size, &name, &file_size)) {
		g_message("the SPICE client announces a file in words that cannot be read");
		tell(spice, id, VD_AGENT_FILE_XFER_STATUS_ERROR, NULL);
		return;
	}
	if (!files_send(spice->peer, id, file_size, name, strlen(name)))
		g_message("the SPICE client announces two files with one number");
	if (files_peer_sends(spice->peer) && spice->nudge_id == 0)
		spice->nudge_id = g_timeout_add_seconds(SILENT_S, on_silence, spice);
}

gboolean
files_spice_take(FilesSpice *spice, guint32 type, const guint8 *data, gsize size)
{
	if (type == VD_AGENT_ANNOUNCE_CAPABILITIES && size >= 8)
		spice->knows_details = (agent_read_u32(data + 4) & (1u << VD_AGENT_CAP_FILE_XFER_DETAILED_ERRORS)) != 0;
	if (type != VD_AGENT_FILE_XFER_START && type != VD_AGENT_FILE_XFER_STATUS && type != VD_AGENT_FILE_XFER_DATA)
		return FALSE;
	if (size < 8)
		return TRUE;
	spice->heard = TRUE;
	guint32 id = agent_read_u32(data);

	if (type == VD_AGENT_FILE_XFER_START) {
		take_start(spice, id, data + 4, size - 4);
	} else if (type == VD_AGENT_FILE_XFER_STATUS) {
		/* A client has nothing else to say of it than that it stops. */
		spice->stops = TRUE;
		files_send_cancel(spice->peer, id);
		spice->stops = FALSE;
	} else if (size >= 12) {
		/* The size that it says is no more than a claim. */
		if (size - 12 > PIECE_MAX)
			files_send_cancel(spice->peer, id);
		else
			files_send_bytes(spice->peer, id, data + 12, size - 12);
	}
	return TRUE;
}

gboolean
files_spice_must_wait(const FilesSpice *spice)
{
	return files_peer_sends(spice->peer) && !files_has_room(spice->files);
}
