/* What a client says of itself: the pixel format that it wants, and the list of encodings that it knows (RFC 6143 sections 7.4, 7.5.1,
 * 7.5.2, 7.7 and 7.8; the community's "RFB Protocol" for the rest).
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "display/rfb-message.h"

enum {
	RFB_ENCODING_RAW = 0,
	RFB_ENCODING_COPY_RECT = 1,
	RFB_ENCODING_TIGHT = 7,
	RFB_ENCODING_ZRLE = 16,
	RFB_ENCODING_H264 = 50,
	RFB_ENCODING_QUALITY_0 = -32, /* to level 9 */
	RFB_ENCODING_DESKTOP_SIZE = -223,
	RFB_ENCODING_LAST_RECT = -224,
	RFB_ENCODING_CURSOR = -239,
	RFB_ENCODING_X_CURSOR = -240,
	RFB_ENCODING_COMPRESS_0 = -256, /* to level 9 */
	RFB_ENCODING_QEMU_KEY = -258,
	RFB_ENCODING_QEMU_LED = -261,
	RFB_ENCODING_DESKTOP_NAME = -307,
	RFB_ENCODING_EXTENDED_DESKTOP_SIZE = -308,
	RFB_ENCODING_XVP = -309,
	RFB_ENCODING_FENCE = -312,
	RFB_ENCODING_CONTINUOUS_UPDATES = -313,
	RFB_ENCODING_ALPHA_CURSOR = -314,
	RFB_ENCODING_EXTENDED_MOUSE_BUTTONS = -316,
	RFB_ENCODING_FINE_QUALITY_0 = -512, /* to 100 */
	RFB_ENCODING_SUBSAMPLING_1X = -768, /* then 4X, 2X, grey, 8X, 16X */
	RFB_ENCODING_VMWARE_CURSOR = 0x574d5664,
	RFB_ENCODING_EXTENDED_CLIPBOARD = (gint32)0xc0a1e5ce,
};

typedef struct {
	gboolean tight; /* of the encodings of pixels that we have it likes this best */
	gboolean h264;
	gboolean copy_rect;
	gboolean cursor, alpha_cursor, vmware_cursor;
	gboolean desktop_size, extended_desktop_size, desktop_name;
	gboolean qemu_keys, led, extended_mouse, extended_clipboard, fence, continuous;
	int quality;     /* of JPEG, 0..100; -1: it wants none */
	int subsampling; /* pixels a sample of colour: 1, 2 or 4 */
	int level;       /* of zlib, 0..9 */
} RfbEncodings;

void rfb_encodings_parse(const RfbMessage *message, RfbEncodings *encodings);
/* A SetEncodings message for libvncserver: of the client's list what it shall answer, and what makes it leave the cursor to us where the
 * client draws one. */
void rfb_encodings_append_for_library(const RfbMessage *message, const RfbEncodings *encodings, GByteArray *out);

typedef struct {
	guint bits, depth; /* 8, 16 or 32 */
	gboolean big_endian;
	guint max[3], shift[3]; /* red, green, blue */
} RfbPixelFormat;

/* The one that ServerInit tells of: x8r8g8b8 of this machine. */
extern const RfbPixelFormat rfb_own_format;
/* The 16 bytes of a PIXEL_FORMAT. */
void rfb_pixel_format_write(const RfbPixelFormat *format, guint8 *bytes);
/* From SetPixelFormat's 20 bytes, which rfb_message_parse accepted. */
void rfb_pixel_format_parse(const guint8 *message, RfbPixelFormat *format);
/* @pixel is x8r8g8b8. */
void rfb_pixel_format_append(const RfbPixelFormat *format, guint32 pixel, GByteArray *out);
/* Its pixels have eight bits a colour: as RFB's Tight encoding sends them, they are all alike. */
gboolean rfb_pixel_format_is_888(const RfbPixelFormat *format);
