/* What every program of Carrel denies itself before it listens to anybody. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>

/* For good: no core dump and no debugger of the same user (passwords and keys pass through our memory), no rights from
 * set-user-id programs, and no capabilities unless this is root. Children inherit the first, third and fourth, but have to
 * forbid themselves debuggers again after exec. */
gboolean harden_process(GError **error);
