/* Names and addresses that are drawn into a picture: lines of a form, a user, a desktop and addresses.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdint.h>
#include <string.h>

#include "display/watermark.h"

#define TEXT_MAX 4096
#define WIDTH_MAX 400
#define HEIGHT_MAX 300

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_blend(const Watermark *watermark, int width, int height)
{
	g_autofree guint32 *row = g_new0(guint32, (gsize)width);
	Rect areas[WATERMARK_LINES_MAX];
	guint n = watermark_areas(watermark, areas);

	for (int y = 0; y < height; y++) {
		gboolean marked = FALSE, allowed = FALSE;

		memset(row, 0, (gsize)width * 4);
		watermark_blend(watermark, row, 0, y, width);
		for (int x = 0; x < width; x++)
			marked = marked || row[x] != 0;
		for (guint i = 0; i < n; i++)
			allowed = allowed || (y >= areas[i].y && y < areas[i].y + areas[i].height);
		if (marked && !allowed)
			g_error("row %d is drawn on, and in none of %u areas", y, n);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct tm now = {.tm_year = 126, .tm_mday = 1};
	g_autofree char *input = NULL, *text = NULL;
	g_auto(GStrv) lines = NULL;
	g_autoptr(Watermark) watermark = NULL, other = NULL;
	g_autoptr(Frame) plate = NULL;
	Damage damage = {0};
	int width, height;

	if (size < 2 || size > TEXT_MAX)
		return 0;
	width = 1 + data[0] * WIDTH_MAX / 256;
	height = 1 + data[1] * HEIGHT_MAX / 256;
	input = g_strndup((const char *)data + 2, size - 2);
	lines = g_strsplit(input, "\n", 10);
	if (g_strv_length(lines) < 3)
		return 0;
	text = watermark_text(lines[0], lines[1], lines[2], (const char *const *)lines + 3, &now);
	if (!g_utf8_validate(text, -1, NULL) && g_utf8_validate(lines[0], -1, NULL))
		g_error("no UTF-8 came of it");
	watermark = watermark_new(text, width, height);
	other = watermark_new(lines[1], width, height);
	check_blend(watermark, width, height);
	watermark_differences(watermark, other, &damage);
	plate = mark_plate_new(input, mark_scale(height), width);
	return 0;
}
