/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/spice-sound.h"

#include <spice/enums.h>
#include <string.h>

#define RECORD_MS 10

struct SpiceSound {
	SpicePlaybackInstance playback;
	SpiceRecordInstance record;
	SoundPort *port;
	SpiceSoundFunc func;
	void *func_data;
	gboolean may_listen, may_talk; /* the client */
	guint playbacks, records;      /* channels: those of a client that was displaced go after the next one's came */
	gboolean playing;              /* as the library was told, which insists that it is never told twice */
	uint32_t *frames;              /* the library's, being filled; NULL: none */
	uint32_t size, at;             /* frames that have place there, and are there */
	guint record_id;               /* while the guest hears the client */
};

static const SpicePlaybackInterface playback_interface = {
        .base = {SPICE_INTERFACE_PLAYBACK, "playback", SPICE_INTERFACE_PLAYBACK_MAJOR, SPICE_INTERFACE_PLAYBACK_MINOR},
};

static const SpiceRecordInterface record_interface = {
        .base = {SPICE_INTERFACE_RECORD, "record", SPICE_INTERFACE_RECORD_MAJOR, SPICE_INTERFACE_RECORD_MINOR},
};

/* The library drops what the client has not read when the next is there. */
static void
send_frames(SpiceSound *self)
{
	spice_server_playback_put_samples(&self->playback, self->frames);
	self->frames = NULL;
}

static void
on_playing(gboolean playing, void *data)
{
	SpiceSound *self = data;

	if (self->playing == playing)
		return;
	self->playing = playing;
	self->func(playing, self->func_data);
	if (playing) {
		spice_server_playback_start(&self->playback);
		return;
	}
	if (self->frames) {
		memset(self->frames + self->at, 0, (self->size - self->at) * sizeof *self->frames);
		send_frames(self);
	}
	spice_server_playback_stop(&self->playback);
}

static void
on_block(const gint16 *frames, void *data)
{
	SpiceSound *self = data;
	uint32_t left = AUDIO_BLOCK;

	while (left > 0) {
		if (self->frames == NULL) {
			spice_server_playback_get_buffer(&self->playback, &self->frames, &self->size);
			self->at = 0;
		}
		if (self->frames == NULL)
			return;
		uint32_t part = MIN(left, self->size - self->at);

		memcpy(self->frames + self->at, frames, part * sizeof *self->frames);
		frames += AUDIO_CHANNELS * part;
		self->at += part;
		left -= part;
		if (self->at == self->size)
			send_frames(self);
	}
}

static void
on_volume(guint8 left, guint8 right, void *data)
{
	SpiceSound *self = data;
	uint16_t volume[] = {(uint16_t)(left * 257), (uint16_t)(right * 257)};

	spice_server_playback_set_volume(&self->playback, AUDIO_CHANNELS, volume);
}

/* The library does not tell when samples have come. */
static gboolean
on_record(gpointer data)
{
	SpiceSound *self = data;
	uint32_t frames[AUDIO_BLOCK];
	uint32_t n;

	while ((n = spice_server_record_get_samples(&self->record, frames, AUDIO_BLOCK)) > 0)
		sound_speak(self->port, (const gint16 *)frames, MIN(n, AUDIO_BLOCK));
	return G_SOURCE_CONTINUE;
}

static void
on_recording(gboolean recording, void *data)
{
	SpiceSound *self = data;

	if (recording) {
		spice_server_record_start(&self->record);
		self->record_id = g_timeout_add(RECORD_MS, on_record, self);
	} else {
		g_clear_handle_id(&self->record_id, g_source_remove);
		spice_server_record_stop(&self->record);
	}
}

static void
on_absent(void *data)
{
}

static const SoundEvents sound_events = {on_playing, on_block, on_volume, on_recording, on_absent};

SpiceSound *
spice_sound_new(SpiceServer *server, Sound *sound, SpiceSoundFunc func, void *data)
{
	SpiceSound *self = g_new0(SpiceSound, 1);

	self->func = func;
	self->func_data = data;
	self->playback.base.sif = &playback_interface.base;
	self->record.base.sif = &record_interface.base;
	if (spice_server_add_interface(server, &self->playback.base) < 0 || spice_server_add_interface(server, &self->record.base) < 0)
		g_error("libspice-server takes no sound");
	spice_server_set_playback_rate(&self->playback, AUDIO_RATE);
	spice_server_set_record_rate(&self->record, AUDIO_RATE);
	self->port = sound_port_new(sound, &sound_events, self);
	return self;
}

void
spice_sound_free(SpiceSound *self)
{
	sound_port_free(self->port);
	g_free(self);
}

static void
settle(SpiceSound *self)
{
	gboolean listens = self->may_listen && self->playbacks > 0;

	sound_listen(self->port, listens);
	if (!listens)
		on_playing(FALSE, self);
	sound_talk(self->port, self->may_talk && self->records > 0);
}

void
spice_sound_set_client(SpiceSound *self, const Client *client)
{
	self->may_listen = client && client->sound;
	self->may_talk = client && client->microphone;
	settle(self);
}

void
spice_sound_channel(SpiceSound *self, int type, gboolean connected)
{
	guint *channels = type == SPICE_CHANNEL_PLAYBACK ? &self->playbacks : type == SPICE_CHANNEL_RECORD ? &self->records : NULL;

	if (channels == NULL || (!connected && *channels == 0))
		return;
	*channels += connected ? 1 : -1u;
	settle(self);
}
