/* libspice-server's core interface on GLib's main loop: its timers and watches, and its news of channels.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <spice.h>

/* The library's interface carries no pointer of ours, so there is one receiver a process. @event: SPICE_CHANNEL_EVENT_*. */
typedef void (*SpiceCoreEvent)(int event, const SpiceChannelEventInfo *info, void *data);

SpiceCoreInterface *spice_core_interface(SpiceCoreEvent on_event, void *data);
