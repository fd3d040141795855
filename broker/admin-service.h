/* org.carrel.Broker1.Admin, for the command carrel. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "broker/broker.h"

/* Listens on broker/admin.sock. Anyone may connect; who may call what, broker/admin-rights.h says. Names are looked up here and in
 * admin_service_on_rules: nothing else asks NSS while the main loop runs. */
AdminService *admin_service_new(Broker *broker, GError **error);
/* The pool files were read again. */
void admin_service_on_rules(AdminService *service);
void admin_service_free(AdminService *service);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AdminService, admin_service_free)
