/* What one VNC client is sent: it has the desktop's picture after each update, whatever it knows and however late it asks.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "display/vnc-cursor.h"
#include "display/vnc-lossy.h"
#include "display/vnc-pace.h"
#include "display/vnc-update.h"

#define SECOND G_TIME_SPAN_SECOND
#define MILLI G_TIME_SPAN_MILLISECOND

static Frame *frame;
static Heads heads;
static VncView view;
static VncUpdate *update;
static Outbox *outbox;
static guint32 cursor_pixels[4] = {0xff102030, 0x80081018, 0, 0xffffffff};
static Cursor cursor = {2, 2, 1, 0, cursor_pixels};

/* The client's side, which knows Raw and CopyRect, and looks at the rest. */
static struct {
	guint32 *pixels;
	int width, height;
	guint copies, raws, tights, cursors, leds, words, sizes;
	guint size_reason, size_status;
	char title[64];
} seen;

static guint32 state = 1;

static guint
rnd(guint below)
{
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state % below;
}

static void
set_up(void)
{
	frame = frame_new(200, 150);
	for (int i = 0; i < 200 * 150; i++)
		frame->pixels[i] = rnd(1 << 24);
	heads = heads_single(200, 150);
	view = (VncView){frame, &heads, 1, NULL, 0, "a desktop", vnc_screen_new(frame), tight_share_new()};
	update = vnc_update_new(&view);
	outbox = outbox_new();
	memset(&seen, 0, sizeof seen);
	seen.width = 200;
	seen.height = 150;
	seen.pixels = g_new0(guint32, 200 * 150);
}

static void
tear_down(void)
{
	outbox_free(outbox);
	vnc_update_free(update);
	vnc_screen_free(view.screen);
	tight_share_free(view.share);
	frame_free(frame);
	g_free(seen.pixels);
}

static void
know(const gint32 *encodings, guint n)
{
	g_autofree guint8 *bytes = g_new(guint8, (gsize)n * 4);
	RfbMessage message = {.type = RFB_SET_ENCODINGS, .encodings = {n, bytes}};

	for (guint i = 0; i < n; i++) {
		guint32 number = GUINT32_TO_BE((guint32)encodings[i]);

		memcpy(bytes + 4 * i, &number, 4);
	}
	ck_assert(vnc_update_take_encodings(update, &message));
}

static gsize
take_raw(const guint8 *p, const Rect *rect)
{
	for (int y = 0; y < rect->height; y++)
		memcpy(seen.pixels + (rect->y + y) * seen.width + rect->x, p + (gsize)y * (gsize)rect->width * 4, (gsize)rect->width * 4);
	seen.raws++;
	return (gsize)rect_area(rect) * 4;
}

static gsize
take_copy(const guint8 *p, const Rect *to)
{
	int x = rfb_read_u16(p), y = rfb_read_u16(p + 2);
	g_autofree guint32 *pixels = g_new(guint32, (gsize)rect_area(to));

	for (int row = 0; row < to->height; row++)
		memcpy(pixels + row * to->width, seen.pixels + (y + row) * seen.width + x, (gsize)to->width * 4);
	for (int row = 0; row < to->height; row++)
		memcpy(seen.pixels + (to->y + row) * seen.width + to->x, pixels + row * to->width, (gsize)to->width * 4);
	seen.copies++;
	return 4;
}

static gsize
take_size(const guint8 *p, const Rect *rect)
{
	seen.sizes++;
	seen.size_reason = (guint)rect->x;
	seen.size_status = (guint)rect->y;
	seen.width = rect->width;
	seen.height = rect->height;
	g_free(seen.pixels);
	seen.pixels = g_new0(guint32, (gsize)rect->width * (gsize)rect->height);
	return p ? 4 + 16 * (gsize)p[0] : 0;
}

static gsize
take_title(const guint8 *p)
{
	guint32 size = rfb_read_u32(p);

	ck_assert_uint_lt(size, sizeof seen.title);
	memcpy(seen.title, p + 4, size);
	return 4 + size;
}

