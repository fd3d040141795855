/* org.carrel.Display1 at control.sock, for the broker.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "display/desks.h"
#include "display/recordings.h"

typedef struct Service Service;

/* @events of the desks that it serves go to every peer that is connected: give them to desks_new. */
extern const DesksEvents service_events;

Service *service_new(void);
void service_free(Service *service);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Service, service_free)

/* Begins to listen at @path, to @uid and root. */
gboolean service_listen(Service *service, const char *path, uid_t uid, Desks *desks, Recordings *recordings, GError **error);
