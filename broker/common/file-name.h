/* Names of files that travel between a client and a desktop. They come from a stranger, on either side.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

/* In bytes: what file systems take (NAME_MAX of limits.h). */
#define FILE_NAME_MAX 255

/* A name for a file out of @size bytes at @bytes: valid UTF-8, 1 to @max bytes (which is 16 at least), without separators of
 * paths ("/" and "\"), control characters or marks that turn the direction of writing (by which "exe.txt" passes for
 * "txt.exe"), and without a dot in front, so that it is neither "." nor ".." nor hidden. What may not be in it becomes "_"; one
 * that is too long is cut before its ending. Nothing left: "file". Free with g_free. */
char *file_name_clean(const char *bytes, gsize size, gsize max);

/* The same name with " (1)" and so on before its ending, for one that is taken. @n: 1 to 9999. At most FILE_NAME_MAX bytes. */
char *file_name_numbered(const char *name, guint n);
