/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/tight-split.h"

/* The grid on which areas of one colour are looked for. */
#define BLOCK 16
/* Smaller ones stay in their piece: to cut it apart costs more bytes, in palettes and headers, than the area does in zlib. */
#define SOLID_AREA_MIN 2048
/* Pieces are rather square than wide, so that zlib's window of 32 KiB reaches back over several lines of text, and so that a
 * picture beside text is in another piece than the text. */
#define PIECE_WIDTH 512

typedef struct {
	const Frame *frame;
	TightEmit emit;
	gpointer data;
} Split;

static gboolean
row_is(const guint32 *row, int n, guint32 colour)
{
	guint32 other = 0;
	int i = 0;

	/* In steps that compilers make vectors of. */
	for (; i + 16 <= n; i += 16) {
		for (int j = 0; j < 16; j++)
			other |= row[i + j] ^ colour;
		if (other & TIGHT_COLOUR_MASK)
			return FALSE;
	}
	for (; i < n; i++)
		other |= row[i] ^ colour;
	return (other & TIGHT_COLOUR_MASK) == 0;
}

static gboolean
is_solid(const Frame *frame, int x, int y, int width, int height, guint32 colour)
{
	for (int i = 0; i < height; i++) {
		if (!row_is(frame_at(frame, x, y + i), width, colour))
			return FALSE;
	}
	return TRUE;
}

/* How many of @max pixels, in blocks, are of the colour in all of @height rows. */
static int
solid_width(const Frame *frame, int x, int y, int max, int height, guint32 colour)
{
	int width = 0;

	while (width < max) {
		int step = MIN(BLOCK, max - width);

		if (!is_solid(frame, x + width, y, step, height, colour))
			break;
		width += step;
	}
	return width;
}

/* The largest area of one colour whose top left corner is (x, y), in blocks. Empty if there is none. */
static Rect
grow(const Frame *frame, const Rect *in, int x, int y, guint32 colour)
{
	Rect best = {x, y, 0, 0};
	int width = in->x + in->width - x, bottom = in->y + in->height;

	for (int row = y; row < bottom; row += BLOCK) {
		int height = MIN(BLOCK, bottom - row);

		width = solid_width(frame, x, row, width, height, colour);
		if (width == 0)
			break;
		if ((gint64)width * (row + height - y) > rect_area(&best)) {
			best.width = width;
			best.height = row + height - y;
		}
	}
	return best;
}

/* By single rows and columns, within @in. */
static void
extend(const Frame *frame, const Rect *in, Rect *area, guint32 colour)
{
	int right = in->x + in->width, bottom = in->y + in->height;

	while (area->y > in->y && is_solid(frame, area->x, area->y - 1, area->width, 1, colour)) {
		area->y--;
		area->height++;
	}
	while (area->y + area->height < bottom && is_solid(frame, area->x, area->y + area->height, area->width, 1, colour))
		area->height++;
	while (area->x > in->x && is_solid(frame, area->x - 1, area->y, 1, area->height, colour)) {
		area->x--;
		area->width++;
	}
	while (area->x + area->width < right && is_solid(frame, area->x + area->width, area->y, 1, area->height, colour))
		area->width++;
}

static gboolean
find(const Frame *frame, const Rect *in, Rect *found, guint32 *colour)
{
	int right = in->x + in->width, bottom = in->y + in->height;

	for (int y = in->y; y < bottom; y += BLOCK) {
		/* Whatever begins further down is too small. */
		if ((gint64)(bottom - y) * in->width < SOLID_AREA_MIN)
			return FALSE;
		for (int x = in->x; x < right; x += BLOCK) {
			*colour = *frame_at(frame, x, y) & TIGHT_COLOUR_MASK;
			*found = grow(frame, in, x, y, *colour);
			if (rect_area(found) >= SOLID_AREA_MIN)
				return TRUE;
			/* What begins within it is hardly larger. */
			x += MAX(found->width - BLOCK, 0) / BLOCK * BLOCK;
		}
	}
	return FALSE;
}

/* Both sides of pieces are multiples of 16 where they can be, as JPEG's blocks are. */
static void
cut(const Split *split, const Rect *rect)
{
	int columns = (rect->width + PIECE_WIDTH - 1) / PIECE_WIDTH;
	int width = columns > 1 ? (rect->width / columns + BLOCK - 1) / BLOCK * BLOCK : rect->width;
	int height = TIGHT_PIECE_AREA / width;

	if (height > BLOCK)
		height -= height % BLOCK;
	for (int x = 0; x < rect->width; x += width) {
		for (int y = 0; y < rect->height; y += height) {
			Rect piece = {rect->x + x, rect->y + y, MIN(width, rect->width - x), MIN(height, rect->height - y)};

			split->emit(split->data, &piece, FALSE, 0);
		}
	}
}

static void
cut_solid(const Split *split, const Rect *rect, guint32 colour)
{
	for (int x = 0; x < rect->width; x += TIGHT_WIDTH_MAX) {
		Rect piece = {rect->x + x, rect->y, MIN(TIGHT_WIDTH_MAX, rect->width - x), rect->height};

		split->emit(split->data, &piece, TRUE, colour);
	}
}

/* Each level is narrower by a block, at least. */
static void
search(const Split *split, Rect rect)
{
	Rect solid;
	guint32 colour;

	while (!rect_is_empty(&rect)) {
		if (!find(split->frame, &rect, &solid, &colour)) {
			cut(split, &rect);
			return;
		}
		extend(split->frame, &rect, &solid, colour);
		int right = solid.x + solid.width, bottom = solid.y + solid.height;

		/* Above there was nothing. */
		if (solid.y > rect.y)
			cut(split, &(Rect){rect.x, rect.y, rect.width, solid.y - rect.y});
		search(split, (Rect){rect.x, solid.y, solid.x - rect.x, solid.height});
		cut_solid(split, &solid, colour);
		search(split, (Rect){right, solid.y, rect.x + rect.width - right, solid.height});
		rect = (Rect){rect.x, bottom, rect.width, rect.y + rect.height - bottom};
	}
}

void
tight_split(const Frame *frame, const Rect *rect, TightEmit emit, gpointer data)
{
	search(&(Split){frame, emit, data}, *rect);
}
