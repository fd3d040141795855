/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/tight-piece.h"

#include <string.h>

#include "display/tight-split.h"
#include "display/tight-texture.h"

/* The first byte's bits, and filters (rfbproto, "Tight Encoding"). */
#define CONTROL_FILTER 0x40
#define CONTROL_JPEG 0x90
#define CONTROL_STREAM_SHIFT 4
#define FILTER_PALETTE 1
/* Less is sent as it is (the same). */
#define DEFLATE_MIN 12

/* JPEG's own headers are 600 bytes. */
#define JPEG_AREA_MIN 1024
/* What has no more colours than that in a piece is never taken for a picture. */
#define PHOTO_COLOURS_MIN 96
/* Where a palette does not suffice for so many rows, none is used. */
#define PALETTE_ROWS_MIN 32
#define FULL_ROWS 16 /* until it is tried again */
#define COLOURS_MAX 256
/* More than a busy frame takes; after a busier one it is given back. */
#define KEPT_BYTES_MAX (4 * 1024 * 1024)

TightWorker *
tight_worker_new(void)
{
	TightWorker *worker = g_new0(TightWorker, 1);

	worker->pixels = g_byte_array_new();
	worker->rgb = g_byte_array_new();
	worker->scratch = g_byte_array_new();
	worker->out = g_byte_array_new();
	worker->compressed = g_byte_array_new();
	worker->parts = g_array_new(FALSE, FALSE, sizeof(TightPart));
	return worker;
}

static void
empty(GByteArray **bytes)
{
	if ((*bytes)->len > KEPT_BYTES_MAX) {
		g_byte_array_unref(*bytes);
		*bytes = g_byte_array_new();
	}
	g_byte_array_set_size(*bytes, 0);
}

void
tight_worker_empty(TightWorker *worker)
{
	empty(&worker->out);
	empty(&worker->compressed);
	g_array_set_size(worker->parts, 0);
}

/* One piece, by one thread. */
typedef struct {
	TightWorker *worker;
	const Frame *frame;
	const TightOptions *options;
} Job;

/* @bytes have gone through the filter. */
static void
put_basic(const Job *job, const Rect *rect, guint stream, const TightPalette *palette, const guint8 *bytes, gsize size)
{
	GByteArray *out = job->worker->out;
	TightPart part = {.rect = *rect, .stream = stream, .head = {out, out->len, 0}};

	part.control = (guint8)(stream << CONTROL_STREAM_SHIFT | (palette ? CONTROL_FILTER : 0));
	if (palette) {
		guint8 head[2 + 3 * COLOURS_MAX] = {FILTER_PALETTE, (guint8)(palette->n - 1)};

		tight_pixels_rgb(palette->colours, (int)palette->n, head + 2);
		g_byte_array_append(out, head, 2 + 3 * palette->n);
	}
	part.head.size = out->len - part.head.at;
	part.pixels = (TightSpan){out, out->len, (guint)size};
	g_byte_array_append(out, bytes, (guint)size);
	part.state = TIGHT_PART_PIXELS;
	if (size < DEFLATE_MIN) {
		part.head.size += (guint)size;
		part.state = TIGHT_PART_DONE;
	}
	g_array_append_val(job->worker->parts, part);
}

static void
put_full(const Job *job, const Rect *rect)
{
	GByteArray *rgb = job->worker->rgb;
	guint row = (guint)rect->width * 3;

	if (rect_is_empty(rect))
		return;
	g_byte_array_set_size(rgb, row * (guint)rect->height);
	for (int y = 0; y < rect->height; y++)
		tight_pixels_rgb(frame_at(job->frame, rect->x, rect->y + y), rect->width, rgb->data + row * (guint)y);
	put_basic(job, rect, TIGHT_STREAM_FULL, NULL, rgb->data, rgb->len);
}

static void
put_photo(const Job *job, const Rect *rect)
{
	TightPart part = {.rect = *rect, .state = TIGHT_PART_PHOTO, .is_photo = TRUE};

	g_array_append_val(job->worker->parts, part);
}

/* The worker's palette and pixels are those of @rect. */
static void
put_palette(const Job *job, const Rect *rect)
{
	const TightPalette *palette = &job->worker->palette;
	guint8 *pixels = job->worker->pixels->data;
	gsize size = (gsize)rect_area(rect);

	if (palette->n == 1) {
		TightPart part = {.rect = *rect, .state = TIGHT_PART_SOLID, .colour = palette->colours[0]};

		g_array_append_val(job->worker->parts, part);
	} else if (palette->n == 2) {
		/* A byte of bits is written where its indexes have been read already. */
		size = tight_pixels_pack(pixels, rect->width, rect->height, pixels);
		put_basic(job, rect, TIGHT_STREAM_TWO, palette, pixels, size);
	} else {
		put_basic(job, rect, TIGHT_STREAM_PALETTE, palette, pixels, size);
	}
}

