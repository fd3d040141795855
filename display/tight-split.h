/* How a rectangle is cut into those that Tight encodes: large areas of one colour, which cost 16 bytes whatever their size, and the
 * rest in pieces.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "display/frame.h"
#include "display/rect.h"

/* No Tight rectangle may be wider (rfbproto, "Tight Encoding"). */
#define TIGHT_WIDTH_MAX 2048
/* Pixels of a piece: enough that its palette and headers do not count, and few enough that several threads have something to do
 * and that a picture beside text does not take it along. */
#define TIGHT_PIECE_AREA 65536
/* What alpha would be is without meaning. */
#define TIGHT_COLOUR_MASK 0xffffffu

/* @solid: every pixel of it is @colour, 0xRRGGBB, and its height is not bounded. */
typedef void (*TightEmit)(gpointer data, const Rect *rect, gboolean solid, guint32 colour);

/* Calls @emit for rectangles that do not overlap and cover @rect, which lies in @frame. */
void tight_split(const Frame *frame, const Rect *rect, TightEmit emit, gpointer data);
