/* The end of an instance: everything that libvirt has of it. For carrel pool purge, with the broker stopped.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "broker/common/conf.h"

typedef struct {
	guint domains, overlays;
	guint kept; /* desktops of people that were turned off, and stay */
} CleanupCounts;

/* Where the broker keeps its state. Free with g_free. */
char *cleanup_store_file(const Conf *conf);

/* Destroys every domain, overlay, the network and the storage pool of the instance whose store is @conf's, and forgets its desktops.
 * No error where there is no store yet, or nothing to remove. Blocks. BUSY when a broker runs. On failure @counts says how far it
 * came; doing it again goes on from there. */
gboolean cleanup_instance(const Conf *conf, CleanupCounts *counts, GError **error);
