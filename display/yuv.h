/* From a frame's pixels to planes of brightness and colour, as video encoders want them: ITU-R BT.601, limited range (16 to 235), colour at
 * half the resolution both ways (I420).
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "display/frame.h"

typedef struct {
	int width, height; /* even */
	int stride[3];     /* bytes */
	guint8 *planes[3]; /* Y, U, V; rows are padded, and padding is written to */
} Yuv;

/* NULL where memory is short. */
Yuv *yuv_new(int width, int height);
void yuv_free(Yuv *yuv);
/* Its size's pixels from (@x, @y) on, which lie in @frame. */
void yuv_convert(const Yuv *yuv, const Frame *frame, int x, int y);
