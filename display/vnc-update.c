/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/vnc-update.h"

#include <stdlib.h>
#include <string.h>

#include "display/rfb-write.h"
#include "display/tight.h"
#include "display/vnc-cursor.h"
#include "display/vnc-lossy.h"
#include "display/vnc-pace.h"
#include "display/vnc-video.h"

/* What one client can make us hold: an update covers at most so many pixels. */
#define AREA_MAX (4 * 1024 * 1024)
/* Of them, so many a FramebufferUpdate, which can count 65535 rectangles. */
#define MESSAGE_AREA_MAX (1024 * 1024)
/* What is made sharp at a time: what changes meanwhile has to wait for it. */
#define SHARPEN_AREA (256 * 1024)
/* Quality below which text in pictures cannot be read. */
#define QUALITY_MIN 25

struct VncUpdate {
	const VncView *view;
	TightEncoder *tight;
	VncCodec *codec; /* NULL while Tight serves */
	RfbEncodings encodings;
	RfbPixelFormat format;
	GByteArray *encodings_message, *format_message; /* for the codec, which may be made late */
	int width, height;                              /* of the client's picture */
	Change pending;
	VncLossy *lossy;
	VncVideo *video;
	guint64 bandwidth;
	Rect requested, continuous;                                    /* empty: nothing */
	gboolean size, cursor, leds, title, qemu_keys, extended_mouse; /* the client is to be told */
	guint size_reason, size_status;
	gboolean updated; /* at least once */
	double byte_rate; /* bytes a pixel of late */
};

VncUpdate *
vnc_update_new(const VncView *view)
{
	VncUpdate *update = g_new0(VncUpdate, 1);

	update->view = view;
	update->format = rfb_own_format;
	update->encodings = (RfbEncodings){.quality = -1, .subsampling = 1};
	update->width = view->frame->width;
	update->height = view->frame->height;
	update->lossy = vnc_lossy_new(update->width, update->height);
	update->video = vnc_video_new();
	update->byte_rate = 1;
	return update;
}

void
vnc_update_free(VncUpdate *update)
{
	if (update == NULL)
		return;
	tight_encoder_free(update->tight);
	vnc_codec_free(update->codec);
	vnc_lossy_free(update->lossy);
	vnc_video_free(update->video);
	if (update->encodings_message)
		g_byte_array_unref(update->encodings_message);
	if (update->format_message)
		g_byte_array_unref(update->format_message);
	g_free(update);
}

const RfbEncodings *
vnc_update_encodings(const VncUpdate *update)
{
	return &update->encodings;
}

/* ---- what serves the pixels ---- */

/* A cursor that the client does not draw is drawn into the picture, which the library does. */
static gboolean
is_served_by_tight(const VncUpdate *update)
{
	return update->encodings.tight && update->encodings.cursor && rfb_pixel_format_is_888(&update->format);
}

static gboolean
feed_codec(VncUpdate *update)
{
	if (update->format_message && !vnc_codec_feed(update->codec, update->format_message->data, update->format_message->len))
		return FALSE;
	return update->encodings_message == NULL ||
	        vnc_codec_feed(update->codec, update->encodings_message->data, update->encodings_message->len);
}

/* Neither loses what it knows of its streams as long as the connection lives: the client does not either. */
static gboolean
choose_encoder(VncUpdate *update)
{
	g_autoptr(GError) error = NULL;

	if (is_served_by_tight(update)) {
		if (update->tight == NULL)
			update->tight = tight_encoder_new(update->view->share);
		return TRUE;
	}
	if (update->codec == NULL)
		update->codec = vnc_codec_new(update->view->screen, &error);
	if (update->codec == NULL) {
		g_warning("%s", error->message);
		return FALSE;
	}
	return feed_codec(update);
}

gboolean
vnc_update_take_format(VncUpdate *update, const guint8 *bytes)
{
	rfb_pixel_format_parse(bytes, &update->format);
	if (update->format_message)
		g_byte_array_unref(update->format_message);
	update->format_message = g_byte_array_append(g_byte_array_new(), bytes, 20);
	update->cursor |= update->encodings.cursor;
	return choose_encoder(update);
}

