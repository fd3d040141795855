/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/common/harden.h"

#include "broker/common/error.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* No inheritable ones either; the ambient ones follow. A unit's filter may refuse capset where there is nothing to give up. With no_new_privs, not even root's exec brings back what is gone. */
static int
keep_capabilities(guint64 keep)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {{0}};

	gboolean change = FALSE;

	if (syscall(SYS_capget, &header, sets) < 0)
		return -1;
	for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
		change |= (sets[i].permitted & ~(guint32)(keep >> (32 * i))) != 0 || sets[i].inheritable != 0;
		sets[i].permitted &= (guint32)(keep >> (32 * i));
		sets[i].effective = sets[i].permitted;
		sets[i].inheritable = 0;
	}
	return change ? (int)syscall(SYS_capset, &header, sets) : 0;
}

gboolean
harden_has(int capability)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {{0}};

	return syscall(SYS_capget, &header, sets) == 0 && (sets[capability / 32].effective >> (capability % 32) & 1) != 0;
}

gboolean
harden_process(guint64 keep, GError **error)
{
	const struct rlimit no_core = {0, 0};

	if (setrlimit(RLIMIT_CORE, &no_core) == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 &&
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && keep_capabilities(keep) == 0)
		return TRUE;
	g_set_error(error, CARREL_ERROR, CARREL_ERROR_FAILED, "cannot give up rights: %s", g_strerror(errno));
	return FALSE;
}
