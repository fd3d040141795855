/* What the guest records. While its card does, QEMU asks for samples a hundred times a second, and all of the VM waits for the answer: so
 * they come from a ring, in GDBus's own thread, whatever else this process is at.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>

#include "display/audio-format.h"

typedef struct AudioIn AudioIn;

/* The guest begins to record, or ends. */
typedef void (*AudioInFunc)(gboolean recording, void *data);

AudioIn *audio_in_new(GDBusConnection *qemu, AudioInFunc func, void *data);
void audio_in_free(AudioIn *in);

gboolean audio_in_is_recording(const AudioIn *in);
/* How many frames would be taken; 0 while the guest does not record. */
gsize audio_in_room(const AudioIn *in);
/* Frames of a microphone: those beyond audio_in_room() are dropped. */
void audio_in_put(AudioIn *in, const gint16 *frames, gsize n);
/* Forgets what the guest has not read yet. */
void audio_in_clear(AudioIn *in);
