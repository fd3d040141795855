/* The browsers that hear the guest: what it plays is encoded once, with Opus, for all of them.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "display/client.h"
#include "display/sound.h"

typedef struct SoundStreams SoundStreams;

SoundStreams *sound_streams_new(Sound *sound);
void sound_streams_free(SoundStreams *streams);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SoundStreams, sound_streams_free)

/* Consumes @fd and @client, also on failure. CARREL_ERROR_DENIED: it may not hear; CARREL_ERROR_EXHAUSTED: too many do. */
gboolean sound_streams_add(SoundStreams *streams, int fd, Client *client, GError **error);
