/* QEMU's voices of one direction, as its calls to a listener describe them. A VM with the settings that Carrel gives it has one of each.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>

#include "display/audio-format.h"

#define AUDIO_VOICES_MAX 4

typedef struct {
	guint64 id; /* never 0 */
	AudioFormat format;
	gboolean enabled, mute;
	guint8 volume[AUDIO_CHANNELS]; /* 255: as it is */
} AudioVoice;

typedef struct {
	AudioVoice voices[AUDIO_VOICES_MAX];
	guint n;
} AudioVoices;

/* NULL, and nothing changes, when it may not be one (logged) or when there are too many. */
AudioVoice *audio_voices_init(AudioVoices *voices, guint64 id, const AudioFormat *format, guint bytes_per_frame);
void audio_voices_fini(AudioVoices *voices, guint64 id);
AudioVoice *audio_voices_find(AudioVoices *voices, guint64 id); /* NULL: there is none */
/* The one that counts: the first that is enabled, or NULL. */
AudioVoice *audio_voices_active(AudioVoices *voices);
/* @volume: a byte a channel ("ay"). */
void audio_voice_set_volume(AudioVoice *voice, gboolean mute, GVariant *volume);
