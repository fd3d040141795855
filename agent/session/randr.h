/* Resizes the X screen: after the host's wish, and after the monitor's EDID (the host's display server changes a virtual
 * monitor's preferred mode; X by itself only takes note). SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "agent/session/layout.h"
#include "agent/session/x.h"

typedef struct Randr Randr;

/* NULL and an error when the X server lacks RandR 1.3. Free with randr_free. */
Randr *randr_new(X *x, GError **error);
void randr_free(Randr *randr);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Randr, randr_free)

/* FALSE when the X server does not let it. @monitors[i] is the i-th output's, in the X server's order, the first being the
 * first that is connected. One whose output is not connected yet is off until it is; its position is remembered. */
gboolean randr_set_monitors(Randr *randr, const VdagentMonitor *monitors, guint n);

/* Where on the screen a pixel of an output is: exact whatever layout somebody chose with xrandr. FALSE when that output is off.
 * A pixel beyond the output's edge counts as the last before it. */
gboolean randr_locate(const Randr *randr, guint output, guint x, guint y, int *root_x, int *root_y);
