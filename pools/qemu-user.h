/* QEMU runs as a user of its own, which may read and write nothing of ours unless it is let in.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>
#include <libvirt/libvirt.h>
#include <sys/types.h>

/* As whom QEMU runs: the base label of libvirt's DAC driver, "+64055:+64055". FALSE: libvirt does not say. */
gboolean qemu_user_find(virConnectPtr connection, uid_t *uid);

/* By an ACL on the file @path, and nobody else. CONFIG, FAILED, EXHAUSTED. */
gboolean qemu_user_let(const char *path, uid_t qemu, gboolean write, GError **error);
/* The same by a connection of its own, for reading. */
gboolean qemu_user_let_read(const char *uri, const char *path, GError **error);
