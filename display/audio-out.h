/* What the guest plays, as QEMU sends it, cut into blocks of one format.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>

#include "display/audio-format.h"

typedef struct AudioOut AudioOut;

typedef struct {
	/* Something is to be heard from now on, or nothing is: the guest's card stands still, is mute, or plays silence for half a second.
	 */
	void (*on_playing)(gboolean playing, void *data);
	/* AUDIO_BLOCK frames, only while playing. The volume is not applied to them. */
	void (*on_block)(const gint16 *frames, void *data);
	/* How loud the guest wants it, left and right; 255 is as it is. */
	void (*on_volume)(guint8 left, guint8 right, void *data);
	/* The VM has no sound, or gives none. */
	void (*on_absent)(void *data);
} AudioOutEvents;

/* QEMU makes and sends samples for as long as this lives. @qemu: the connection to its display. */
AudioOut *audio_out_new(GDBusConnection *qemu, const AudioOutEvents *events, void *data);
void audio_out_free(AudioOut *out);

gboolean audio_out_is_playing(const AudioOut *out);
