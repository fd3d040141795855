/* The D-Bus connection over the socket that virDomainOpenGraphicsFD gives.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>

/* Signs in to QEMU and begins. Consumes @fd, also on failure. Blocks for 5 s at most. Incoming messages wait for
 * g_dbus_connection_start_message_processing. */
GDBusConnection *qemu_connection_new(int fd, GError **error);
