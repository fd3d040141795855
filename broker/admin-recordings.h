/* Recordings on the admin interface. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "broker/admin-rights.h"
#include "broker/dbus/broker-admin.h"

/* Each answers @invocation, whose caller may call it (admin-rights.h), now or later; @skeleton may be gone by then. */
void admin_list_recordings(Broker *broker, const AdminPeer *peer, GDBusMethodInvocation *invocation, GVariant *filter);
/* @name: of the caller, for the audit. */
void admin_open_recording(Broker *broker, const char *name, GDBusMethodInvocation *invocation, const char *id);
void admin_remove_recording(Broker *broker, const char *name, GDBusMethodInvocation *invocation, const char *id);
