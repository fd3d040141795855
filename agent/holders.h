/* The processes of a person, and those that hold a file system. For worker threads: ending them waits.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>
#include <sys/types.h>

/* Whether the process @pid runs as @uid, or works in, has open or has mapped a file of the file system @device (0: none). */
gboolean holders_is_one(pid_t pid, uid_t uid, dev_t device);

/* Ends all such processes but this one and the first: SIGTERM, two seconds later SIGKILL. FALSE: some were there at @until
 * (of g_get_monotonic_time()). @uid may not be root's. */
gboolean holders_end(uid_t uid, dev_t device, gint64 until);
