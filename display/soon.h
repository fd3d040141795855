/* Work that waits until nothing more urgent is to be done, so that one round of it serves all that has come, but never for long: whoever
 * sends without a pause, be it QEMU, a port of the guest's or a client, would keep it from all others.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

typedef struct Soon Soon;

/* @priority: of the main loop's, below G_PRIORITY_DEFAULT. @run is called from the main loop, once for each time that it was asked for
 * when it was not already; it may ask again. */
Soon *soon_new(int priority, void (*run)(void *data), void *data);
/* Not from within @run. */
void soon_free(Soon *soon);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Soon, soon_free)

void soon_ask(Soon *soon);
