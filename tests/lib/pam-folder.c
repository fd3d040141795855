/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "tests/lib/pam-folder.h"

#include <glib.h>

void
pam_folder_write(const char *folder)
{
	g_autofree char *file = g_build_filename(folder, "carrel", NULL);
	g_autofree char *module =
		g_build_filename(g_getenv("builddir"), "tests/lib/pam/.libs/pam-carrel-test.so", NULL);
	g_autofree char *text = g_strdup_printf("auth required %s\naccount required %s\npassword required %s\n", module, module,
		module);
	g_autoptr(GError) error = NULL;

	if (!g_file_set_contents(file, text, -1, &error))
		g_error("%s", error->message);
}
