/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/rfb-clipboard.h"

#include <string.h>
#include <zlib.h>

#include "broker/common/error.h"
#include "display/rfb-message.h"

static void
append_u32(GByteArray *out, guint32 value)
{
	value = GUINT32_TO_BE(value);
	g_byte_array_append(out, (const guint8 *)&value, 4);
}

static void
append_head(GByteArray *out, gint32 length)
{
	static const guint8 type[4] = {3};

	g_byte_array_append(out, type, sizeof type);
	append_u32(out, (guint32)length);
}

void
rfb_clipboard_append_caps(GByteArray *out)
{
	append_head(out, -8);
	append_u32(out, RFB_CLIPBOARD_TEXT | RFB_CLIPBOARD_CAPS | RFB_CLIPBOARD_REQUEST | RFB_CLIPBOARD_NOTIFY |
				RFB_CLIPBOARD_PROVIDE);
	append_u32(out, RFB_CLIPBOARD_UNSOLICITED_MAX);
}

void
rfb_clipboard_append_flags(GByteArray *out, guint32 flags)
{
	append_head(out, -4);
	append_u32(out, flags);
}

/* The protocol wants CR LF. */
static GString *
with_crlf(const char *text, gsize size)
{
	GString *lines = g_string_sized_new(size + 16);

	for (gsize i = 0; i < size; i++) {
		if (text[i] == '\n' && (i == 0 || text[i - 1] != '\r'))
			g_string_append_c(lines, '\r');
		g_string_append_c(lines, text[i]);
	}
	return lines;
}

static char *
without_cr(const char *text, gsize size)
{
	char *lines = g_malloc(size + 1);
	gsize n = 0;

	for (gsize i = 0; i < size; i++) {
		if (text[i] != '\r' || i + 1 == size || text[i + 1] != '\n')
			lines[n++] = text[i];
	}
	lines[n] = '\0';
	return lines;
}

void
rfb_clipboard_append_provide(GByteArray *out, const char *text, gsize size)
{
	g_autoptr(GString) lines = with_crlf(text, size);
	g_autoptr(GByteArray) plain = g_byte_array_new();
	uLongf packed_size;
	g_autofree guint8 *packed = NULL;

	/* The size counts the NUL, which is sent too. */
	append_u32(plain, (guint32)lines->len + 1);
	g_byte_array_append(plain, (const guint8 *)lines->str, (guint)lines->len + 1);
	packed_size = compressBound(plain->len);
	packed = g_malloc(packed_size);
	if (compress2(packed, &packed_size, plain->data, plain->len, 3) != Z_OK)
		return;
	append_head(out, -(gint32)(4 + packed_size));
	append_u32(out, RFB_CLIPBOARD_TEXT | RFB_CLIPBOARD_PROVIDE);
	g_byte_array_append(out, packed, (guint)packed_size);
}

void
rfb_clipboard_append_latin1(GByteArray *out, const char *text, gsize size)
{
	g_autofree guint8 *latin1 = g_malloc(size + 1);
	const char *end = text + size;
	gsize n = 0;

	for (const char *p = text; p < end; p = g_utf8_next_char(p)) {
		gunichar c = g_utf8_get_char(p);

		latin1[n++] = c < 0x100 ? (guint8)c : '?';
	}
	append_head(out, (gint32)n);
	g_byte_array_append(out, latin1, (guint)n);
}

/* Inflates at most @max bytes: what the sender claims is believed only as far as it comes true. */
static GByteArray *
inflate_bounded(const guint8 *bytes, gsize size, gsize max)
{
	g_autoptr(GByteArray) out = g_byte_array_new();
	z_stream stream = {.next_in = (Bytef *)bytes, .avail_in = (uInt)size};
	guint8 buffer[16384];
	int status;

	if (inflateInit(&stream) != Z_OK)
		return NULL;
	do {
		stream.next_out = buffer;
		stream.avail_out = sizeof buffer;
		status = inflate(&stream, Z_SYNC_FLUSH);
		g_byte_array_append(out, buffer, sizeof buffer - stream.avail_out);
	} while (status == Z_OK && stream.avail_out == 0 && out->len <= max);
	inflateEnd(&stream);
	/* Z_BUF_ERROR: all input is used. Senders flush, they do not finish. */
	if ((status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR) || out->len > max)
		return NULL;
	return g_steal_pointer(&out);
}

char *
rfb_clipboard_parse_provide(guint32 flags, const guint8 *bytes, gsize size, gsize max, GError **error)
{
	g_autoptr(GByteArray) plain = inflate_bounded(bytes, size, max + 4);
	gsize length;
	const char *text;

	if (plain == NULL || plain->len < 4 || !(flags & RFB_CLIPBOARD_TEXT) ||
		rfb_read_u32(plain->data) > plain->len - 4) {
		g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_PROTOCOL, "the clipboard text is malformed or too long");
		return NULL;
	}
	text = (const char *)plain->data + 4;
	length = strnlen(text, rfb_read_u32(plain->data));
	if (!g_utf8_validate(text, (gssize)length, NULL)) {
		g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_PROTOCOL, "the clipboard text is not UTF-8");
		return NULL;
	}
	return without_cr(text, length);
}

char *
rfb_clipboard_parse_latin1(const guint8 *bytes, gsize size)
{
	GString *text = g_string_sized_new(size + 16);

	for (gsize i = 0; i < size && bytes[i] != '\0'; i++) {
		if (bytes[i] != '\r' || i + 1 == size || bytes[i + 1] != '\n')
			g_string_append_unichar(text, bytes[i]);
	}
	return g_string_free(text, FALSE);
}
