/* A client's side of H.264, for tests: libopenh264's own decoder. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "display/frame.h"

typedef struct H264Decoder H264Decoder;

/* NULL where the library is missing. */
H264Decoder *h264_decoder_new(void);
void h264_decoder_free(H264Decoder *decoder);
/* One frame, drawn at (@x, @y) of @frame as far as it lies in it, with BT.601's limited range. FALSE: no picture came of these bytes. */
gboolean h264_decode(H264Decoder *decoder, const guint8 *bytes, gsize size, const Frame *frame, int x, int y);
