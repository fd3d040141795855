/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/tight-zlib.h"

#define MEMORY_LEVEL 8 /* zlib's default */

static gboolean
make_ready(TightStream *stream, int level, int window_bits)
{
	if (stream->is_ready)
		return TRUE;
	if (deflateInit2(&stream->z, level, Z_DEFLATED, window_bits, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK)
		return FALSE;
	stream->level = level;
	stream->is_ready = TRUE;
	return TRUE;
}

static void
give_room(z_stream *z, GByteArray *out, guint used, gsize more)
{
	g_byte_array_set_size(out, used + (guint)more);
	z->next_out = out->data + used;
	z->avail_out = (uInt)more;
}

static gboolean
run(TightStream *stream, int level, const guint8 *bytes, gsize n, GByteArray *out)
{
	z_stream *z = &stream->z;
	guint before = out->len, used;

	give_room(z, out, before, deflateBound(z, n) + 64);
	z->next_in = NULL;
	z->avail_in = 0;
	/* It may end a block of earlier bytes, which thus stand before these. */
	if (stream->level != level && deflateParams(z, level, Z_DEFAULT_STRATEGY) != Z_OK)
		return FALSE;
	stream->level = level;
	z->next_in = (Bytef *)bytes;
	z->avail_in = (uInt)n;
	for (;;) {
		int result = deflate(z, Z_SYNC_FLUSH);

		if (result != Z_OK && result != Z_BUF_ERROR)
			return FALSE;
		used = out->len - z->avail_out;
		if (z->avail_out > 0)
			break;
		give_room(z, out, used, out->len - before);
	}
	g_byte_array_set_size(out, used);
	return TRUE;
}

gboolean
tight_stream_continue(TightStream *stream, int level, const guint8 *bytes, gsize n, GByteArray *out, TightSpan *span)
{
	guint at = out->len;

	if (!make_ready(stream, level, MAX_WBITS) || !run(stream, level, bytes, n, out))
		return FALSE;
	*span = (TightSpan){out, at, out->len - at};
	return TRUE;
}

gboolean
tight_stream_join(TightStream *stream, int level, const guint8 *before, gsize n_before, const guint8 *bytes, gsize n, GByteArray *out,
        TightSpan *span)
{
	guint at = out->len;

	/* Without header, checksum and end, so that it can stand anywhere. */
	if (!make_ready(stream, level, -MAX_WBITS) || deflateReset(&stream->z) != Z_OK)
		return FALSE;
	if (n_before > 0 && deflateSetDictionary(&stream->z, before, (uInt)n_before) != Z_OK)
		return FALSE;
	if (!run(stream, level, bytes, n, out))
		return FALSE;
	*span = (TightSpan){out, at, out->len - at};
	return TRUE;
}

gboolean
tight_stream_begin(const guint8 *bytes, gsize n, GByteArray *out, TightSpan *span)
{
	/* Of a stream that may use a window of 32 KiB, without a dictionary of its own (RFC 1950, section 2.2). */
	static const guint8 header[] = {0x78, 0x01};
	TightStream stream = {.is_ready = FALSE};
	guint at = out->len;
	gboolean good;

	g_byte_array_append(out, header, sizeof header);
	good = tight_stream_join(&stream, 1, NULL, 0, bytes, n, out, span);
	tight_stream_clear(&stream);
	*span = (TightSpan){out, at, out->len - at};
	return good;
}

void
tight_stream_clear(TightStream *stream)
{
	if (stream->is_ready)
		deflateEnd(&stream->z);
	stream->is_ready = FALSE;
}
