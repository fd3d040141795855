/* Tells pictures from what must stay sharp, where there are too many colours for their number to decide.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "display/frame.h"
#include "display/rect.h"

/* @is_photo: nothing is lost by JPEG that somebody would miss. */
typedef void (*TightTextureEmit)(gpointer data, const Rect *rect, gboolean is_photo);

/* Calls @emit for rectangles that do not overlap and cover @rect, from top to bottom or left to right: as few as are needed to keep text
 * apart from pictures. @rect has at most TIGHT_PIECE_AREA pixels. @scratch is made as large as is needed. */
void tight_texture_split(const Frame *frame, const Rect *rect, GByteArray *scratch, TightTextureEmit emit, gpointer data);
