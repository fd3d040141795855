/* Tells when the session has drawn its desktop: a window manager is there, the screen is not all of one colour, and
 * nothing on it changes for a moment. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "agent/session/x.h"

typedef struct Drawn Drawn;

/* @on_drawn is called once. Where the X server has no Damage extension, or no window manager comes, it is called after
 * some seconds. Free with drawn_free. */
Drawn *drawn_new(X *x, void (*on_drawn)(void *data), void *data);
void drawn_free(Drawn *drawn);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Drawn, drawn_free)
