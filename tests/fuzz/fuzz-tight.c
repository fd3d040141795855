/* A guest's pixels, and rectangles of them, for Tight: bytes become updates of a frame, and what a client makes of what is sent must
 * be the frame again; where it was JPEG, that must have been said. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdint.h>
#include <string.h>

#include "display/fork-join.h"
#include "display/tight.h"
#include "tests/lib/tight-decoder.h"

#define WIDTH 640
#define HEIGHT 320
#define UPDATES_MAX 24
#define STEP 16 /* bytes of an update */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
number(const uint8_t *bytes, int max)
{
	return (bytes[0] << 8 | bytes[1]) % max;
}

static void
paint(Frame *frame, const Rect *rect, const uint8_t *bytes)
{
	guint32 random = (guint32)bytes[0] << 24 | (guint32)bytes[1] << 16 | (guint32)bytes[2] << 8 | bytes[3] | 1;
	guint colours = bytes[4] < 4 ? 1u << 24 : bytes[4] * 2u, run = 1 + bytes[5] % 40u, left = 0;
	guint32 colour = random & 0xffffff;

	for (int y = rect->y; y < rect->y + rect->height; y++) {
		for (int x = rect->x; x < rect->x + rect->width; x++) {
			if (left-- == 0) {
				random = random * 1664525 + 1013904223;
				left = random >> 12 & 1 ? run : 0;
				colour = (bytes[6] & 1 ? 0xffffff : 0) ^ (random >> 8) % colours * 0x10305;
			}
			*frame_at(frame, x, y) = bytes[6] & 2 ? colour + (guint32)(x + y * 256) : colour;
		}
	}
}

static void
check(const Frame *frame, const Frame *seen, const Rect *rect, const Damage *lossy)
{
	for (int y = rect->y; y < rect->y + rect->height; y++) {
		for (int x = rect->x; x < rect->x + rect->width; x++) {
			gboolean may_differ = FALSE;

			for (guint i = 0; i < lossy->n; i++)
				may_differ = may_differ || rect_contains(&lossy->rects[i], &(Rect){x, y, 1, 1});
			if (!may_differ && (*frame_at(frame, x, y) & 0xffffff) != *frame_at(seen, x, y))
				g_error("the pixel at %d, %d has another colour", x, y);
		}
	}
}

static void
update(TightEncoder *encoder, TightDecoder *decoder, Frame *frame, Frame *seen, const uint8_t *bytes)
{
	g_autoptr(GByteArray) out = g_byte_array_new();
	TightOptions options = {bytes[0] % 101, (TightSubsampling)(bytes[1] % 3), 1 + bytes[1] / 3 % 9};
	Rect rects[2];
	Damage lossy = {.n = 0};
	guint n = 0;

	rects[0].x = number(bytes + 2, WIDTH);
	rects[0].y = number(bytes + 4, HEIGHT);
	rects[0].width = number(bytes + 6, WIDTH - rects[0].x + 1);
	rects[0].height = number(bytes + 8, HEIGHT - rects[0].y + 1);
	paint(frame, &rects[0], bytes + 9);
	rects[1] = (Rect){rects[0].x / 2, rects[0].y / 2, rects[0].width / 2, rects[0].height / 2};
	if (!tight_encode(encoder, frame, rects, 1 + (bytes[0] >> 7), &options, out, &n, &lossy))
		g_error("no memory");
	if (options.quality == 0 && lossy.n > 0)
		g_error("something was lost");
	if (tight_decode(decoder, seen, out->data, out->len, NULL, NULL) != (int)n)
		g_error("what was encoded cannot be decoded");
	check(frame, seen, &rects[0], &lossy);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autoptr(Frame) frame = frame_new(WIDTH, HEIGHT);
	g_autoptr(Frame) seen = frame_new(WIDTH, HEIGHT);
	TightEncoder *encoder = tight_encoder_new(NULL);
	TightDecoder *decoder = tight_decoder_new();

	fork_join_set_threads(2);
	for (guint i = 0; i < UPDATES_MAX && size >= STEP; i++, data += STEP, size -= STEP)
		update(encoder, decoder, frame, seen, data);
	tight_encoder_free(encoder);
	tight_decoder_free(decoder);
	return 0;
}
