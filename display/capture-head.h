/* One head of the guest: the listener at a console of QEMU's (/org/qemu/Display1/Console_N). It checks what QEMU says and keeps the
 * way to the head's pixels; the picture itself is its owner's.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "display/capture.h"
#include "display/refine.h"

typedef struct CaptureHead CaptureHead;

/* Coordinates are the head's own. All are called from the main loop. */
typedef struct {
	/* A new picture, of which @source has all. FALSE when it cannot be taken; the source is not read any more then. */
	gboolean (*on_scanout)(guint head, const PixelSource *source, int width, int height, void *data);
	/* capture_head_take_damage has something. */
	void (*on_reported)(guint head, void *data);
	/* Pixels that came in the message; @rect lies in the picture. */
	void (*on_pixels)(guint head, const PixelSource *source, const Rect *rect, void *data);
	void (*on_disabled)(guint head, void *data);
	void (*on_cursor)(guint head, const Cursor *cursor, void *data);
	void (*on_pointer)(guint head, int x, int y, gboolean visible, void *data);
	/* It could not be registered the first time, or its connection not be made. */
	void (*on_failed)(guint head, const GError *error, void *data);
} CaptureHeadEvents;

/* Registers without blocking, and anew when a connection ends that was made; @qemu outlives it. */
CaptureHead *capture_head_new(GDBusConnection *qemu, guint head, gboolean pixel_copy, const CaptureHeadEvents *events, void *data);
void capture_head_free(CaptureHead *head);

/* Of the last picture; 0 before there was one. */
int capture_head_width(const CaptureHead *head);
int capture_head_height(const CaptureHead *head);
/* The memory that the picture is in; NULL where pixels come in messages. */
const PixelSource *capture_head_memory(const CaptureHead *head);
/* What was read of it so far was there. */
gboolean capture_head_memory_is_whole(const CaptureHead *head);
/* It is not to be read any more. */
void capture_head_drop_memory(CaptureHead *head);
/* What QEMU has reported since the last call. Empty where there is no memory to read it from. */
Damage capture_head_take_damage(CaptureHead *head);
/* NULL before the guest has defined one. */
const Cursor *capture_head_cursor(const CaptureHead *head);
/* A warning of what the guest brought about; no more than one line of a head in ten seconds. */
void capture_head_complain(CaptureHead *head, const char *format, ...) G_GNUC_PRINTF(2, 3);
