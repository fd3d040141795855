/* The keyboard and the pointer that libspice-server finds.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <spice.h>

#include "display/input.h"

typedef struct SpiceInput SpiceInput;

SpiceInput *spice_input_new(SpiceServer *server);
/* After the server is destroyed. */
void spice_input_free(SpiceInput *self);
/* Where events go, borrowed; NULL: nowhere, as for a client that may only look. */
void spice_input_set_target(SpiceInput *self, Input *input);
/* The pointer as an agent is told of it: a pixel of the frame, and which buttons are down (VD_AGENT_*BUTTON_MASK). */
void spice_input_pointer(SpiceInput *self, int x, int y, guint32 buttons);
