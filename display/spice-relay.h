/* Carries a SPICE channel's bytes between its client and libspice-server, lets none by that the guard (spice-guard.h) does not allow, and
 * takes what the library has to say to a client that is gone: 0.15.1 waits for half a minute until a blocked channel can be written to,
 * even after its connection broke (RedChannelClient::wait_outgoing_item), and our thread may have to wait for its thread.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

typedef struct SpiceRelay SpiceRelay;

/* The client is gone, or the library has closed its end: nothing is carried any more. Free it, now or later: only that closes the
 * library's end. */
typedef void (*SpiceRelayEnd)(SpiceRelay *relay, void *data);

/* Consumes @fd, the client's connection, on success. *@library: the end for the library, the caller's. NULL: there is no socket. */
SpiceRelay *spice_relay_new(int fd, int *library, SpiceRelayEnd on_end, void *data);
/* Cuts the client off, tells the library so, and takes what that still says until it has closed its end, which is told then. */
void spice_relay_retire(SpiceRelay *relay);
/* Known once its link message has come. */
gboolean spice_relay_is_main(const SpiceRelay *relay);
gboolean spice_relay_is_retired(const SpiceRelay *relay);
/* Closes both ends. */
void spice_relay_free(SpiceRelay *relay);
