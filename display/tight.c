/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/tight.h"

#include "display/fork-join.h"
#include "display/tight-piece.h"
#include "display/tight-split.h"

#define ENCODING_TIGHT 7
#define CONTROL_FILL 0x80
#define CONTROL_STREAM 0x30 /* which one */
#define CONTROL_STREAM_SHIFT 4
#define STREAMS 4
/* Compressed bytes of one rectangle are counted in 22 bits. Those of a piece are far fewer. */
G_STATIC_ASSERT(TIGHT_PIECE_AREA * 4 < 1 << 22);

/* So many pieces are worked on at a time: what is held of their bytes is bounded by that. */
#define BATCH 64
/* With fewer pixels, waking another thread takes longer than it would save, and what the client got before is worth more. */
#define BULK_AREA_MIN 131072
/* Pieces of a picture become one JPEG again, which saves headers and the seams between them; but not so few that threads have
 * nothing to do. */
#define JPEG_PARTS 8
#define JPEG_AREA_MAX (8 * TIGHT_PIECE_AREA)

/* A rectangle that is looked at as a whole. */
typedef struct {
	Rect rect;
	gboolean is_solid;
	guint32 colour;      /* if it is */
	TightWorker *worker; /* if not: who has looked at it, and which of its parts came out */
	guint first, n;
} Piece;

struct TightEncoder {
	TightShare *share;
	TightStream stream; /* what is not bulk */
	gboolean has_begun; /* the streams of what is */
	GByteArray *compressed;
	Piece pieces[BATCH];
	guint n_pieces;
	GArray *parts; /* TightPart: those of all pieces, in the order in which they are sent */
};

/* One call of tight_encode. */
typedef struct {
	TightEncoder *encoder;
	const Frame *frame;
	const TightOptions *options;
	gboolean is_bulk;
	GByteArray *out;
	guint n;
	Damage lossy;
	gboolean has_failed;
} Call;

/* The threads' own, by their numbers. Kept for as long as the threads are: until the process ends. */
static TightWorker *workers[FORK_JOIN_THREADS_MAX];

TightEncoder *
tight_encoder_new(TightShare *share)
{
	TightEncoder *encoder = g_new0(TightEncoder, 1);

	encoder->share = share;
	tight_share_join(share);
	encoder->compressed = g_byte_array_new();
	encoder->parts = g_array_new(FALSE, FALSE, sizeof(TightPart));
	return encoder;
}

void
tight_encoder_free(TightEncoder *encoder)
{
	if (encoder == NULL)
		return;
	tight_share_leave(encoder->share);
	tight_stream_clear(&encoder->stream);
	g_byte_array_unref(encoder->compressed);
	g_array_unref(encoder->parts);
	g_free(encoder);
}

static TightWorker *
worker_of(guint thread)
{
	if (workers[thread] == NULL)
		workers[thread] = tight_worker_new();
	return workers[thread];
}

static TightPart *
part_at(const Call *call, guint i)
{
	return &g_array_index(call->encoder->parts, TightPart, i);
}

static void
empty_buffers(TightEncoder *encoder)
{
	for (guint i = 0; i < FORK_JOIN_THREADS_MAX; i++) {
		if (workers[i])
			tight_worker_empty(workers[i]);
	}
	g_byte_array_set_size(encoder->compressed, 0);
	g_array_set_size(encoder->parts, 0);
}

static void
run(Call *call, ForkJoinWork work, guint n)
{
	if (call->is_bulk) {
		fork_join(work, call, n);
		return;
	}
	for (guint i = 0; i < n; i++)
		work(call, i, 0);
}

static void
analyse(gpointer data, guint i, guint thread)
{
	Call *call = data;
	Piece *piece = &call->encoder->pieces[i];

	if (piece->is_solid)
		return;
	piece->worker = worker_of(thread);
	piece->first = piece->worker->parts->len;
	tight_piece_analyse(piece->worker, call->frame, &piece->rect, call->options);
	piece->n = piece->worker->parts->len - piece->first;
}

static void
collect_parts(TightEncoder *encoder)
{
	for (guint i = 0; i < encoder->n_pieces; i++) {
		const Piece *piece = &encoder->pieces[i];
		TightPart solid = {.rect = piece->rect, .colour = piece->colour, .state = TIGHT_PART_SOLID};

		if (piece->is_solid)
			g_array_append_val(encoder->parts, solid);
		else
			g_array_append_vals(encoder->parts, &g_array_index(piece->worker->parts, TightPart, piece->first), piece->n);
	}
}

static gboolean
continues(const Rect *above, const Rect *below)
{
	return above->x == below->x && above->width == below->width && above->y + above->height == below->y;
}

/* The pieces of a column come one after the other (tight-split.c). How much is put together depends on what there is alone, never on
 * the threads. */
