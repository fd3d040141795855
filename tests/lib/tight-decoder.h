/* A client's side of the Tight encoding, for tests: written from the protocol's text, with zlib and libjpeg, and nothing of the
 * encoder's. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "display/frame.h"
#include "display/rect.h"

typedef enum { TIGHT_FILL, TIGHT_COPY, TIGHT_PALETTE, TIGHT_LOSSY } TightKind;

typedef struct TightDecoder TightDecoder;
/* After each rectangle. */
typedef void (*TightSeen)(gpointer data, const Rect *rect, TightKind kind, gsize size);

TightDecoder *tight_decoder_new(void);
void tight_decoder_free(TightDecoder *decoder);
/* All rectangles of @bytes into @frame, whose highest bytes become 0. The number of rectangles; -1: something is wrong. */
int tight_decode(TightDecoder *decoder, Frame *frame, const guint8 *bytes, gsize size, TightSeen seen, gpointer data);
