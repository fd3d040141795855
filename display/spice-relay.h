/* Carries a SPICE channel's bytes between its client and libspice-server, and lets none by that the guard (spice-guard.h) does not allow.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

typedef struct SpiceRelay SpiceRelay;

/* It has closed both ends: free it. */
typedef void (*SpiceRelayEnd)(SpiceRelay *relay, void *data);

/* Consumes @fd, the client's connection, on success. *@library: the end for the library, the caller's. NULL: there is no socket. */
SpiceRelay *spice_relay_new(int fd, int *library, SpiceRelayEnd on_end, void *data);
/* Closes both ends. */
void spice_relay_free(SpiceRelay *relay);
