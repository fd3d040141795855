/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "tests/lib/tight-decoder.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>
#include <zlib.h>

struct TightDecoder {
	z_stream streams[4];
	gboolean ready[4];
};

typedef struct {
	const guint8 *at;
	gsize left;
} Reader;

TightDecoder *
tight_decoder_new(void)
{
	return g_new0(TightDecoder, 1);
}

static void
reset(TightDecoder *decoder, guint i)
{
	if (decoder->ready[i])
		inflateEnd(&decoder->streams[i]);
	decoder->ready[i] = FALSE;
}

void
tight_decoder_free(TightDecoder *decoder)
{
	for (guint i = 0; decoder && i < 4; i++)
		reset(decoder, i);
	g_free(decoder);
}

static const guint8 *
take(Reader *reader, gsize n)
{
	const guint8 *at = reader->at;

	if (n > reader->left)
		return NULL;
	reader->at += n;
	reader->left -= n;
	return at;
}

static gboolean
take_length(Reader *reader, gsize *length)
{
	*length = 0;
	for (guint i = 0; i < 3; i++) {
		const guint8 *byte = take(reader, 1);

		if (byte == NULL)
			return FALSE;
		*length |= (gsize)(i < 2 ? *byte & 0x7f : *byte) << (7 * i);
		if (i == 2 || !(*byte & 0x80))
			return TRUE;
	}
	return FALSE;
}

static guint32
colour_of(const guint8 *rgb)
{
	return (guint32)rgb[0] << 16 | (guint32)rgb[1] << 8 | rgb[2];
}

static gboolean
inflate_to(TightDecoder *decoder, guint i, const guint8 *bytes, gsize n, guint8 *out, gsize size)
{
	z_stream *z = &decoder->streams[i];
	guint8 more;

	if (!decoder->ready[i]) {
		*z = (z_stream){.zalloc = NULL};
		if (inflateInit(z) != Z_OK)
			return FALSE;
		decoder->ready[i] = TRUE;
	}
	z->next_in = (Bytef *)bytes;
	z->avail_in = (uInt)n;
	z->next_out = out;
	z->avail_out = (uInt)size;
	if (inflate(z, Z_SYNC_FLUSH) != Z_OK || z->avail_out != 0)
		return FALSE;
	/* What ends the block is still there, and no further pixel. */
	z->next_out = &more;
	z->avail_out = 1;
	inflate(z, Z_SYNC_FLUSH);
	return z->avail_out == 1 && z->avail_in == 0;
}

/* The filtered bytes, to be freed. NULL: something is wrong. */
static guint8 *
take_data(TightDecoder *decoder, Reader *reader, guint stream, gsize size)
{
	const guint8 *bytes;
	gsize n = size;

	if (size >= 12 && !take_length(reader, &n))
		return NULL;
	if ((bytes = take(reader, n)) == NULL)
		return NULL;
	g_autofree guint8 *data = g_malloc(size);

	if (size < 12)
		memcpy(data, bytes, n);
	else if (!inflate_to(decoder, stream, bytes, n, data, size))
		return NULL;
	return g_steal_pointer(&data);
}

static gboolean
decode_copy(TightDecoder *decoder, Frame *frame, const Rect *rect, Reader *reader, guint stream)
{
	g_autofree guint8 *data = take_data(decoder, reader, stream, (gsize)rect_area(rect) * 3);
	const guint8 *rgb = data;

	if (data == NULL)
		return FALSE;
	for (int y = 0; y < rect->height; y++) {
		for (int x = 0; x < rect->width; x++, rgb += 3)
			*frame_at(frame, rect->x + x, rect->y + y) = colour_of(rgb);
	}
	return TRUE;
}

static gboolean
decode_palette(TightDecoder *decoder, Frame *frame, const Rect *rect, Reader *reader, guint stream)
{
	const guint8 *count = take(reader, 1), *colours = count ? take(reader, 3 * ((gsize)*count + 1)) : NULL;
	gsize row;

	if (colours == NULL || *count == 0)
		return FALSE;
	row = *count == 1 ? ((gsize)rect->width + 7) / 8 : (gsize)rect->width;
	g_autofree guint8 *data = take_data(decoder, reader, stream, row * (gsize)rect->height);

	if (data == NULL)
		return FALSE;
	for (int y = 0; y < rect->height; y++) {
		const guint8 *line = data + row * (gsize)y;

		for (int x = 0; x < rect->width; x++) {
			guint8 index = *count == 1 ? line[x / 8] >> (7 - x % 8) & 1 : line[x];

			if (index > *count)
				return FALSE;
			*frame_at(frame, rect->x + x, rect->y + y) = colour_of(colours + 3 * index);
		}
	}
	return TRUE;
}

