/* A header of an archive that somebody brought. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdint.h>
#include <string.h>

#include "pools/tar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	guint8 block[TAR_BLOCK] = {0}, again[TAR_BLOCK];
	char name[TAR_NAME_MAX + 1], other[TAR_NAME_MAX + 1];
	const char *why = NULL;
	guint64 bytes, more;
	guint sum = 0;

	memcpy(block, data, MIN(size, sizeof block));
	/* A sum that is wrong is seldom interesting: every second input has the right one. */
	if (size > 0 && data[size - 1] & 1) {
		memset(block + 148, ' ', 8);
		for (guint i = 0; i < TAR_BLOCK; i++)
			sum += block[i];
		g_snprintf((char *)block + 148, 8, "%06o", sum);
	}
	switch (tar_parse(block, name, &bytes, &why)) {
	case TAR_BAD:
		if (why == NULL)
			g_error("bad, and no word why");
		return 0;
	case TAR_END:
		return 0;
	case TAR_FILE:
		break;
	}
	if (*name == '\0' || strchr(name, '/') || bytes > G_MAXINT64)
		g_error("a name or a size that is none");
	if (strlen(name) == TAR_NAME_MAX)
		return 0;
	tar_write(again, name, bytes, 0);
	if (tar_parse(again, other, &more, &why) != TAR_FILE || strcmp(name, other) != 0 || bytes != more)
		g_error("written again it is something else");
	return 0;
}
