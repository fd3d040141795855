/* Capture: keeps our frame like what the guest's heads show, through shared memory where QEMU can do that (9.2 and newer) and
 * through copied pixels where it cannot. The heads lie in one frame, so that all that comes after need not know of them.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>

#include "display/change.h"
#include "display/frame.h"
#include "display/heads.h"

typedef struct Capture Capture;

typedef struct {
	int width, height, hot_x, hot_y;
	guint32 *pixels; /* a8r8g8b8, rows without gaps; premultiplied, as Linux's drivers hand cursors on */
} Cursor;

/* What a capture tells its owner. All are called from the main loop, never from within a function below. */
typedef struct {
	/* @frame is a new one; the one before it is freed after this returned. @heads: where each is in it. */
	void (*on_resized)(const Frame *frame, const Heads *heads, void *data);
	void (*on_change)(const Frame *frame, const Change *change, void *data);
	void (*on_cursor)(const Cursor *cursor, void *data);
	/* The guest put the pointer somewhere, or hid it. */
	void (*on_pointer)(int x, int y, gboolean visible, void *data);
	/* Once, if ever: the VM has more than one head; so many can be wished. */
	void (*on_heads_max)(guint max, void *data);
	/* Once: QEMU has shown its first frame, or @error says why it never will. */
	void (*on_started)(const GError *error, void *data);
} CaptureEvents;

/* Registers with the consoles on @qemu, without blocking. @pixel_copy: do not offer shared memory. */
Capture *capture_new(GDBusConnection *qemu, gboolean pixel_copy, const CaptureEvents *events, void *data);
void capture_free(Capture *capture);

/* What the guest has been told of: positions for heads of just these sizes, and which others than the first may be shown. */
void capture_wish(Capture *capture, const Heads *wish);

/* The frame as of now; owned by the capture. A black one of 640x480 before QEMU has shown one. */
const Frame *capture_frame(const Capture *capture);
const Heads *capture_heads(const Capture *capture);
/* NULL before the guest has defined one. */
const Cursor *capture_cursor(const Capture *capture);
gboolean capture_is_shared(const Capture *capture);
