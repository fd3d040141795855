/* From X11 keysyms, as plain RFB clients send them, to keys of a US keyboard. Clients that say which key it was (QEMU's
 * extended key events, SPICE) need none of this.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

typedef enum {
	KEY_SHIFT_ANY, /* a key that means the same with Shift and without: Return, F1, Shift itself */
	KEY_SHIFT_UP,
	KEY_SHIFT_DOWN,
} KeyShift;

#define QNUM_SHIFT_LEFT  0x2a
#define QNUM_SHIFT_RIGHT 0x36

/* QEMU's key number and how Shift must be for it; 0 when a US keyboard has no such key. */
guint keymap_lookup(guint32 keysym, KeyShift *shift);
