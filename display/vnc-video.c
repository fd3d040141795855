/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/vnc-video.h"

#include <string.h>

#include "display/h264.h"
#include "display/rfb-encodings.h"
#include "display/rfb-write.h"

/* The flags of a rectangle: the client forgets all its contexts first. */
#define RESET_ALL_CONTEXTS 2
/* Frames a second that a film has for most people. */
#define RATE 25
/* What JPEG takes for a pixel of one, in bytes a thousand pixels (ARCHITECTURE.md, "Films"). A path with room for twice of that is not
 * narrow: JPEG costs less time there, and looks no worse. */
#define JPEG_SIZE 120
/* More than this a frame is not worth. */
#define SIZE_MAX_PER_KPIXEL 60
/* Of the path, in percent: the rest of the desktop wants some, too. */
#define SHARE 70

struct VncVideo {
	H264Encoder *encoder; /* NULL: not now */
	guint serial;         /* of the region that it is for, or that there is none for */
	gboolean narrow;      /* the path was, since that began */
	gboolean begun;       /* the client has a frame of it */
};

VncVideo *
vnc_video_new(void)
{
	return g_new0(VncVideo, 1);
}

void
vnc_video_free(VncVideo *video)
{
	if (video == NULL)
		return;
	h264_encoder_free(video->encoder);
	g_free(video);
}

static void
forget(VncVideo *video)
{
	h264_encoder_free(video->encoder);
	*video = (VncVideo){0};
}

static gboolean
touches(const Damage *damage, const Rect *rect)
{
	for (guint i = 0; i < damage->n; i++) {
		Rect common = rect_intersect(&damage->rects[i], rect);

		if (!rect_is_empty(&common))
			return TRUE;
	}
	return FALSE;
}

/* Once a film goes as H.264 it stays so: its path is no longer full then, which does not make it wide. */
static gboolean
is_worth_it(VncVideo *video, const Rect *film, guint64 bandwidth)
{
	guint64 jpeg = (guint64)rect_area(film) * JPEG_SIZE * RATE / 1000;

	video->narrow |= bandwidth > 0 && bandwidth < 2 * jpeg;
	return video->narrow;
}

/* A region's first frame makes its encoder. Where there is none to be had, JPEG serves until the next region. */
static gboolean
has_encoder(VncVideo *video, const Rect *film, guint serial, guint64 bandwidth)
{
	if (video->serial != serial)
		forget(video);
	video->serial = serial;
	if (video->narrow)
		return video->encoder != NULL;
	if (!is_worth_it(video, film, bandwidth))
		return FALSE;
	video->encoder = h264_encoder_new(film->width, film->height);
	return video->encoder != NULL;
}

static guint64
frame_size(const Rect *film, guint64 bandwidth)
{
	guint64 most = (guint64)rect_area(film) * SIZE_MAX_PER_KPIXEL / 1000;

	return bandwidth > 0 ? MIN(most, bandwidth * SHARE / 100 / RATE) : most;
}

gboolean
vnc_video_append(VncVideo *video, const VideoRegion *region, const Frame *frame, const Damage *damage, const Rect *asked, guint64 bandwidth,
        gint64 now, GByteArray *out, Rect *film)
{
	guint serial, begin, data;
	guint32 size;

	if (!video_region_get(region, now, film, &serial)) {
		forget(video);
		return FALSE;
	}
	if (!rect_contains(asked, film) || !touches(damage, film) || !has_encoder(video, film, serial, bandwidth))
		return FALSE;
	begin = rfb_begin_update(out);
	rfb_append_rect(out, film, RFB_ENCODING_H264);
	rfb_append_u32(out, 0); /* the size, below */
	rfb_append_u32(out, video->begun ? 0 : RESET_ALL_CONTEXTS);
	data = out->len;
	if (!h264_encode(video->encoder, frame, film->x, film->y, FALSE, frame_size(film, bandwidth), now, out) || out->len == data) {
		g_byte_array_set_size(out, begin);
		h264_encoder_free(video->encoder);
		video->encoder = NULL;
		return FALSE;
	}
	size = GUINT32_TO_BE(out->len - data);
	memcpy(out->data + data - 8, &size, sizeof size);
	rfb_end_update(out, begin, 1);
	video->begun = TRUE;
	return TRUE;
}
