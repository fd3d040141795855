/* What login session a process belongs to, as systemd placed it. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>
#include <sys/types.h>

/* Looks into the text of /proc/PID/cgroup. TRUE when it is below "/user.slice/user-UID.slice/", where only the system's
 * manager puts processes; *@session then is the name of the login session, or NULL for one that the user's own manager
 * started. Free it with g_free. */
gboolean login_parse_cgroup(const char *cgroup, uid_t uid, char **session);

/* The same of a running process. */
gboolean login_find_session(pid_t pid, uid_t uid, char **session);

/* FALSE when the login session @session has ended. */
gboolean login_is_alive(const char *session);
