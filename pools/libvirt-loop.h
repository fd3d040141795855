/* libvirt's event loop on GLib's: file handles and timers of libvirt become sources of the default main context, so that its
 * callbacks come on the main loop like everybody else's. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

/* Registers it, once a process, before the first connection is opened. Call on the main thread. */
void libvirt_loop_register(void);
