/* The gateway as a whole: ports, certificate, files, broker and clients, from the configuration.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "broker/common/conf.h"

typedef struct Door Door;

/* Binds the ports, and looks up users while that is possible. @conf outlives the door. */
Door *door_new(const Conf *conf, GError **error);
void door_free(Door *door);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Door, door_free)

/* After rights are dropped: reads or makes the certificate, reads the web client, connects to the broker, and lets clients in. */
gboolean door_open(Door *door, GError **error);

/* Reads configuration (limits, ProxyFrom=, Names=), certificate and web client anew, from where they were at the start. What
 * cannot be read, or has a fault, stays as it was, with a warning. Connections go on; new deadlines and new connections are under
 * the new limits. */
void door_reload(Door *door);
