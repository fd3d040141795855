/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/audio-voice.h"

AudioVoice *
audio_voices_find(AudioVoices *voices, guint64 id)
{
	for (guint i = 0; i < voices->n; i++) {
		if (voices->voices[i].id == id)
			return &voices->voices[i];
	}
	return NULL;
}

AudioVoice *
audio_voices_init(AudioVoices *voices, guint64 id, const AudioFormat *format, guint bytes_per_frame)
{
	const char *fault = audio_format_check(format, bytes_per_frame);
	AudioVoice *voice = audio_voices_find(voices, id);

	if (fault == NULL && id == 0)
		fault = "a voice without a number";
	if (fault == NULL && voice == NULL && voices->n >= AUDIO_VOICES_MAX)
		fault = "too many voices";
	if (fault) {
		g_warning("QEMU's audio has %s: not heard", fault);
		return NULL;
	}
	if (voice == NULL)
		voice = &voices->voices[voices->n++];
	*voice = (AudioVoice){.id = id, .format = *format, .volume = {255, 255}};
	return voice;
}

void
audio_voices_fini(AudioVoices *voices, guint64 id)
{
	AudioVoice *voice = audio_voices_find(voices, id);

	if (voice)
		*voice = voices->voices[--voices->n];
}

AudioVoice *
audio_voices_active(AudioVoices *voices)
{
	for (guint i = 0; i < voices->n; i++) {
		if (voices->voices[i].enabled)
			return &voices->voices[i];
	}
	return NULL;
}

void
audio_voice_set_volume(AudioVoice *voice, gboolean mute, GVariant *volume)
{
	gsize n;
	const guint8 *sides = g_variant_get_fixed_array(volume, &n, 1);

	voice->mute = mute;
	for (guint i = 0; i < AUDIO_CHANNELS; i++)
		voice->volume[i] = n == 0 ? 255 : sides[MIN(i, n - 1)];
}
