/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/tight-pixels.h"

#include <string.h>

#include "display/tight-split.h"

#define SLOTS G_N_ELEMENTS(((TightPalette *)NULL)->keys)
#define ROUND_SHIFT 24
#define ROUNDS 256
/* Of so many rows one is looked at. */
#define PROBE_STEP 8

static void
begin_round(TightPalette *palette)
{
	palette->n = 0;
	palette->round = (palette->round + 1) % ROUNDS;
	if (palette->round != 0)
		return;
	memset(palette->keys, 0, sizeof palette->keys);
	palette->round = 1;
}

/* Its index; @max if there are that many others. */
static inline guint
look_up(TightPalette *palette, guint32 colour, guint max)
{
	guint32 key = palette->round << ROUND_SHIFT | colour;
	guint slot = (colour * 0x9e3779b1u) >> 22; /* the top bits: as many as SLOTS has */

	while (palette->keys[slot] >> ROUND_SHIFT == palette->round) {
		if (palette->keys[slot] == key)
			return palette->values[slot];
		slot = (slot + 1) % SLOTS;
	}
	if (palette->n == max)
		return max;
	palette->keys[slot] = key;
	palette->values[slot] = (guint8)palette->n;
	palette->colours[palette->n] = colour;
	return palette->n++;
}

static inline gboolean
next_eight_are(const guint32 *pixels, guint64 two)
{
	const guint64 mask = (guint64)TIGHT_COLOUR_MASK << 32 | TIGHT_COLOUR_MASK;
	guint64 p[4];

	memcpy(p, pixels, sizeof p);
	return (((p[0] ^ two) | (p[1] ^ two) | (p[2] ^ two) | (p[3] ^ two)) & mask) == 0;
}

/* What goes on from pixel to pixel. */
typedef struct {
	guint32 last; /* the last pixel's colour */
	guint8 index; /* and its index */
	guint changes;
} Walk;

/* FALSE: there are too many colours. */
static gboolean
index_row(TightPalette *palette, Walk *walk, const guint32 *row, int width, guint max, guint8 *indexes)
{
	const guint32 *end = row + width;
	guint64 two = (guint64)walk->last << 32 | walk->last;
	guint64 eight = walk->index * G_GUINT64_CONSTANT(0x0101010101010101);

	while (row < end) {
		guint32 colour = *row++ & TIGHT_COLOUR_MASK;

		if (colour == walk->last) {
			*indexes++ = walk->index;
			for (; end - row >= 8 && next_eight_are(row, two); row += 8, indexes += 8)
				memcpy(indexes, &eight, 8);
			continue;
		}
		guint found = look_up(palette, colour, max);

		if (found == max)
			return FALSE;
		walk->index = (guint8)found;
		walk->last = colour;
		walk->changes++;
		two = (guint64)colour << 32 | colour;
		eight = walk->index * G_GUINT64_CONSTANT(0x0101010101010101);
		*indexes++ = walk->index;
	}
	return TRUE;
}

int
tight_pixels_index(TightPalette *palette, const Frame *frame, const Rect *rect, guint max, guint8 *indexes, guint *changes)
{
	Walk walk = {.last = *frame_at(frame, rect->x, rect->y) & TIGHT_COLOUR_MASK};
	int y;

	begin_round(palette);
	look_up(palette, walk.last, max);
	for (y = 0; y < rect->height; y++) {
		Walk before = walk;
		guint n = palette->n;

		if (!index_row(palette, &walk, frame_at(frame, rect->x, rect->y + y), rect->width, max, indexes)) {
			walk = before;
			palette->n = n; /* the rows before need no more */
			break;
		}
		indexes += rect->width;
	}
	*changes = walk.changes;
	return y;
}

gboolean
tight_pixels_exceed(TightPalette *palette, const Frame *frame, const Rect *rect, guint max, guint8 *indexes)
{
	Walk walk = {.last = *frame_at(frame, rect->x, rect->y) & TIGHT_COLOUR_MASK};

	begin_round(palette);
	look_up(palette, walk.last, max);
	for (int y = 0; y < rect->height; y += PROBE_STEP) {
		if (!index_row(palette, &walk, frame_at(frame, rect->x, rect->y + y), rect->width, max, indexes))
			return TRUE;
	}
	return FALSE;
}

/* The multiplication moves the lowest bit of byte i to bit 63 - i, and nothing else into the highest byte. */
static inline guint8
pack_eight(const guint8 *indexes)
{
	guint64 eight;

	memcpy(&eight, indexes, 8);
	return (guint8)(GUINT64_FROM_LE(eight) * G_GUINT64_CONSTANT(0x8040201008040201) >> 56);
}

gsize
tight_pixels_pack(const guint8 *indexes, int width, int height, guint8 *bits)
{
	guint8 *start = bits;

	for (int y = 0; y < height; y++) {
		int left = width;

		for (; left >= 8; left -= 8, indexes += 8)
			*bits++ = pack_eight(indexes);
		if (left > 0) {
			guint8 last[8] = {0};

			memcpy(last, indexes, (gsize)left);
			*bits++ = pack_eight(last);
			indexes += left;
		}
	}
	return (gsize)(bits - start);
}

void
tight_pixels_rgb(const guint32 *pixels, int n, guint8 *rgb)
{
	for (int i = 0; i < n; i++, rgb += 3) {
		rgb[0] = (guint8)(pixels[i] >> 16);
		rgb[1] = (guint8)(pixels[i] >> 8);
		rgb[2] = (guint8)pixels[i];
	}
}
