/* Refine, once for all clients: brings our frame up to date with the guest's, and says what really changed. QEMU reports more than
 * changes (a whole text console for a blinking cursor); comparing costs a quarter of a millisecond a full HD frame, encoding and
 * sending it again forty times as much. Where most of a large area changed, it looks whether that was moved (motion.h): a scrolled
 * page then costs 16 bytes and its new lines.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "display/change.h"
#include "display/frame.h"

/* Where the guest's pixels are, in the frame's format. One of @fd and @data. */
typedef struct {
	/* A file that the guest's side can write and may even truncate at any time. It is read with pread(2), never
	 * mapped: a mapping of a file that shrinks ends in SIGBUS, and QEMU's memfd carries no seal against that. */
	int fd;             /* -1: none */
	const guint8 *data; /* the pixel of (x, y) in the top left corner of the one rectangle that is reported */
	guint64 offset;     /* bytes: of the pixel (0, 0) in @fd */
	guint32 stride;     /* bytes */
} PixelSource;

typedef struct Refine Refine;

Refine *refine_new(void);
void refine_free(Refine *refine);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Refine, refine_free)

/* Copies @reported (which must lie in the frame) from @source, and adds what differs from before to @change.
 * FALSE when the file has no such bytes any more; what was read until then is in the frame and in @change. */
gboolean refine_update(Refine *refine, Frame *frame, const PixelSource *source, const Damage *reported, Change *change);
/* Lets go of memory that is only kept because more is likely to come at once. */
void refine_rest(Refine *refine);
