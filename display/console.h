/* What we tell QEMU's consoles: keys, pointer, and the sizes that a client would like. Calls without an answer: a guest
 * that does not listen must not hold us up.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>

#include "display/heads.h"

/* QEMU's InputButton (qapi/ui.json), which Mouse.Press takes. */
typedef enum {
	BUTTON_LEFT,
	BUTTON_MIDDLE,
	BUTTON_RIGHT,
	BUTTON_WHEEL_UP,
	BUTTON_WHEEL_DOWN,
	BUTTON_SIDE,
	BUTTON_EXTRA,
	BUTTON_WHEEL_LEFT,
	BUTTON_WHEEL_RIGHT,
	N_BUTTONS
} Button;

typedef struct Console Console;

/* @on_leds: the guest has switched its Scroll (bit 0), Num (1) or Caps Lock (2). */
Console *console_new(GDBusConnection *qemu, void (*on_leds)(guint leds, void *data), void *data);
void console_free(Console *console);

/* @qnum: QEMU's key number: the XT scan code, with 0x80 added where 0xe0 comes before it. */
void console_key(Console *console, guint qnum, gboolean down);
/* Of the first head, which is what a tablet's range is divided into; the guest spreads that over all of its heads. */
void console_motion(Console *console, int x, int y);
void console_button(Console *console, Button button, gboolean down);

/* What the guest says of its Caps Lock; FALSE until it has said anything. */
gboolean console_caps_lock(const Console *console);

/* The guest is told of monitors of these sizes (EDID) and places, and that the others are not there, within 100 ms; of several
 * wishes in that time, of the last. @max: how many heads it has. It is told again, a few times, while console_saw has other sizes: of
 * two quick changes Linux's virtio-gpu can lose the second, since it clears the event after it has asked what there is. */
void console_arrange(Console *console, const Heads *wish, guint max);
/* What the guest shows now. */
void console_saw(Console *console, const Heads *heads);
/* The guest is told at once that no monitor but the first is there. */
void console_unplug(Console *console, guint max);
