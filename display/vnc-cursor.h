/* A pointer's shape as rectangles of an update, in the best of the forms that a client knows.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "display/capture.h"
#include "display/rfb-encodings.h"

/* Appends one rectangle. @encodings->cursor must be TRUE. Shapes with part-transparent edges look as they do in the guest where the client
 * knows Cursor With Alpha or VMware's; in the oldest form each pixel is there or not. */
void vnc_cursor_append(const Cursor *cursor, const RfbEncodings *encodings, const RfbPixelFormat *format, GByteArray *out);
