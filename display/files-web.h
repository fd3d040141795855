/* Browsers' connections for files (display/files-wire.h). A browser that stops reading, or sends half a frame, holds up itself.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>

#include "display/files.h"

typedef struct FilesWeb FilesWeb;

/* @files must outlive it. */
FilesWeb *files_web_new(Files *files);
void files_web_free(FilesWeb *web);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FilesWeb, files_web_free)

/* Consumes @fd and @client, also on failure. */
gboolean files_web_add_client(FilesWeb *web, int fd, Client *client, GError **error);
