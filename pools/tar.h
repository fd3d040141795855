/* One header of a tar archive, as POSIX.1-1988 (ustar) and GNU tar write it: of a regular file in no folder, and of nothing else.
 * Links, devices, folders, sparse files and headers with more names or sizes (pax, GNU's L and K) are BAD.
 * The format: POSIX.1-2017, pax, "ustar Interchange Format"; GNU tar's manual, "Basic Tar Format". SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

#define TAR_BLOCK 512
#define TAR_NAME_MAX 100

/* How many bytes follow @size bytes of a file until the next header. */
#define TAR_PADDING(size) ((TAR_BLOCK - (size) % TAR_BLOCK) % TAR_BLOCK)

typedef enum {
	TAR_FILE,
	TAR_END, /* a block of zeros */
	TAR_BAD,
} TarKind;

/* @name: shorter than TAR_NAME_MAX. @time: UTC seconds. The file is its owner's alone (0600) where it is unpacked. A size of 8 GiB and
 * more is written in GNU's base-256. */
void tar_write(guint8 block[TAR_BLOCK], const char *name, guint64 size, gint64 time);

/* TAR_FILE: @name (without "./" before it; it has no slash) and *@size, at most G_MAXINT64, are those of the file that follows.
 * TAR_BAD: *@why is a static clause. Both are untouched otherwise. */
TarKind tar_parse(const guint8 block[TAR_BLOCK], char name[TAR_NAME_MAX + 1], guint64 *size, const char **why);
