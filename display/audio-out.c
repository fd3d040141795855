/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/audio-out.h"

#include <string.h>

#include "display/audio-peer.h"
#include "display/audio-voice.h"
#include "display/dbus/qemu.h"

#define LISTENER_PATH "/org/qemu/Display1/AudioOutListener"
/* QEMU sends some two thousand bytes at a time. */
#define WRITE_MAX 65536
#define SILENT_BLOCKS 50

struct AudioOut {
	const AudioOutEvents *events;
	void *data;
	QemuDisplay1AudioOutListener *listener;
	AudioPeer *peer;
	AudioVoices voices;
	guint64 heard;  /* whose samples are in .frames and .resampler; 0: nobody's */
	GArray *frames; /* gint16, less than a block of them between calls */
	AudioResampler resampler;
	guint silent; /* blocks of silence that came last */
	gboolean playing;
};

static void
set_playing(AudioOut *out, gboolean playing)
{
	if (out->playing == playing)
		return;
	out->playing = playing;
	out->events->on_playing(playing, out->data);
}

static void
take_block(AudioOut *out, const gint16 *frames)
{
	if (!audio_is_silent(frames, AUDIO_BLOCK))
		out->silent = 0;
	else if (out->silent < SILENT_BLOCKS)
		out->silent++;
	set_playing(out, out->silent < SILENT_BLOCKS);
	if (out->playing)
		out->events->on_block(frames, out->data);
}

/* What has changed may be which voice is heard. */
static void
look(AudioOut *out)
{
	const AudioVoice *voice = audio_voices_active(&out->voices);

	if (voice == NULL || voice->id != out->heard) {
		g_array_set_size(out->frames, 0);
		out->silent = SILENT_BLOCKS;
		out->heard = 0;
	}
	if (voice && voice->id != out->heard) {
		audio_resampler_init(&out->resampler, voice->format.rate, AUDIO_RATE);
		out->heard = voice->id;
	}
	if (voice)
		out->events->on_volume(voice->volume[0], voice->volume[1], out->data);
	if (voice == NULL || voice->mute)
		set_playing(out, FALSE);
}

static gboolean
on_init(QemuDisplay1AudioOutListener *listener, GDBusMethodInvocation *invocation, guint64 id, guint8 bits, gboolean is_signed,
        gboolean is_float, guint rate, guint8 channels, guint bytes_per_frame, guint bytes_per_second, gboolean big_endian, gpointer data)
{
	AudioOut *out = data;
	AudioFormat format = {bits, is_signed, is_float, big_endian, rate, channels};

	audio_voices_fini(&out->voices, id);
	look(out);
	audio_voices_init(&out->voices, id, &format, bytes_per_frame);
	qemu_display1_audio_out_listener_complete_init(listener, invocation);
	return TRUE;
}

static gboolean
on_fini(QemuDisplay1AudioOutListener *listener, GDBusMethodInvocation *invocation, guint64 id, gpointer data)
{
	AudioOut *out = data;

	audio_voices_fini(&out->voices, id);
	look(out);
	qemu_display1_audio_out_listener_complete_fini(listener, invocation);
	return TRUE;
}

static gboolean
on_set_enabled(QemuDisplay1AudioOutListener *listener, GDBusMethodInvocation *invocation, guint64 id, gboolean enabled, gpointer data)
{
	AudioOut *out = data;
	AudioVoice *voice = audio_voices_find(&out->voices, id);

	if (voice)
		voice->enabled = enabled;
	look(out);
	qemu_display1_audio_out_listener_complete_set_enabled(listener, invocation);
	return TRUE;
}

static gboolean
on_set_volume(QemuDisplay1AudioOutListener *listener, GDBusMethodInvocation *invocation, guint64 id, gboolean mute, GVariant *volume,
        gpointer data)
{
	AudioOut *out = data;
	AudioVoice *voice = audio_voices_find(&out->voices, id);

	if (voice)
		audio_voice_set_volume(voice, mute, volume);
	look(out);
	qemu_display1_audio_out_listener_complete_set_volume(listener, invocation);
	return TRUE;
}

