/* A guest's driver of virtio-gpu, in the place of a guest: QEMU's microvm, driven by its qtest socket, with the board as its RAM.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "tests/bench/display-board.h"

/* Finds the device, makes the board's pixels its scanout, and shows them. Ends the program, with a word, when it cannot, as does
 * the other. */
void gpu_open(const char *qtest, const Board *board);
/* Tells the device that these have changed, and waits until it has heard it. */
void gpu_flush(const BoardDamage *damage);
