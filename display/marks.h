/* Decides what the watermark says: its form is the pool's, whom it names depends on who is connected, and the time goes on. The picture is
 * encoded once for all who look, so it names the person whose desktop it is, and the addresses of all that are connected: whoever
 * took the photograph, theirs is among them.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "display/client.h"
#include "display/overlay.h"

typedef struct Marks Marks;

/* @overlay outlives it. */
Marks *marks_new(const char *desktop, Overlay *overlay);
void marks_free(Marks *marks);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Marks, marks_free)

/* A client is expected: from now on the form is what the broker said for it, so that there is a watermark before it sees anything. */
void marks_admit(Marks *marks, const Client *client);
void marks_joined(Marks *marks, const Client *client);
void marks_left(Marks *marks, const Client *client);
