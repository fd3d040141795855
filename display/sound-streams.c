/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/sound-streams.h"

#include <opus/opus.h>
#include <string.h>
#include <unistd.h>

#include "broker/common/error.h"
#include "display/sound-client.h"
#include "display/sound-message.h"

#define CLIENTS_MAX 32
/* Stereo music without a flaw that people hear, at 12 kB a second. */
#define BITRATE 96000
/* Of 0 to 10. Beyond, twice the time buys nothing at this rate. */
#define COMPLEXITY 5

struct SoundStreams {
	SoundPort *port;
	SoundHost host;
	GPtrArray *clients; /* SoundClient; who began to talk last is the last */
	GPtrArray *gone;    /* SoundClient, to be freed by reap_id */
	guint reap_id;
	OpusEncoder *encoder; /* NULL while nobody listens */
	guint32 number;       /* of the next packet */
	guint8 volume[2];
	gboolean playing, recording, absent;
};

static SoundClient *
speaker(const SoundStreams *streams)
{
	for (guint i = streams->clients->len; i > 0; i--) {
		if (sound_client_talks(streams->clients->pdata[i - 1]))
			return streams->clients->pdata[i - 1];
	}
	return NULL;
}

static void
say_states(SoundStreams *streams)
{
	SoundClient *talks = speaker(streams);
	/* One that is gone while it is told is taken out of the list. */
	g_autoptr(GPtrArray) all = g_ptr_array_new();

	g_ptr_array_extend(all, streams->clients, NULL, NULL);
	for (guint i = 0; i < all->len; i++) {
		SoundClient *client = all->pdata[i];

		sound_client_set_state(client,
		        (streams->absent ? SOUND_IS_ABSENT : 0) |
		                (streams->playing && sound_client_listens(client) ? SOUND_IS_PLAYING : 0) |
		                (streams->recording && client == talks ? SOUND_IS_RECORDED : 0));
	}
}

static void
on_playing(gboolean playing, void *data)
{
	SoundStreams *streams = data;

	streams->playing = playing;
	say_states(streams);
}

static void
on_block(const gint16 *frames, void *data)
{
	SoundStreams *streams = data;
	gint16 louder[AUDIO_CHANNELS * AUDIO_BLOCK];
	guint8 packet[SOUND_PACKET_MAX];
	guint32 number = streams->number++;
	opus_int32 size;

	if (streams->encoder == NULL)
		return;
	memcpy(louder, frames, sizeof louder);
	audio_scale(louder, AUDIO_BLOCK, streams->volume[0], streams->volume[1]);
	size = opus_encode(streams->encoder, louder, AUDIO_BLOCK, packet, sizeof packet);
	if (size <= 0)
		return;
	g_autoptr(GBytes) message = sound_message_packet(number, packet, (gsize)size);

	for (guint i = streams->clients->len; i > 0; i--)
		sound_client_packet(streams->clients->pdata[i - 1], number, message);
}

static void
on_volume(guint8 left, guint8 right, void *data)
{
	SoundStreams *streams = data;

	streams->volume[0] = left;
	streams->volume[1] = right;
}

static void
on_recording(gboolean recording, void *data)
{
	SoundStreams *streams = data;

	streams->recording = recording;
	say_states(streams);
}

static void
on_absent(void *data)
{
	SoundStreams *streams = data;

	streams->absent = TRUE;
	say_states(streams);
}

static const SoundEvents sound_events = {on_playing, on_block, on_volume, on_recording, on_absent};

static gboolean
somebody(const SoundStreams *streams, gboolean (*does)(const SoundClient *client))
{
	for (guint i = 0; i < streams->clients->len; i++) {
		if (does(streams->clients->pdata[i]))
			return TRUE;
	}
	return FALSE;
}

static OpusEncoder *
make_encoder(void)
{
	OpusEncoder *encoder = opus_encoder_create(AUDIO_RATE, AUDIO_CHANNELS, OPUS_APPLICATION_RESTRICTED_LOWDELAY, NULL);

	if (encoder) {
		opus_encoder_ctl(encoder, OPUS_SET_BITRATE(BITRATE));
		opus_encoder_ctl(encoder, OPUS_SET_COMPLEXITY(COMPLEXITY));
	}
	return encoder;
}

