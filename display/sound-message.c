/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/sound-message.h"

#include <string.h>

enum { TO_HELLO = 1, TO_STATE, TO_PACKET };

static gboolean
take_number(SoundMessage *message, const guint8 *bytes, gsize size, gsize wanted)
{
	message->value = 0;
	for (gsize i = 0; i < size && i < wanted; i++)
		message->value = message->value << 8 | bytes[i];
	return size == wanted;
}

/* What follows the length, all of it. */
static const char *
take(SoundMessage *message, const guint8 *bytes, gsize size)
{
	message->word = bytes[0];
	bytes++;
	size--;
	switch (bytes[-1]) {
	case SOUND_HELLO:
		return take_number(message, bytes, size, 1) ? NULL : "it sent a HELLO of another size";
	case SOUND_LISTEN:
	case SOUND_TALK:
		return take_number(message, bytes, size, 1) && message->value <= 1 ? NULL : "it sent a wish that is neither yes nor no";
	case SOUND_HEARD:
		return take_number(message, bytes, size, 4) ? NULL : "it sent a number of another size";
	case SOUND_VOICE:
		message->bytes = bytes;
		message->size = size;
		return size > 0 ? NULL : "it sent an empty packet";
	default:
		return "it sent a message that is not known";
	}
}

SoundParse
sound_message_parse(const guint8 *bytes, gsize n, SoundMessage *message, gsize *used, const char **why)
{
	SoundMessage found = {0};
	gsize size;

	if (n < 2)
		return SOUND_MORE;
	size = (gsize)bytes[0] << 8 | bytes[1];
	if (size < 1 || size > 1 + SOUND_PACKET_MAX) {
		*why = "it sent a message of a size that none has";
		return SOUND_BAD;
	}
	if (n < 2 + size)
		return SOUND_MORE;
	*why = take(&found, bytes + 2, size);
	if (*why)
		return SOUND_BAD;
	*message = found;
	*used = 2 + size;
	return SOUND_DONE;
}

static GBytes *
make(guint8 type, const guint8 *head, gsize head_size, const guint8 *rest, gsize rest_size)
{
	gsize size = 1 + head_size + rest_size;
	guint8 *bytes = g_malloc(2 + size);

	bytes[0] = (guint8)(size >> 8);
	bytes[1] = (guint8)size;
	bytes[2] = type;
	memcpy(bytes + 3, head, head_size);
	if (rest_size > 0)
		memcpy(bytes + 3 + head_size, rest, rest_size);
	return g_bytes_new_take(bytes, 2 + size);
}

GBytes *
sound_message_hello(guint flags)
{
	const guint8 body[] = {SOUND_VERSION, (guint8)flags};

	return make(TO_HELLO, body, sizeof body, NULL, 0);
}

GBytes *
sound_message_state(guint flags)
{
	const guint8 body[] = {(guint8)flags};

	return make(TO_STATE, body, sizeof body, NULL, 0);
}

GBytes *
sound_message_packet(guint32 number, const guint8 *packet, gsize size)
{
	const guint8 body[] = {(guint8)(number >> 24), (guint8)(number >> 16), (guint8)(number >> 8), (guint8)number};

	return make(TO_PACKET, body, sizeof body, packet, size);
}
