/* What reading and writing an archive share. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "pools/archive.h"
#include "pools/tar.h"

#include <sys/types.h>

#define ARCHIVE_CHUNK (1 << 20)

/* In the order in which they stand in the file. */
typedef enum {
	ARCHIVE_DESKTOP,
	ARCHIVE_IMAGE,
	ARCHIVE_KERNEL,
	ARCHIVE_INITRD,
	ARCHIVE_DISK,
	ARCHIVE_SUMS,
	ARCHIVE_N_MEMBERS
} ArchiveMemberId;

typedef struct {
	const char *name;
	mode_t mode;  /* of the file that is made of it */
	guint64 most; /* bytes */
} ArchiveMember;

extern const ArchiveMember archive_members[ARCHIVE_N_MEMBERS];

/* A line for SHA256SUMS. */
void archive_add_sum(GString *sums, GChecksum *sum, const char *name);

void archive_set_errno(GError **error, const char *what);
gboolean archive_is_cancelled(GCancellable *cancellable, GError **error);
/* INVALID when there are fewer bytes. @file is for the words. */
gboolean archive_read_exactly(int fd, void *bytes, gsize size, const char *file, GError **error);
gboolean archive_write_all(int fd, const void *bytes, gsize size, const char *file, GError **error);
