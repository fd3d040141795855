/* Feeds every file of a corpus folder to a fuzz target: what libFuzzer's own main() would do with it, for every compiler.
 * The folder is $srcdir/tests/fuzz/corpus/NAME, NAME being this program's without "replay-".
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <glib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const guint8 *bytes, gsize size);

static const char *
find_name(const char *program)
{
	const char *mark = strstr(program, "replay-");

	return mark ? mark + strlen("replay-") : program;
}

int
main(int argc, char **argv)
{
	g_autofree char *program = g_path_get_basename(argv[0]);
	const char *top = g_getenv("srcdir");
	g_autofree char *folder = g_build_filename(top ? top : ".", "tests/fuzz/corpus", find_name(program), NULL);
	g_autoptr(GError) error = NULL;
	g_autoptr(GDir) dir = g_dir_open(argc > 1 ? argv[1] : folder, 0, &error);
	const char *name;
	guint n = 0;

	if (dir == NULL) {
		g_printerr("%s: %s\n", program, error->message);
		return 1;
	}
	while ((name = g_dir_read_name(dir)) != NULL) {
		g_autofree char *file = g_build_filename(argc > 1 ? argv[1] : folder, name, NULL);
		g_autofree char *bytes = NULL;
		gsize size;

		if (!g_file_get_contents(file, &bytes, &size, NULL))
			continue;
		/* A copy of exactly that size: memory checkers then see any read beyond it. */
		g_autofree guint8 *copy = g_memdup2(bytes, MAX(size, 1));
		LLVMFuzzerTestOneInput(copy, size);
		n++;
	}
	g_print("%s: %u inputs\n", program, n);
	return n > 0 ? 0 : 1;
}
