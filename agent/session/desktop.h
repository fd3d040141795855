/* What the session helper does with the desktop by the window manager's means (EWMH 1.5).
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "agent/session/x.h"

typedef struct Desktop Desktop;

Desktop *desktop_new(X *x);
void desktop_free(Desktop *desktop);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Desktop, desktop_free)

/* Shows who the desktop is for in the panel, as the name of the desktop; only where the window manager has just one, as
 * names of several are the person's own. Shown again when the window manager starts anew. @name NULL: nobody. */
void desktop_set_user(Desktop *desktop, const char *name);

/* Asks all windows to close, as a click on their close button would. @on_closed is called, once, when they are gone, or
 * when some did not go in time. */
void desktop_close_windows(Desktop *desktop, void (*on_closed)(void *data), void *data);
