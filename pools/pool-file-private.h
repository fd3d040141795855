/* Between pool-file.c and pool-file-check.c. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "pools/pool-file.h"

#define POOL_GRACE_S (15 * 60) /* the fallback of Grace= */

extern const char *const pool_reset_words[], *const pool_mode_words[];

/* Adds to *@faults, as pool_file_add_fault(), where keys of @file contradict each other. */
void pool_file_check(const PoolFile *file, const char *path, GPtrArray **faults);
