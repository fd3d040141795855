/* Our own copy of what the guest shows: x8r8g8b8 in the machine's byte order (blue in the lowest byte; the highest is
 * without meaning), rows without gaps (stride = width * 4 bytes).
 * It is a copy because the guest may change its own memory at any moment: encoders read a pixel more than once, and
 * must find the same value each time.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

/* No side is longer: the most that virtio-gpu under QEMU gives, and 256 MiB of pixels. */
#define FRAME_SIDE_MAX 8192

typedef struct {
	int width, height;
	guint32 *pixels;
} Frame;

/* Black. Both sides are 1..FRAME_SIDE_MAX. NULL where memory is short. */
Frame *frame_new(int width, int height);
void frame_free(Frame *frame);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Frame, frame_free)

static inline guint32 *
frame_at(const Frame *frame, int x, int y)
{
	return frame->pixels + (gsize)y * (gsize)frame->width + (gsize)x;
}
