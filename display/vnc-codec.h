/* libvncserver, used for what it does well: encoding rectangles, one codec a client that wants them otherwise than as tight.h makes them.
 * It never sees a client's socket nor a byte of a client that has not been checked: its input is complete messages of two kinds (pixel
 * format, encodings), its output goes into memory, so it never waits.
 * Its globals (client list mutex, security types, log) are this process's alone.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "display/capture.h"

typedef struct VncScreen VncScreen;
typedef struct VncCodec VncCodec;

/* @frame stays the caller's, must stay where it is until vnc_screen_set_frame, and is written to while an update is made
 * (the cursor, for clients that cannot draw it themselves); it is as before afterwards. */
VncScreen *vnc_screen_new(const Frame *frame);
void vnc_screen_free(VncScreen *screen); /* after all its codecs */
/* A frame of another size, or elsewhere. */
void vnc_screen_set_frame(VncScreen *screen, const Frame *frame);
void vnc_screen_set_cursor(VncScreen *screen, const Cursor *cursor);
void vnc_screen_set_pointer(VncScreen *screen, int x, int y);

VncCodec *vnc_codec_new(VncScreen *screen, GError **error);
void vnc_codec_free(VncCodec *codec);

/* One message as rfb_message_parse accepted it. FALSE: the library has given the client up. */
gboolean vnc_codec_feed(VncCodec *codec, const guint8 *bytes, gsize size);
/* Appends an update with these rectangles, which lie in the frame and are not empty, and with the cursor where it has moved and the
 * client does not draw it. FALSE: as above. */
gboolean vnc_codec_append(VncCodec *codec, const Rect *rects, guint n, GByteArray *out);
/* The cursor has moved, and the client does not draw it. */
gboolean vnc_codec_has_cursor(const VncCodec *codec);
