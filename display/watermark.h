/* A watermark: who sees this, where from and when, many times over the whole picture, so faint that it can be worked under and so
 * broad that a photograph of a part shows it. In lines below each other, each a bit further to the side than the one above.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <time.h>

#include "display/damage.h"
#include "display/frame.h"
#include "display/mark.h"

/* The lines of one frame. */
#define WATERMARK_LINES_MAX 8
/* Addresses of clients that are written out; of more there is their number. */
#define WATERMARK_ADDRESSES_MAX 3

typedef struct Watermark Watermark;

/* @form: a pool's Watermark=, in which %u stands for @user, %d for the date, %t for the time to the minute, %a for @addresses
 * (NULL-terminated), %p for @desktop and %% for a percent sign. What comes from outside is made printable and cut. Free with g_free. */
char *watermark_text(const char *form, const char *user, const char *desktop, const char *const *addresses, const struct tm *now);
/* It changes by the minute. */
gboolean watermark_has_time(const char *form);

/* For a frame of this size. */
Watermark *watermark_new(const char *text, int width, int height);
void watermark_free(Watermark *watermark);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Watermark, watermark_free)

/* Blends what lies on @row of the frame, from column @x on, into @n pixels. A pixel must not be blended twice. */
void watermark_blend(const Watermark *watermark, guint32 *pixels, int x, int row, int n);
/* The areas outside of which there is nothing of it. Result: how many, at most WATERMARK_LINES_MAX. */
guint watermark_areas(const Watermark *watermark, Rect areas[WATERMARK_LINES_MAX]);
/* Adds where two of the same frame differ. */
void watermark_differences(const Watermark *from, const Watermark *to, Damage *damage);
