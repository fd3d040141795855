/* A desktop that is kept, as one file: a tar archive that opens as an image of its own, here or on another host. Its members, in this
 * order: desktop.ini (whose it was: Archive), image.ini, kernel and initrd where the image boots by those, disk.qcow2 (flattened and
 * compressed), and SHA256SUMS over these. A file that is read is an enemy's until it is in the catalogue.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "pools/images.h"

#define ARCHIVE_FORMAT 1

/* desktop.ini */
typedef struct {
	gint64 format;
	char *pool, *user, *desktop;
	char *image;   /* NAME@VERSION that it was cloned from */
	char *created; /* when it was exported: ISO 8601, UTC */
} Archive;

void archive_free(Archive *archive);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Archive, archive_free)

/* Both block for as long as they take; @progress (may be NULL) is called now and then; once @cancellable is cancelled they fail. */

/* Writes @disk, with all that it is an overlay of, and what else @image needs to boot, into @file. Nobody may write to @disk meanwhile:
 * qemu-img refuses then (BUSY). @file is written aside and renamed; INVALID when it is there, unless @replace. EXHAUSTED: a full disk. */
gboolean archive_write(const char *file, gboolean replace, const Archive *about, const char *disk, const Image *image,
	ImageProgress progress, void *data, GCancellable *cancellable, GError **error);

/* Makes what is in @file a new version of the image @name. INVALID when it is not what archive_write made, or was changed since. */
/* Its disk is readable by its owner only: QEMU is to be let in. */
Image *archive_read(const char *images, const char *file, const char *name, ImageProgress progress, void *data,
	GCancellable *cancellable, GError **error);
