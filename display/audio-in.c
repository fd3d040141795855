/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/audio-in.h"

#include <string.h>

#include "display/audio-peer.h"
#include "display/audio-ring.h"
#include "display/audio-voice.h"
#include "display/dbus/qemu.h"

#define LISTENER_PATH "/org/qemu/Display1/AudioInListener"
/* QEMU asks for some two thousand bytes at a time, and takes it when it gets less. */
#define READ_MAX 16384
/* It asks as fast as it is answered, and its sound card then runs ahead of the clock: more than has been spoken would be silence. So much
 * it may be ahead, and so much is made up for after it did not ask for a while. */
#define AHEAD_US 20000
#define LATE_US 100000

/* What GDBus's thread shares with us. */
typedef struct {
	GMutex lock;
	AudioRing ring;
	AudioVoices voices;
	guint64 asked; /* the voice that .resampler and .frames are for */
	AudioResampler resampler;
	GArray *frames; /* gint16, at the voice's rate, not yet given */
	gint64 given_us; /* until when, by the clock, what was given to .asked lasts */
} Shared;

struct AudioIn {
	AudioInFunc func;
	void *data;
	QemuDisplay1AudioInListener *listener;
	AudioPeer *peer;
	Shared *shared; /* an atomic box: the filter has a reference too */
	gboolean recording;
};

static void
shared_clear(gpointer data)
{
	Shared *shared = data;

	g_mutex_clear(&shared->lock);
	g_array_unref(shared->frames);
}

static void
shared_unref(gpointer data)
{
	g_atomic_rc_box_release_full(data, shared_clear);
}

/* How many frames may be given now. */
static gsize
due(Shared *shared, const AudioVoice *voice)
{
	gint64 now = g_get_monotonic_time();

	if (shared->asked != voice->id || shared->given_us < now - LATE_US)
		shared->given_us = now - (shared->asked == voice->id ? LATE_US : 0);
	return (gsize)(MAX(now + AHEAD_US - shared->given_us, 0) * voice->format.rate / G_USEC_PER_SEC);
}

/* At least @n frames of the voice's rate in .frames. */
static void
gather(Shared *shared, const AudioVoice *voice, gsize n)
{
	gint16 block[AUDIO_CHANNELS * AUDIO_BLOCK];

	if (shared->asked != voice->id) {
		g_array_set_size(shared->frames, 0);
		audio_resampler_init(&shared->resampler, AUDIO_RATE, voice->format.rate);
		shared->asked = voice->id;
	}
	while (shared->frames->len < AUDIO_CHANNELS * n) {
		/* No further ahead than it must be, so that nothing is called silence that may still come in time. */
		gsize part = voice->format.rate == AUDIO_RATE ? MIN(n - shared->frames->len / AUDIO_CHANNELS, AUDIO_BLOCK) : 48;

		audio_ring_take(&shared->ring, block, part);
		if (voice->format.rate == AUDIO_RATE)
			g_array_append_vals(shared->frames, block, (guint)(AUDIO_CHANNELS * part));
		else
			audio_resample(&shared->resampler, block, part, shared->frames);
	}
}

/* @n frames of @voice at @bytes. */
static void
read_frames(Shared *shared, const AudioVoice *voice, gsize n, guint8 *bytes)
{
	gather(shared, voice, n);
	gint16 *frames = &g_array_index(shared->frames, gint16, 0);

	audio_scale(frames, n, voice->mute ? 0 : voice->volume[0], voice->mute ? 0 : voice->volume[1]);
	audio_encode(&voice->format, frames, n, bytes);
	shared->given_us += (gint64)n * G_USEC_PER_SEC / voice->format.rate;
	g_array_remove_range(shared->frames, 0, (guint)(AUDIO_CHANNELS * n));
}

static GVariant *
read_voice(Shared *shared, guint64 id, guint64 size)
{
	guint8 *bytes = g_malloc0(READ_MAX);
	const AudioVoice *voice;
	gsize used;

	g_mutex_lock(&shared->lock);
	voice = audio_voices_find(&shared->voices, id);
	used = (gsize)MIN(size, READ_MAX);
	if (voice)
		used = MIN(used / audio_format_frame_size(&voice->format), due(shared, voice)) * audio_format_frame_size(&voice->format);
	if (voice && used > 0)
		read_frames(shared, voice, used / audio_format_frame_size(&voice->format), bytes);
	g_mutex_unlock(&shared->lock);
	return g_variant_new_from_data(G_VARIANT_TYPE("ay"), bytes, used, TRUE, g_free, bytes);
}

/* In GDBus's thread: answers Read, and lets all else through. */
static GDBusMessage *
filter(GDBusConnection *connection, GDBusMessage *message, gboolean incoming, gpointer data)
{
	GVariant *body = g_dbus_message_get_body(message);
	guint64 id, size;

	if (!incoming || g_dbus_message_get_message_type(message) != G_DBUS_MESSAGE_TYPE_METHOD_CALL ||
	        g_strcmp0(g_dbus_message_get_member(message), "Read") != 0 || body == NULL ||
	        !g_variant_is_of_type(body, G_VARIANT_TYPE("(tt)")))
		return message;
	g_variant_get(body, "(tt)", &id, &size);
	g_autoptr(GDBusMessage) reply = g_dbus_message_new_method_reply(message);
	GVariant *bytes = read_voice(data, id, size);

	g_dbus_message_set_body(reply, g_variant_new_tuple(&bytes, 1));
	g_dbus_connection_send_message(connection, reply, G_DBUS_SEND_MESSAGE_FLAGS_NONE, NULL, NULL);
	g_object_unref(message);
	return NULL;
}

