/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/vnc-cursor.h"

#include "display/rfb-write.h"

static const guint32 *
row_of(const Cursor *cursor, int y)
{
	return cursor->pixels + (gsize)y * (gsize)cursor->width;
}

/* The colour of @pixel, of which a part of its alpha is there. Hostile ones have more of it. */
static guint32
straight(guint32 pixel)
{
	guint32 alpha = pixel >> 24, out = pixel & 0xff000000;

	for (guint shift = 0; alpha > 0 && shift < 24; shift += 8)
		out |= MIN(255, ((pixel >> shift & 0xff) * 255 + alpha / 2) / alpha) << shift;
	return out;
}

static void
append_rgba(guint32 pixel, GByteArray *out)
{
	guint8 rgba[4] = {(guint8)(pixel >> 16), (guint8)(pixel >> 8), (guint8)pixel, (guint8)(pixel >> 24)};

	g_byte_array_append(out, rgba, sizeof rgba);
}

static void
append_all_rgba(const Cursor *cursor, gboolean premultiplied, GByteArray *out)
{
	for (int y = 0; y < cursor->height; y++) {
		for (int x = 0; x < cursor->width; x++)
			append_rgba(premultiplied ? row_of(cursor, y)[x] : straight(row_of(cursor, y)[x]), out);
	}
}

/* Pixels, then a mask of a bit a pixel, the leftmost highest, each row in whole bytes. */
static void
append_masked(const Cursor *cursor, const RfbPixelFormat *format, GByteArray *out)
{
	for (int y = 0; y < cursor->height; y++) {
		for (int x = 0; x < cursor->width; x++)
			rfb_pixel_format_append(format, straight(row_of(cursor, y)[x]), out);
	}
	for (int y = 0; y < cursor->height; y++) {
		for (int x = 0; x < cursor->width; x += 8) {
			guint8 bits = 0;

			for (int i = 0; i < 8 && x + i < cursor->width; i++) {
				if (row_of(cursor, y)[x + i] >> 24 >= 0x80)
					bits |= (guint8)(0x80 >> i);
			}
			g_byte_array_append(out, &bits, 1);
		}
	}
}

void
vnc_cursor_append(const Cursor *cursor, const RfbEncodings *encodings, const RfbPixelFormat *format, GByteArray *out)
{
	static const guint8 raw[4] = {0}, alpha_type[2] = {1};
	Rect rect = {cursor->hot_x, cursor->hot_y, cursor->width, cursor->height};

	if (encodings->alpha_cursor) {
		rfb_append_rect(out, &rect, RFB_ENCODING_ALPHA_CURSOR);
		g_byte_array_append(out, raw, sizeof raw);
		append_all_rgba(cursor, TRUE, out);
	} else if (encodings->vmware_cursor) {
		rfb_append_rect(out, &rect, RFB_ENCODING_VMWARE_CURSOR);
		g_byte_array_append(out, alpha_type, sizeof alpha_type);
		append_all_rgba(cursor, FALSE, out);
	} else {
		rfb_append_rect(out, &rect, RFB_ENCODING_CURSOR);
		append_masked(cursor, format, out);
	}
}
