/* A browser's sound: all that it sends, microphone and all, whole and in pieces whose size the first byte gives.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include "display/sound-client.h"

#define INPUT_MAX 32768
/* A packet's 60 ms; so much room there is always. */
#define FRAMES_MAX (AUDIO_RATE * 60 / 1000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct {
	gboolean gone;
	GChecksum *digest;
} Session;

static void
note(Session *session, char what, const void *bytes, gsize size)
{
	g_checksum_update(session->digest, (const guchar *)&what, 1);
	g_checksum_update(session->digest, bytes, (gssize)size);
}

static void
on_listens(SoundClient *client, void *data)
{
	note(data, sound_client_listens(client) ? 'L' : 'l', "", 0);
}

static void
on_talks(SoundClient *client, void *data)
{
	note(data, sound_client_talks(client) ? 'T' : 't', "", 0);
}

static gsize
room(SoundClient *client, void *data)
{
	return FRAMES_MAX;
}

static void
on_voice(SoundClient *client, const gint16 *frames, gsize n, void *data)
{
	if (!sound_client_talks(client) || n > FRAMES_MAX)
		g_error("%zu frames of one that talks: %d", n, sound_client_talks(client));
	note(data, 'v', frames, AUDIO_CHANNELS * sizeof *frames * n);
}

static void
on_gone(SoundClient *client, const char *why, void *data)
{
	((Session *)data)->gone = TRUE;
}

static SoundClient *
join(const SoundHost *host, int fd)
{
	GVariantDict params;

	g_variant_dict_init(&params, NULL);
	g_variant_dict_insert(&params, "protocol", "s", "sound");
	g_variant_dict_insert(&params, "client", "s", "fuzz");
	g_variant_dict_insert(&params, "microphone", "b", TRUE);
	g_autoptr(GVariant) owned = g_variant_ref_sink(g_variant_dict_end(&params));

	return sound_client_new(host, fd, client_new(owned, NULL));
}

static char *
talk(const uint8_t *data, size_t size, size_t step)
{
	g_autoptr(GChecksum) digest = g_checksum_new(G_CHECKSUM_MD5);
	Session session = {FALSE, digest};
	SoundHost host = {on_listens, on_talks, room, on_voice, on_gone, &session};
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		g_error("socketpair");
	SoundClient *client = join(&host, ends[1]);

	for (size_t at = 0; at < size && !session.gone; at += step) {
		if (send(ends[0], data + at, MIN(step, size - at), MSG_NOSIGNAL) < 0)
			break;
		while (!session.gone && g_main_context_iteration(NULL, FALSE))
			;
	}
	shutdown(ends[0], SHUT_WR);
	while (!session.gone)
		g_main_context_iteration(NULL, TRUE);
	sound_client_free(client);
	close(ends[0]);
	return g_strdup(g_checksum_get_string(digest));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2 || size > INPUT_MAX)
		return 0;
	g_autofree char *whole = talk(data + 1, size - 1, size), *pieces = talk(data + 1, size - 1, 1 + data[0] * 8u);

	if (!g_str_equal(whole, pieces))
		g_error("cut into pieces it is something else");
	return 0;
}
