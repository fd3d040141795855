/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/capture-check.h"

#include "display/frame.h"

/* Drivers pad rows, to 4 KiB at most as far as we know. */
#define STRIDE_MAX (FRAME_SIDE_MAX * 4 + 4096)

static const char *
check_shape(guint32 width, guint32 height, guint32 stride, guint32 format)
{
	if (width == 0 || height == 0 || width > FRAME_SIDE_MAX || height > FRAME_SIDE_MAX)
		return "its size is out of range";
	if (format != PIXMAN_FORMAT_X8R8G8B8 && format != PIXMAN_FORMAT_A8R8G8B8)
		return "its pixel format is not x8r8g8b8 or a8r8g8b8";
	if (stride < width * 4 || stride > STRIDE_MAX || stride % 4 != 0)
		return "its stride does not fit its width";
	return NULL;
}

const char *
capture_check_map(guint32 offset, guint32 width, guint32 height, guint32 stride, guint32 format, guint64 file_size)
{
	const char *why = check_shape(width, height, stride, format);

	if (why == NULL && offset % 4 != 0)
		why = "its pixels are not aligned";
	if (why == NULL && offset + (guint64)(height - 1) * stride + (guint64)width * 4 > file_size)
		why = "it reaches beyond the end of its memory";
	return why;
}

const char *
capture_check_pixels(guint32 width, guint32 height, guint32 stride, guint32 format, guint64 size)
{
	const char *why = check_shape(width, height, stride, format);

	if (why == NULL && (guint64)(height - 1) * stride + (guint64)width * 4 > size)
		why = "it has too few bytes";
	return why;
}

const char *
capture_check_cursor(int width, int height, guint64 size)
{
	if (width < 1 || height < 1 || width > CURSOR_SIDE_MAX || height > CURSOR_SIDE_MAX)
		return "its size is out of range";
	if (size != (guint64)width * (guint64)height * 4)
		return "it has not as many bytes as its size wants";
	return NULL;
}
