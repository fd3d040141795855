/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/rfb-encodings.h"

#include <string.h>

const RfbPixelFormat rfb_own_format = {32, 24, G_BYTE_ORDER == G_BIG_ENDIAN, {255, 255, 255}, {16, 8, 0}};

/* What viewers mean by their nine levels: the same qualities as in TigerVNC and TurboVNC. */
static const struct {
	guint8 quality, subsampling;
} levels[10] = {{15, 4}, {29, 4}, {41, 4}, {42, 2}, {62, 2}, {77, 2}, {79, 1}, {86, 1}, {92, 1}, {100, 1}};

static void
take_quality(RfbEncodings *encodings, gint32 encoding, gboolean *fine)
{
	static const int subsamplings[] = {1, 4, 2, 4, 4, 4};
	gint32 level = encoding - RFB_ENCODING_QUALITY_0;

	if (level >= 0 && level <= 9 && !*fine) {
		encodings->quality = levels[level].quality;
		encodings->subsampling = levels[level].subsampling;
	}
	if (encoding >= RFB_ENCODING_FINE_QUALITY_0 && encoding <= RFB_ENCODING_FINE_QUALITY_0 + 100) {
		encodings->quality = encoding - RFB_ENCODING_FINE_QUALITY_0;
		*fine = TRUE;
	}
	level = encoding - RFB_ENCODING_SUBSAMPLING_1X;
	if (level >= 0 && level < (gint32)G_N_ELEMENTS(subsamplings))
		encodings->subsampling = subsamplings[level];
	level = encoding - RFB_ENCODING_COMPRESS_0;
	if (level >= 0 && level <= 9)
		encodings->level = level;
}

static gboolean *
ability(RfbEncodings *encodings, gint32 encoding)
{
	switch (encoding) {
	case RFB_ENCODING_COPY_RECT:
		return &encodings->copy_rect;
	case RFB_ENCODING_H264:
		return &encodings->h264;
	case RFB_ENCODING_CURSOR:
		return &encodings->cursor;
	case RFB_ENCODING_ALPHA_CURSOR:
		return &encodings->alpha_cursor;
	case RFB_ENCODING_VMWARE_CURSOR:
		return &encodings->vmware_cursor;
	case RFB_ENCODING_DESKTOP_SIZE:
		return &encodings->desktop_size;
	case RFB_ENCODING_EXTENDED_DESKTOP_SIZE:
		return &encodings->extended_desktop_size;
	case RFB_ENCODING_DESKTOP_NAME:
		return &encodings->desktop_name;
	case RFB_ENCODING_QEMU_KEY:
		return &encodings->qemu_keys;
	case RFB_ENCODING_QEMU_LED:
		return &encodings->led;
	case RFB_ENCODING_EXTENDED_MOUSE_BUTTONS:
		return &encodings->extended_mouse;
	case RFB_ENCODING_EXTENDED_CLIPBOARD:
		return &encodings->extended_clipboard;
	case RFB_ENCODING_FENCE:
		return &encodings->fence;
	case RFB_ENCODING_CONTINUOUS_UPDATES:
		return &encodings->continuous;
	default:
		return NULL;
	}
}

static gboolean
is_of_pixels(gint32 encoding)
{
	/* RRE, CoRRE, Hextile, Zlib, ZlibHex, ZRLE and ZYWRLE are the library's. */
	static const gint32 known[] = {RFB_ENCODING_RAW, 2, 4, 5, 6, RFB_ENCODING_TIGHT, 8, RFB_ENCODING_ZRLE, 17};

	for (gsize i = 0; i < G_N_ELEMENTS(known); i++) {
		if (known[i] == encoding)
			return TRUE;
	}
	return FALSE;
}

