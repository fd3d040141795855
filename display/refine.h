/* Refine, once for all clients: brings our frame up to date with the guest's, and says what really changed. QEMU reports more than
 * changes (a whole text console for a blinking cursor); comparing costs a quarter of a millisecond a full HD frame, encoding and
 * sending it again forty times as much. Where most of a large area changed, it looks whether that was moved (motion.h): a scrolled
 * page then costs 16 bytes and its new lines.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "display/change.h"
#include "display/frame.h"

/* Where the guest's pixels are, in the frame's format. Whoever writes them may do so while they are read: each is looked at more than
 * once, and what counts is what has come into the frame. */
typedef struct {
	const guint32 *pixels;
	int x, y;     /* of the frame, that the first pixel is for */
	gsize stride; /* pixels from one row to the next */
} PixelSource;

/* Copies @reported (which must lie in the frame and in the source) from @source, and adds what differs from before to @change. */
void refine_update(const Frame *frame, const PixelSource *source, const Damage *reported, Change *change);
