/* A guest's driver of virtio-keyboard, beside that of display-gpu.h. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "tests/bench/display-board.h"

/* After gpu_open. Ends the program, with a word, when it cannot. */
void keys_open(const Board *board);
/* Was a key pressed since it was asked last? */
gboolean keys_pressed(void);
