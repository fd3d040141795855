/* The loads of tests/bench/display, drawn: the same pixels in every run. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "tests/bench/display-board.h"

/* The video is so many frames, round and round. */
#define DRAWING_FRAMES 10

typedef struct Drawing Drawing;

/* Draws what @load begins with into @pixels (BOARD_HEIGHT rows of BOARD_STRIDE bytes, not owned). NULL: there is no such load.
 * idle: nothing changes. typing: a letter a tick. over: the same, and all is said to be damaged. scroll: a page of text, three lines a
 * tick. window: a window is dragged over a page. video: all of the screen. video-small: 640x360 on a page. */
Drawing *drawing_new(const char *load, guint32 *pixels);
/* Draws @tick, with its stamp, and says what it damaged. */
void drawing_tick(Drawing *drawing, guint tick, BoardDamage *damage);
/* Where the video is; FALSE: this load has none, and @area is the whole screen. */
gboolean drawing_video(const char *load, BoardRect *area);
/* Where the stamp is: in the last corner of @area, since pieces of a frame are sent downwards and to the right; and in the video, where
 * there is one, since that may go another way than the rest. */
BoardRect drawing_stamp(const BoardRect *area);
/* Draws the video's frame @number, without a stamp, into @area of @pixels. */
void drawing_video_frame(const BoardRect *area, guint number, guint32 *pixels);
