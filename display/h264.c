/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/h264.h"

#include "broker/common/error.h"

#ifdef HAVE_OPENH264
#include <dlfcn.h>
#include <string.h>
#include <wels/codec_api.h>
#include <wels/codec_ver.h>

#include "display/yuv.h"

/* A frame's share of a second, whatever the pace really is: bit rates are set by it. */
#define RATE 30
/* Finer than this nobody sees in what moves, and it will be made sharp once it rests; coarser than that is no picture. */
#define QP_MIN 20
#define QP_MAX 42
#define BITS_MIN 100000
#define BITS_MAX 80000000

struct H264Encoder {
	ISVCEncoder *encoder;
	Yuv *yuv;
	int bits; /* a second, as the library knows it */
	gint64 begun;
	gboolean broken;
};

static void *library;
static int (*create)(ISVCEncoder **encoder);
static void (*destroy)(ISVCEncoder *encoder);
static guint encoders;

static gboolean
find_symbols(GError **error)
{
	void (*get_version)(OpenH264Version * version);
	OpenH264Version version = {0};

	/* POSIX has it so that pointers to functions come as pointers to objects. */
	*(void **)&get_version = dlsym(library, "WelsGetCodecVersionEx");
	*(void **)&create = dlsym(library, "WelsCreateSVCEncoder");
	*(void **)&destroy = dlsym(library, "WelsDestroySVCEncoder");
	if (get_version == NULL || create == NULL || destroy == NULL) {
		g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_FAILED, OPENH264_SONAME " lacks what it should have");
		return FALSE;
	}
	get_version(&version);
	if (version.uMajor == OPENH264_MAJOR && version.uMinor == OPENH264_MINOR)
		return TRUE;
	g_set_error(error, CARREL_ERROR, CARREL_ERROR_FAILED, "%s is of version %u.%u, and this was built for %d.%d", OPENH264_SONAME,
	        version.uMajor, version.uMinor, OPENH264_MAJOR, OPENH264_MINOR);
	return FALSE;
}

gboolean
h264_load(GError **error)
{
	if (library)
		return TRUE;
	library = dlopen(OPENH264_SONAME, RTLD_NOW | RTLD_LOCAL);
	if (library == NULL) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_FAILED, "%s", dlerror());
		return FALSE;
	}
	if (find_symbols(error))
		return TRUE;
	h264_unload();
	return FALSE;
}

void
h264_unload(void)
{
	/* Its code stays where encoders still use it. */
	if (library && encoders == 0)
		dlclose(library);
	library = NULL;
}

gboolean
h264_is_available(void)
{
	return library != NULL;
}

static gboolean
is_size_good(int width, int height)
{
	return width >= H264_SIDE_MIN && height >= H264_SIDE_MIN && width <= H264_SIDE_MAX && height <= H264_SIDE_MAX &&
	        width * height <= H264_AREA_MAX && width % 2 == 0 && height % 2 == 0;
}

/* Colours are told as they are converted: viewers that do not look take BT.601's limited range for granted. */
static void
describe_colours(SSpatialLayerConfig *layer)
{
	layer->bVideoSignalTypePresent = true;
	layer->uiVideoFormat = VF_UNDEF;
	layer->bFullRange = false;
	layer->bColorDescriptionPresent = true;
	layer->uiColorPrimaries = CP_BT709;
	layer->uiTransferCharacteristics = TRC_IEC61966_2_1;
	layer->uiColorMatrix = CM_SMPTE170M;
}

static gboolean
initialize(ISVCEncoder *encoder, int width, int height, int bits)
{
	SEncParamExt params;
	int quiet = WELS_LOG_QUIET, format = videoFormatI420;

	(*encoder)->SetOption(encoder, ENCODER_OPTION_TRACE_LEVEL, &quiet);
	if ((*encoder)->GetDefaultParams(encoder, &params) != cmResultSuccess)
		return FALSE;
	params.iUsageType = CAMERA_VIDEO_REAL_TIME;
	params.iPicWidth = width;
	params.iPicHeight = height;
	params.fMaxFrameRate = RATE;
	params.iRCMode = RC_BITRATE_MODE;
	params.iTargetBitrate = bits;
	params.iMaxBitrate = UNSPECIFIED_BIT_RATE;
	params.bEnableFrameSkip = false; /* what has no room is not given to it */
	params.iMinQp = QP_MIN;
	params.iMaxQp = QP_MAX;
	params.iComplexityMode = LOW_COMPLEXITY;
	params.uiIntraPeriod = 0;
	params.iNumRefFrame = 1;
	params.eSpsPpsIdStrategy = CONSTANT_ID;
	params.iEntropyCodingModeFlag = 0;
	params.bEnableDenoise = false;
	params.bEnableSceneChangeDetect = true;
	/* noVNC takes each slice for a frame, so there is one, and a second thread would have nothing to do. */
	params.iMultipleThreadIdc = 1;
	params.sSpatialLayers[0].iVideoWidth = width;
	params.sSpatialLayers[0].iVideoHeight = height;
	params.sSpatialLayers[0].fFrameRate = RATE;
	params.sSpatialLayers[0].iSpatialBitrate = bits;
	params.sSpatialLayers[0].iMaxSpatialBitrate = UNSPECIFIED_BIT_RATE;
	params.sSpatialLayers[0].uiProfileIdc = PRO_BASELINE;
	params.sSpatialLayers[0].sSliceArgument.uiSliceMode = SM_SINGLE_SLICE;
	describe_colours(&params.sSpatialLayers[0]);
	return (*encoder)->InitializeExt(encoder, &params) == cmResultSuccess &&
	        (*encoder)->SetOption(encoder, ENCODER_OPTION_DATAFORMAT, &format) == cmResultSuccess;
}

