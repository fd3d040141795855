/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/sound-client.h"

#include <errno.h>
#include <glib-unix.h>
#include <opus/opus.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "display/sound-message.h"
#include "display/sound-pace.h"

#define HELLO_S 10
/* Of packets the pace lets fewer wait; states are told whenever they change. */
#define WAITING_MAX (2 * SOUND_UNDER_WAY)
/* 60 ms: as much as a voice's packet may have. */
#define VOICE_MAX (AUDIO_RATE * 60 / 1000)

struct SoundClient {
	const SoundHost *host;
	Client *who;
	int fd;
	guint8 in[4 * SOUND_MESSAGE_MAX];
	gsize in_size;
	GQueue waiting; /* GBytes */
	gsize sent;     /* bytes of its head */
	SoundPace pace;
	OpusDecoder *decoder; /* NULL until it talks */
	guint read_id, write_id, deadline_id;
	guint state; /* as the client knows it */
	gboolean greeted, listens, talks, gone;
};

static void
leave(SoundClient *sound, const char *why)
{
	if (sound->gone)
		return;
	sound->gone = TRUE;
	sound->host->on_gone(sound, why, sound->host->data);
}

static gboolean on_writable(gint fd, GIOCondition condition, gpointer data);

static void
flush(SoundClient *sound)
{
	GBytes *head;

	while (!sound->gone && (head = g_queue_peek_head(&sound->waiting)) != NULL) {
		gsize size;
		const guint8 *bytes = g_bytes_get_data(head, &size);
		ssize_t n = send(sound->fd, bytes + sound->sent, size - sound->sent, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			if (sound->write_id == 0)
				sound->write_id = g_unix_fd_add(sound->fd, G_IO_OUT, on_writable, sound);
			return;
		}
		if (n < 0) {
			leave(sound, "its connection broke");
			return;
		}
		sound->sent += (gsize)n;
		if (sound->sent == size) {
			sound->sent = 0;
			g_bytes_unref(g_queue_pop_head(&sound->waiting));
		}
	}
}

static gboolean
on_writable(gint fd, GIOCondition condition, gpointer data)
{
	SoundClient *sound = data;

	sound->write_id = 0;
	flush(sound);
	return G_SOURCE_REMOVE;
}

/* Takes @message. */
static void
put(SoundClient *sound, GBytes *message)
{
	if (sound->gone || sound->waiting.length >= WAITING_MAX) {
		g_bytes_unref(message);
		leave(sound, "it reads nothing");
		return;
	}
	g_queue_push_tail(&sound->waiting, message);
	if (sound->write_id == 0)
		flush(sound);
}

static void
take_voice(SoundClient *sound, const SoundMessage *message)
{
	gint16 frames[AUDIO_CHANNELS * VOICE_MAX];
	int n = opus_packet_get_nb_samples(message->bytes, (opus_int32)message->size, AUDIO_RATE);

	/* Not decoded when it would not be taken: what nobody hears costs nothing, however much of it comes. */
	if (!sound->talks || n <= 0 || n > VOICE_MAX || sound->host->room(sound, sound->host->data) < (gsize)n)
		return;
	if (sound->decoder == NULL)
		sound->decoder = opus_decoder_create(AUDIO_RATE, AUDIO_CHANNELS, NULL);
	n = sound->decoder ? opus_decode(sound->decoder, message->bytes, (opus_int32)message->size, frames, VOICE_MAX, 0) : 0;
	if (n > 0)
		sound->host->on_voice(sound, frames, (gsize)n, sound->host->data);
}

static void
take_hello(SoundClient *sound, guint32 version)
{
	if (sound->greeted || version != SOUND_VERSION) {
		leave(sound, "it speaks another version");
		return;
	}
	sound->greeted = TRUE;
	g_clear_handle_id(&sound->deadline_id, g_source_remove);
}

/* A client repeats its wishes. */
static void
take_talk(SoundClient *sound, gboolean talks)
{
	if (sound->talks == talks)
		return;
	sound->talks = talks;
	sound->host->on_talks(sound, sound->host->data);
}