gboolean
vnc_update_take_encodings(VncUpdate *update, const RfbMessage *message)
{
	RfbEncodings before = update->encodings, *now = &update->encodings;

	rfb_encodings_parse(message, now);
	if (update->encodings_message)
		g_byte_array_unref(update->encodings_message);
	update->encodings_message = g_byte_array_new();
	rfb_encodings_append_for_library(message, now, update->encodings_message);
	update->qemu_keys |= now->qemu_keys && !before.qemu_keys;
	update->extended_mouse |= now->extended_mouse && !before.extended_mouse;
	update->cursor |= now->cursor && memcmp(&before, now, sizeof before) != 0;
	update->leds |= now->led && !before.led;
	update->size |= now->extended_desktop_size && !before.extended_desktop_size;
	return choose_encoder(update);
}

/* ---- what happens ---- */

static Rect
all(const VncUpdate *update)
{
	return (Rect){0, 0, MIN(update->width, update->view->frame->width), MIN(update->height, update->view->frame->height)};
}

void
vnc_update_request(VncUpdate *update, const Rect *rect, gboolean incremental)
{
	update->requested = rect_is_empty(&update->requested) ? *rect : rect_union(&update->requested, rect);
	if (incremental)
		return;
	change_add_damage(&update->pending, rect);
	update->size |= update->encodings.extended_desktop_size;
}

void
vnc_update_continuous(VncUpdate *update, const Rect *rect)
{
	update->continuous = rect ? *rect : (Rect){0};
}

static void
drop_copies(Change *change)
{
	for (guint i = 0; i < change->n_copies; i++)
		change_add_damage(change, &change->copies[i].to);
	change->n_copies = 0;
}

void
vnc_update_change(VncUpdate *update, const Change *change)
{
	change_add(&update->pending, change);
	if (!update->encodings.copy_rect)
		drop_copies(&update->pending);
}

void
vnc_update_resized(VncUpdate *update, VncSizeReason reason)
{
	Rect whole = {0, 0, update->view->frame->width, update->view->frame->height};

	change_clear(&update->pending);
	change_add_damage(&update->pending, &whole);
	vnc_lossy_free(update->lossy);
	update->lossy = vnc_lossy_new(whole.width, whole.height);
	vnc_update_tell_size(update, reason);
}

void
vnc_update_tell_size(VncUpdate *update, VncSizeReason reason)
{
	update->size = TRUE;
	update->size_reason = reason;
	update->size_status = 0;
}

void
vnc_update_refuse_size(VncUpdate *update, guint status)
{
	update->size = TRUE;
	update->size_reason = VNC_SIZE_BY_CLIENT;
	update->size_status = status;
}

void
vnc_update_cursor(VncUpdate *update)
{
	update->cursor = TRUE;
}

void
vnc_update_leds(VncUpdate *update)
{
	update->leds = TRUE;
}

void
vnc_update_title(VncUpdate *update)
{
	update->title = TRUE;
}

void
vnc_update_set_bandwidth(VncUpdate *update, guint64 bandwidth)
{
	update->bandwidth = bandwidth;
}

/* ---- what is due ---- */

static Rect
asked(const VncUpdate *update)
{
	Rect most = all(update), rect = update->requested;

	if (!rect_is_empty(&update->continuous))
		rect = rect_is_empty(&rect) ? update->continuous : rect_union(&rect, &update->continuous);
	return rect_intersect(&rect, &most);
}

/* The old message for a change of size says nothing but a size: not that a wish is refused, nor what the size is. */
static gboolean
size_is_due(const VncUpdate *update)
{
	if (!update->size)
		return FALSE;
	return update->encodings.extended_desktop_size ||
	        (update->encodings.desktop_size &&
	                (update->width != update->view->frame->width || update->height != update->view->frame->height));
}

/* To a wish of the client's: at once, whether it has asked for an update or not. */
static gboolean
answer_is_due(const VncUpdate *update)
{
	return size_is_due(update) && update->size_reason == VNC_SIZE_BY_CLIENT;
}

