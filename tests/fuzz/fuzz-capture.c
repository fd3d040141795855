/* QEMU's Update and ScanoutMap: four numbers and a rectangle, then pixels. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdint.h>
#include <string.h>

#include "display/capture-check.h"
#include "display/refine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autoptr(Frame) frame = frame_new(64, 48);
	Change change = {.n_copies = 0};
	guint32 numbers[8];

	if (size < sizeof numbers)
		return 0;
	memcpy(numbers, data, sizeof numbers);
	data += sizeof numbers;
	size -= sizeof numbers;
	Rect rect = {(int)numbers[4], (int)numbers[5], (int)numbers[6], (int)numbers[7]}, clipped = rect;
	capture_check_map(numbers[0], numbers[1], numbers[6], numbers[2], numbers[3], size);
	capture_check_cursor(rect.width, rect.height, size);
	rect_clip(&clipped, frame->width, frame->height);
	if (memcmp(&rect, &clipped, sizeof rect) != 0 || rect_is_empty(&rect) ||
		capture_check_pixels((guint)rect.width, (guint)rect.height, numbers[2], numbers[3], size) != NULL)
		return 0;
	Damage reported = {{rect}, 1};

	/* Messages' bytes are aligned. */
	g_autofree guint32 *pixels = g_memdup2(data, size);
	PixelSource source = {pixels, rect.x, rect.y, numbers[2] / 4};

	refine_update(frame, &source, &reported, &change);
	return 0;
}
