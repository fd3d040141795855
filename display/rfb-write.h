/* The heads of an RFB server's updates (RFC 6143 section 7.6.1).
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "display/rect.h"

static inline void
rfb_append_u16(GByteArray *out, guint value)
{
	guint8 bytes[2] = {(guint8)(value >> 8), (guint8)value};

	g_byte_array_append(out, bytes, sizeof bytes);
}

static inline void
rfb_append_u32(GByteArray *out, guint32 value)
{
	guint8 bytes[4] = {(guint8)(value >> 24), (guint8)(value >> 16), (guint8)(value >> 8), (guint8)value};

	g_byte_array_append(out, bytes, sizeof bytes);
}

/* A rectangle's 12 bytes; its data follow. */
static inline void
rfb_append_rect(GByteArray *out, const Rect *rect, gint32 encoding)
{
	rfb_append_u16(out, (guint)rect->x);
	rfb_append_u16(out, (guint)rect->y);
	rfb_append_u16(out, (guint)rect->width);
	rfb_append_u16(out, (guint)rect->height);
	rfb_append_u32(out, (guint32)encoding);
}

/* Begins a FramebufferUpdate. Result: where it begins, for rfb_end_update. */
static inline guint
rfb_begin_update(GByteArray *out)
{
	static const guint8 head[4] = {0};

	g_byte_array_append(out, head, sizeof head);
	return out->len - 4;
}

/* @n: its rectangles, at most 65535. */
static inline void
rfb_end_update(GByteArray *out, guint begin, guint n)
{
	out->data[begin + 2] = (guint8)(n >> 8);
	out->data[begin + 3] = (guint8)n;
}
