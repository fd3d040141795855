/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/watermark.h"

#include <string.h>

/* Between two texts of a line, and at least between two lines, in heights of the text. */
#define GAP_TEXTS 3
#define GAP_LINES 3
#define LINES 6

struct Watermark {
	Mask *mask;
	int width, height; /* of the frame */
	int pitch_x, pitch_y;
};

static void
append_addresses(GString *text, const char *const *addresses)
{
	guint n = 0;

	for (; addresses[n] != NULL; n++) {
		if (n >= WATERMARK_ADDRESSES_MAX)
			continue;
		if (n > 0)
			g_string_append(text, ", ");
		mark_append_printable(text, addresses[n]);
	}
	if (n > WATERMARK_ADDRESSES_MAX)
		g_string_append_printf(text, " +%u", n - WATERMARK_ADDRESSES_MAX);
}

char *
watermark_text(const char *form, const char *user, const char *desktop, const char *const *addresses, const struct tm *now)
{
	GString *text = g_string_new(NULL);
	char buffer[32];

	for (const char *p = form; *p != '\0'; p++) {
		if (*p != '%' || p[1] == '\0') {
			g_string_append_c(text, *p);
			continue;
		}
		switch (*++p) {
		case 'u':
			mark_append_printable(text, user);
			break;
		case 'a':
			append_addresses(text, addresses);
			break;
		case 'p':
			mark_append_printable(text, desktop);
			break;
		case 'd':
		case 't':
			strftime(buffer, sizeof buffer, *p == 'd' ? "%Y-%m-%d" : "%H:%M", now);
			g_string_append(text, buffer);
			break;
		default:
			g_string_append_c(text, *p);
		}
	}
	return g_string_free(text, FALSE);
}

gboolean
watermark_has_time(const char *form)
{
	while ((form = strchr(form, '%')) != NULL && form[1] != '\0') {
		if (form[1] == 't' || form[1] == 'd')
			return TRUE;
		form += 2;
	}
	return FALSE;
}

Watermark *
watermark_new(const char *text, int width, int height)
{
	Watermark *watermark = g_new0(Watermark, 1);

	watermark->mask = mask_new(text, mark_scale(height));
	watermark->width = width;
	watermark->height = height;
	watermark->pitch_x = watermark->mask->width + GAP_TEXTS * watermark->mask->height;
	watermark->pitch_y = MAX((height + LINES - 1) / LINES, GAP_LINES * watermark->mask->height);
	return watermark;
}

void
watermark_free(Watermark *watermark)
{
	if (watermark == NULL)
		return;
	mask_free(watermark->mask);
	g_free(watermark);
}

/* The first row of the text in its line's share of the frame. */
static int
line_top(const Watermark *watermark)
{
	return (watermark->pitch_y - watermark->mask->height) / 2;
}

/* How far a line's first text reaches out of the frame on the left. */
static int
line_shift(const Watermark *watermark, int line)
{
	return (int)((gint64)line * watermark->pitch_x * 2 / 5 % watermark->pitch_x);
}

void
watermark_blend(const Watermark *watermark, guint32 *pixels, int x, int row, int n)
{
	/* A quarter of white or black: 64 of 255 levels to either side outlive a JPEG. */
	static const guint32 keep[] = {[MASK_NONE] = 0, [MASK_EDGE] = 0x3f3f3f, [MASK_INK] = 0x3f3f3f};
	static const guint32 add[] = {[MASK_NONE] = 0, [MASK_EDGE] = 0, [MASK_INK] = 0x3f3f3f};
	const Mask *mask = watermark->mask;
	int line = row / watermark->pitch_y, in_line = row % watermark->pitch_y - line_top(watermark);
	const guint8 *masks;
	int at;

	if (in_line < 0 || in_line >= mask->height)
		return;
	masks = mask->pixels + (gsize)in_line * (gsize)mask->width;
	at = (x + line_shift(watermark, line)) % watermark->pitch_x;
	while (n > 0) {
		int run = MIN(n, mask->width - at);

		for (int i = 0; i < run; i++)
			pixels[i] = pixels[i] - ((pixels[i] >> 2) & keep[masks[at + i]]) + add[masks[at + i]];
		run = MIN(n, watermark->pitch_x - at);
		pixels += run;
		n -= run;
		at = 0;
	}
}

guint
watermark_areas(const Watermark *watermark, Rect areas[WATERMARK_LINES_MAX])
{
	guint n = 0;

	for (int top = line_top(watermark); top < watermark->height && n < WATERMARK_LINES_MAX; top += watermark->pitch_y) {
		areas[n] = (Rect){0, top, watermark->width, watermark->mask->height};
		rect_clip(&areas[n], watermark->width, watermark->height);
		n++;
	}
	return n;
}

/* FALSE: the texts are not of one length, so everything moved. */
static gboolean
changed_columns(const Mask *from, const Mask *to, int *first, int *last)
{
	if (from->width != to->width || from->height != to->height)
		return FALSE;
	*first = to->width;
	*last = -1;
	for (int y = 0; y < to->height; y++) {
		const guint8 *a = from->pixels + (gsize)y * (gsize)to->width, *b = to->pixels + (gsize)y * (gsize)to->width;

		for (int x = 0; x < to->width; x++) {
			if (a[x] == b[x])
				continue;
			*first = MIN(*first, x);
			*last = MAX(*last, x);
		}
	}
	return TRUE;
}

void
watermark_differences(const Watermark *from, const Watermark *to, Damage *damage)
{
	Rect areas[WATERMARK_LINES_MAX];
	guint n = watermark_areas(to, areas);
	int first, last;

	if (!changed_columns(from->mask, to->mask, &first, &last)) {
		for (guint i = 0; i < n; i++)
			damage_add(damage, &areas[i]);
		return;
	}
	for (guint i = 0; i < n; i++) {
		for (int x = -line_shift(to, (int)i); x < to->width; x += to->pitch_x) {
			Rect rect = {x + first, areas[i].y, last + 1 - first, areas[i].height};

			rect_clip(&rect, to->width, to->height);
			damage_add(damage, &rect);
		}
	}
}
