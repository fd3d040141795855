/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "pools/qemu-user.h"

#include "broker/common/error.h"
#include "pools/host.h"
#include "pools/libvirt-loop.h"
#include "pools/xml-select.h"

#include <errno.h>
#include <stdio.h>
#include <sys/acl.h>

gboolean
qemu_user_find(virConnectPtr connection, uid_t *uid)
{
	g_autofree char *capabilities = virConnectGetCapabilities(connection);
	g_autoptr(GPtrArray) labels =
		xml_select(capabilities ? capabilities : "", "capabilities/host/secmodel/baselabel");

	for (guint i = 0; i < labels->len; i++) {
		guint user, group;
		char more;

		if (sscanf(labels->pdata[i], "+%u:+%u%c", &user, &group, &more) == 2) {
			*uid = user;
			return TRUE;
		}
	}
	return FALSE;
}

gboolean
qemu_user_let(const char *path, uid_t qemu, gboolean write, GError **error)
{
	g_autofree char *text = g_strdup_printf("u::r%s,u:%u:r%s,g::---,m::r%s,o::---", write ? "w-" : "--",
		(guint)qemu, write ? "w-" : "--", write ? "w-" : "--");
	acl_t acl = acl_from_text(text);
	gboolean done = acl != NULL && acl_set_file(path, ACL_TYPE_ACCESS, acl) == 0;
	int why = errno;

	acl_free(acl);
	if (!done)
		g_set_error(error, CARREL_ERROR,
			why == ENOSPC || why == EDQUOT ? CARREL_ERROR_EXHAUSTED : CARREL_ERROR_FAILED,
			"%s: %s%s", path, g_strerror(why),
			why == ENOTSUP ? "; it must be on a file system with ACLs, as ext4, xfs and btrfs are"
				       : "");
	return done;
}

gboolean
qemu_user_let_read(const char *uri, const char *path, GError **error)
{
	virConnectPtr connection;
	gboolean found;
	uid_t qemu;

	libvirt_loop_register(); /* keeps libvirt's errors off the terminal */
	connection = virConnectOpen(uri);
	if (connection == NULL) {
		host_set_error(error, uri);
		return FALSE;
	}
	found = qemu_user_find(connection, &qemu);
	virConnectClose(connection);
	/* Where libvirt changes nobody's user, QEMU runs as who owns the file. */
	return !found || qemu_user_let(path, qemu, FALSE, error);
}