/* How many rows of @rect a palette does for. A small part is not worth a large one. */
static int
index_rows(const Job *job, const Rect *rect, guint *changes)
{
	gint64 area = rect_area(rect);
	GByteArray *pixels = job->worker->pixels;

	g_byte_array_set_size(pixels, (guint)area);
	return tight_pixels_index(&job->worker->palette, job->frame, rect, (guint)CLAMP(area / 4, 2, COLOURS_MAX), pixels->data, changes);
}

/* With a palette as far as it goes, and then with the next; in full colour where palettes would not go far. @rows: how many of @rect
 * the worker's palette and pixels are for. */
static void
put_exact(const Job *job, const Rect *rect, int rows)
{
	Rect rest = *rect, full = {rect->x, rect->y, rect->width, 0};
	guint changes;

	for (;;) {
		Rect some = {rest.x, rest.y, rest.width, rows};

		if (rows == rest.height || (rows >= PALETTE_ROWS_MIN && rect_area(&some) >= 4 * (gint64)job->worker->palette.n)) {
			put_full(job, &full);
			put_palette(job, &some);
			full.height = 0;
		} else {
			some.height = MIN(FULL_ROWS, rest.height);
			if (full.height == 0)
				full.y = some.y;
			full.height += some.height;
		}
		rest.y += some.height;
		rest.height -= some.height;
		if (rest.height == 0)
			break;
		rows = index_rows(job, &rest, &changes);
	}
	put_full(job, &full);
}

static void
on_texture(gpointer data, const Rect *rect, gboolean is_photo)
{
	const Job *job = data;
	guint changes;

	if (is_photo)
		put_photo(job, rect);
	else
		put_exact(job, rect, index_rows(job, rect, &changes));
}

/* Pictures change their colour from pixel to pixel; text that happens to have many colours lies on a background. */
static gboolean
looks_photographic(const TightPalette *palette, gint64 area, guint changes)
{
	return palette->n > PHOTO_COLOURS_MIN && changes > area / 2;
}

void
tight_piece_analyse(TightWorker *worker, const Frame *frame, const Rect *rect, const TightOptions *options)
{
	Job job = {worker, frame, options};
	gint64 area = rect_area(rect);
	gboolean may_lose = options->quality > 0 && area >= JPEG_AREA_MIN;
	guint changes;
	int rows = 0;

	g_byte_array_set_size(worker->pixels, (guint)area);
	if (!may_lose || !tight_pixels_exceed(&worker->palette, frame, rect, COLOURS_MAX, worker->pixels->data))
		rows = index_rows(&job, rect, &changes);
	if (may_lose && rows < rect->height)
		tight_texture_split(frame, rect, worker->scratch, on_texture, &job);
	else if (may_lose && looks_photographic(&worker->palette, area, changes))
		put_photo(&job, rect);
	else
		put_exact(&job, rect, rows);
}

static gboolean
compress_photo(TightPart *part, TightWorker *worker, const Frame *frame, const TightOptions *options)
{
	GByteArray *out = worker->compressed;
	guint at = out->len;

	part->control = CONTROL_JPEG;
	part->head = (TightSpan){out, at, 0};
	if (worker->jpeg == NULL)
		worker->jpeg = tight_jpeg_new();
	if (worker->jpeg == NULL || !tight_jpeg_encode(worker->jpeg, frame, &part->rect, options->quality, options->subsampling, out))
		return FALSE;
	part->body = (TightSpan){out, at, out->len - at};
	return TRUE;
}

/* What zlib can still see, from as many parts as that takes. */
static void
collect_before(const TightPart *part, GByteArray *before)
{
	guint left = TIGHT_ZLIB_WINDOW;

	g_byte_array_set_size(before, left);
	while (left > 0 && (part = part->previous) != NULL) {
		const TightSpan *pixels = &part->pixels;
		guint n = MIN(pixels->size, left);

		left -= n;
		memcpy(before->data + left, pixels->in->data + pixels->at + pixels->size - n, n);
	}
	g_byte_array_remove_range(before, 0, left);
}

/* Into another array than that of the pixels: threads that do the next parts are reading there. */
static gboolean
compress_pixels(TightPart *part, TightWorker *worker, int level)
{
	const TightSpan *pixels = &part->pixels;
	GByteArray *before = worker->scratch;

	collect_before(part, before);
	return tight_stream_join(&worker->stream, level, before->data, before->len, pixels->in->data + pixels->at, pixels->size,
	        worker->compressed, &part->body);
}

void
tight_part_compress(TightPart *part, TightWorker *worker, const Frame *frame, const TightOptions *options)
{
	gboolean good = part->is_photo ? compress_photo(part, worker, frame, options) : compress_pixels(part, worker, options->level);

	part->state = good ? TIGHT_PART_DONE : TIGHT_PART_FAILED;
}