static void
merge_photos(Call *call)
{
	guint n = call->encoder->parts->len;
	TightPart *last = NULL;
	gint64 max = 0;

	for (guint i = 0; i < n; i++)
		max += part_at(call, i)->is_photo ? rect_area(&part_at(call, i)->rect) : 0;
	max = CLAMP(max / JPEG_PARTS, TIGHT_PIECE_AREA, JPEG_AREA_MAX);
	for (guint i = 0; i < n; i++) {
		TightPart *part = part_at(call, i);

		if (part->state != TIGHT_PART_PHOTO) {
			last = NULL;
		} else if (last && continues(&last->rect, &part->rect) && rect_area(&last->rect) + rect_area(&part->rect) <= max) {
			last->rect.height += part->rect.height;
			part->state = TIGHT_PART_GONE;
		} else {
			last = part;
		}
	}
}

/* A stream's first part leans on nothing that the client got before, so that all is the same for whatever client, and each other on the
 * one before, whose pixels are known before it is compressed: so all can be compressed at the same time. */
static void
link_parts(Call *call)
{
	const TightPart *last[STREAMS] = {NULL};

	for (guint i = 0; i < call->encoder->parts->len; i++) {
		TightPart *part = part_at(call, i);

		if (part->state != TIGHT_PART_PIXELS)
			continue;
		part->previous = last[part->stream];
		last[part->stream] = part;
	}
}

static void
compress_part(gpointer data, guint i, guint thread)
{
	Call *call = data;
	TightPart *part = part_at(call, i);

	if (part->state == TIGHT_PART_PHOTO || part->state == TIGHT_PART_PIXELS)
		tight_part_compress(part, worker_of(thread), call->frame, call->options);
}

/* What is not bulk: it leans on all that the client got of that kind. */
static void
continue_stream(Call *call)
{
	TightEncoder *encoder = call->encoder;

	for (guint i = 0; i < encoder->parts->len; i++) {
		TightPart *part = part_at(call, i);
		gboolean good;

		if (part->state != TIGHT_PART_PIXELS)
			continue;
		part->control &= (guint8)~CONTROL_STREAM;
		good = tight_stream_continue(&encoder->stream, call->options->level, part->pixels.in->data + part->pixels.at,
		        part->pixels.size, encoder->compressed, &part->body);
		part->state = good ? TIGHT_PART_DONE : TIGHT_PART_FAILED;
	}
}

static void
put_header(GByteArray *out, const Rect *rect)
{
	guint8 header[12] = {(guint8)(rect->x >> 8), (guint8)rect->x, (guint8)(rect->y >> 8), (guint8)rect->y, (guint8)(rect->width >> 8),
	        (guint8)rect->width, (guint8)(rect->height >> 8), (guint8)rect->height, 0, 0, 0, ENCODING_TIGHT};

	g_byte_array_append(out, header, sizeof header);
}

/* Seven bits a byte, the lowest first, and a bit that says that more follow; the third has eight. */
static void
put_length(GByteArray *out, guint length)
{
	guint8 bytes[3] = {length & 0x7f, length >> 7 & 0x7f, (guint8)(length >> 14)};
	guint n = length < 1 << 7 ? 1 : length < 1 << 14 ? 2 : 3;

	for (guint i = 0; i + 1 < n; i++)
		bytes[i] |= 0x80;
	g_byte_array_append(out, bytes, n);
}

static void
put_part(Call *call, const TightPart *part)
{
	const guint8 fill[4] = {CONTROL_FILL, (guint8)(part->colour >> 16), (guint8)(part->colour >> 8), (guint8)part->colour};
	GByteArray *out = call->out;

	put_header(out, &part->rect);
	call->n++;
	if (part->state == TIGHT_PART_SOLID) {
		g_byte_array_append(out, fill, sizeof fill);
		return;
	}
	g_byte_array_append(out, &part->control, 1);
	g_byte_array_append(out, part->head.in->data + part->head.at, part->head.size);
	if (part->body.size > 0) {
		put_length(out, part->body.size);
		g_byte_array_append(out, part->body.in->data + part->body.at, part->body.size);
	}
	if (part->is_photo)
		damage_add(&call->lossy, &part->rect);
}

static void
encode_batch(Call *call)
{
	TightEncoder *encoder = call->encoder;

	empty_buffers(encoder);
	run(call, analyse, encoder->n_pieces);
	collect_parts(encoder);
	merge_photos(call);
	if (call->is_bulk)
		link_parts(call);
	else
		continue_stream(call);
	run(call, compress_part, encoder->parts->len);
	for (guint i = 0; i < encoder->parts->len; i++) {
		if (part_at(call, i)->state == TIGHT_PART_FAILED)
			call->has_failed = TRUE;
		else if (part_at(call, i)->state != TIGHT_PART_GONE)
			put_part(call, part_at(call, i));
	}
	encoder->n_pieces = 0;
}

