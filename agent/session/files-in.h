/* Files that clients send to the desktop: VD_AGENT_FILE_XFER_* of the SPICE agent protocol (spice/vd_agent.h), the guest's side.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

typedef struct FilesIn FilesIn;

typedef struct {
	void (*send)(guint32 type, const void *bytes, gsize size, void *data);
	/* VD_AGENT_CAP_FILE_XFER_DETAILED_ERRORS of the host. */
	gboolean (*knows_details)(void *data);
} FilesInHost;

/* @folder: where files go (download.h); what was left there half written is removed. */
FilesIn *files_in_new(const char *folder, const FilesInHost *host, void *data);
/* What is not whole is removed. */
void files_in_free(FilesIn *in);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FilesIn, files_in_free)

/* A message of the host's, of these types. */
void files_in_take(FilesIn *in, guint32 type, const guint8 *bytes, gsize size);
/* The host, or its client, is gone: what is not whole is removed. */
void files_in_reset(FilesIn *in);
/* How many are being written. */
guint files_in_count(const FilesIn *in);
