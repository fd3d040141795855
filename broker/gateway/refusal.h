/* One log line for each thing that was refused, and no more of them than a reader can bear: whoever attacks the gateway
 * must not fill the disk. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

/* @address: the client's, numeric. The text holds no secret; what a client sent stands in it only where it was checked.
 * Of more than 20 in a burst, two a second go on; how many were left out is said with the next. */
void refusal_log(const char *address, const char *format, ...) G_GNUC_PRINTF(2, 3);
