/* Refine: brings our frame up to date with the guest's, and says what really changed. QEMU reports more than changes (a
 * whole text console for a blinking cursor); comparing costs a quarter of a millisecond a full HD frame, encoding and
 * sending it again costs forty times as much.
 * Scroll detection would come here too: one pass for all clients.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "display/damage.h"
#include "display/frame.h"

/* Where the guest's pixels are, in the frame's format. One of @fd and @data. */
typedef struct {
	/* A file that the guest's side can write and may even truncate at any time. It is read with pread(2), never
	 * mapped: a mapping of a file that shrinks ends in SIGBUS, and QEMU's memfd carries no seal against that. */
	int fd;            /* -1: none */
	const guint8 *data; /* the pixel of (x, y) in the reported rectangle's top left corner */
	guint64 offset;    /* bytes: of the pixel (0, 0) in @fd */
	guint32 stride;    /* bytes */
} PixelSource;

/* Copies @reported (which must lie in the frame) from @source, and adds what differs from before to @changed.
 * FALSE when the file has no such bytes any more; what was read until then is in the frame and in @changed. */
gboolean refine_update(Frame *frame, const PixelSource *source, const Rect *reported, Damage *changed);
