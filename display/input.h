/* Keyboard and pointer of one client: knows what the client holds down, so that all is let go when it leaves.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

typedef struct Input Input;

/* Where the events go: a console, or a test. Buttons are those of display/console.h. */
typedef struct {
	void (*key)(void *data, guint qnum, gboolean down);
	void (*motion)(void *data, int x, int y);
	void (*button)(void *data, guint button, gboolean down);
	gboolean (*caps_lock)(void *data); /* the guest's; NULL: off */
} InputSink;

Input *input_new(const InputSink *sink, void *data);
/* Lets go of what is held down. */
void input_free(Input *input);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Input, input_free)

/* @qnum: QEMU's key number, 1..255; others are ignored. */
void input_key(Input *input, guint qnum, gboolean down);
/* A key that the client names twice: by its place on the keyboard and by what it gives. The place decides; but on-screen
 * keyboards and programs that type send "A" from the place of "a" without ever pressing Shift, and then Shift is pressed
 * around it. */
void input_key_named(Input *input, guint qnum, guint32 keysym, gboolean down);
/* A keysym of X11, for clients that do not say which key it was. Shift is pressed or let go around a key that needs it
 * otherwise than the client holds it. */
void input_keysym(Input *input, guint32 keysym, gboolean down);
/* Bytes of scan code set 1 as SPICE sends them, one after the other. */
void input_scancode(Input *input, guint8 code);
/* @x and @y lie in the frame. @buttons: bit n is RFB's button n+1: left, middle, right, wheel up, down, left, right,
 * side (back), extra (forward). */
void input_pointer(Input *input, int x, int y, guint buttons);
/* The same buttons without motion. */
void input_buttons(Input *input, guint buttons);
/* One click of a wheel: RFB's buttons 4 to 7, given as bits. */
void input_wheel(Input *input, guint buttons);
