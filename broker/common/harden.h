/* What every program of Carrel denies itself before it listens to anybody. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>

/* For good: no core dump and no debugger of the same user (passwords and keys pass through our memory), no rights from
 * set-user-id programs, and of the capabilities that it has only those in @keep (1 << CAP_KILL and so on; 0: none). Children
 * inherit all of it but that a debugger is kept off, which has to be said again after exec. */
gboolean harden_process(guint64 keep, GError **error);

/* Does this process have @capability (CAP_SETUID, ...) in effect? */
gboolean harden_has(int capability);
