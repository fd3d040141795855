/* Takes the broker's connections and starts one process for each. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>
#include <sys/types.h>

typedef struct Listener Listener;

typedef struct {
	const char *path;        /* of the socket */
	uid_t broker_uid;
	const char *const *argv; /* of a sign-in's process; NULL-terminated */
	guint workers;           /* at once: further connections wait in the kernel until one ends */
	guint life_s;            /* a process that lives longer is killed */
} ListenerConfig;

/* Listens. Peers are root, the broker's user, or whoever runs this program; others are turned away. For each, a process is
 * started with the connection as its standard input. @config is copied. */
Listener *listener_new(const ListenerConfig *config, GError **error);
void listener_free(Listener *listener);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Listener, listener_free)

/* Is the peer of @fd one that may ask? */
gboolean listener_is_welcome(int fd, uid_t broker_uid);
