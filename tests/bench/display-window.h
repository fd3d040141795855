/* The board as a window over all of an X server's screen. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "tests/bench/display-board.h"

/* On the server that DISPLAY names. Ends the program, with a word, when it cannot. */
void window_open(const Board *board);
/* Puts what has changed there, from shared memory, and waits until the server has done it. */
void window_flush(const BoardDamage *damage);
/* To be read from when something has come. */
int window_fd(void);
/* Was a key pressed since it was asked last? */
gboolean window_key_pressed(void);
