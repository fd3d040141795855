/* A person's disk: which one it is, what is on it, and making it good. What waits is for worker threads.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>
#include <sys/types.h>

/* The labels of our file systems. One that is new has not got all of the old home yet: its person never worked on it. */
#define HOME_LABEL_NEW "carrel-new"
#define HOME_LABEL "carrel-home"

typedef struct {
	char *device; /* "/dev/vdb" */
	dev_t number;
} HomeDisk;

void home_disk_clear(HomeDisk *disk);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(HomeDisk, home_disk_clear)

/* Fills in the disk with that serial, by @root/sys/block, where virtio's disks have theirs. CARREL_ERROR_NOT_FOUND when there is
 * none (yet); CARREL_ERROR_INVALID when it is not a disk of its own: several have the serial, it has partitions, something is built
 * on it, it is read-only. */
gboolean home_disk_find(const char *root, const char *serial, HomeDisk *disk, GError **error);

typedef enum {
	HOME_DISK_EMPTY,   /* nothing is on it: may be formatted */
	HOME_DISK_NEW,     /* ours, HOME_LABEL_NEW */
	HOME_DISK_HOME,    /* ours, HOME_LABEL */
	HOME_DISK_FOREIGN, /* anything else: not to be touched */
} HomeDiskContent;

/* What is on a disk, from what `blkid -p -o export` said and its exit status, and whether the first MiB is all zero. @words: set
 * where it is foreign to what it is, to follow "the disk holds". Free with g_free. */
HomeDiskContent home_disk_judge(int blkid_status, const char *blkid_output, gboolean is_zero, char **words);

/* Makes @disk one that can be mounted, an empty one by making a file system, ours by checking it. *@is_new: it is HOME_LABEL_NEW.
 * FALSE: it was not touched, or is ours and too damaged to be repaired without a decision. */
gboolean home_disk_prepare(const HomeDisk *disk, gboolean *is_new, GError **error);

/* It has all of the old home: HOME_LABEL. It is not mounted. */
gboolean home_disk_complete(const HomeDisk *disk, GError **error);
