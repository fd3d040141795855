/* What a client of tests/bench/display sees: which ticks, how late, how true. It obeys lines on its standard input:
 *
 *   start    count from now on
 *   settle   nothing moves any more: say "lossless MS" once the picture is the source's, where MS counts from the last tick
 *   report   say what was counted, as a line of JSON
 *
 * The end of input ends it. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "tests/bench/display-board.h"

typedef struct Measure Measure;

/* Of the board in file @board, on which @load is drawn. Of a video the quality (PSNR) is looked at, too. */
Measure *measure_new(const char *board, const char *load);
/* After each update. @pixels: BGRX, BOARD_HEIGHT rows of @stride bytes; what X holds does not matter. */
void measure_picture(Measure *measure, const guint8 *pixels, int stride);
/* Reads what there is on standard input and obeys. @received: bytes that have come from the server until now. FALSE: it is to end. */
gboolean measure_obey(Measure *measure, guint64 received);