static gboolean
notes_are_due(const VncUpdate *update)
{
	return (update->cursor && update->encodings.cursor && update->view->cursor) || (update->leds && update->encodings.led) ||
	        (update->title && update->encodings.desktop_name) ||
	        /* Not before the first update, which tells of the desktop's size: TigerVNC takes whatever update comes first for its
	         * word on whether the desktop can be resized, and never asks again. */
	        (update->updated && (update->qemu_keys || update->extended_mouse));
}

static gboolean
pixels_are_due(const VncUpdate *update, const Rect *rect)
{
	for (guint i = 0; i < update->pending.n_copies; i++) {
		Rect common = rect_intersect(&update->pending.copies[i].to, rect);

		if (!rect_is_empty(&common))
			return TRUE;
	}
	for (guint i = 0; i < update->pending.damage.n; i++) {
		Rect common = rect_intersect(&update->pending.damage.rects[i], rect);

		if (!rect_is_empty(&common))
			return TRUE;
	}
	return FALSE;
}

gboolean
vnc_update_is_due(const VncUpdate *update)
{
	Rect rect = asked(update);

	if (answer_is_due(update))
		return TRUE;
	if (rect_is_empty(&rect))
		return FALSE;
	return size_is_due(update) || notes_are_due(update) || pixels_are_due(update, &rect) ||
	        (update->codec && !is_served_by_tight(update) && vnc_codec_has_cursor(update->codec));
}

gint64
vnc_update_sharpen_at(const VncUpdate *update)
{
	Rect rect = asked(update);

	return rect_is_empty(&rect) ? 0 : vnc_lossy_due(update->lossy, &rect);
}

/* ---- composing ---- */

/* Their ids are the numbers of the heads, which last. */
static void
append_screens(const Heads *heads, GByteArray *out)
{
	guint8 head[4] = {(guint8)heads_count(heads)};

	g_byte_array_append(out, head, sizeof head);
	for (guint i = 0; i < HEADS_MAX; i++) {
		const Rect *rect = &heads->rects[i];

		if (rect_is_empty(rect))
			continue;
		rfb_append_u32(out, i);
		rfb_append_u16(out, (guint)rect->x);
		rfb_append_u16(out, (guint)rect->y);
		rfb_append_u16(out, (guint)rect->width);
		rfb_append_u16(out, (guint)rect->height);
		rfb_append_u32(out, 0);
	}
}

static void
append_size(VncUpdate *update, GByteArray *out)
{
	const Frame *frame = update->view->frame;
	Rect rect = {(int)update->size_reason, (int)update->size_status, frame->width, frame->height};
	guint begin = rfb_begin_update(out);

	if (update->encodings.extended_desktop_size) {
		rfb_append_rect(out, &rect, RFB_ENCODING_EXTENDED_DESKTOP_SIZE);
		append_screens(update->view->heads, out);
	} else {
		rect.x = rect.y = 0;
		rfb_append_rect(out, &rect, RFB_ENCODING_DESKTOP_SIZE);
	}
	rfb_end_update(out, begin, 1);
	update->width = frame->width;
	update->height = frame->height;
	update->size = FALSE;
	update->size_reason = VNC_SIZE_BY_DESKTOP;
	update->size_status = 0;
}

static guint
append_leds(VncUpdate *update, GByteArray *out)
{
	guint8 leds = (guint8)update->view->leds;

	rfb_append_rect(out, &(Rect){0}, RFB_ENCODING_QEMU_LED);
	g_byte_array_append(out, &leds, 1);
	return 1;
}

static guint
append_title(VncUpdate *update, GByteArray *out)
{
	gsize size = strlen(update->view->title);

	rfb_append_rect(out, &(Rect){0}, RFB_ENCODING_DESKTOP_NAME);
	rfb_append_u32(out, (guint32)size);
	g_byte_array_append(out, (const guint8 *)update->view->title, (guint)size);
	return 1;
}

/* How a server says that it knows an extension: a rectangle without pixels. */
static guint
append_word(gboolean *due, gint32 encoding, GByteArray *out)
{
	if (!*due)
		return 0;
	*due = FALSE;
	rfb_append_rect(out, &(Rect){0}, encoding);
	return 1;
}

