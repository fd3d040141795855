/* The letters that are drawn into pictures on the host. A screen can open no font file, and a host need not have one, so these are in
 * the program: the 10x20 font of X11's "misc-fixed" family ("Public domain font. Share and enjoy."), for Latin, Greek and Cyrillic.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

#define MARK_FONT_WIDTH	 10
#define MARK_FONT_HEIGHT 20

/* The rows of @c from the top; the bit of a row's leftmost pixel is 1 << (MARK_FONT_WIDTH - 1). What has no letter here, and control
 * characters, give a box with a question mark. */
void mark_font_rows(gunichar c, guint16 rows[MARK_FONT_HEIGHT]);