static gsize
take_rect(const guint8 *p, const Rect *rect, gint32 encoding)
{
	switch (encoding) {
	case RFB_ENCODING_RAW:
		return take_raw(p, rect);
	case RFB_ENCODING_COPY_RECT:
		return take_copy(p, rect);
	case RFB_ENCODING_EXTENDED_DESKTOP_SIZE:
		return take_size(p, rect);
	case RFB_ENCODING_DESKTOP_SIZE:
		return take_size(NULL, rect);
	case RFB_ENCODING_ALPHA_CURSOR:
		seen.cursors++;
		return 4 + (gsize)rect_area(rect) * 4;
	case RFB_ENCODING_QEMU_LED:
		seen.leds = p[0];
		return 1;
	case RFB_ENCODING_QEMU_KEY:
	case RFB_ENCODING_EXTENDED_MOUSE_BUTTONS:
		seen.words++;
		return 0;
	case RFB_ENCODING_DESKTOP_NAME:
		return take_title(p);
	default:
		ck_abort_msg("an encoding that was not asked for: %d", encoding);
	}
}

/* All updates that are due, as the client gets them. */
static void
receive(gint64 now)
{
	GByteArray *bytes = outbox_bytes(outbox);

	ck_assert(vnc_update_append(update, 0, 0, now, outbox));
	for (gsize at = 0; at < bytes->len;) {
		guint n = rfb_read_u16(bytes->data + at + 2);

		ck_assert_uint_eq(bytes->data[at], 0);
		at += 4;
		for (guint i = 0; i < n; i++) {
			const guint8 *p = bytes->data + at;
			Rect rect = {rfb_read_u16(p), rfb_read_u16(p + 2), rfb_read_u16(p + 4), rfb_read_u16(p + 6)};

			at += 12 + take_rect(p + 12, &rect, (gint32)rfb_read_u32(p + 8));
		}
		ck_assert_uint_le(at, bytes->len);
	}
	g_byte_array_set_size(bytes, 0);
}

static void
ask(gboolean incremental)
{
	vnc_update_request(update, &(Rect){0, 0, frame->width, frame->height}, incremental);
}

static void
check_picture(void)
{
	ck_assert_int_eq(seen.width, frame->width);
	ck_assert_int_eq(seen.height, frame->height);
	ck_assert_mem_eq(seen.pixels, frame->pixels, (gsize)frame->width * (gsize)frame->height * 4);
}

static void
paint(const Rect *rect, Change *change)
{
	for (int y = rect->y; y < rect->y + rect->height; y++) {
		for (int x = rect->x; x < rect->x + rect->width; x++)
			*frame_at(frame, x, y) = rnd(1 << 24);
	}
	change_add_damage(change, rect);
}

static void
shift(const Copy *copy, Change *change)
{
	Rect from = copy_source(copy);
	g_autofree guint32 *pixels = g_new(guint32, (gsize)rect_area(&from));

	for (int y = 0; y < from.height; y++)
		memcpy(pixels + y * from.width, frame_at(frame, from.x, from.y + y), (gsize)from.width * 4);
	for (int y = 0; y < from.height; y++)
		memcpy(frame_at(frame, copy->to.x, copy->to.y + y), pixels + y * from.width, (gsize)from.width * 4);
	change_add_copy(change, copy);
}

/* With and without CopyRect, asking for all and for a part; several things happen between two updates. */
START_TEST(a_client_has_the_picture_after_each_update)
{
	gint32 encodings[] = {RFB_ENCODING_RAW, RFB_ENCODING_ALPHA_CURSOR, RFB_ENCODING_COPY_RECT};

	state = (guint32)_i + 1;
	know(encodings, _i % 2 ? 3 : 2);
	ask(FALSE);
	receive(1);
	check_picture();
	for (int i = 0; i < 300; i++) {
		Change change = {.n_copies = 0};
		Rect rect = {(int)rnd(150), (int)rnd(100), 1 + (int)rnd(50), 1 + (int)rnd(50)};
		Copy copy = {
		        {50 + (int)rnd(50), 50 + (int)rnd(20), 1 + (int)rnd(50), 1 + (int)rnd(30)}, (int)rnd(100) - 50, (int)rnd(100) - 50};

		if (rnd(2))
			paint(&rect, &change);
		if (rnd(2))
			shift(&copy, &change);
		vnc_update_change(update, &change);
		if (rnd(3) == 0) {
			Rect part = {(int)rnd(100), (int)rnd(75), 100, 75};

			vnc_update_request(update, &part, TRUE);
			receive(1);
		}
		if (rnd(4) == 0) {
			ask(TRUE);
			receive(1);
			check_picture();
		}
	}
	ck_assert(_i % 2 ? seen.copies > 0 : seen.copies == 0);
}
END_TEST

