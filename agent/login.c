/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "agent/login.h"

#include <string.h>
#include <unistd.h>

gboolean
login_parse_cgroup(const char *cgroup, uid_t uid, char **session)
{
	g_autofree char *slice = g_strdup_printf("/user.slice/user-%u.slice/", uid);
	g_auto(GStrv) lines = g_strsplit(cgroup, "\n", 32);

	for (char **p = lines; *p != NULL; p++) {
		/* "0::PATH" of cgroup 2, or "1:name=systemd:PATH" of cgroup 1. */
		const char *path = strchr(*p, '/'), *end;

		if (path == NULL || !g_str_has_prefix(path, slice))
			continue;
		path += strlen(slice);
		end = strstr(path, ".scope");
		*session = NULL;
		if (g_str_has_prefix(path, "session-") && end && end > path + strlen("session-") &&
			end < path + strcspn(path, "/"))
			*session = g_strndup(path + strlen("session-"), (gsize)(end - path) - strlen("session-"));
		return TRUE;
	}
	return FALSE;
}

gboolean
login_find_session(pid_t pid, uid_t uid, char **session)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/cgroup", pid);
	g_autofree char *text = NULL;

	return g_file_get_contents(path, &text, NULL, NULL) && login_parse_cgroup(text, uid, session);
}

gboolean
login_is_alive(const char *session)
{
	g_autofree char *path = g_build_filename("/run/systemd/sessions", session, NULL);

	return access(path, F_OK) == 0;
}
