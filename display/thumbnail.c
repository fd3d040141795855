/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/thumbnail.h"

#include <stdio.h>
#include <stdlib.h>

#include <jpeglib.h>

#include "display/rect.h"

#define AGE_US (2 * G_USEC_PER_SEC)
#define QUALITY 80

static const int widths[] = {160, 320, THUMBNAIL_WIDTH_MAX};

typedef struct {
	GBytes *jpeg;
	gint64 made_us;
	guint64 serial; /* of the frame that it shows */
} Kept;

struct Thumbnails {
	gint64 (*now)(void);
	guint64 serial;
	guint made;
	Kept kept[G_N_ELEMENTS(widths)];
};

Thumbnails *
thumbnails_new(gint64 (*now)(void))
{
	Thumbnails *thumbnails = g_new0(Thumbnails, 1);

	thumbnails->now = now;
	return thumbnails;
}

void
thumbnails_free(Thumbnails *thumbnails)
{
	if (thumbnails == NULL)
		return;
	for (gsize i = 0; i < G_N_ELEMENTS(widths); i++)
		g_clear_pointer(&thumbnails->kept[i].jpeg, g_bytes_unref);
	g_free(thumbnails);
}

void
thumbnails_note_change(Thumbnails *thumbnails)
{
	thumbnails->serial++;
}

/* The mean of the frame's pixels below one of the picture's. */
static guint32
mean(const Frame *frame, const Rect *rect)
{
	guint64 red = 0, green = 0, blue = 0;
	guint64 n = (guint64)rect_area(rect);

	for (int y = rect->y; y < rect->y + rect->height; y++) {
		const guint32 *row = frame_at(frame, rect->x, y);

		for (int x = 0; x < rect->width; x++) {
			red += row[x] >> 16 & 0xff;
			green += row[x] >> 8 & 0xff;
			blue += row[x] & 0xff;
		}
	}
	return (guint32)((red + n / 2) / n) << 16 | (guint32)((green + n / 2) / n) << 8 | (guint32)((blue + n / 2) / n);
}

static void
scale_row(const Frame *frame, guint32 *pixels, int width, int top, int bottom)
{
	for (int x = 0; x < width; x++) {
		int left = (int)((gint64)x * frame->width / width), right = (int)((gint64)(x + 1) * frame->width / width);
		Rect rect = {left, top, MAX(1, right - left), MAX(1, bottom - top)};

		pixels[x] = mean(frame, &rect);
	}
}

/* The library's own would end the process with a word to the standard output. Of all that it fails by only memory can be short. */
static void
on_error(j_common_ptr jpeg)
{
	g_error("libjpeg: error %d", jpeg->err->msg_code);
}

static GBytes *
encode(const Frame *frame, int width)
{
	int height = (int)MAX(1, (gint64)width * frame->height / frame->width);
	g_autofree guint32 *pixels = g_new(guint32, (gsize)width);
	JSAMPROW row = (JSAMPROW)pixels;
	struct jpeg_compress_struct jpeg;
	struct jpeg_error_mgr errors;
	unsigned char *out = NULL;
	unsigned long size = 0;

	jpeg.err = jpeg_std_error(&errors);
	errors.error_exit = on_error;
	jpeg_create_compress(&jpeg);
	jpeg_mem_dest(&jpeg, &out, &size);
	jpeg.image_width = (JDIMENSION)width;
	jpeg.image_height = (JDIMENSION)height;
	jpeg.input_components = 4;
	jpeg.in_color_space = G_BYTE_ORDER == G_LITTLE_ENDIAN ? JCS_EXT_BGRX : JCS_EXT_XRGB;
	jpeg_set_defaults(&jpeg);
	jpeg_set_quality(&jpeg, QUALITY, TRUE);
	jpeg_start_compress(&jpeg, TRUE);
	for (int y = 0; y < height; y++) {
		scale_row(frame, pixels, width, (int)((gint64)y * frame->height / height), (int)((gint64)(y + 1) * frame->height / height));
		jpeg_write_scanlines(&jpeg, &row, 1);
	}
	jpeg_finish_compress(&jpeg);
	jpeg_destroy_compress(&jpeg);
	return g_bytes_new_with_free_func(out, size, free, out);
}

static guint
index_of(int width)
{
	guint i = 0;

	while (i + 1 < G_N_ELEMENTS(widths) && widths[i] < width)
		i++;
	return i;
}

GBytes *
thumbnails_get(Thumbnails *thumbnails, const Frame *frame, int width)
{
	guint i = index_of(width);
	Kept *kept = &thumbnails->kept[i];
	gint64 now = thumbnails->now();

	if (kept->jpeg && (kept->serial == thumbnails->serial || now - kept->made_us < AGE_US))
		return kept->jpeg;
	g_clear_pointer(&kept->jpeg, g_bytes_unref);
	kept->jpeg = encode(frame, MIN(widths[i], frame->width));
	kept->made_us = now;
	kept->serial = thumbnails->serial;
	thumbnails->made++;
	return kept->jpeg;
}

guint
thumbnails_made(const Thumbnails *thumbnails)
{
	return thumbnails->made;
}
