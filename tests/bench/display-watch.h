/* What a client of tests/bench/display-guest sees of a real guest, whose pixels nobody knows beforehand. It obeys lines on its standard
 * input, in which a key is a keysym to a VNC client and a scancode to a SPICE client:
 *
 *   down KEY, up KEY
 *   time KEY       presses and releases it, and says "answered MS" when a pixel has changed
 *   await RRGGBB   says "painted RRGGBB" when a good part of the picture has this colour
 *   colours        says how many the picture has, 64 at most
 *   start          count from now on
 *   report         says what was counted, as a line of JSON
 *
 * The end of input ends it. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

typedef struct Watch Watch;

/* @key presses or releases one. */
Watch *watch_new(void (*key)(guint32 key, gboolean down));
/* Of the picture, @width x @height of BGRX in rows of @stride bytes, this part may have changed. */
void watch_part(Watch *watch, const guint8 *pixels, int stride, int width, int height, int x, int y, int part_width, int part_height);
/* What has come belongs together and is shown now. */
void watch_shown(Watch *watch);
/* Reads what there is on standard input and obeys. @received: bytes that have come from the server until now. FALSE: it is to end. */
gboolean watch_obey(Watch *watch, guint64 received);
