/* A file that comes into the desktop: written under a name of its own in the person's folder of downloads, and given its name when it
 * is whole, never over another's. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>

typedef struct Download Download;

/* Where they go: XDG_DOWNLOAD_DIR as user-dirs.dirs has it, else Downloads in the home. Free with g_free. */
char *download_folder(void);

/* Removes what an earlier process left half written. */
void download_clean(const char *folder);

/* Begins a file of @size bytes, which shall be called @name (any bytes: it is cleaned by broker/common/file-name.h). @folder is made
 * where it is missing. CARREL_ERROR_EXHAUSTED: there is no room for it, and *@space bytes are free; else CARREL_ERROR_FAILED. */
Download *download_new(const char *folder, const char *name, guint64 size, guint64 *space, GError **error);
/* One that is not finished is removed. */
void download_free(Download *download);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Download, download_free)

/* How many bytes it still wants. */
guint64 download_left(const Download *download);
/* At most download_left bytes. */
gboolean download_write(Download *download, const void *bytes, gsize size, GError **error);
/* It is whole. The name that it has now; free with g_free. */
char *download_finish(Download *download, GError **error);
