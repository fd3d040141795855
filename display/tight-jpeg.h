/* JPEG of a part of a frame, by libjpeg-turbo.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "display/frame.h"
#include "display/rect.h"

/* How often colour is sampled: for each pixel, for two beside each other, for four. */
typedef enum { TIGHT_444, TIGHT_422, TIGHT_420 } TightSubsampling;

/* One thread's compressor. */
typedef struct TightJpeg TightJpeg;

/* NULL when memory is short. */
TightJpeg *tight_jpeg_new(void);
void tight_jpeg_free(TightJpeg *jpeg);
/* Appends a JFIF stream to @out. @quality: 1..100. FALSE when memory is short; @out is as before then. */
gboolean tight_jpeg_encode(
        TightJpeg *jpeg, const Frame *frame, const Rect *rect, int quality, TightSubsampling subsampling, GByteArray *out);
