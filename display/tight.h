/* RFB's Tight encoding (number 7; rfbproto, "Tight Encoding"), for clients whose pixels have 32 bits, depth 24 and 8 bits a colour: to
 * them the encoding is the same whatever their shifts are. One update's work is spread over a few threads (fork-join.h).
 *
 * Areas of one colour are sent as such, what has few colours with a palette, and what looks photographic as JPEG if that is allowed;
 * the rest is zlib's. Small updates go through stream 0, which leans on all small updates before. In large ones the streams 1, 2 and 3
 * (two colours, palette, full colour) lean on nothing before, so that what is made for one client will do for another (tight-share.h); and
 * the pieces of a stream are compressed at the same time, each with the pixels before it for a dictionary.
 *
 * All calls, for all encoders of the process, come from one thread.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "display/damage.h"
#include "display/frame.h"
#include "display/tight-jpeg.h"
#include "display/tight-share.h"

/* One client's: its zlib streams. */
typedef struct TightEncoder TightEncoder;

typedef struct {
	int quality;                  /* JPEG's, 1..100, for what looks photographic; 0: nothing is lost */
	TightSubsampling subsampling; /* JPEG's */
	int level;                    /* zlib's, 1..9 */
} TightOptions;

/* @share: what it may use of other encoders' work, and give to them; NULL for none. It must outlive the encoder. */
TightEncoder *tight_encoder_new(TightShare *share);
void tight_encoder_free(TightEncoder *encoder);

/* Appends rectangles, each a header of 12 bytes (rfbproto, FramebufferUpdate) and its data, that bring @rects of @frame to the
 * client, and increases *@n by their number, which depends on the pixels: seldom more than one for some 10,000 of them, but a frame can be
 * made to have more than the 65,534 that an update can count. @rects lie in @frame; what is empty is passed over. @frame does not change
 * meanwhile. What was sent with loss is added to @lossy, but what is sent without is not taken from it.
 * FALSE when memory is short: the client's streams are then of no more use, nor is what stands in @out. */
gboolean tight_encode(TightEncoder *encoder, const Frame *frame, const Rect *rects, guint n_rects, const TightOptions *options,
        GByteArray *out, guint *n, Damage *lossy);
