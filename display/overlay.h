/* What the host draws into a desktop's picture, between the capture and the servers: a watermark all over it, and a plate with a word
 * to the person at its top edge. Every client of every protocol gets it, and no guest can take it away.
 *
 * While there is nothing to draw the capture's frame and changes pass through as they are. Otherwise the overlay has a frame of its own,
 * in which it keeps what the clients see: of each change only the changed areas are taken from the capture's frame and drawn on.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "display/change.h"
#include "display/frame.h"

typedef struct Overlay Overlay;

/* Called from within the functions below. */
typedef struct {
	/* The servers' frame is another one from now on, and differs everywhere. The one before is freed after this returned. */
	void (*on_frame)(const Frame *frame, void *data);
	void (*on_change)(const Frame *frame, const Change *change, void *data);
} OverlayEvents;

/* @source: see overlay_set_source. Nothing is drawn yet. */
Overlay *overlay_new(const Frame *source, const OverlayEvents *events, void *data);
void overlay_free(Overlay *overlay);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Overlay, overlay_free)

/* The frame as the clients are to see it: @source itself where nothing is drawn. Valid until the next on_frame. */
const Frame *overlay_frame(const Overlay *overlay);

/* The capture has another frame, which is borrowed until the next call of this. */
void overlay_set_source(Overlay *overlay, const Frame *source);
/* The capture's frame has changed. */
void overlay_source_changed(Overlay *overlay, const Change *change);

/* NULL or "": none. The text as watermark_text gave it. */
void overlay_set_watermark(Overlay *overlay, const char *text);
/* A plate with these lines. @large: to be read before one does anything else. NULL: none. */
void overlay_set_plate(Overlay *overlay, const char *text, gboolean large);

/* How many pixels were composed since the start: what it costs. */
guint64 overlay_composed(const Overlay *overlay);