typedef struct {
	struct jpeg_error_mgr errors;
	jmp_buf failed;
} Errors;

static void
on_error(j_common_ptr state)
{
	longjmp(((Errors *)state->err)->failed, 1);
}

static gboolean
decode_jpeg(Frame *frame, const Rect *rect, Reader *reader)
{
	struct jpeg_decompress_struct state;
	Errors errors;
	gsize n;
	const guint8 *bytes = take_length(reader, &n) ? take(reader, n) : NULL;

	if (bytes == NULL)
		return FALSE;
	state.err = jpeg_std_error(&errors.errors);
	errors.errors.error_exit = on_error;
	if (setjmp(errors.failed)) {
		jpeg_destroy_decompress(&state);
		return FALSE;
	}
	jpeg_create_decompress(&state);
	jpeg_mem_src(&state, bytes, n);
	jpeg_read_header(&state, TRUE);
	state.out_color_space = JCS_EXT_BGRX;
	jpeg_start_decompress(&state);
	if (state.output_width != (guint)rect->width || state.output_height != (guint)rect->height)
		longjmp(errors.failed, 1);
	while (state.output_scanline < state.output_height) {
		guint32 *row = frame_at(frame, rect->x, rect->y + (int)state.output_scanline);

		jpeg_read_scanlines(&state, (JSAMPROW[]){(JSAMPROW)row}, 1);
		for (int x = 0; x < rect->width; x++)
			row[x] &= 0xffffff;
	}
	jpeg_finish_decompress(&state);
	jpeg_destroy_decompress(&state);
	return errors.errors.num_warnings == 0;
}

static gboolean
decode_fill(Frame *frame, const Rect *rect, Reader *reader)
{
	const guint8 *rgb = take(reader, 3);

	if (rgb == NULL)
		return FALSE;
	for (int y = 0; y < rect->height; y++) {
		for (int x = 0; x < rect->width; x++)
			*frame_at(frame, rect->x + x, rect->y + y) = colour_of(rgb);
	}
	return TRUE;
}

static gboolean
decode_rect(TightDecoder *decoder, Frame *frame, const Rect *rect, Reader *reader, TightKind *kind)
{
	const guint8 *control = take(reader, 1), *filter;

	if (control == NULL)
		return FALSE;
	for (guint i = 0; i < 4; i++) {
		if (*control & 1u << i)
			reset(decoder, i);
	}
	guint method = *control >> 4;

	if (method == 8) {
		*kind = TIGHT_FILL;
		return decode_fill(frame, rect, reader);
	}
	if (method == 9) {
		*kind = TIGHT_LOSSY;
		return decode_jpeg(frame, rect, reader);
	}
	if (method > 7)
		return FALSE;
	*kind = TIGHT_COPY;
	if (!(method & 4))
		return decode_copy(decoder, frame, rect, reader, method & 3);
	if ((filter = take(reader, 1)) == NULL || *filter > 1)
		return FALSE;
	if (*filter == 0)
		return decode_copy(decoder, frame, rect, reader, method & 3);
	*kind = TIGHT_PALETTE;
	return decode_palette(decoder, frame, rect, reader, method & 3);
}

static guint
number16(const guint8 *bytes)
{
	return (guint)bytes[0] << 8 | bytes[1];
}

int
tight_decode(TightDecoder *decoder, Frame *frame, const guint8 *bytes, gsize size, TightSeen seen, gpointer data)
{
	Reader reader = {bytes, size};
	int n = 0;

	for (; reader.left > 0; n++) {
		const guint8 *start = reader.at, *header = take(&reader, 12);
		TightKind kind;

		if (header == NULL || memcmp(header + 8, "\0\0\0\7", 4) != 0)
			return -1;
		Rect rect = {(int)number16(header), (int)number16(header + 2), (int)number16(header + 4), (int)number16(header + 6)};

		if (rect_is_empty(&rect) || rect.width > 2048 || rect.x + rect.width > frame->width ||
		        rect.y + rect.height > frame->height || !decode_rect(decoder, frame, &rect, &reader, &kind))
			return -1;
		if (seen)
			seen(data, &rect, kind, (gsize)(reader.at - start));
	}
	return n;
}