H264Encoder *
h264_encoder_new(int width, int height)
{
	H264Encoder *encoder;

	if (library == NULL || encoders >= H264_ENCODERS_MAX || !is_size_good(width, height))
		return NULL;
	encoder = g_new0(H264Encoder, 1);
	encoders++;
	encoder->bits = 4000000;
	encoder->yuv = yuv_new(width, height);
	if (encoder->yuv && create(&encoder->encoder) == 0 && encoder->encoder &&
	        initialize(encoder->encoder, width, height, encoder->bits))
		return encoder;
	h264_encoder_free(encoder);
	return NULL;
}

void
h264_encoder_free(H264Encoder *encoder)
{
	if (encoder == NULL)
		return;
	if (encoder->encoder) {
		(*encoder->encoder)->Uninitialize(encoder->encoder);
		destroy(encoder->encoder);
	}
	yuv_free(encoder->yuv);
	g_free(encoder);
	encoders--;
}

/* Small differences are not worth the library's adapting. */
static void
set_size(H264Encoder *encoder, guint64 size)
{
	int bits = (int)CLAMP(size, BITS_MIN / 8 / RATE, BITS_MAX / 8 / RATE) * 8 * RATE;
	SBitrateInfo info = {SPATIAL_LAYER_ALL, bits};

	if (ABS(bits - encoder->bits) <= encoder->bits / 6)
		return;
	if ((*encoder->encoder)->SetOption(encoder->encoder, ENCODER_OPTION_BITRATE, &info) == cmResultSuccess)
		encoder->bits = bits;
}

static void
append_nals(const SFrameBSInfo *info, GByteArray *out)
{
	for (int i = 0; i < info->iLayerNum; i++) {
		const SLayerBSInfo *layer = &info->sLayerInfo[i];
		gsize size = 0;

		for (int nal = 0; nal < layer->iNalCount; nal++)
			size += (gsize)MAX(layer->pNalLengthInByte[nal], 0);
		g_byte_array_append(out, layer->pBsBuf, (guint)size);
	}
}

gboolean
h264_encode(H264Encoder *encoder, const Frame *frame, int x, int y, gboolean intra, guint64 size, gint64 now, GByteArray *out)
{
	const Yuv *yuv = encoder->yuv;
	SSourcePicture picture = {.iColorFormat = videoFormatI420, .iPicWidth = yuv->width, .iPicHeight = yuv->height};
	SFrameBSInfo info;

	if (encoder->broken)
		return FALSE;
	if (encoder->begun == 0)
		encoder->begun = now;
	memset(&info, 0, sizeof info);
	set_size(encoder, size);
	yuv_convert(yuv, frame, x, y);
	for (int i = 0; i < 3; i++) {
		picture.iStride[i] = yuv->stride[i];
		picture.pData[i] = yuv->planes[i];
	}
	picture.uiTimeStamp = (now - encoder->begun) / G_TIME_SPAN_MILLISECOND;
	if (intra)
		(*encoder->encoder)->ForceIntraFrame(encoder->encoder, true);
	if ((*encoder->encoder)->EncodeFrame(encoder->encoder, &picture, &info) != cmResultSuccess) {
		encoder->broken = TRUE;
		return FALSE;
	}
	if (info.eFrameType != videoFrameTypeSkip && info.eFrameType != videoFrameTypeInvalid)
		append_nals(&info, out);
	return TRUE;
}

#else /* HAVE_OPENH264 */

gboolean
h264_load(GError **error)
{
	g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_FAILED, "this was built without libopenh264's headers");
	return FALSE;
}

void
h264_unload(void)
{
}

gboolean
h264_is_available(void)
{
	return FALSE;
}

H264Encoder *
h264_encoder_new(int width, int height)
{
	return NULL;
}

void
h264_encoder_free(H264Encoder *encoder)
{
}

gboolean
h264_encode(H264Encoder *encoder, const Frame *frame, int x, int y, gboolean intra, guint64 size, gint64 now, GByteArray *out)
{
	return FALSE;
}
#endif
