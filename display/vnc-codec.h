/* libvncserver, used for what it does well: encoding rectangles, one codec a client. It never sees a client's socket nor
 * a byte of a client that has not been checked: its input is complete messages of three kinds (pixel format, encodings,
 * update request), its output goes into an outbox, so it never waits.
 * Its globals (client list mutex, security types, log) are this process's alone.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "display/capture.h"
#include "display/outbox.h"

typedef struct VncScreen VncScreen;
typedef struct VncCodec VncCodec;

/* @frame and @heads stay the caller's, must stay where it is until vnc_screen_set_frame, and is written to while an update is made
 * (the cursor, for clients that cannot draw it themselves); it is as before afterwards. */
VncScreen *vnc_screen_new(const Frame *frame, const Heads *heads);
void vnc_screen_free(VncScreen *screen); /* after all its codecs */
/* A frame of another size, or elsewhere, or with other heads. */
void vnc_screen_set_frame(VncScreen *screen, const Frame *frame, const Heads *heads);
void vnc_screen_change(VncScreen *screen, const Change *change);
void vnc_screen_set_cursor(VncScreen *screen, const Cursor *cursor);
void vnc_screen_set_pointer(VncScreen *screen, int x, int y);

VncCodec *vnc_codec_new(VncScreen *screen, Outbox *outbox, GError **error);
void vnc_codec_free(VncCodec *codec);

/* One message as rfb_message_parse accepted it; what it asks for is not empty. FALSE: the library has given the client up. */
gboolean vnc_codec_feed(VncCodec *codec, const guint8 *bytes, gsize size);
/* The frame's next size is one that this client wished for: all clients are told so with it. */
void vnc_codec_expect_resize(VncCodec *codec);
/* As if the client had asked for this rectangle, which is not empty, just now. */
void vnc_codec_request(VncCodec *codec, const Rect *rect);
/* Puts one update into the outbox if the client has asked and there is one. FALSE: the library has given the client up. */
gboolean vnc_codec_encode(VncCodec *codec);
/* There may be something for vnc_codec_encode to do, given that the client has asked: what changed can still lie outside of what
 * it asked for. @asked: it has, whatever the library thinks. */
gboolean vnc_codec_has_update(const VncCodec *codec, gboolean asked);
