/* Files to the desktop. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/files.h"

#include <spice/vd_agent.h>
#include <string.h>

#include "broker/common/file-name.h"
#include "display/agent-wire.h"
#include "display/files-private.h"

/* For a guest to say that it takes a file, or that it has it. */
#define GUEST_US (60 * G_USEC_PER_SEC)
/* For a client to send more of one. */
#define CLIENT_US (120 * G_USEC_PER_SEC)

static const char *const results[FILES_N_RESULTS] = {"done", "cancelled", "failed", "not allowed", "too large", "no space", "no agent",
        "too many", "locked", "nothing moved", "other bytes than announced", "taken elsewhere", "withdrawn"};

void
sending_free(void *data)
{
	Sending *sending = data;

	g_free(sending->name);
	g_free(sending);
}

static Sending *
find(FilesPeer *peer, guint32 id)
{
	GPtrArray *all = peer->files->sendings;

	for (guint i = 0; i < all->len; i++) {
		Sending *sending = all->pdata[i];

		if (sending->peer == peer && sending->id == id)
			return sending;
	}
	return NULL;
}

static void
tell_guest(Files *files, guint32 guest_id, guint32 status)
{
	g_autoptr(GByteArray) out = g_byte_array_new();

	agent_append_u32(out, guest_id);
	agent_append_u32(out, status);
	files->sink->to_guest(VD_AGENT_FILE_XFER_STATUS, out->data, out->len, files->data);
}

static void
ask_guest(Files *files, Sending *sending)
{
	g_autoptr(GKeyFile) text = g_key_file_new();
	g_autoptr(GByteArray) out = g_byte_array_new();
	g_autofree char *bytes = NULL;
	gsize size;

	g_key_file_set_string(text, "vdagent-file-xfer", "name", sending->name);
	g_key_file_set_uint64(text, "vdagent-file-xfer", "size", sending->size);
	bytes = g_key_file_to_data(text, &size, NULL);
	agent_append_u32(out, sending->guest_id);
	g_byte_array_append(out, (const guint8 *)bytes, (guint)size + 1);
	sending->state = SENDING_ASKED;
	sending->touched = files->clock();
	files->sink->to_guest(VD_AGENT_FILE_XFER_START, out->data, out->len, files->data);
}

static void
start_waiting(Files *files)
{
	guint working = 0;

	for (guint i = 0; i < files->sendings->len; i++)
		working += ((Sending *)files->sendings->pdata[i])->state != SENDING_WAITS;
	for (guint i = 0; i < files->sendings->len && working < FILES_AT_ONCE; i++) {
		Sending *sending = files->sendings->pdata[i];

		if (sending->state != SENDING_WAITS)
			continue;
		ask_guest(files, sending);
		working++;
	}
}

static void
log_end(const Client *client, const char *name, guint64 size, FilesResult result)
{
	g_message("%s of %s at %s sent the desktop “%s” (%" G_GUINT64_FORMAT " bytes): %s", client->name, client->user, client->address,
	        name, size, results[result]);
}

/* The client is told why. A guest that knows of it has been told, or told us. */
static void
end(Files *files, Sending *sending, FilesResult result, guint64 space)
{
	FilesPeer *peer = sending->peer;
	guint32 id = sending->id;

	log_end(peer->client, sending->name, sending->size, result);
	g_ptr_array_remove(files->sendings, sending);
	peer->events->sent(id, result, space, peer->data);
	start_waiting(files);
}

static void
stop(Files *files, Sending *sending, FilesResult result)
{
	if (sending->state != SENDING_WAITS)
		tell_guest(files, sending->guest_id, VD_AGENT_FILE_XFER_STATUS_CANCELLED);
	end(files, sending, result, 0);
}

/* FILES_DONE: it may be sent. */
static FilesResult
check(const FilesPeer *peer, guint64 size)
{
	const Files *files = peer->files;

	if (!peer->client->files_to_desktop)
		return FILES_DENIED;
	if (peer->client->file_max > 0 && size > peer->client->file_max)
		return FILES_TOO_LARGE;
	if (!files->has_agent)
		return FILES_NO_AGENT;
	if (files->agent_disabled)
		return FILES_DENIED;
	return files->sendings->len < FILES_WAITING_MAX ? FILES_DONE : FILES_TOO_MANY;
}

gboolean
files_send(FilesPeer *peer, guint32 id, guint64 size, const char *name, gsize name_size)
{
	Files *files = peer->files;
	FilesResult result = check(peer, size);
	g_autofree char *clean = file_name_clean(name, name_size, FILE_NAME_MAX);
	Sending *sending;

	if (find(peer, id))
		return FALSE;
	if (result != FILES_DONE) {
		files_note(files, "%s of %s at %s may not send the desktop “%s” (%" G_GUINT64_FORMAT " bytes): %s", peer->client->name,
		        peer->client->user, peer->client->address, clean, size, results[result]);
		peer->events->sent(id, result, 0, peer->data);
		return TRUE;
	}
	sending = g_new0(Sending, 1);
	sending->peer = peer;
	sending->id = id;
	sending->guest_id = files_next_id(files);
	sending->name = g_steal_pointer(&clean);
	sending->size = sending->left = size;
	g_ptr_array_add(files->sendings, sending);
	files_watch(files);
	start_waiting(files);
	return TRUE;
}

static void
forward(Files *files, const Sending *sending, const guint8 *bytes, gsize size)
{
	do {
		g_autoptr(GByteArray) out = g_byte_array_new();
		gsize n = MIN(size, AGENT_FILE_PIECE);

		agent_append_u32(out, sending->guest_id);
		agent_append_u32(out, (guint32)n);
		agent_append_u32(out, 0);
		if (n > 0)
			g_byte_array_append(out, bytes, (guint)n);
		files->sink->to_guest(VD_AGENT_FILE_XFER_DATA, out->data, out->len, files->data);
		bytes += n;
		size -= n;
	} while (size > 0);
}

