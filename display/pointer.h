/* Where all clients' pointers go. A guest has one tablet, which QEMU lets us move in pixels of its first head, and which X spreads
 * over all heads: with one of 1280 beside one of 800 that is one position for every 1.6 pixels. So where several heads are on, the
 * agent moves the pointer, to a pixel of a head; it does so with buttons and motion in their order. Without an agent, and with one
 * head, it is the tablet, which is quicker and needs nobody in the guest.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "display/agent-mux.h"
#include "display/console.h"

typedef struct Pointer Pointer;

/* Both are borrowed, and must outlive it. */
Pointer *pointer_new(Console *console, AgentMux *mux);
void pointer_free(Pointer *pointer);

void pointer_set_heads(Pointer *pointer, const Heads *heads);
/* @x and @y lie in the frame. */
void pointer_motion(Pointer *pointer, int x, int y);
void pointer_button(Pointer *pointer, Button button, gboolean down);
