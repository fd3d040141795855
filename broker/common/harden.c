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

/* All sets; the ambient one follows the permitted one. A unit may have given us some for the start. */
static int
clear_capabilities(void)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};

	return (int)syscall(SYS_capset, &header, none);
}

gboolean
harden_process(GError **error)
{
	const struct rlimit no_core = {0, 0};

	if (setrlimit(RLIMIT_CORE, &no_core) == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 &&
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && (geteuid() == 0 || clear_capabilities() == 0))
		return TRUE;
	g_set_error(error, CARREL_ERROR, CARREL_ERROR_FAILED, "cannot give up rights: %s", g_strerror(errno));
	return FALSE;
}
