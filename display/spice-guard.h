/* What a SPICE client may say: it is read here before libspice-server 0.15.1 reads it, which ends the whole process, or worse, on some of it
 * (tests/fuzz/FINDINGS.md):
 * - lengths: it reckons with them as int, and writes behind a buffer that came out too small (char-device.cpp,
 *   red_char_device_write_buffer_get), on the main channel by AGENT_DATA and on those of character devices;
 * - a display that says anything wrong before its INIT was taken, and a second INIT;
 * - what belongs to a migration: there is none here;
 * - tokens for the agent before it was started.
 * Pure.
 *
 * Format: the SPICE protocol's link stage, RSA ticket and messages with a mini or a full header (spice/protocol.h, spice.proto).
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

#define SPICE_GUARD_LINK_MAX 4096
#define SPICE_GUARD_WIDTH_PONG 3
/* The library takes 2048 bytes for the agent at a time, and 4096 of anything else. */
#define SPICE_GUARD_MAIN_MAX (1024 * 1024)
/* A USB transfer with its head (display/usb-packet.h). */
#define SPICE_GUARD_DEVICE_MAX (16 * 1024 * 1024 + 4096)

typedef enum { SPICE_GUARD_LINK_HEADER, SPICE_GUARD_LINK, SPICE_GUARD_AUTH, SPICE_GUARD_HEADER, SPICE_GUARD_COMPRESSED } SpiceGuardStage;

typedef struct {
	SpiceGuardStage stage;
	guint8 held[SPICE_GUARD_LINK_MAX]; /* what belongs to the stage so far */
	gsize have, want;
	gsize skip; /* bytes that come before the next stage */
	gsize size; /* of the message at hand */
	gboolean is_main, is_display, is_device, mini_header;
	gboolean signed_in;   /* its password has passed */
	gboolean initialised; /* a display has begun as it must */
	gboolean agent_started;
	guint64 taken; /* bytes of the stream */
	/* Answers to the library's pings, of a main channel, and where in the stream the body of the one with this number begins. */
	guint pongs;
	guint64 width_pong_at;
} SpiceGuard;

/* A display whose password has passed, that has said nothing yet of which more is to come, and not its INIT. */
gboolean spice_guard_awaits_init(const SpiceGuard *guard);

void spice_guard_init(SpiceGuard *guard);
/* The next bytes of the stream, all of them, in any pieces. FALSE, with a static @why: none of these may be handed on. */
gboolean spice_guard_check(SpiceGuard *guard, const guint8 *bytes, gsize size, const char **why);
