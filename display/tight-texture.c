/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/tight-texture.h"

#include "display/tight-split.h"

/* A side of what is looked at as a whole: a few letters. */
#define TILE 32
/* Rows of it that are looked at. No line of text passes between them. */
#define ROW_STEP 8
/* How far a colour must be from its background, in one of red, green and blue, for JPEG's ripples round it to be seen. */
#define CONTRAST 64
/* A background is at least so many'th of a tile. */
#define BACKGROUND_SHARE 4
/* Parts of fewer tiles are not cut further. */
#define PART_TILES 4

/* Smooth: neither would be harmed by JPEG, nor gain by it. */
enum { SMOOTH, SHARP, PHOTO };

typedef struct {
	const Frame *frame;
	const Rect *rect;
	const guint8 *tiles;
	int columns;
	TightTextureEmit emit;
	gpointer data;
} Texture;

static gboolean
is_far(guint32 a, guint32 b)
{
	for (int shift = 0; shift < 24; shift += 8) {
		int d = (int)(a >> shift & 255) - (int)(b >> shift & 255);

		if (d > CONTRAST || d < -CONTRAST)
			return TRUE;
	}
	return FALSE;
}

/* The colour of a background, if there is one: that of more than half of those pixels that are like their neighbour (Boyer and Moore's
 * vote), which the smoothed edges of letters seldom are, however dense these stand. */
static guint32
vote(const Frame *frame, const Rect *tile)
{
	guint32 colour = *frame_at(frame, tile->x, tile->y);
	int lead = 0;

	for (int y = 0; y < tile->height; y += ROW_STEP) {
		const guint32 *row = frame_at(frame, tile->x, tile->y + y);

		for (int x = 1; x < tile->width; x++) {
			if ((row[x] ^ row[x - 1]) & TIGHT_COLOUR_MASK)
				continue;
			if (lead == 0)
				colour = row[x];
			lead += ((row[x] ^ colour) & TIGHT_COLOUR_MASK) == 0 ? 1 : -1;
		}
	}
	return colour & TIGHT_COLOUR_MASK;
}

static int
count(const Frame *frame, const Rect *tile, guint32 colour)
{
	int n = 0;

	for (int y = 0; y < tile->height; y += ROW_STEP) {
		const guint32 *row = frame_at(frame, tile->x, tile->y + y);

		for (int x = 0; x < tile->width; x++)
			n += ((row[x] ^ colour) & TIGHT_COLOUR_MASK) == 0;
	}
	return n;
}

static gboolean
has_contrast(const Frame *frame, const Rect *tile, guint32 background)
{
	for (int y = 0; y < tile->height; y += ROW_STEP) {
		const guint32 *row = frame_at(frame, tile->x, tile->y + y);

		for (int x = 0; x < tile->width; x++) {
			if (is_far(row[x], background))
				return TRUE;
		}
	}
	return FALSE;
}

/* Letters lie on a background of one colour and are far from it; pictures have no background; slow changes of colour have no
 * contrast. */
static guint8
look_at(const Frame *frame, const Rect *tile)
{
	guint32 background = vote(frame, tile);
	int n = (tile->height + ROW_STEP - 1) / ROW_STEP * tile->width;

	if (count(frame, tile, background) * BACKGROUND_SHARE <= n)
		return PHOTO;
	return has_contrast(frame, tile, background) ? SHARP : SMOOTH;
}

static void
emit(const Texture *texture, const Rect *tiles, gboolean is_photo)
{
	Rect rect = {texture->rect->x + tiles->x * TILE, texture->rect->y + tiles->y * TILE, tiles->width * TILE, tiles->height * TILE};

	rect.width = MIN(rect.width, texture->rect->x + texture->rect->width - rect.x);
	rect.height = MIN(rect.height, texture->rect->y + texture->rect->height - rect.y);
	texture->emit(texture->data, &rect, is_photo);
}

/* @tiles: in tiles. */
static void
divide(const Texture *texture, Rect tiles)
{
	gint64 n[3] = {0};
	Rect first = tiles, second = tiles;

	for (int y = tiles.y; y < tiles.y + tiles.height; y++) {
		for (int x = tiles.x; x < tiles.x + tiles.width; x++)
			n[texture->tiles[y * texture->columns + x]]++;
	}
	if (n[SHARP] == 0 || n[SHARP] * 16 <= n[PHOTO]) {
		emit(texture, &tiles, TRUE);
		return;
	}
	if (n[PHOTO] * 8 <= n[SHARP] || rect_area(&tiles) < PART_TILES) {
		emit(texture, &tiles, n[SHARP] * 2 < n[PHOTO]);
		return;
	}
	if (tiles.width > tiles.height) {
		first.width = tiles.width / 2;
		second.x += first.width;
		second.width -= first.width;
	} else {
		first.height = tiles.height / 2;
		second.y += first.height;
		second.height -= first.height;
	}
	divide(texture, first);
	divide(texture, second);
}

void
tight_texture_split(const Frame *frame, const Rect *rect, GByteArray *scratch, TightTextureEmit on_part, gpointer data)
{
	int columns = (rect->width + TILE - 1) / TILE, rows = (rect->height + TILE - 1) / TILE;
	Texture texture = {.frame = frame, .rect = rect, .columns = columns, .emit = on_part, .data = data};

	g_byte_array_set_size(scratch, (guint)(columns * rows));
	for (int y = 0; y < rows; y++) {
		for (int x = 0; x < columns; x++) {
			Rect tile = {rect->x + x * TILE, rect->y + y * TILE, MIN(TILE, rect->width - x * TILE),
			        MIN(TILE, rect->height - y * TILE)};

			scratch->data[y * columns + x] = look_at(frame, &tile);
		}
	}
	texture.tiles = scratch->data;
	divide(&texture, (Rect){0, 0, columns, rows});
}
