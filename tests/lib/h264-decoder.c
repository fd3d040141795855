/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "tests/lib/h264-decoder.h"

#ifdef HAVE_OPENH264
#include <dlfcn.h>
#include <wels/codec_api.h>

struct H264Decoder {
	void *library;
	ISVCDecoder *decoder;
	void (*destroy)(ISVCDecoder *decoder);
};

H264Decoder *
h264_decoder_new(void)
{
	void *library = dlopen(OPENH264_SONAME, RTLD_NOW | RTLD_LOCAL);
	SDecodingParam params = {.sVideoProperty = {.size = sizeof params.sVideoProperty, .eVideoBsType = VIDEO_BITSTREAM_AVC}};
	H264Decoder *decoder;
	long (*create)(ISVCDecoder * *decoder);
	int quiet = WELS_LOG_QUIET;

	if (library == NULL)
		return NULL;
	decoder = g_new0(H264Decoder, 1);
	decoder->library = library;
	*(void **)&create = dlsym(library, "WelsCreateDecoder");
	*(void **)&decoder->destroy = dlsym(library, "WelsDestroyDecoder");
	if (create(&decoder->decoder) != 0)
		g_error("no decoder");
	(*decoder->decoder)->SetOption(decoder->decoder, DECODER_OPTION_TRACE_LEVEL, &quiet);
	if ((*decoder->decoder)->Initialize(decoder->decoder, &params) != 0)
		g_error("the decoder does not begin");
	return decoder;
}

void
h264_decoder_free(H264Decoder *decoder)
{
	if (decoder == NULL)
		return;
	(*decoder->decoder)->Uninitialize(decoder->decoder);
	decoder->destroy(decoder->decoder);
	dlclose(decoder->library);
	g_free(decoder);
}

static guint32
to_8_bits(int value)
{
	return (guint32)CLAMP((value + 128) >> 8, 0, 255);
}

static guint32
to_pixel(int luma, int u, int v)
{
	int y = 298 * (luma - 16);

	return to_8_bits(y + 409 * (v - 128)) << 16 | to_8_bits(y - 100 * (u - 128) - 208 * (v - 128)) << 8 |
	        to_8_bits(y + 516 * (u - 128));
}

gboolean
h264_decode(H264Decoder *decoder, const guint8 *bytes, gsize size, const Frame *frame, int x, int y)
{
	unsigned char *planes[3] = {NULL};
	SBufferInfo info = {0};
	const SSysMEMBuffer *picture = &info.UsrData.sSystemBuffer;

	if ((*decoder->decoder)->DecodeFrameNoDelay(decoder->decoder, bytes, (int)size, planes, &info) != 0 || info.iBufferStatus != 1)
		return FALSE;
	for (int row = 0; row < MIN(picture->iHeight, frame->height - y); row++) {
		const unsigned char *luma = planes[0] + row * picture->iStride[0];
		int chroma = row / 2 * picture->iStride[1];

		for (int i = 0; i < MIN(picture->iWidth, frame->width - x); i++)
			*frame_at(frame, x + i, y + row) = to_pixel(luma[i], planes[1][chroma + i / 2], planes[2][chroma + i / 2]);
	}
	return TRUE;
}

#else /* HAVE_OPENH264 */

H264Decoder *
h264_decoder_new(void)
{
	return NULL;
}

void
h264_decoder_free(H264Decoder *decoder)
{
}

gboolean
h264_decode(H264Decoder *decoder, const guint8 *bytes, gsize size, const Frame *frame, int x, int y)
{
	return FALSE;
}
#endif