START_TEST(nothing_is_sent_that_nobody_asked_for)
{
	static const gint32 encodings[] = {RFB_ENCODING_RAW, RFB_ENCODING_ALPHA_CURSOR};
	Change change = {.n_copies = 0};

	know(encodings, G_N_ELEMENTS(encodings));
	paint(&(Rect){0, 0, 10, 10}, &change);
	vnc_update_change(update, &change);
	ck_assert(!vnc_update_is_due(update));
	receive(1);
	ck_assert_uint_eq(seen.raws, 0);
	ask(TRUE);
	ck_assert(vnc_update_is_due(update));
	receive(1);
	ck_assert_uint_eq(seen.raws, 1);
	ck_assert(!vnc_update_is_due(update));
	/* From now on without being asked. */
	vnc_update_continuous(update, &(Rect){0, 0, 5000, 5000});
	vnc_update_change(update, &change);
	receive(1);
	ck_assert_uint_eq(seen.raws, 2);
	vnc_update_continuous(update, NULL);
	vnc_update_change(update, &change);
	ck_assert(!vnc_update_is_due(update));
}
END_TEST

static void
resize(int width, int height, VncSizeReason reason)
{
	Frame *old = frame;

	frame = frame_new(width, height);
	heads = heads_single(width, height);
	view.frame = frame;
	vnc_screen_set_frame(view.screen, frame);
	vnc_update_resized(update, reason);
	frame_free(old);
}

START_TEST(a_client_is_told_of_sizes_in_the_form_that_it_knows)
{
	static const gint32 encodings[] = {
	        RFB_ENCODING_RAW, RFB_ENCODING_ALPHA_CURSOR, RFB_ENCODING_DESKTOP_SIZE, RFB_ENCODING_EXTENDED_DESKTOP_SIZE};
	gboolean extended = _i == 1;

	know(encodings, extended ? 4 : 3);
	ask(FALSE);
	receive(1);
	ck_assert_uint_eq(seen.sizes, extended ? 1 : 0);
	check_picture();
	resize(120, 300, VNC_SIZE_BY_CLIENT);
	ask(TRUE);
	receive(1);
	check_picture();
	ck_assert_uint_eq(seen.size_reason, extended ? VNC_SIZE_BY_CLIENT : 0);
	vnc_update_refuse_size(update, 1);
	ask(TRUE);
	receive(1);
	ck_assert_uint_eq(seen.sizes, extended ? 3 : 1);
	ck_assert_uint_eq(seen.size_status, extended ? 1 : 0);
}
END_TEST

/* One that cannot be told gets no pixel outside of what it has. */
START_TEST(a_client_that_knows_no_sizes_keeps_its_picture)
{
	static const gint32 encodings[] = {RFB_ENCODING_RAW, RFB_ENCODING_ALPHA_CURSOR};

	know(encodings, G_N_ELEMENTS(encodings));
	ask(FALSE);
	receive(1);
	resize(400, 100, VNC_SIZE_BY_DESKTOP);
	ask(TRUE);
	receive(1);
	ck_assert_uint_eq(seen.sizes, 0);
	resize(10, 10, VNC_SIZE_BY_DESKTOP);
	vnc_update_request(update, &(Rect){0, 0, 10, 10}, TRUE);
	receive(1);
	ck_assert_uint_eq(seen.sizes, 0);
}
END_TEST

START_TEST(cursor_lights_title_and_extensions_are_told_once)
{
	static const gint32 encodings[] = {RFB_ENCODING_RAW, RFB_ENCODING_ALPHA_CURSOR, RFB_ENCODING_QEMU_LED, RFB_ENCODING_QEMU_KEY,
	        RFB_ENCODING_EXTENDED_MOUSE_BUTTONS, RFB_ENCODING_DESKTOP_NAME};

	view.cursor = &cursor;
	view.leds = 4;
	know(encodings, G_N_ELEMENTS(encodings));
	ask(FALSE);
	receive(1);
	ck_assert_uint_eq(seen.cursors, 1);
	ck_assert_uint_eq(seen.leds, 4);
	/* These after the first update. */
	ck_assert_uint_eq(seen.words, 0);
	ask(TRUE);
	receive(1);
	ck_assert_uint_eq(seen.words, 2);
	ask(TRUE);
	ck_assert(!vnc_update_is_due(update));
	view.leds = 2;
	vnc_update_leds(update);
	view.title = "another";
	vnc_update_title(update);
	receive(1);
	ck_assert_uint_eq(seen.leds, 2);
	ck_assert_str_eq(seen.title, "another");
	ck_assert_uint_eq(seen.cursors, 1);
	ck_assert_uint_eq(seen.words, 2);
}
END_TEST

