/* Is a disk what it says, and does it stand on its own? SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>

/* Largest virtual size that is taken, bytes. */
#define QCOW2_MAX (G_GINT64_CONSTANT(16) << 40)

/* Do the first bytes say qcow2? Leaves the file's position alone. */
gboolean qcow2_has_magic(int fd);

/* The virtual size that the header of @path gives, bytes; 0: it cannot be read, or is no qcow2. */
gint64 qcow2_size(const char *path);

/* Has qemu-img (bounded in memory and processor time; deadline 60 s) look at @path as qcow2. FALSE and INVALID when it is not
 * one, or leans on another file (backing file, external data file), or is encrypted, corrupt or larger than QCOW2_MAX. */
gboolean qcow2_check(const char *path, GError **error);

/* The same for what qemu-img info --output=json printed about @path. */
gboolean qcow2_check_info(const char *path, const char *json, GError **error);
