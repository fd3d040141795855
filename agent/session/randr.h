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

/* FALSE when the X server does not let it. */
gboolean randr_set_monitors(Randr *randr, const VdagentMonitor *monitors, guint n);