START_TEST(a_cursor_keeps_its_soft_edges_where_the_client_can_draw_them)
{
	RfbEncodings encodings = {.cursor = TRUE, .alpha_cursor = TRUE};
	g_autoptr(GByteArray) out = g_byte_array_new();
	static const guint8 premultiplied[] = {0x10, 0x20, 0x30, 0xff, 0x08, 0x10, 0x18, 0x80},
	                    straight[] = {0x10, 0x20, 0x30, 0xff, 0x10, 0x20, 0x30, 0x80};

	vnc_cursor_append(&cursor, &encodings, &rfb_own_format, out);
	ck_assert_uint_eq(out->len, 12 + 4 + 16);
	ck_assert_mem_eq(out->data + 16, premultiplied, sizeof premultiplied);
	g_byte_array_set_size(out, 0);
	encodings = (RfbEncodings){.cursor = TRUE, .vmware_cursor = TRUE};
	vnc_cursor_append(&cursor, &encodings, &rfb_own_format, out);
	ck_assert_uint_eq(out->len, 12 + 2 + 16);
	ck_assert_mem_eq(out->data + 14, straight, sizeof straight);
	g_byte_array_set_size(out, 0);
	encodings = (RfbEncodings){.cursor = TRUE};
	vnc_cursor_append(&cursor, &encodings, &rfb_own_format, out);
	ck_assert_uint_eq(out->len, 12 + 16 + 2);
	ck_assert_uint_eq(out->data[12 + 16], 0xc0);
	ck_assert_uint_eq(out->data[12 + 17], 0x40);
}
END_TEST

START_TEST(a_hostile_cursor_is_drawn_without_overflow)
{
	guint32 pixels[] = {0x01ffffff, 0x00ffffff};
	Cursor hostile = {2, 1, 0, 0, pixels};
	RfbEncodings encodings = {.cursor = TRUE, .vmware_cursor = TRUE};
	g_autoptr(GByteArray) out = g_byte_array_new();
	static const guint8 expected[] = {255, 255, 255, 1, 0, 0, 0, 0};

	vnc_cursor_append(&hostile, &encodings, &rfb_own_format, out);
	ck_assert_mem_eq(out->data + 14, expected, sizeof expected);
}
END_TEST

START_TEST(pixels_are_written_in_any_format)
{
	static const RfbPixelFormat formats[] = {{16, 16, FALSE, {31, 63, 31}, {11, 5, 0}}, {16, 16, TRUE, {31, 63, 31}, {11, 5, 0}},
	        {8, 8, FALSE, {7, 7, 3}, {0, 3, 6}}, {32, 24, TRUE, {255, 255, 255}, {16, 8, 0}}};
	static const guint8 expected[][4] = {{0xe0, 0xff}, {0xff, 0xe0}, {0x3f}, {0, 0xff, 0xff, 0}};
	g_autoptr(GByteArray) out = g_byte_array_new();

	rfb_pixel_format_append(&formats[_i], 0xffff00, out);
	ck_assert_uint_eq(out->len, formats[_i].bits / 8);
	ck_assert_mem_eq(out->data, expected[_i], out->len);
}
END_TEST

START_TEST(what_the_client_likes_best_is_found_among_what_we_have)
{
	static const gint32 novnc[] = {1, 50, 7, -260, 16, 21, 5, 2, 6, 0, -26, -254, -223, -224, -258, -261, -308};
	static const gint32 hextile_first[] = {5, 7, 0};
	const RfbEncodings *encodings = vnc_update_encodings(update);

	know(novnc, G_N_ELEMENTS(novnc));
	ck_assert(encodings->tight && encodings->h264 && encodings->copy_rect && encodings->led && !encodings->cursor);
	ck_assert_int_eq(encodings->quality, 79);
	ck_assert_int_eq(encodings->subsampling, 1);
	ck_assert_int_eq(encodings->level, 2);
	know(hextile_first, G_N_ELEMENTS(hextile_first));
	ck_assert(!encodings->tight);
	ck_assert_int_eq(encodings->quality, -1);
}
END_TEST

