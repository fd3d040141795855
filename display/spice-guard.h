/* What a SPICE client sends on a channel whose messages libspice-server would read into memory of the length that the client tells: 0.15.1
 * computes that as an int, and writes behind a buffer that came out too small (char-device.cpp, red_char_device_write_buffer_get). That is
 * the main channel, by AGENT_DATA, and those of character devices. So the lengths are read first, here. A display that ends, or says
 * anything wrong, before the library's worker has taken its INIT is used after it was freed (dcc.cpp, display_channel_client_wait_for_init):
 * what comes before INIT is looked at as well. Pure.
 *
 * Format: the SPICE protocol's link stage, RSA ticket and messages with a mini or a full header (spice/protocol.h, spice.proto).
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

#define SPICE_GUARD_LINK_MAX 4096
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
	gboolean is_main, is_display, mini_header;
	gboolean signed_in;   /* its password has passed */
	gboolean initialised; /* a display has begun as it must */
} SpiceGuard;

/* What is to be done with a channel. */
typedef enum {
	SPICE_CARE_GUARD,  /* what it says is to be read, or too little of it is there to tell */
	SPICE_CARE_WORKER, /* the library's own thread serves it, and nothing in it needs to be read */
	SPICE_CARE_NONE,   /* nothing needs to be read, and our thread serves it */
} SpiceCare;

/* Of one that begins with @bytes, which may be cut anywhere. */
SpiceCare spice_guard_care(const guint8 *bytes, gsize size);
#define SPICE_GUARD_PEEK 21

void spice_guard_init(SpiceGuard *guard);
/* The next bytes of the stream, all of them, in any pieces. FALSE, with a static @why: none of these may be handed on. */
gboolean spice_guard_check(SpiceGuard *guard, const guint8 *bytes, gsize size, const char **why);