/* Who listens and who talks may have changed. */
static void
settle(SoundStreams *streams)
{
	gboolean listens = somebody(streams, sound_client_listens);

	if (listens && streams->encoder == NULL)
		streams->encoder = make_encoder();
	else if (!listens)
		g_clear_pointer(&streams->encoder, opus_encoder_destroy);
	if (!listens)
		streams->playing = FALSE;
	sound_listen(streams->port, listens);
	sound_talk(streams->port, somebody(streams, sound_client_talks));
	say_states(streams);
}

static void
on_listens(SoundClient *client, void *data)
{
	settle(data);
}

static void
on_talks(SoundClient *client, void *data)
{
	SoundStreams *streams = data;
	guint i;

	if (sound_client_talks(client) && g_ptr_array_find(streams->clients, client, &i)) {
		g_ptr_array_steal_index(streams->clients, i);
		g_ptr_array_add(streams->clients, client);
	}
	g_message("sound client %s of %s: microphone %s", sound_client_who(client)->name, sound_client_who(client)->address,
	        sound_client_talks(client) ? "on" : "off");
	settle(streams);
}

static gsize
room(SoundClient *client, void *data)
{
	SoundStreams *streams = data;

	return client == speaker(streams) ? sound_speak_room(streams->port) : 0;
}

static void
on_voice(SoundClient *client, const gint16 *frames, gsize n, void *data)
{
	sound_speak(((SoundStreams *)data)->port, frames, n);
}

static gboolean
on_reap(gpointer data)
{
	SoundStreams *streams = data;

	streams->reap_id = 0;
	g_ptr_array_set_size(streams->gone, 0);
	settle(streams);
	return G_SOURCE_REMOVE;
}

static void
on_gone(SoundClient *client, const char *why, void *data)
{
	SoundStreams *streams = data;
	guint i;

	if (!g_ptr_array_find(streams->clients, client, &i))
		return;
	g_ptr_array_steal_index(streams->clients, i);
	g_ptr_array_add(streams->gone, client);
	if (streams->reap_id == 0)
		streams->reap_id = g_idle_add_full(G_PRIORITY_DEFAULT, on_reap, streams, NULL);
	g_message("sound client %s of %s left: %s", sound_client_who(client)->name, sound_client_who(client)->address, why);
}

SoundStreams *
sound_streams_new(Sound *sound)
{
	SoundStreams *streams = g_new0(SoundStreams, 1);

	streams->clients = g_ptr_array_new_with_free_func((GDestroyNotify)sound_client_free);
	streams->gone = g_ptr_array_new_with_free_func((GDestroyNotify)sound_client_free);
	streams->volume[0] = streams->volume[1] = 255;
	streams->host = (SoundHost){on_listens, on_talks, room, on_voice, on_gone, streams};
	streams->port = sound_port_new(sound, &sound_events, streams);
	return streams;
}

void
sound_streams_free(SoundStreams *streams)
{
	if (streams == NULL)
		return;
	g_clear_handle_id(&streams->reap_id, g_source_remove);
	g_ptr_array_set_size(streams->clients, 0);
	sound_port_free(streams->port);
	g_ptr_array_unref(streams->clients);
	g_ptr_array_unref(streams->gone);
	g_clear_pointer(&streams->encoder, opus_encoder_destroy);
	g_free(streams);
}

gboolean
sound_streams_add(SoundStreams *streams, int fd, Client *client, GError **error)
{
	if (!client->sound)
		g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_DENIED, "this client may not hear the desktop");
	else if (streams->clients->len >= CLIENTS_MAX)
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_EXHAUSTED, "%d clients hear the desktop already", CLIENTS_MAX);
	if (!client->sound || streams->clients->len >= CLIENTS_MAX) {
		close(fd);
		client_free(client);
		return FALSE;
	}
	if (client->microphone)
		sound_expect_talk(streams->port);
	g_ptr_array_add(streams->clients, sound_client_new(&streams->host, fd, client));
	return TRUE;
}