void
rfb_encodings_parse(const RfbMessage *message, RfbEncodings *encodings)
{
	gboolean chosen = FALSE, fine = FALSE;

	*encodings = (RfbEncodings){.quality = -1, .subsampling = 1, .level = 2};
	for (guint i = 0; i < message->encodings.n; i++) {
		gint32 encoding = rfb_message_encoding(message, i);
		gboolean *has = ability(encodings, encoding);

		if (has)
			*has = TRUE;
		else
			take_quality(encodings, encoding, &fine);
		if (is_of_pixels(encoding) && !chosen) {
			chosen = TRUE;
			encodings->tight = encoding == RFB_ENCODING_TIGHT;
		}
	}
	encodings->cursor |= encodings->alpha_cursor || encodings->vmware_cursor;
}

static gboolean
is_for_library(gint32 encoding)
{
	return is_of_pixels(encoding) || encoding == RFB_ENCODING_LAST_RECT ||
	        (encoding >= RFB_ENCODING_QUALITY_0 && encoding <= RFB_ENCODING_QUALITY_0 + 9) ||
	        (encoding >= RFB_ENCODING_COMPRESS_0 && encoding <= RFB_ENCODING_COMPRESS_0 + 9) ||
	        (encoding >= RFB_ENCODING_FINE_QUALITY_0 && encoding <= RFB_ENCODING_FINE_QUALITY_0 + 100) ||
	        (encoding >= RFB_ENCODING_SUBSAMPLING_1X && encoding <= RFB_ENCODING_SUBSAMPLING_1X + 5);
}

static void
append_encoding(GByteArray *out, gint32 encoding)
{
	guint32 number = GUINT32_TO_BE((guint32)encoding);

	g_byte_array_append(out, (const guint8 *)&number, 4);
}

void
rfb_encodings_append_for_library(const RfbMessage *message, const RfbEncodings *encodings, GByteArray *out)
{
	static const guint8 head[4] = {2};
	guint start = out->len, n;

	g_byte_array_append(out, head, sizeof head);
	for (guint i = 0; i < message->encodings.n; i++) {
		if (is_for_library(rfb_message_encoding(message, i)))
			append_encoding(out, rfb_message_encoding(message, i));
	}
	if (encodings->cursor)
		append_encoding(out, RFB_ENCODING_CURSOR);
	n = (out->len - start - 4) / 4;
	out->data[start + 2] = (guint8)(n >> 8);
	out->data[start + 3] = (guint8)n;
}

void
rfb_pixel_format_write(const RfbPixelFormat *format, guint8 *bytes)
{
	memset(bytes, 0, 16);
	bytes[0] = (guint8)format->bits;
	bytes[1] = (guint8)format->depth;
	bytes[2] = format->big_endian != 0;
	bytes[3] = 1; /* true colour */
	for (int i = 0; i < 3; i++) {
		bytes[4 + 2 * i] = (guint8)(format->max[i] >> 8);
		bytes[5 + 2 * i] = (guint8)format->max[i];
		bytes[10 + i] = (guint8)format->shift[i];
	}
}

void
rfb_pixel_format_parse(const guint8 *message, RfbPixelFormat *format)
{
	format->bits = message[4];
	format->depth = message[5];
	format->big_endian = message[6] != 0;
	for (int i = 0; i < 3; i++) {
		format->max[i] = rfb_read_u16(message + 8 + 2 * i);
		format->shift[i] = message[14 + i];
	}
}

void
rfb_pixel_format_append(const RfbPixelFormat *format, guint32 pixel, GByteArray *out)
{
	guint32 value = 0;
	guint size = format->bits / 8;
	guint8 bytes[4];

	for (int i = 0; i < 3; i++) {
		guint32 colour = pixel >> (16 - 8 * i) & 0xff;

		value |= (colour * format->max[i] + 127) / 255 << format->shift[i];
	}
	for (guint i = 0; i < size; i++)
		bytes[i] = (guint8)(value >> (8 * (format->big_endian ? size - 1 - i : i)));
	g_byte_array_append(out, bytes, size);
}

gboolean
rfb_pixel_format_is_888(const RfbPixelFormat *format)
{
	return format->bits == 32 && format->depth == 24 && format->max[0] == 255 && format->max[1] == 255 && format->max[2] == 255;
}
