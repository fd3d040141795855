/* H.264 by libopenh264: baseline profile, one slice a frame, no frame reordered or held back, so what is encoded can be shown at once. The
 * library is looked for while the process may still open files, and used when it is of the version that this was built for; its
 * structures differ between others. All calls come from one thread.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>

#include "display/frame.h"

/* Sides, and at most as many pixels as 3840 x 2160. */
#define H264_SIDE_MIN 16
#define H264_SIDE_MAX 3840
#define H264_AREA_MAX (3840 * 2160)
/* In a process: each costs memory (some 20 bytes a pixel) and time. */
#define H264_ENCODERS_MAX 4

/* FALSE, with the reason in @error, where there is none to use. Call it before the sandbox is entered. */
gboolean h264_load(GError **error);
/* No encoder is made from now on. */
void h264_unload(void);
gboolean h264_is_available(void);

typedef struct H264Encoder H264Encoder;

/* Both sides are even. NULL where it cannot be: no library, a size out of its limits, too many encoders, no memory. */
H264Encoder *h264_encoder_new(int width, int height);
void h264_encoder_free(H264Encoder *encoder);

/* Appends the picture that begins at (@x, @y) of @frame, which it lies in, as an Annex B byte stream of one frame. The first of an encoder
 * needs no other; nor does one with @intra. @size: about how many bytes it shall have, kept over a second or so and not by each frame.
 * @now: monotonic, microseconds. FALSE: the encoder is of no more use, and nothing was appended. Where the library left the frame out
 * that is TRUE with nothing appended. */
gboolean h264_encode(H264Encoder *encoder, const Frame *frame, int x, int y, gboolean intra, guint64 size, gint64 now, GByteArray *out);
