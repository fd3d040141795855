/* org.carrel.Broker1.Admin, for the command carrel. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "broker/broker.h"

/* Listens on broker/admin.sock. Anyone may connect; calls are for root, whoever runs the broker, and [Broker] AdminUsers= and
 * AdminGroups=, whose numbers are looked up here, once: nothing asks NSS while the main loop runs. */
AdminService *admin_service_new(Broker *broker, GError **error);
void admin_service_free(AdminService *service);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AdminService, admin_service_free)
