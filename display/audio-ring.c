/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/audio-ring.h"

#include <string.h>

#define FRAME_SIZE (AUDIO_CHANNELS * sizeof(gint16))

gsize
audio_ring_room(const AudioRing *ring)
{
	return AUDIO_RING_FRAMES - ring->count;
}

void
audio_ring_put(AudioRing *ring, const gint16 *frames, gsize n)
{
	n = MIN(n, audio_ring_room(ring));
	while (n > 0) {
		gsize end = (ring->at + ring->count) % AUDIO_RING_FRAMES, part = MIN(n, AUDIO_RING_FRAMES - end);

		memcpy(ring->frames + AUDIO_CHANNELS * end, frames, part * FRAME_SIZE);
		frames += AUDIO_CHANNELS * part;
		ring->count += part;
		n -= part;
	}
	ring->is_giving |= ring->count >= AUDIO_RING_START;
}

void
audio_ring_take(AudioRing *ring, gint16 *frames, gsize n)
{
	while (n > 0 && ring->is_giving) {
		gsize part = MIN(MIN(n, ring->count), AUDIO_RING_FRAMES - ring->at);

		memcpy(frames, ring->frames + AUDIO_CHANNELS * ring->at, part * FRAME_SIZE);
		ring->at = (ring->at + part) % AUDIO_RING_FRAMES;
		ring->count -= part;
		frames += AUDIO_CHANNELS * part;
		n -= part;
		ring->is_giving = n == 0 || ring->count > 0;
	}
	memset(frames, 0, n * FRAME_SIZE);
}

void
audio_ring_clear(AudioRing *ring)
{
	ring->at = ring->count = 0;
	ring->is_giving = FALSE;
}
