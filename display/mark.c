/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/mark.h"

#include <string.h>

#include "display/mark-font.h"

/* Letters of 20 pixels on a frame of 540 rows, 40 on one of 1080. */
#define ROWS_A_SCALE 540
#define SCALE_MAX 12

/* Bytes of a name from outside. */
#define NAME_BYTES_MAX 64

#define PLATE_DARK 0x202020u
#define PLATE_LIGHT 0xf4f4f4u
#define PLATE_SEAM 0xffb000u

int
mark_scale(int frame_height)
{
	return CLAMP((frame_height + ROWS_A_SCALE / 2) / ROWS_A_SCALE, 1, SCALE_MAX);
}

void
mark_append_printable(GString *text, const char *name)
{
	g_autofree char *cut = g_strndup(name, NAME_BYTES_MAX);
	g_autofree char *valid = g_utf8_make_valid(cut, -1);

	for (const char *p = valid; *p != '\0'; p = g_utf8_next_char(p))
		g_string_append_unichar(text, g_unichar_isprint(g_utf8_get_char(p)) ? g_utf8_get_char(p) : '?');
}

static gunichar *
decode(const char *text, int *n)
{
	g_autofree char *valid = g_utf8_make_valid(text, -1);
	glong length;
	gunichar *chars = g_utf8_to_ucs4_fast(valid, -1, &length);

	*n = (int)MIN(length, MARK_CHARS_MAX);
	return chars;
}

/* @put is told of each pixel of the letters, at @scale 1. */
typedef void (*PutPixel)(void *data, int x, int y);

static void
draw_text(const gunichar *chars, int n, PutPixel put, void *data)
{
	for (int i = 0; i < n; i++) {
		guint16 rows[MARK_FONT_HEIGHT];

		mark_font_rows(chars[i], rows);
		for (int y = 0; y < MARK_FONT_HEIGHT; y++) {
			for (int x = 0; x < MARK_FONT_WIDTH; x++) {
				if (rows[y] & (1u << (MARK_FONT_WIDTH - 1 - x)))
					put(data, i * MARK_FONT_WIDTH + x, y);
			}
		}
	}
}

typedef struct {
	Mask *mask;
	int scale;
	MaskPixel pixel;
} MaskPen;

static void
fill_mask(const MaskPen *pen, int x, int y, int size)
{
	for (int row = y; row < y + size; row++)
		memset(pen->mask->pixels + (gsize)row * (gsize)pen->mask->width + (gsize)x, (int)pen->pixel, (gsize)size);
}

/* The mask is wider than the letters by a pixel of the scale on each side: the seam's. */
static void
put_mask(void *data, int x, int y)
{
	const MaskPen *pen = data;

	if (pen->pixel == MASK_EDGE)
		fill_mask(pen, x * pen->scale, y * pen->scale, 3 * pen->scale);
	else
		fill_mask(pen, (x + 1) * pen->scale, (y + 1) * pen->scale, pen->scale);
}

Mask *
mask_new(const char *text, int scale)
{
	int n;
	g_autofree gunichar *chars = decode(text, &n);
	Mask *mask = g_new0(Mask, 1);
	MaskPen pen = {mask, scale, MASK_EDGE};

	mask->width = (n * MARK_FONT_WIDTH + 2) * scale;
	mask->height = (MARK_FONT_HEIGHT + 2) * scale;
	mask->pixels = g_malloc0_n((gsize)mask->width, (gsize)mask->height);
	draw_text(chars, n, put_mask, &pen);
	pen.pixel = MASK_INK;
	draw_text(chars, n, put_mask, &pen);
	return mask;
}

void
mask_free(Mask *mask)
{
	if (mask == NULL)
		return;
	g_free(mask->pixels);
	g_free(mask);
}

typedef struct {
	Frame *frame;
	int x, y, scale;
} PlatePen;

static void
put_plate(void *data, int x, int y)
{
	const PlatePen *pen = data;
	Rect rect = {pen->x + x * pen->scale, pen->y + y * pen->scale, pen->scale, pen->scale};

	rect_clip(&rect, pen->frame->width, pen->frame->height);
	for (int row = rect.y; row < rect.y + rect.height; row++) {
		for (int i = 0; i < rect.width; i++)
			*frame_at(pen->frame, rect.x + i, row) = PLATE_LIGHT;
	}
}

static void
fill_plate(Frame *frame, int seam)
{
	for (int y = 0; y < frame->height; y++) {
		for (int x = 0; x < frame->width; x++) {
			gboolean inside = x >= seam && x < frame->width - seam && y >= seam && y < frame->height - seam;

			*frame_at(frame, x, y) = inside ? PLATE_DARK : PLATE_SEAM;
		}
	}
}

static int
longest(char **lines)
{
	int most = 1;

	for (; *lines != NULL; lines++)
		most = MAX(most, (int)MIN(g_utf8_strlen(*lines, -1), MARK_CHARS_MAX));
	return most;
}

Frame *
mark_plate_new(const char *text, int scale, int width_max)
{
	g_autofree char *valid = g_utf8_make_valid(text, -1);
	g_auto(GStrv) lines = g_strsplit(valid, "\n", 8);
	/* A letter's width on each side, half a letter's height above and below. */
	int columns = longest(lines) + 2, rows = (int)g_strv_length(lines) + 1;
	Frame *frame;

	while (scale > 1 && columns * MARK_FONT_WIDTH * scale > width_max)
		scale--;
	frame = frame_new(MIN(columns * MARK_FONT_WIDTH * scale, width_max), rows * MARK_FONT_HEIGHT * scale);
	if (frame == NULL)
		return NULL;
	fill_plate(frame, scale);
	for (int i = 0; lines[i] != NULL; i++) {
		PlatePen pen = {frame, MARK_FONT_WIDTH * scale, (i * MARK_FONT_HEIGHT + MARK_FONT_HEIGHT / 2) * scale, scale};
		int n;
		g_autofree gunichar *chars = decode(lines[i], &n);

		draw_text(chars, n, put_plate, &pen);
	}
	return frame;
}
