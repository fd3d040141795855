/* The messages of a browser's sound, on a stream of their own beside the screen's. Each is two bytes of length (of what follows them), one
 * of type, and what the type has; numbers are big-endian. Each side begins with its HELLO.
 *
 * to the client                                          to the desktop
 * 1 HELLO   u8 version, u8 flags (1: may talk)           1 HELLO   u8 version
 * 2 STATE   u8 flags (1: the guest plays, 2: it          2 LISTEN  u8 0 or 1
 *           records you, 4: it has no sound)             3 TALK    u8 0 or 1
 * 3 PACKET  u32 number, an Opus packet of 10 ms,         4 VOICE   an Opus packet of at most 60 ms, one or two channels
 *           two channels                                 5 HEARD   u32 number, of the last PACKET that came
 *
 * Packets are numbered one by one: what is left out for a client that is slow leaves a gap.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

#define SOUND_VERSION 1
/* An Opus frame's largest size (RFC 6716, section 3.4, R2). */
#define SOUND_PACKET_MAX 1275

#define SOUND_MAY_TALK 1u
#define SOUND_IS_PLAYING 1u
#define SOUND_IS_RECORDED 2u
#define SOUND_IS_ABSENT 4u

typedef enum {
	SOUND_HELLO = 1,
	SOUND_LISTEN,
	SOUND_TALK,
	SOUND_VOICE,
	SOUND_HEARD,
} SoundWord;

/* Of a client. */
typedef struct {
	SoundWord word;
	guint32 value;       /* HELLO's version, LISTEN's and TALK's wish, HEARD's number */
	const guint8 *bytes; /* VOICE: the packet, in the caller's buffer */
	gsize size;
} SoundMessage;

typedef enum {
	SOUND_MORE, /* not whole yet */
	SOUND_DONE,
	SOUND_BAD, /* *why says what is wrong (static) */
} SoundParse;

/* The longest that is whole: a buffer of this size never needs to grow. */
#define SOUND_MESSAGE_MAX (3 + SOUND_PACKET_MAX)

/* Takes one message from the start of @bytes; *used bytes of them, when DONE. */
SoundParse sound_message_parse(const guint8 *bytes, gsize n, SoundMessage *message, gsize *used, const char **why);

/* What the client is sent. Free with g_bytes_unref. */
GBytes *sound_message_hello(guint flags);
GBytes *sound_message_state(guint flags);
/* @size is at most SOUND_PACKET_MAX. */
GBytes *sound_message_packet(guint32 number, const guint8 *packet, gsize size);
