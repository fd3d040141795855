/* Takes the broker's connections and starts one process for each. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>
#include <sys/types.h>

typedef struct Listener Listener;

/* Listens on @path. Peers are root, @broker_uid, or whoever runs this program; others are turned away. For each, @argv
 * (NULL-terminated; copied) is started with the connection as its standard input, at most 32 at once: beyond that a peer is
 * closed at once and tries again. A process that lives longer than 130 s is killed. */
Listener *listener_new(const char *path, uid_t broker_uid, const char *const *argv, GError **error);
void listener_free(Listener *listener);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Listener, listener_free)

/* Is the peer of @fd one that may ask? */
gboolean listener_is_welcome(int fd, uid_t broker_uid);
