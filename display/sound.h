/* The guest's sound and microphone, and who of the clients has them. Nothing is asked of QEMU before somebody listens or talks, and
 * nothing runs while the guest is silent. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>

#include "display/audio-format.h"

typedef struct Sound Sound;
/* One protocol's side of it. */
typedef struct SoundPort SoundPort;

typedef struct {
	/* To ports that listen. Said at once to one that begins to, when the guest plays already. */
	void (*on_playing)(gboolean playing, void *data);
	void (*on_block)(const gint16 *frames, void *data); /* AUDIO_BLOCK of them */
	/* The guest's own volume, which the frames do not have in them. */
	void (*on_volume)(guint8 left, guint8 right, void *data);
	/* To the port that has the microphone: the guest wants to hear it (sound_speak), or does no more. */
	void (*on_recording)(gboolean recording, void *data);
	/* There is nothing to hear: the VM has no sound. */
	void (*on_absent)(void *data);
} SoundEvents;

/* @qemu: the connection to its display; NULL: one without sound. */
Sound *sound_new(GDBusConnection *qemu);
void sound_free(Sound *sound); /* after its ports */

SoundPort *sound_port_new(Sound *sound, const SoundEvents *events, void *data);
void sound_port_free(SoundPort *port);

void sound_listen(SoundPort *port, gboolean on);
/* Somebody may talk, later perhaps. From now on the guest hears silence while nobody does; before, QEMU gives it what happens to be in its
 * memory. */
void sound_expect_talk(SoundPort *port);
/* The guest has one microphone: who takes it last has it; when that one lets go of it, one that wants it too. */
void sound_talk(SoundPort *port, gboolean on);
/* How many frames sound_speak would take now; 0 unless the guest records and this port has the microphone. */
gsize sound_speak_room(const SoundPort *port);
void sound_speak(SoundPort *port, const gint16 *frames, gsize n);
