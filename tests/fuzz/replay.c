/* Feeds every file of a corpus folder to a fuzz target, where there is no libFuzzer: $srcdir/tests/fuzz/corpus/NAME, NAME being
 * what follows "replay-" in this program's name. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <glib.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static gboolean
replay(const char *folder, const char *name)
{
	g_autofree char *file = g_build_filename(folder, name, NULL), *bytes = NULL;
	g_autoptr(GError) error = NULL;
	gsize size;

	if (!g_file_get_contents(file, &bytes, &size, &error)) {
		g_printerr("%s\n", error->message);
		return FALSE;
	}
	/* A copy of exactly its size, so that a sanitizer sees a read behind it. */
	g_autofree uint8_t *copy = g_memdup2(bytes, size);

	LLVMFuzzerTestOneInput(copy, size);
	return TRUE;
}

int
main(int argc, char **argv)
{
	const char *name = g_strrstr(argv[0], "replay-"), *srcdir = g_getenv("srcdir"), *entry;
	g_autofree char *folder = g_build_filename(srcdir ? srcdir : ".", "tests/fuzz/corpus", name ? name + 7 : "", NULL);
	g_autoptr(GError) error = NULL;
	g_autoptr(GDir) corpus = g_dir_open(folder, 0, &error);
	guint n = 0;

	if (corpus == NULL) {
		g_printerr("%s\n", error->message);
		return EXIT_FAILURE;
	}
	for (; (entry = g_dir_read_name(corpus)) != NULL; n++) {
		if (!replay(folder, entry))
			return EXIT_FAILURE;
	}
	g_print("%u inputs of %s\n", n, folder);
	return n > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
