/* Files that the person in the desktop sends out: carrel-send brings them over a socket, the host is told of them
 * (broker/common/agent-files.h), and gets their bytes as it wants them. SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The socket is SOCK_SEQPACKET, one connection a file. From carrel-send: one packet, the file's name, with a descriptor to read it
 * from. To it, packets of text: "offered", "taken", "sent N" (bytes, now and then), and at the end "saved" or "failed WHY", WHY being a
 * sentence. Who closes the connection takes the file back. */
#pragma once

#include <gio/gio.h>

/* In XDG_RUNTIME_DIR. */
#define FILES_OUT_SOCKET "carrel-send.sock"

typedef struct FilesOut FilesOut;

typedef struct {
	void (*send)(guint32 type, const void *bytes, gsize size, void *data);
	/* Is there a host that takes files? */
	gboolean (*is_open)(void *data);
	/* Bytes that it has still to read. */
	gsize (*unread)(void *data);
} FilesOutHost;

/* Listens at @path; where that fails (which is logged), or for NULL, files come by files_out_connect alone. */
FilesOut *files_out_new(const char *path, const FilesOutHost *host, void *data);
void files_out_free(FilesOut *out);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FilesOut, files_out_free)

/* A connection to that socket. Consumes @fd. */
void files_out_connect(FilesOut *out, int fd);

/* A message of the host's, of type AGENT_FILE_ANSWER or AGENT_FILE_CREDIT. */
void files_out_take(FilesOut *out, guint32 type, const guint8 *bytes, gsize size);
/* It has read. */
void files_out_room(FilesOut *out);
/* It is gone, or begins anew. */
void files_out_reset(FilesOut *out);