START_TEST(what_was_sent_with_loss_is_due_once_it_is_still)
{
	VncLossy *lossy = vnc_lossy_new(1000, 700);
	static const Rect everywhere = {0, 0, 1000, 700};
	Damage damage = {{{100, 100, 300, 200}}, 1}, still = {.n = 0};
	gint64 now = 50 * SECOND;

	ck_assert_int_eq(vnc_lossy_due(lossy, &everywhere), 0);
	vnc_lossy_add(lossy, &damage, now);
	ck_assert_int_eq(vnc_lossy_due(lossy, &everywhere), now + VNC_LOSSY_STILL_MS * MILLI);
	vnc_lossy_take(lossy, &everywhere, now + 1, 1 << 20, &still);
	ck_assert_uint_eq(still.n, 0);
	/* Nor where nobody looks. */
	ck_assert_int_eq(vnc_lossy_due(lossy, &(Rect){0, 0, 64, 64}), 0);
	/* A part of it moves on. */
	vnc_lossy_add(lossy, &(Damage){{{100, 100, 10, 10}}, 1}, now + 200 * MILLI);
	vnc_lossy_take(lossy, &everywhere, now + 300 * MILLI, 1 << 20, &still);
	ck_assert_uint_gt(still.n, 0);
	for (guint i = 0; i < still.n; i++)
		vnc_lossy_remove(lossy, &still.rects[i]);
	ck_assert_int_eq(vnc_lossy_due(lossy, &everywhere), now + (200 + VNC_LOSSY_STILL_MS) * MILLI);
	damage_clear(&still);
	vnc_lossy_take(lossy, &everywhere, now + SECOND, 1, &still);
	ck_assert_uint_eq(still.n, 1);
	ck_assert_int_eq(still.rects[0].width, 64);
	vnc_lossy_remove(lossy, &still.rects[0]);
	ck_assert_int_eq(vnc_lossy_due(lossy, &everywhere), 0);
	/* What is copied takes its blur along. */
	vnc_lossy_add(lossy, &(Damage){{{0, 0, 64, 64}}, 1}, now);
	vnc_lossy_copy(lossy, &(Copy){{500, 500, 64, 64}, 500, 500}, now);
	vnc_lossy_remove(lossy, &(Rect){0, 0, 64, 64});
	ck_assert_int_ne(vnc_lossy_due(lossy, &everywhere), 0);
	vnc_lossy_remove(lossy, &(Rect){0, 0, 1000, 700});
	ck_assert_int_eq(vnc_lossy_due(lossy, &everywhere), 0);
	vnc_lossy_free(lossy);
}
END_TEST

/* A link in front of a client: it takes @rate bytes a second, and each way takes half of @rtt. */
typedef struct {
	gint64 rtt;
	guint64 rate;
	gint64 busy_until;
	gint64 arrivals[VNC_PACE_MARKS_MAX];
	guint first, n;
	gint64 worst; /* the longest that an update took */
} Link;

/* What comes back until @now. */
static void
hear(VncPace *pace, Link *link, gint64 now)
{
	while (link->n > 0 && link->arrivals[link->first] <= now) {
		vnc_pace_arrived(pace, link->arrivals[link->first]);
		link->first = (link->first + 1) % VNC_PACE_MARKS_MAX;
		link->n--;
	}
}

/* As at the begin of a connection: a mark without a picture. */
static void
begin(VncPace *pace, const Link *link)
{
	vnc_pace_init(pace);
	vnc_pace_sent(pace, 0, SECOND);
	vnc_pace_arrived(pace, SECOND + link->rtt);
}

