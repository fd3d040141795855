/* Texts as pixels, for what the host draws into a desktop's picture.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "display/frame.h"
#include "display/rect.h"

/* Of a text that is drawn; what is longer is cut. */
#define MARK_CHARS_MAX 240

/* Appends a name from outside: control characters become question marks, what is no UTF-8 the sign for that, and it is cut. */
void mark_append_printable(GString *text, const char *name);

typedef enum {
	MASK_NONE,
	MASK_EDGE, /* a seam around the letters: dark, so that light letters are seen on a light ground, too */
	MASK_INK,
} MaskPixel;

/* A line of text, one byte (MaskPixel) a pixel, rows without gaps. */
typedef struct {
	int width, height;
	guint8 *pixels;
} Mask;

/* How many pixels of a frame of this height one of a letter takes: the letters keep their size against the picture. */
int mark_scale(int frame_height);

/* @text: UTF-8; anything that comes from outside may be in it (what is no UTF-8, or no letter, is drawn as a box). */
Mask *mask_new(const char *text, int scale);
void mask_free(Mask *mask);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Mask, mask_free)

/* Light text on a dark plate with a seam, a line break at each LF, cut to @width_max pixels. Its letters are taken smaller where it
 * would be wider. NULL when memory is short. */
Frame *mark_plate_new(const char *text, int scale, int width_max);
