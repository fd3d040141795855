/* Small pictures of what a desktop shows, for lists of desktops. One is made at most every two seconds, whoever and however many ask, and
 * none while nobody does.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "display/frame.h"

#define THUMBNAIL_WIDTH_MAX 640

typedef struct Thumbnails Thumbnails;

/* @now: microseconds of a clock that nobody sets; g_get_monotonic_time. */
Thumbnails *thumbnails_new(gint64 (*now)(void));
void thumbnails_free(Thumbnails *thumbnails);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Thumbnails, thumbnails_free)

/* The frame has changed, or is another one. */
void thumbnails_note_change(Thumbnails *thumbnails);
/* A JPEG of @frame, 160, 320 or 640 pixels wide (the least that is not below @width, never wider than the frame), and as high as the
 * frame's sides ask; up to two seconds old. Owned by @thumbnails until the next call. */
GBytes *thumbnails_get(Thumbnails *thumbnails, const Frame *frame, int width);
/* How many were made since the start. */
guint thumbnails_made(const Thumbnails *thumbnails);
