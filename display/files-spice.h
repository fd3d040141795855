/* A SPICE client's files, as the SPICE agent protocol has them (spice/vd_agent.h, VD_AGENT_FILE_XFER_*).
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "display/files.h"

typedef struct FilesSpice FilesSpice;

typedef struct {
	void (*to_spice)(guint32 type, const void *data, gsize size, void *user_data);
	/* files_spice_must_wait may have another answer now. */
	void (*room)(void *user_data);
} FilesSpiceSink;

/* @client outlives it. */
FilesSpice *files_spice_new(Files *files, const Client *client, const FilesSpiceSink *sink, void *user_data);
void files_spice_free(FilesSpice *spice);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FilesSpice, files_spice_free)

/* A message of the client's for the agent. TRUE: it was about files, and nobody else's business. */
gboolean files_spice_take(FilesSpice *spice, guint32 type, const guint8 *data, gsize size);

/* Is what it says next to be left unread? Its agent messages are one stream, so while it sends files to a guest that does not
 * read, nothing of it is taken: its tokens stay with the library, and it stops. */
gboolean files_spice_must_wait(const FilesSpice *spice);
