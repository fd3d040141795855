/* What the portal sends for a viewer, checked before one is started on it: a viewer's file can name hosts, proxies and
 * programs' settings, and the portal may be in an enemy's hands. Pure. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

/* A portal's file is about 3 KiB. */
#define VV_CHECK_MAX (64 * 1024)

/* The file with nothing in it but what is known and of its form, written anew: what a viewer reads is what was checked.
 * PROTOCOL, naming the key: one that is not known (virt-viewer(1), remote-viewer(1), "CONNECTION FILE"), one that is missing,
 * or a proxy that is not on @host. Free with g_free. */
char *vv_check(const char *bytes, gsize size, const char *host, GError **error);
