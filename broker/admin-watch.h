/* What of the admin interface lets somebody look at desktops: WatchSession and Thumbnail. Each answers @invocation, at once or later.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "broker/admin-rights.h"
#include "broker/dbus/broker-admin.h"

/* @actor: of the audit. */
void admin_watch_session(Broker *broker, const AdminPeer *peer, const char *actor, GDBusMethodInvocation *invocation, const char *session,
        const char *desktop, const char *from);
void admin_thumbnail(Broker *broker, GDBusMethodInvocation *invocation, const char *desktop, guint width);
