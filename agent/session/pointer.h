/* The host's pointer, put into X by its XTEST extension. A virtual tablet that stands for several monitors cannot be exact: the
 * host gives it positions in pixels of one monitor, and X spreads these over all of them.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "agent/session/x.h"

typedef struct Pointer Pointer;

/* NULL when the X server has no XTEST. */
Pointer *pointer_new(X *x);
/* Lets go of what is pressed. */
void pointer_free(Pointer *pointer);

/* Pixels of the X screen. */
void pointer_move(Pointer *pointer, int x, int y);
/* @buttons: VD_AGENT_*BUTTON_MASK (spice/vd_agent.h) of those that are down; others are let go. Bits without a name are ignored. */
void pointer_press(Pointer *pointer, guint32 buttons);
