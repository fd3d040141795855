/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/auth/groups.h"

#include <grp.h>
#include <pwd.h>

/* The kernel's NGROUPS_MAX: nobody is in more. */
#define GROUPS_MAX 65536

char **
groups_of_user(const char *user, guint max)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	g_autofree gid_t *gids = NULL;
	const struct passwd *account = getpwnam(user);
	int n = 64;

	if (account != NULL) {
		gid_t primary = account->pw_gid;

		gids = g_new(gid_t, n);
		while (getgrouplist(user, primary, gids, &n) < 0 && n <= GROUPS_MAX) {
			g_free(gids);
			gids = g_new(gid_t, MAX(n, 64));
		}
		if (n > GROUPS_MAX)
			n = 0;
	} else {
		n = 0;
	}
	for (int i = 0; i < n; i++) {
		const struct group *group = getgrgid(gids[i]);

		if (group && names->len < max && g_utf8_validate(group->gr_name, -1, NULL))
			g_ptr_array_add(names, g_strdup(group->gr_name));
	}
	g_ptr_array_add(names, NULL);
	return (char **)g_ptr_array_free(g_steal_pointer(&names), FALSE);
}
