/* What a server under load has used. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <sys/types.h>

/* User and system time, in seconds, of process @pid and of all that it has started, also of those that have ended: from
 * proc(5)'s stat, fields 14 to 17. */
double cpu_seconds(pid_t pid);