/* Unlocks, too: the call-back may call us. */
static void
look(AudioIn *in)
{
	gboolean recording = audio_voices_active(&in->shared->voices) != NULL;

	if (in->recording != recording)
		audio_ring_clear(&in->shared->ring);
	g_mutex_unlock(&in->shared->lock);
	if (in->recording == recording)
		return;
	in->recording = recording;
	in->func(recording, in->data);
}

static gboolean
on_init(QemuDisplay1AudioInListener *listener, GDBusMethodInvocation *invocation, guint64 id, guint8 bits, gboolean is_signed,
        gboolean is_float, guint rate, guint8 channels, guint bytes_per_frame, guint bytes_per_second, gboolean big_endian, gpointer data)
{
	AudioIn *in = data;
	AudioFormat format = {bits, is_signed, is_float, big_endian, rate, channels};

	g_mutex_lock(&in->shared->lock);
	in->shared->asked = 0;
	audio_voices_fini(&in->shared->voices, id);
	audio_voices_init(&in->shared->voices, id, &format, bytes_per_frame);
	look(in);
	qemu_display1_audio_in_listener_complete_init(listener, invocation);
	return TRUE;
}

static gboolean
on_fini(QemuDisplay1AudioInListener *listener, GDBusMethodInvocation *invocation, guint64 id, gpointer data)
{
	AudioIn *in = data;

	g_mutex_lock(&in->shared->lock);
	audio_voices_fini(&in->shared->voices, id);
	look(in);
	qemu_display1_audio_in_listener_complete_fini(listener, invocation);
	return TRUE;
}

static gboolean
on_set_enabled(QemuDisplay1AudioInListener *listener, GDBusMethodInvocation *invocation, guint64 id, gboolean enabled, gpointer data)
{
	AudioIn *in = data;
	AudioVoice *voice;

	g_mutex_lock(&in->shared->lock);
	voice = audio_voices_find(&in->shared->voices, id);
	if (voice)
		voice->enabled = enabled;
	look(in);
	qemu_display1_audio_in_listener_complete_set_enabled(listener, invocation);
	return TRUE;
}

static gboolean
on_set_volume(QemuDisplay1AudioInListener *listener, GDBusMethodInvocation *invocation, guint64 id, gboolean mute, GVariant *volume,
        gpointer data)
{
	AudioIn *in = data;
	AudioVoice *voice;

	g_mutex_lock(&in->shared->lock);
	voice = audio_voices_find(&in->shared->voices, id);
	if (voice)
		audio_voice_set_volume(voice, mute, volume);
	look(in);
	qemu_display1_audio_in_listener_complete_set_volume(listener, invocation);
	return TRUE;
}

static void
on_peer(GDBusConnection *connection, gboolean absent, void *data)
{
	AudioIn *in = data;
	g_autoptr(GError) error = NULL;

	if (connection == NULL)
		return;
	g_dbus_connection_add_filter(connection, filter, g_atomic_rc_box_acquire(in->shared), shared_unref);
	if (!g_dbus_interface_skeleton_export(G_DBUS_INTERFACE_SKELETON(in->listener), connection, LISTENER_PATH, &error))
		g_warning("cannot export the audio listener: %s", error->message);
}

AudioIn *
audio_in_new(GDBusConnection *qemu, AudioInFunc func, void *data)
{
	AudioIn *in = g_new0(AudioIn, 1);

	in->func = func;
	in->data = data;
	in->shared = g_atomic_rc_box_new0(Shared);
	g_mutex_init(&in->shared->lock);
	in->shared->frames = g_array_new(FALSE, FALSE, sizeof(gint16));
	in->listener = qemu_display1_audio_in_listener_skeleton_new();
	g_signal_connect(in->listener, "handle-init", G_CALLBACK(on_init), in);
	g_signal_connect(in->listener, "handle-fini", G_CALLBACK(on_fini), in);
	g_signal_connect(in->listener, "handle-set-enabled", G_CALLBACK(on_set_enabled), in);
	g_signal_connect(in->listener, "handle-set-volume", G_CALLBACK(on_set_volume), in);
	in->peer = audio_peer_new(qemu, "RegisterInListener", on_peer, in);
	return in;
}

void
audio_in_free(AudioIn *in)
{
	if (in == NULL)
		return;
	g_signal_handlers_disconnect_by_data(in->listener, in);
	if (g_dbus_interface_skeleton_get_connection(G_DBUS_INTERFACE_SKELETON(in->listener)))
		g_dbus_interface_skeleton_unexport(G_DBUS_INTERFACE_SKELETON(in->listener));
	g_object_unref(in->listener);
	audio_peer_free(in->peer);
	shared_unref(in->shared);
	g_free(in);
}

gboolean
audio_in_is_recording(const AudioIn *in)
{
	return in->recording;
}

gsize
audio_in_room(const AudioIn *in)
{
	gsize room;

	if (!in->recording)
		return 0;
	g_mutex_lock(&in->shared->lock);
	room = audio_ring_room(&in->shared->ring);
	g_mutex_unlock(&in->shared->lock);
	return room;
}

void
audio_in_put(AudioIn *in, const gint16 *frames, gsize n)
{
	if (!in->recording)
		return;
	g_mutex_lock(&in->shared->lock);
	audio_ring_put(&in->shared->ring, frames, n);
	g_mutex_unlock(&in->shared->lock);
}

void
audio_in_clear(AudioIn *in)
{
	g_mutex_lock(&in->shared->lock);
	audio_ring_clear(&in->shared->ring);
	g_mutex_unlock(&in->shared->lock);
}
