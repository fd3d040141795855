/* What a host can do, asked from a program that is no broker. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "pools/host-facts.h"

#define HOST_ASK_DEADLINE_S 10

/* Asks the libvirt at @uri in a thread of its own: one that hangs hangs nobody. NULL: TIMEOUT when it did not
 * answer in time; else @connected says whether there is a libvirt that has no QEMU for desktops, or none at
 * all. */
HostFacts *host_ask(const char *uri, gboolean *connected, GError **error);
