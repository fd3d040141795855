/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/gateway/confine.h"

#include "broker/common/sandbox.h"

#include <stdlib.h>

/* The folder of @file, and not the file: it is replaced, not written, when it changes. Behind symbolic links, since
 * certificates often are some. */
static void
add_folder_of(GPtrArray *paths, const char *file)
{
	char *real = file ? realpath(file, NULL) : NULL;

	if (real)
		g_ptr_array_add(paths, g_path_get_dirname(real));
	free(real);
}

const char *
confine(const Conf *conf, GError **error)
{
	g_autoptr(GPtrArray) readable = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GPtrArray) writable = g_ptr_array_new_with_free_func(g_free);

	add_folder_of(readable, conf->file);
	add_folder_of(readable, conf->certificate);
	add_folder_of(readable, conf->key);
	g_ptr_array_add(readable, g_strdup(conf->web_root));
	g_ptr_array_add(readable, g_strdup("/etc/gnutls")); /* the host's policy, which GnuTLS looks at again when it changed */
	g_ptr_array_add(readable, g_strdup("/dev/urandom"));
	g_ptr_array_add(readable, NULL);
	g_ptr_array_add(writable, g_build_filename(conf->state, "gateway", NULL));
	g_ptr_array_add(writable, g_build_filename(conf->runtime, "gateway", NULL));
	g_ptr_array_add(writable, NULL);

	const SandboxPlan plan = {SANDBOX_FILES | SANDBOX_CONNECT | SANDBOX_ACCEPT,
		(const char *const *)readable->pdata, (const char *const *)writable->pdata};

	return sandbox_enter(&plan, error);
}
