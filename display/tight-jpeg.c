/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/tight-jpeg.h"

#include <setjmp.h>
#include <stdio.h>

#include <jpeglib.h>

/* A frame's pixel is blue in the lowest byte of a number of the machine's. */
#if G_BYTE_ORDER == G_LITTLE_ENDIAN
#define FRAME_COLOURS JCS_EXT_BGRX
#else
#define FRAME_COLOURS JCS_EXT_XRGB
#endif

struct TightJpeg {
	struct jpeg_compress_struct state;
	struct jpeg_error_mgr errors;
	struct jpeg_destination_mgr destination;
	GByteArray *out;
	jmp_buf failed;
};

static TightJpeg *
of(j_common_ptr state)
{
	return state->client_data;
}

/* The library must not come back from it. It has no state of ours half changed, and @out is cut back. */
static void
on_error(j_common_ptr state)
{
	longjmp(of(state)->failed, 1);
}

static void
on_message(j_common_ptr state)
{
}

static void
on_start(j_compress_ptr state)
{
}

/* Called when all of the room is filled, whatever free_in_buffer says. */
static boolean
on_full(j_compress_ptr state)
{
	TightJpeg *jpeg = of((j_common_ptr)state);
	guint used = jpeg->out->len;

	g_byte_array_set_size(jpeg->out, used * 2);
	jpeg->destination.next_output_byte = jpeg->out->data + used;
	jpeg->destination.free_in_buffer = used;
	return TRUE;
}

static void
on_finish(j_compress_ptr state)
{
	TightJpeg *jpeg = of((j_common_ptr)state);

	g_byte_array_set_size(jpeg->out, jpeg->out->len - (guint)jpeg->destination.free_in_buffer);
}

TightJpeg *
tight_jpeg_new(void)
{
	TightJpeg *jpeg = g_new0(TightJpeg, 1);

	jpeg->state.err = jpeg_std_error(&jpeg->errors);
	jpeg->state.client_data = jpeg;
	jpeg->errors.error_exit = on_error;
	jpeg->errors.output_message = on_message;
	if (setjmp(jpeg->failed)) {
		tight_jpeg_free(jpeg);
		return NULL;
	}
	jpeg_create_compress(&jpeg->state);
	jpeg->destination =
	        (struct jpeg_destination_mgr){.init_destination = on_start, .empty_output_buffer = on_full, .term_destination = on_finish};
	jpeg->state.dest = &jpeg->destination;
	jpeg->state.in_color_space = FRAME_COLOURS;
	jpeg->state.input_components = 4;
	jpeg_set_defaults(&jpeg->state);
	return jpeg;
}

void
tight_jpeg_free(TightJpeg *jpeg)
{
	if (jpeg == NULL)
		return;
	jpeg_destroy_compress(&jpeg->state);
	g_free(jpeg);
}

static void
set_up(TightJpeg *jpeg, const Rect *rect, int quality, TightSubsampling subsampling)
{
	j_compress_ptr state = &jpeg->state;

	state->image_width = (JDIMENSION)rect->width;
	state->image_height = (JDIMENSION)rect->height;
	jpeg_set_quality(state, quality, TRUE);
	/* The fast one loses what a high quality keeps, and with vector instructions it is hardly faster. */
	state->dct_method = JDCT_ISLOW;
	state->comp_info[0].h_samp_factor = subsampling == TIGHT_444 ? 1 : 2;
	state->comp_info[0].v_samp_factor = subsampling == TIGHT_420 ? 2 : 1;
}

gboolean
tight_jpeg_encode(TightJpeg *jpeg, const Frame *frame, const Rect *rect, int quality, TightSubsampling subsampling, GByteArray *out)
{
	const guint before = out->len;
	const guint room = (guint)(rect_area(rect) / 2) + 2048;

	jpeg->out = out;
	if (setjmp(jpeg->failed)) {
		jpeg_abort_compress(&jpeg->state);
		g_byte_array_set_size(out, before);
		return FALSE;
	}
	g_byte_array_set_size(out, before + room);
	jpeg->destination.next_output_byte = out->data + before;
	jpeg->destination.free_in_buffer = room;
	set_up(jpeg, rect, quality, subsampling);
	jpeg_start_compress(&jpeg->state, TRUE);
	while (jpeg->state.next_scanline < jpeg->state.image_height) {
		JSAMPROW rows[16];
		guint n = MIN(G_N_ELEMENTS(rows), jpeg->state.image_height - jpeg->state.next_scanline);

		for (guint i = 0; i < n; i++)
			rows[i] = (JSAMPROW)frame_at(frame, rect->x, rect->y + (int)(jpeg->state.next_scanline + i));
		jpeg_write_scanlines(&jpeg->state, rows, n);
	}
	jpeg_finish_compress(&jpeg->state);
	return TRUE;
}