static void
append_notes(VncUpdate *update, GByteArray *out)
{
	guint begin = rfb_begin_update(out), n = 0;

	if (update->cursor && update->encodings.cursor && update->view->cursor) {
		vnc_cursor_append(update->view->cursor, &update->encodings, &update->format, out);
		n++;
		update->cursor = FALSE;
	}
	if (update->leds && update->encodings.led) {
		n += append_leds(update, out);
		update->leds = FALSE;
	}
	if (update->title && update->encodings.desktop_name) {
		n += append_title(update, out);
		update->title = FALSE;
	}
	if (update->updated) {
		n += append_word(&update->qemu_keys, RFB_ENCODING_QEMU_KEY, out);
		n += append_word(&update->extended_mouse, RFB_ENCODING_EXTENDED_MOUSE_BUTTONS, out);
	}
	rfb_end_update(out, begin, n);
}

/* A client that asked for a part, and for one that a copy leads into or out of, gets pixels instead. */
static void
append_copies(VncUpdate *update, const Rect *asked, gint64 now, GByteArray *out)
{
	Change *pending = &update->pending;
	guint begin, n = pending->n_copies;

	for (guint i = 0; i < n; i++) {
		Rect from = copy_source(&pending->copies[i]);

		if (!rect_contains(asked, &from) || !rect_contains(asked, &pending->copies[i].to)) {
			drop_copies(pending);
			break;
		}
	}
	n = pending->n_copies;
	if (n == 0)
		return;
	begin = rfb_begin_update(out);
	for (guint i = 0; i < n; i++) {
		const Copy *copy = &pending->copies[i];

		rfb_append_rect(out, &copy->to, RFB_ENCODING_COPY_RECT);
		rfb_append_u16(out, (guint)(copy->to.x - copy->dx));
		rfb_append_u16(out, (guint)(copy->to.y - copy->dy));
		vnc_lossy_copy(update->lossy, copy, now);
	}
	rfb_end_update(out, begin, n);
	pending->n_copies = 0;
}

static void
append_film(VncUpdate *update, const Rect *asked, gint64 now, GByteArray *out)
{
	Damage lossy = {.n = 0};
	Rect film;

	if (update->view->film == NULL || !update->encodings.h264 || !is_served_by_tight(update))
		return;
	if (!vnc_video_append(update->video, update->view->film, update->view->frame, &update->pending.damage, asked, update->bandwidth,
	            now, out, &film))
		return;
	damage_subtract(&update->pending.damage, &film);
	damage_add(&lossy, &film);
	vnc_lossy_add(update->lossy, &lossy, now);
}

static int
compare_areas(const void *a, const void *b)
{
	gint64 area_a = rect_area(a), area_b = rect_area(b);

	return area_a < area_b ? -1 : area_a > area_b;
}

/* Moves from @damage what lies in @asked, up to @area_max pixels, into @rects. Small ones come first: what somebody types is not held up
 * by a film. Result: their number. */
static guint
take_rects(Damage *damage, const Rect *asked, gint64 area_max, Rect *rects)
{
	guint n = 0;

	qsort(damage->rects, damage->n, sizeof *damage->rects, compare_areas);
	for (guint i = 0; i < damage->n && area_max > 0; i++) {
		Rect part = rect_intersect(&damage->rects[i], asked);

		if (rect_is_empty(&part))
			continue;
		if (rect_area(&part) > area_max)
			part.height = MAX(1, (int)(area_max / part.width));
		area_max -= rect_area(&part);
		rects[n++] = part;
	}
	for (guint i = 0; i < n; i++)
		damage_subtract(damage, &rects[i]);
	return n;
}

static TightOptions
options(const VncUpdate *update, guint steps, gboolean sharp)
{
	TightSubsampling subsampling = update->encodings.subsampling >= 4 ? TIGHT_420
	        : update->encodings.subsampling == 2                      ? TIGHT_422
	                                                                  : TIGHT_444;
	int quality = update->encodings.quality;

	/* Zlib's higher levels cost several times as much for a few bytes in a hundred. */
	TightOptions options = {0, subsampling, CLAMP(update->encodings.level, 1, 6)};

	if (sharp || quality < 0)
		return options;
	options.quality = MAX(MIN(quality, QUALITY_MIN), quality - (int)steps * quality / (VNC_PACE_STEPS_MAX + 2));
	options.quality = MAX(options.quality, 1);
	if (steps > 1)
		options.subsampling = TIGHT_420;
	return options;
}