/* @fps updates of @bytes a second for @seconds; what there is no room for is merged into the next. Result: updates that went out. */
static guint
send_updates(VncPace *pace, Link *link, guint fps, guint64 bytes, guint seconds)
{
	static gint64 now = 1000 * SECOND;
	guint sent = 0;

	for (guint i = 0; i < fps * seconds; i++) {
		gint64 end = now + SECOND / fps;
		gboolean done = FALSE;

		for (; now < end; now += MILLI) {
			hear(pace, link, now);
			if (done || !vnc_pace_may_send(pace))
				continue;
			done = TRUE;
			sent++;
			link->busy_until = MAX(link->busy_until, now) + (gint64)(bytes * SECOND / link->rate);
			link->arrivals[(link->first + link->n++) % VNC_PACE_MARKS_MAX] = link->busy_until + link->rtt;
			link->worst = MAX(link->worst, link->busy_until + link->rtt / 2 - now);
			vnc_pace_sent(pace, bytes, now);
		}
	}
	return sent;
}

START_TEST(a_long_way_does_not_cost_frames)
{
	VncPace pace;
	Link link = {.rtt = 80 * MILLI, .rate = 100 * 1000 * 1000};

	begin(&pace, &link);
	send_updates(&pace, &link, 60, 100 * 1000, 2);
	ck_assert_uint_gt(send_updates(&pace, &link, 60, 100 * 1000, 5), 60 * 5 * 95 / 100);
	ck_assert_uint_eq(pace.steps, 0);
}
END_TEST

START_TEST(a_narrow_way_is_not_filled_with_old_pictures)
{
	VncPace pace;
	Link link = {.rtt = 20 * MILLI, .rate = 1250 * 1000};

	begin(&pace, &link);
	send_updates(&pace, &link, 30, 100 * 1000, 3);
	link.worst = 0;
	/* 80 ms a picture: as many as go through, and none waits behind more than two others. */
	ck_assert_uint_gt(send_updates(&pace, &link, 30, 100 * 1000, 5), 5 * 12 * 9 / 10);
	ck_assert_int_lt(link.worst, 300 * MILLI);
	ck_assert_uint_gt(pace.steps, 0);
	ck_assert_uint_gt(vnc_pace_update_max(&pace), 0);
	ck_assert_uint_lt(vnc_pace_update_max(&pace), 200 * 1000);
	/* It becomes wide again, and so the pictures sharp. */
	link.rate = 100 * 1000 * 1000;
	send_updates(&pace, &link, 30, 20 * 1000, 30);
	ck_assert_uint_eq(pace.steps, 0);
}
END_TEST

START_TEST(marks_that_never_left_are_ignored)
{
	VncPace pace;

	vnc_pace_init(&pace);
	vnc_pace_arrived(&pace, 1);
	ck_assert(vnc_pace_may_send(&pace));
	for (int i = 0; i < VNC_PACE_MARKS_MAX; i++)
		vnc_pace_sent(&pace, 1, i + 1);
	ck_assert(!vnc_pace_may_send(&pace));
	/* One too many, as a client provokes that says again and again that it knows fences. */
	vnc_pace_sent(&pace, 0, 100);
	vnc_pace_arrived(&pace, 100);
	ck_assert(vnc_pace_may_send(&pace));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("display-vnc-update");
	TCase *tcase = tcase_create("vnc-update");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, a_client_has_the_picture_after_each_update, 0, 8);
	tcase_add_test(tcase, nothing_is_sent_that_nobody_asked_for);
	tcase_add_loop_test(tcase, a_client_is_told_of_sizes_in_the_form_that_it_knows, 0, 2);
	tcase_add_test(tcase, a_client_that_knows_no_sizes_keeps_its_picture);
	tcase_add_test(tcase, cursor_lights_title_and_extensions_are_told_once);
	tcase_add_test(tcase, a_cursor_keeps_its_soft_edges_where_the_client_can_draw_them);
	tcase_add_test(tcase, a_hostile_cursor_is_drawn_without_overflow);
	tcase_add_loop_test(tcase, pixels_are_written_in_any_format, 0, 4);
	tcase_add_test(tcase, what_the_client_likes_best_is_found_among_what_we_have);
	tcase_add_test(tcase, what_was_sent_with_loss_is_due_once_it_is_still);
	tcase_add_test(tcase, a_long_way_does_not_cost_frames);
	tcase_add_test(tcase, a_narrow_way_is_not_filled_with_old_pictures);
	tcase_add_test(tcase, marks_that_never_left_are_ignored);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