gboolean
files_send_bytes(FilesPeer *peer, guint32 id, const guint8 *bytes, gsize size)
{
	Files *files = peer->files;
	Sending *sending = find(peer, id);

	if (sending == NULL)
		return FALSE;
	if (sending->state == SENDING_WHOLE && size == 0)
		return TRUE;
	if (sending->state != SENDING_FLOWS || size > sending->left) {
		stop(files, sending, FILES_BROKEN);
		return FALSE;
	}
	/* Only an empty file has a piece without bytes. */
	if (size == 0 && sending->size > 0)
		return TRUE;
	sending->touched = files->clock();
	sending->left -= size;
	if (sending->left == 0)
		sending->state = SENDING_WHOLE;
	forward(files, sending, bytes, size);
	return TRUE;
}

void
files_send_cancel(FilesPeer *peer, guint32 id)
{
	Sending *sending = find(peer, id);

	if (sending)
		stop(peer->files, sending, FILES_CANCELLED);
}

static void
guest_tells(Files *files, Sending *sending, guint32 status, guint64 space)
{
	static const FilesResult said[] = {
	        [VD_AGENT_FILE_XFER_STATUS_CANCELLED] = FILES_CANCELLED,
	        [VD_AGENT_FILE_XFER_STATUS_ERROR] = FILES_FAILED,
	        [VD_AGENT_FILE_XFER_STATUS_SUCCESS] = FILES_DONE,
	        [VD_AGENT_FILE_XFER_STATUS_NOT_ENOUGH_SPACE] = FILES_NO_SPACE,
	        [VD_AGENT_FILE_XFER_STATUS_SESSION_LOCKED] = FILES_LOCKED,
	        [VD_AGENT_FILE_XFER_STATUS_VDAGENT_NOT_CONNECTED] = FILES_NO_AGENT,
	        [VD_AGENT_FILE_XFER_STATUS_DISABLED] = FILES_DENIED,
	};

	if (status == VD_AGENT_FILE_XFER_STATUS_CAN_SEND_DATA) {
		if (sending->state != SENDING_ASKED)
			return;
		sending->state = SENDING_FLOWS;
		sending->touched = files->clock();
		sending->peer->events->go(sending->id, sending->peer->data);
		return;
	}
	/* It cannot have what it was not sent. */
	if (status >= G_N_ELEMENTS(said) || (status == VD_AGENT_FILE_XFER_STATUS_SUCCESS && sending->state != SENDING_WHOLE))
		stop(files, sending, FILES_FAILED);
	else
		end(files, sending, said[status], status == VD_AGENT_FILE_XFER_STATUS_NOT_ENOUGH_SPACE ? space : 0);
}

gboolean
sending_from_guest(Files *files, guint32 type, const guint8 *data, gsize size)
{
	guint64 space = 0;

	/* A guest has nothing to say with the other two. */
	if (type == VD_AGENT_FILE_XFER_START || type == VD_AGENT_FILE_XFER_DATA)
		return TRUE;
	if (type != VD_AGENT_FILE_XFER_STATUS)
		return FALSE;
	if (size < 8)
		return TRUE;
	if (size >= 16)
		space = agent_read_u32(data + 8) | (guint64)agent_read_u32(data + 12) << 32;
	for (guint i = 0; i < files->sendings->len; i++) {
		Sending *sending = files->sendings->pdata[i];

		if (sending->guest_id == agent_read_u32(data) && sending->state != SENDING_WAITS) {
			guest_tells(files, sending, agent_read_u32(data + 4), space);
			break;
		}
	}
	return TRUE;
}

void
sending_end_all(Files *files, FilesResult result)
{
	/* Ending one starts the next, and whoever is told may begin another: only those of now are meant. */
	g_autoptr(GPtrArray) all = g_ptr_array_new();

	g_ptr_array_extend(all, files->sendings, NULL, NULL);
	for (guint i = all->len; i-- > 0;) {
		if (g_ptr_array_find(files->sendings, all->pdata[i], NULL))
			stop(files, all->pdata[i], result);
	}
}

void
sending_check(Files *files, gint64 now)
{
	for (guint i = files->sendings->len; i-- > 0;) {
		Sending *sending = files->sendings->pdata[i];
		gint64 limit = sending->state == SENDING_FLOWS ? CLIENT_US : GUEST_US;

		if (sending->state == SENDING_WAITS || now - sending->touched < limit)
			continue;
		stop(files, sending, FILES_STALLED);
		i = MIN(i, files->sendings->len);
	}
}

gboolean
files_peer_sends(const FilesPeer *peer)
{
	for (guint i = 0; i < peer->files->sendings->len; i++) {
		if (((Sending *)peer->files->sendings->pdata[i])->peer == peer)
			return TRUE;
	}
	return FALSE;
}

void
sending_peer_gone(FilesPeer *peer)
{
	Files *files = peer->files;

	for (guint i = files->sendings->len; i-- > 0;) {
		Sending *sending = files->sendings->pdata[i];

		if (sending->peer != peer)
			continue;
		if (sending->state != SENDING_WAITS)
			tell_guest(files, sending->guest_id, VD_AGENT_FILE_XFER_STATUS_CANCELLED);
		log_end(peer->client, sending->name, sending->size, FILES_CANCELLED);
		g_ptr_array_remove_index(files->sendings, i);
	}
	start_waiting(files);
}
