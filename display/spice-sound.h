/* Sound for a SPICE client: the library's playback and record channels, which it encodes with Opus by itself.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <spice.h>

#include "display/client.h"
#include "display/sound.h"

typedef struct SpiceSound SpiceSound;

/* The client begins to hear something, or ends. */
typedef void (*SpiceSoundFunc)(gboolean playing, void *data);

/* Before the server has its first client. */
SpiceSound *spice_sound_new(SpiceServer *server, Sound *sound, SpiceSoundFunc func, void *data);
void spice_sound_free(SpiceSound *self); /* after the server, and with no client */

/* Whose channels there are; NULL: nobody's. */
void spice_sound_set_client(SpiceSound *self, const Client *client);
/* A channel of this type (SPICE_CHANNEL_...) came or went. */
void spice_sound_channel(SpiceSound *self, int type, gboolean connected);
