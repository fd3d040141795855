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

/* Reads certificate and web client anew. What cannot be read stays as it was, with a warning. */
void door_reload(Door *door);
