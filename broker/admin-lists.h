/* What the admin interface tells: floating GVariants, of the types and with the keys that
 * broker/dbus/org.carrel.Broker1.Admin.xml documents. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "broker/admin-rights.h"

GVariant *admin_status(Broker *broker);
/* The same with what the gateway said of itself (a{sv}, not consumed), or, where that is NULL, with a line in "faults". */
GVariant *admin_status_add_gateway(GVariant *facts, GVariant *gateway);
/* What @peer may look after; a session where its person holds a desktop that is theirs to look after. */
GVariant *admin_list_pools(Broker *broker, const AdminPeer *peer);
GVariant *admin_list_desktops(Broker *broker, const AdminPeer *peer);
GVariant *admin_list_sessions(Broker *broker, const AdminPeer *peer);
/* Seconds until the first of @user's desktops ends by its limits; -1: none does. */
gint64 admin_left_of(Broker *broker, const char *user);
GVariant *admin_list_image_uses(Broker *broker);
