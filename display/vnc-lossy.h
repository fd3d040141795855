/* Where a client's picture is not quite the frame's, since JPEG or H.264 brought it; and since when. Kept by tiles. Once a tile has been
 * still for a moment it is sent again as it is.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "display/change.h"

typedef struct VncLossy VncLossy;

/* For how long a tile rests before it is made sharp: longer than a film's frame, shorter than a person's patience. */
#define VNC_LOSSY_STILL_MS 250

VncLossy *vnc_lossy_new(int width, int height);
void vnc_lossy_free(VncLossy *lossy);

/* @now: monotonic time in microseconds, here and below; it does not go back. */
void vnc_lossy_add(VncLossy *lossy, const Damage *damage, gint64 now);
/* What was sent without loss. Tiles that it covers in part stay as they are. */
void vnc_lossy_remove(VncLossy *lossy, const Rect *rect);
/* The client has done the copy. */
void vnc_lossy_copy(VncLossy *lossy, const Copy *copy, gint64 now);
/* When something within @where will have been still for long enough; 0: nothing is lossy there. */
gint64 vnc_lossy_due(const VncLossy *lossy, const Rect *where);
/* What has been, up to @area_max pixels but at least a tile, in at most one damage's rectangles. It stays lossy until removed. */
void vnc_lossy_take(const VncLossy *lossy, const Rect *where, gint64 now, gint64 area_max, Damage *still);
