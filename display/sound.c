/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/sound.h"

#include "display/audio-in.h"
#include "display/audio-out.h"

struct Sound {
	GDBusConnection *qemu;
	GPtrArray *ports; /* SoundPort, not owned; who wanted the microphone last is the last */
	AudioOut *out;    /* NULL while nobody listens */
	AudioIn *in;      /* NULL until somebody may talk; then it stays: the guest would go on hearing the last it was given */
	gboolean absent;
	guint8 volume[2];
};

struct SoundPort {
	Sound *sound;
	const SoundEvents *events;
	void *data;
	gboolean listens, talks, speaks;
};

static void
on_playing(gboolean playing, void *data)
{
	Sound *sound = data;

	for (guint i = 0; i < sound->ports->len; i++) {
		SoundPort *port = sound->ports->pdata[i];

		if (port->listens)
			port->events->on_playing(playing, port->data);
	}
}

static void
on_block(const gint16 *frames, void *data)
{
	Sound *sound = data;

	for (guint i = 0; i < sound->ports->len; i++) {
		SoundPort *port = sound->ports->pdata[i];

		if (port->listens)
			port->events->on_block(frames, port->data);
	}
}

static void
on_volume(guint8 left, guint8 right, void *data)
{
	Sound *sound = data;

	if (sound->volume[0] == left && sound->volume[1] == right)
		return;
	sound->volume[0] = left;
	sound->volume[1] = right;
	for (guint i = 0; i < sound->ports->len; i++) {
		SoundPort *port = sound->ports->pdata[i];

		port->events->on_volume(left, right, port->data);
	}
}

static void
on_absent(void *data)
{
	Sound *sound = data;

	sound->absent = TRUE;
	for (guint i = 0; i < sound->ports->len; i++) {
		SoundPort *port = sound->ports->pdata[i];

		if (port->listens)
			port->events->on_absent(port->data);
	}
}

static const AudioOutEvents out_events = {on_playing, on_block, on_volume, on_absent};

static SoundPort *
holder(const Sound *sound)
{
	for (guint i = sound->ports->len; i > 0; i--) {
		SoundPort *port = sound->ports->pdata[i - 1];

		if (port->talks)
			return port;
	}
	return NULL;
}

/* Who has the microphone, and whether the guest wants it, may have changed: each port is told what is new to it. */
static void
pass_microphone(Sound *sound)
{
	SoundPort *speaker = sound->in && audio_in_is_recording(sound->in) ? holder(sound) : NULL;

	for (guint i = 0; i < sound->ports->len; i++) {
		SoundPort *port = sound->ports->pdata[i];

		if (port->speaks == (port == speaker))
			continue;
		port->speaks = port == speaker;
		/* What one that has let go of it said last is not heard later, by whoever records then. */
		if (sound->in)
			audio_in_clear(sound->in);
		port->events->on_recording(port->speaks, port->data);
	}
}

static void
on_recording(gboolean recording, void *data)
{
	pass_microphone(data);
}

Sound *
sound_new(GDBusConnection *qemu)
{
	Sound *sound = g_new0(Sound, 1);

	sound->qemu = qemu ? g_object_ref(qemu) : NULL;
	sound->absent = qemu == NULL;
	sound->ports = g_ptr_array_new();
	sound->volume[0] = sound->volume[1] = 255;
	return sound;
}

void
sound_free(Sound *sound)
{
	if (sound == NULL)
		return;
	audio_out_free(sound->out);
	audio_in_free(sound->in);
	g_ptr_array_unref(sound->ports);
	g_clear_object(&sound->qemu);
	g_free(sound);
}

SoundPort *
sound_port_new(Sound *sound, const SoundEvents *events, void *data)
{
	SoundPort *port = g_new0(SoundPort, 1);

	port->sound = sound;
	port->events = events;
	port->data = data;
	g_ptr_array_add(sound->ports, port);
	return port;
}

void
sound_port_free(SoundPort *port)
{
	if (port == NULL)
		return;
	sound_listen(port, FALSE);
	sound_talk(port, FALSE);
	g_ptr_array_remove(port->sound->ports, port);
	g_free(port);
}

static gboolean
somebody_listens(const Sound *sound)
{
	for (guint i = 0; i < sound->ports->len; i++) {
		if (((SoundPort *)sound->ports->pdata[i])->listens)
			return TRUE;
	}
	return FALSE;
}

void
sound_listen(SoundPort *port, gboolean on)
{
	Sound *sound = port->sound;

	if (port->listens == on)
		return;
	port->listens = on;
	if (!somebody_listens(sound)) {
		g_clear_pointer(&sound->out, audio_out_free);
	} else if (sound->absent) {
		port->events->on_absent(port->data);
	} else if (sound->out == NULL) {
		sound->out = audio_out_new(sound->qemu, &out_events, sound);
	} else if (on) {
		port->events->on_volume(sound->volume[0], sound->volume[1], port->data);
		if (audio_out_is_playing(sound->out))
			port->events->on_playing(TRUE, port->data);
	}
}

void
sound_expect_talk(SoundPort *port)
{
	Sound *sound = port->sound;

	if (sound->in == NULL && !sound->absent)
		sound->in = audio_in_new(sound->qemu, on_recording, sound);
}

void
sound_talk(SoundPort *port, gboolean on)
{
	Sound *sound = port->sound;

	if (port->talks == on)
		return;
	port->talks = on;
	if (on) {
		g_ptr_array_remove(sound->ports, port);
		g_ptr_array_add(sound->ports, port);
		sound_expect_talk(port);
	}
	pass_microphone(sound);
}

gsize
sound_speak_room(const SoundPort *port)
{
	return port->speaks ? audio_in_room(port->sound->in) : 0;
}

void
sound_speak(SoundPort *port, const gint16 *frames, gsize n)
{
	if (port->speaks)
		audio_in_put(port->sound->in, frames, n);
}
