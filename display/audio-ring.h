/* A person's voice on its way to the guest: what came late is silence, what came too early or too much is dropped, so that it is
 * never more than AUDIO_RING_FRAMES behind. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "display/audio-format.h"

/* 200 ms */
#define AUDIO_RING_FRAMES (AUDIO_RATE / 5)
/* What is gathered before any of it is given, so that the network may be uneven by as much: 40 ms. */
#define AUDIO_RING_START (AUDIO_RATE / 25)

typedef struct {
	gint16 frames[AUDIO_RING_FRAMES * AUDIO_CHANNELS];
	gsize at, count;    /* in frames */
	gboolean is_giving; /* since it had AUDIO_RING_START, until it ran dry */
} AudioRing;

/* How many frames there is room for. */
gsize audio_ring_room(const AudioRing *ring);
/* Takes what there is room for; the rest is dropped. */
void audio_ring_put(AudioRing *ring, const gint16 *frames, gsize n);
/* Always gives @n frames, of silence where there are no others. */
void audio_ring_take(AudioRing *ring, gint16 *frames, gsize n);
void audio_ring_clear(AudioRing *ring);