static void
on_piece(gpointer data, const Rect *rect, gboolean solid, guint32 colour)
{
	Call *call = data;
	TightEncoder *encoder = call->encoder;

	if (call->has_failed)
		return;
	encoder->pieces[encoder->n_pieces++] = (Piece){.rect = *rect, .is_solid = solid, .colour = colour};
	if (encoder->n_pieces == BATCH)
		encode_batch(call);
}

static void
encode_all(Call *call, const Rect *rects, guint n_rects)
{
	for (guint i = 0; i < n_rects; i++) {
		if (!rect_is_empty(&rects[i]))
			tight_split(call->frame, &rects[i], on_piece, call);
	}
	if (call->encoder->n_pieces > 0 && !call->has_failed)
		encode_batch(call);
}

static gboolean
is_bulk(const Rect *rects, guint n_rects)
{
	gint64 area = 0;

	gboolean has_four = FALSE; /* for begin_streams */

	for (guint i = 0; i < n_rects; i++) {
		area += rect_area(&rects[i]);
		has_four |= rects[i].width >= 4 || rects[i].height >= 4;
	}
	return has_four && area >= BULK_AREA_MIN;
}

/* The streams of bulk begin once a client, each with four pixels that come again. (To have the client begin them anew with each update
 * would be simpler, and is what the protocol has a bit for; but the zlib of noVNC loses its window when it is reset a second time.) */
static gboolean
begin_streams(Call *call, const Rect *rects, guint n_rects)
{
	TightEncoder *encoder = call->encoder;
	const Rect *largest = &rects[0];
	guint8 pixels[4 * 3];
	TightSpan body;
	Rect four;

	if (encoder->has_begun)
		return TRUE;
	encoder->has_begun = TRUE;
	for (guint i = 1; i < n_rects; i++)
		largest = rect_area(&rects[i]) > rect_area(largest) ? &rects[i] : largest;
	four = largest->width >= 4 ? (Rect){largest->x, largest->y, 4, 1} : (Rect){largest->x, largest->y, 1, 4};
	for (int i = 0; i < 4; i++) {
		guint32 pixel = *frame_at(call->frame, four.x + (four.width > 1 ? i : 0), four.y + (four.width > 1 ? 0 : i));

		pixels[3 * i] = (guint8)(pixel >> 16);
		pixels[3 * i + 1] = (guint8)(pixel >> 8);
		pixels[3 * i + 2] = (guint8)pixel;
	}
	for (guint i = 1; i < STREAMS; i++) {
		guint8 control = (guint8)(i << CONTROL_STREAM_SHIFT);

		g_byte_array_set_size(encoder->compressed, 0);
		if (!tight_stream_begin(pixels, sizeof pixels, encoder->compressed, &body))
			return FALSE;
		put_header(call->out, &four);
		g_byte_array_append(call->out, &control, 1);
		put_length(call->out, body.size);
		g_byte_array_append(call->out, encoder->compressed->data, encoder->compressed->len);
	}
	return TRUE;
}

static gboolean
copy_shared(Call *call, const TightShared *shared)
{
	if (shared == NULL)
		return FALSE;
	g_byte_array_append(call->out, shared->bytes->data, shared->bytes->len);
	call->n = shared->n;
	call->lossy = shared->lossy;
	return TRUE;
}

gboolean
tight_encode(TightEncoder *encoder, const Frame *frame, const Rect *rects, guint n_rects, const TightOptions *options, GByteArray *out,
        guint *n, Damage *lossy)
{
	const int key[] = {options->quality, (int)options->subsampling, options->level};
	Call call = {.encoder = encoder, .frame = frame, .options = options, .out = out, .is_bulk = is_bulk(rects, n_rects)};
	guint begun = call.is_bulk && !encoder->has_begun ? STREAMS - 1 : 0, start;

	encoder->n_pieces = 0;
	if (call.is_bulk && !begin_streams(&call, rects, n_rects))
		return FALSE;
	start = out->len;
	if (!call.is_bulk) {
		encode_all(&call, rects, n_rects);
	} else if (!copy_shared(&call, tight_share_find(encoder->share, rects, n_rects, key, sizeof key))) {
		encode_all(&call, rects, n_rects);
		if (!call.has_failed)
			tight_share_add(
			        encoder->share, rects, n_rects, key, sizeof key, out->data + start, out->len - start, call.n, &call.lossy);
	}
	if (call.has_failed)
		return FALSE;
	*n += begun + call.n;
	damage_add_all(lossy, &call.lossy);
	return TRUE;
}
