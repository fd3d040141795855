/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "agent/session/files-in.h"

#include "agent/session/download.h"
#include "broker/common/error.h"

#include <spice/vd_agent.h>
#include <string.h>

/* carrel-screen lets eight through at a time, another host perhaps all that a person drops. Each is a descriptor or two. */
#define DOWNLOADS_MAX 64
#define START_MAX 4096

struct FilesIn {
	char *folder;
	GHashTable *downloads; /* id -> Download */
	const FilesInHost *host;
	void *data;
};

FilesIn *
files_in_new(const char *folder, const FilesInHost *host, void *data)
{
	FilesIn *in = g_new0(FilesIn, 1);

	in->folder = g_strdup(folder);
	in->downloads = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)download_free);
	in->host = host;
	in->data = data;
	download_clean(folder);
	return in;
}

void
files_in_free(FilesIn *in)
{
	if (in == NULL)
		return;
	g_hash_table_unref(in->downloads);
	g_free(in->folder);
	g_free(in);
}

void
files_in_reset(FilesIn *in)
{
	g_hash_table_remove_all(in->downloads);
}

guint
files_in_count(const FilesIn *in)
{
	return g_hash_table_size(in->downloads);
}

static guint32
read_u32(const guint8 *p)
{
	guint32 value;

	memcpy(&value, p, sizeof value);
	return GUINT32_FROM_LE(value);
}

static void
tell(FilesIn *in, guint32 id, guint32 status, const guint64 *space)
{
	guint32 head[2] = {GUINT32_TO_LE(id), GUINT32_TO_LE(status)};
	guint64 room = space ? GUINT64_TO_LE(*space) : 0;
	guint8 message[sizeof head + sizeof room];

	memcpy(message, head, sizeof head);
	memcpy(message + sizeof head, &room, sizeof room);
	in->host->send(VD_AGENT_FILE_XFER_STATUS, message, space ? sizeof message : sizeof head, in->data);
}

static void
refuse(FilesIn *in, guint32 id, const GError *error, guint64 space)
{
	gboolean is_full = g_error_matches(error, CARREL_ERROR, CARREL_ERROR_EXHAUSTED) && in->host->knows_details(in->data);

	g_message("a file for this desktop is not taken: %s", error->message);
	g_hash_table_remove(in->downloads, GUINT_TO_POINTER(id));
	tell(in, id, is_full ? VD_AGENT_FILE_XFER_STATUS_NOT_ENOUGH_SPACE : VD_AGENT_FILE_XFER_STATUS_ERROR, is_full ? &space : NULL);
}

/* A key file's text, in which "name" and "size" are. */
static gboolean
read_start(const guint8 *bytes, gsize size, char **name, guint64 *file_size, GError **error)
{
	g_autoptr(GKeyFile) text = g_key_file_new();
	gsize length = strnlen((const char *)bytes, size);

	if (length == 0 || length > START_MAX || !g_utf8_validate((const char *)bytes, (gssize)length, NULL)) {
		g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_PROTOCOL, "it is announced in words that cannot be read");
		return FALSE;
	}
	if (!g_key_file_load_from_data(text, (const char *)bytes, length, G_KEY_FILE_NONE, error))
		return FALSE;
	*name = g_key_file_get_string(text, "vdagent-file-xfer", "name", error);
	if (*name)
		*file_size = g_key_file_get_uint64(text, "vdagent-file-xfer", "size", error);
	return *name && (error == NULL || *error == NULL);
}

static void
start(FilesIn *in, guint32 id, const guint8 *bytes, gsize size)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *name = NULL;
	guint64 file_size = 0, space = 0;
	Download *download = NULL;

	if (g_hash_table_size(in->downloads) >= DOWNLOADS_MAX || g_hash_table_contains(in->downloads, GUINT_TO_POINTER(id)))
		g_set_error_literal(&error, CARREL_ERROR, CARREL_ERROR_BUSY, "too many come at once");
	else if (read_start(bytes, size, &name, &file_size, &error))
		download = download_new(in->folder, name, file_size, &space, &error);
	if (download == NULL) {
		refuse(in, id, error, space);
		return;
	}
	g_hash_table_insert(in->downloads, GUINT_TO_POINTER(id), download);
	tell(in, id, VD_AGENT_FILE_XFER_STATUS_CAN_SEND_DATA, NULL);
}

static void
finish(FilesIn *in, guint32 id, Download *download)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *name = download_finish(download, &error);

	if (name == NULL) {
		refuse(in, id, error, 0);
		return;
	}
	g_message("“%s” came", name);
	g_hash_table_remove(in->downloads, GUINT_TO_POINTER(id));
	tell(in, id, VD_AGENT_FILE_XFER_STATUS_SUCCESS, NULL);
}

static void
add(FilesIn *in, guint32 id, const guint8 *bytes, gsize size)
{
	Download *download = g_hash_table_lookup(in->downloads, GUINT_TO_POINTER(id));
	g_autoptr(GError) error = NULL;

	/* It was refused while this was on its way. */
	if (download == NULL)
		return;
	if (size > download_left(download))
		g_set_error_literal(&error, CARREL_ERROR, CARREL_ERROR_PROTOCOL, "more came of it than was announced");
	else if (download_write(download, bytes, size, &error) && download_left(download) == 0)
		finish(in, id, download);
	if (error)
		refuse(in, id, error, 0);
}

void
files_in_take(FilesIn *in, guint32 type, const guint8 *bytes, gsize size)
{
	if (size < 8)
		return;
	guint32 id = read_u32(bytes);

	if (type == VD_AGENT_FILE_XFER_START)
		start(in, id, bytes + 4, size - 4);
	else if (type == VD_AGENT_FILE_XFER_DATA && size >= 12)
		add(in, id, bytes + 12, size - 12);
	else if (type == VD_AGENT_FILE_XFER_STATUS)
		g_hash_table_remove(in->downloads, GUINT_TO_POINTER(id)); /* a host says no more than that it stops */
}
