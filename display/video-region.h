/* Which part of a frame is a film: an area that changes again and again as a whole, while what is around it does not. One at a time, the
 * largest; where it is unsure there is none. What is typed is too small, what is scrolled or dragged comes as copies (change.h), and a
 * clock or a blinking cursor changes too seldom.
 * Pure: all times are given, monotonic and in microseconds.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "display/change.h"

/* Nothing smaller is one. */
#define VIDEO_REGION_WIDTH_MIN 160
#define VIDEO_REGION_HEIGHT_MIN 120
/* What changes less often within a second or so is none; one that has begun may become half as fast. */
#define VIDEO_REGION_CHANGES_MIN 10
/* One that rests for so long has ended. */
#define VIDEO_REGION_STILL_MS 300

typedef struct VideoRegion VideoRegion;

VideoRegion *video_region_new(int width, int height);
void video_region_free(VideoRegion *region);
/* The frame has another size; what is known of the old one is forgotten. */
void video_region_resize(VideoRegion *region, int width, int height);

/* Each change of the frame, in its order; its rectangles lie in the frame. */
void video_region_change(VideoRegion *region, const Change *change, gint64 now);
/* FALSE: there is none. Otherwise its @rect, which begins at even pixels and has even sides; @serial, which no other region of this object
 * has had, and which stays as long as the rectangle does. */
gboolean video_region_get(const VideoRegion *region, gint64 now, Rect *rect, guint *serial);
