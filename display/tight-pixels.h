/* Pixels of a frame as Tight's filters have them before zlib: indexes into a palette, bits, and TPIXELs.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "display/frame.h"
#include "display/rect.h"

/* Filled by tight_pixels_index; zeroed before the first time, and never cleared afterwards. */
typedef struct {
	guint n;
	guint32 colours[256]; /* 0xRRGGBB, in the order of their first pixels */
	/* Private: a hash table. A key is a colour, and above it the round in which it was entered. */
	guint32 round;
	guint32 keys[1024];
	guint8 values[1024];
} TightPalette;

/* Writes an index of one byte for each pixel of the first rows of @rect, without gaps, to @indexes, which has room for all: as many
 * whole rows as have at most @max (1..256) colours. The number of these rows. *@changes: how often in them a pixel has another
 * colour than the one before it. */
int tight_pixels_index(TightPalette *palette, const Frame *frame, const Rect *rect, guint max, guint8 *indexes, guint *changes);
/* TRUE: @rect has more than @max colours, as is seen from a few of its rows; FALSE says nothing. @indexes has room for a row. */
gboolean tight_pixels_exceed(TightPalette *palette, const Frame *frame, const Rect *rect, guint max, guint8 *indexes);
/* From indexes 0 and 1 to bits, the leftmost pixel highest, each row beginning with a byte. */
gsize tight_pixels_pack(const guint8 *indexes, int width, int height, guint8 *bits);
/* Three bytes a pixel: red, green, blue, whatever the client's shifts are (rfbproto, "Tight Encoding", TPIXEL). */
void tight_pixels_rgb(const guint32 *pixels, int n, guint8 *rgb);