static void
take_message(SoundClient *sound, const SoundMessage *message)
{
	if (!sound->greeted && message->word != SOUND_HELLO) {
		leave(sound, "it did not say HELLO first");
		return;
	}
	switch (message->word) {
	case SOUND_HELLO:
		take_hello(sound, message->value);
		break;
	case SOUND_LISTEN:
		sound->listens = message->value;
		sound->host->on_listens(sound, sound->host->data);
		break;
	case SOUND_TALK:
		/* Who may not talk is told so by our HELLO. */
		take_talk(sound, message->value && sound->who->microphone);
		break;
	case SOUND_VOICE:
		take_voice(sound, message);
		break;
	case SOUND_HEARD:
		sound_pace_heard(&sound->pace, message->value, g_get_monotonic_time());
		break;
	}
}

static void
take_messages(SoundClient *sound)
{
	gsize at = 0, used = 0;
	SoundMessage message;
	SoundParse parse = SOUND_DONE;
	const char *why = NULL;

	while (!sound->gone && parse == SOUND_DONE) {
		parse = sound_message_parse(sound->in + at, sound->in_size - at, &message, &used, &why);
		if (parse == SOUND_DONE) {
			take_message(sound, &message);
			at += used;
		}
	}
	if (parse == SOUND_BAD)
		leave(sound, why);
	sound->in_size -= at;
	memmove(sound->in, sound->in + at, sound->in_size);
}

static gboolean
on_readable(gint fd, GIOCondition condition, gpointer data)
{
	SoundClient *sound = data;
	ssize_t n = recv(fd, sound->in + sound->in_size, sizeof sound->in - sound->in_size, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return G_SOURCE_CONTINUE;
	if (n <= 0)
		leave(sound, n == 0 ? "it closed" : "its connection broke");
	else
		sound->in_size += (gsize)n;
	if (n > 0)
		take_messages(sound);
	if (!sound->gone)
		return G_SOURCE_CONTINUE;
	sound->read_id = 0;
	return G_SOURCE_REMOVE;
}

static gboolean
on_deadline(gpointer data)
{
	SoundClient *sound = data;

	sound->deadline_id = 0;
	leave(sound, "it does not say HELLO");
	return G_SOURCE_REMOVE;
}

SoundClient *
sound_client_new(const SoundHost *host, int fd, Client *client)
{
	SoundClient *sound = g_new0(SoundClient, 1);

	sound->host = host;
	sound->fd = fd;
	sound->who = client;
	g_queue_init(&sound->waiting);
	g_queue_push_tail(&sound->waiting, sound_message_hello(client->microphone ? SOUND_MAY_TALK : 0));
	sound->read_id = g_unix_fd_add(fd, G_IO_IN, on_readable, sound);
	sound->write_id = g_unix_fd_add(fd, G_IO_OUT, on_writable, sound);
	sound->deadline_id = g_timeout_add_seconds(HELLO_S, on_deadline, sound);
	return sound;
}

void
sound_client_free(SoundClient *sound)
{
	if (sound == NULL)
		return;
	g_clear_handle_id(&sound->read_id, g_source_remove);
	g_clear_handle_id(&sound->write_id, g_source_remove);
	g_clear_handle_id(&sound->deadline_id, g_source_remove);
	g_queue_clear_full(&sound->waiting, (GDestroyNotify)g_bytes_unref);
	g_clear_pointer(&sound->decoder, opus_decoder_destroy);
	client_free(sound->who);
	close(sound->fd);
	g_free(sound);
}

const Client *
sound_client_who(const SoundClient *sound)
{
	return sound->who;
}

gboolean
sound_client_listens(const SoundClient *sound)
{
	return sound->listens;
}

gboolean
sound_client_talks(const SoundClient *sound)
{
	return sound->talks;
}

void
sound_client_set_state(SoundClient *sound, guint flags)
{
	if (sound->state == flags)
		return;
	sound->state = flags;
	put(sound, sound_message_state(flags));
}

void
sound_client_packet(SoundClient *sound, guint32 number, GBytes *message)
{
	gint64 now = g_get_monotonic_time();

	if (sound->gone || !sound->listens || !sound_pace_may_send(&sound->pace, now))
		return;
	sound_pace_sent(&sound->pace, number, now);
	put(sound, g_bytes_ref(message));
}
