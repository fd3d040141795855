/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stddef.h>
#include <stdint.h>

#include "broker/auth/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (FrameSender sender = FRAME_FROM_BROKER; sender <= FRAME_FROM_AUTH; sender++) {
		g_auto(Frame) frame = {0};
		gsize used = 0, sum = 0;

		if (frame_parse(data, size, sender, &frame, &used) != FRAME_DONE)
			continue;
		g_assert(used <= size);
		for (guint i = 0; i < frame.n; i++)
			sum += 3 + (gsize)frame.fields[i].size;
		g_assert(sum + FRAME_HEAD_SIZE == used);
	}
	return 0;
}