static void
take_samples(AudioOut *out, const AudioFormat *format, const guint8 *bytes, gsize size)
{
	gsize n = size / audio_format_frame_size(format), at = 0;
	g_autofree gint16 *decoded = g_new(gint16, AUDIO_CHANNELS * n);
	guint whole;

	audio_decode(format, bytes, n, decoded);
	if (format->rate == AUDIO_RATE)
		g_array_append_vals(out->frames, decoded, (guint)(AUDIO_CHANNELS * n));
	else
		audio_resample(&out->resampler, decoded, n, out->frames);
	whole = out->frames->len / (AUDIO_CHANNELS * AUDIO_BLOCK) * (AUDIO_CHANNELS * AUDIO_BLOCK);
	for (; at < whole; at += AUDIO_CHANNELS * AUDIO_BLOCK)
		take_block(out, &g_array_index(out->frames, gint16, at));
	g_array_remove_range(out->frames, 0, whole);
}

static gboolean
on_write(QemuDisplay1AudioOutListener *listener, GDBusMethodInvocation *invocation, guint64 id, GVariant *bytes, gpointer data)
{
	AudioOut *out = data;
	const AudioVoice *voice = audio_voices_active(&out->voices);
	gsize size;
	const guint8 *start = g_variant_get_fixed_array(bytes, &size, 1);

	if (voice && voice->id == id && !voice->mute && size > 0 && size <= WRITE_MAX)
		take_samples(out, &voice->format, start, size);
	qemu_display1_audio_out_listener_complete_write(listener, invocation);
	return TRUE;
}

static void
on_peer(GDBusConnection *connection, gboolean absent, void *data)
{
	AudioOut *out = data;
	g_autoptr(GError) error = NULL;

	if (connection == NULL ||
	        !g_dbus_interface_skeleton_export(G_DBUS_INTERFACE_SKELETON(out->listener), connection, LISTENER_PATH, &error)) {
		if (error)
			g_warning("cannot export the audio listener: %s", error->message);
		out->events->on_absent(out->data);
	}
}

AudioOut *
audio_out_new(GDBusConnection *qemu, const AudioOutEvents *events, void *data)
{
	AudioOut *out = g_new0(AudioOut, 1);

	out->events = events;
	out->data = data;
	out->silent = SILENT_BLOCKS;
	out->frames = g_array_new(FALSE, FALSE, sizeof(gint16));
	out->listener = qemu_display1_audio_out_listener_skeleton_new();
	g_signal_connect(out->listener, "handle-init", G_CALLBACK(on_init), out);
	g_signal_connect(out->listener, "handle-fini", G_CALLBACK(on_fini), out);
	g_signal_connect(out->listener, "handle-set-enabled", G_CALLBACK(on_set_enabled), out);
	g_signal_connect(out->listener, "handle-set-volume", G_CALLBACK(on_set_volume), out);
	g_signal_connect(out->listener, "handle-write", G_CALLBACK(on_write), out);
	out->peer = audio_peer_new(qemu, "RegisterOutListener", on_peer, out);
	return out;
}

void
audio_out_free(AudioOut *out)
{
	if (out == NULL)
		return;
	g_signal_handlers_disconnect_by_data(out->listener, out);
	if (g_dbus_interface_skeleton_get_connection(G_DBUS_INTERFACE_SKELETON(out->listener)))
		g_dbus_interface_skeleton_unexport(G_DBUS_INTERFACE_SKELETON(out->listener));
	g_object_unref(out->listener);
	audio_peer_free(out->peer);
	g_array_unref(out->frames);
	g_free(out);
}

gboolean
audio_out_is_playing(const AudioOut *out)
{
	return out->playing;
}