static gboolean
append_tight(VncUpdate *update, const Rect *rects, guint n, const TightOptions *options, gint64 now, GByteArray *out)
{
	Damage lossy = {.n = 0};

	for (guint i = 0; i < n;) {
		guint begin = rfb_begin_update(out), pieces = 0, first = i;
		gint64 area = 0;

		do
			area += rect_area(&rects[i++]);
		while (i < n && area + rect_area(&rects[i]) <= MESSAGE_AREA_MAX);
		if (!tight_encode(update->tight, update->view->frame, rects + first, i - first, options, out, &pieces, &lossy))
			return FALSE;
		rfb_end_update(out, begin, pieces);
	}
	for (guint i = 0; i < n; i++)
		vnc_lossy_remove(update->lossy, &rects[i]);
	vnc_lossy_add(update->lossy, &lossy, now);
	return TRUE;
}

/* A rectangle of more than one message's area is cut. Result: the number that there are then. */
static guint
cut(Rect *rects, guint n, guint n_max)
{
	for (guint i = 0; i < n; i++) {
		int rows = MAX(1, MESSAGE_AREA_MAX / rects[i].width);

		if (rects[i].height <= rows || n == n_max)
			continue;
		rects[n++] = (Rect){rects[i].x, rects[i].y + rows, rects[i].width, rects[i].height - rows};
		rects[i].height = rows;
	}
	return n;
}

static gboolean
append_pixels(VncUpdate *update, const Rect *asked, guint64 bytes_max, guint steps, gint64 now, GByteArray *out)
{
	Rect rects[DAMAGE_RECTS_MAX + AREA_MAX / MESSAGE_AREA_MAX];
	gint64 area_max = AREA_MAX, area = 0;
	gboolean sharp = !pixels_are_due(update, asked);
	Damage still = {.n = 0}; /* what is left of it is lossy still, and comes next time */
	TightOptions tight;
	guint n, begin = out->len;

	if (bytes_max > 0)
		area_max = CLAMP((gint64)((double)bytes_max / update->byte_rate), 64 * 64, AREA_MAX);
	if (sharp)
		vnc_lossy_take(update->lossy, asked, now, MIN(area_max, SHARPEN_AREA), &still);
	n = take_rects(sharp ? &still : &update->pending.damage, asked, area_max, rects);
	for (guint i = 0; i < n; i++)
		area += rect_area(&rects[i]);
	if (n == 0)
		return TRUE;
	/* One that has never said what it knows. */
	if (!is_served_by_tight(update) && update->codec == NULL && !choose_encoder(update))
		return FALSE;
	if (!is_served_by_tight(update))
		return vnc_codec_append(update->codec, rects, n, out);
	n = cut(rects, n, G_N_ELEMENTS(rects));
	tight = options(update, steps, sharp);
	if (!append_tight(update, rects, n, &tight, now, out))
		return FALSE;
	update->byte_rate = MAX(0.01, (update->byte_rate * 3 + (double)(out->len - begin) / (double)area) / 4);
	return TRUE;
}

gboolean
vnc_update_append(VncUpdate *update, guint64 bytes_max, guint steps, gint64 now, Outbox *outbox)
{
	GByteArray *out = outbox_bytes(outbox);
	Rect rect = asked(update);
	guint begin = out->len;
	gboolean ok = TRUE;

	if (answer_is_due(update) || (!rect_is_empty(&rect) && size_is_due(update))) {
		append_size(update, out);
		rect = asked(update);
	}
	if (rect_is_empty(&rect))
		return TRUE;
	if (notes_are_due(update))
		append_notes(update, out);
	if (update->pending.n_copies > 0)
		append_copies(update, &rect, now, out);
	append_film(update, &rect, now, out);
	ok = append_pixels(update, &rect, bytes_max, steps, now, out);
	if (ok && update->codec && !is_served_by_tight(update) && vnc_codec_has_cursor(update->codec))
		ok = vnc_codec_append(update->codec, NULL, 0, out);
	if (out->len > begin) {
		update->requested = (Rect){0};
		update->updated = TRUE;
	}
	return ok;
}
