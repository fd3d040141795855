/* QEMU's own monitor, by libvirt (virDomainQemuMonitorCommand), for the little that libvirt has no call for: freezing a guest whose
 * memory is a file, and waking one from it. Blocks: call in a worker. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>
#include <libvirt/libvirt.h>

/* Says whether memory that is a file goes along with what is migrated: not with TRUE. Of a guest that neither runs nor is migrated. */
gboolean qmp_ignore_shared(virDomainPtr domain, GError **error);

/* Writes all of a stopped guest but its memory to @file, or reads it from there into one that waits for it (-incoming defer), and
 * waits until that is done. TIMEOUT after a minute. QEMU's user must be able to open @file. */
gboolean qmp_write_state(virDomainPtr domain, const char *file, GError **error);
gboolean qmp_read_state(virDomainPtr domain, const char *file, GError **error);

/* A snapshot of memory and disks, in the disks: of all that can be written. The guest is stopped
 * while it is saved or loaded (seconds), and goes on as it was before. TIMEOUT after two minutes. */
typedef enum { QMP_SNAPSHOT_SAVE, QMP_SNAPSHOT_LOAD, QMP_SNAPSHOT_DELETE } QmpSnapshot;
gboolean qmp_snapshot(virDomainPtr domain, QmpSnapshot what, const char *name, GError **error);
