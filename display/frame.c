/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/frame.h"

Frame *
frame_new(int width, int height)
{
	g_autoptr(Frame) frame = g_new0(Frame, 1);

	g_return_val_if_fail(width > 0 && width <= FRAME_SIDE_MAX && height > 0 && height <= FRAME_SIDE_MAX, NULL);
	frame->width = width;
	frame->height = height;
	frame->pixels = g_try_malloc0_n((gsize)width * (gsize)height, sizeof *frame->pixels);
	return frame->pixels ? g_steal_pointer(&frame) : NULL;
}

void
frame_free(Frame *frame)
{
	if (frame == NULL)
		return;
	g_free(frame->pixels);
	g_free(frame);
}
