/* Films: where one is on a desktop, how it is encoded, and what a client gets of it. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "display/h264.h"
#include "display/rfb-encodings.h"
#include "display/video-region.h"
#include "display/vnc-update.h"
#include "display/yuv.h"
#include "tests/lib/h264-decoder.h"
#include "tests/lib/tight-decoder.h"

#define MILLI G_TIME_SPAN_MILLISECOND
#define WIDTH 1280
#define HEIGHT 720

/* ---- where a film is ---- */

static VideoRegion *region;
static gint64 now;

static const Rect player = {301, 150, 640, 360};
static const Rect player_even = {300, 150, 642, 360};

static void
set_up_region(void)
{
	region = video_region_new(WIDTH, HEIGHT);
	now = 1000 * MILLI;
}

static void
tear_down_region(void)
{
	video_region_free(region);
}

static void
happen(const Rect *rects, guint n, gint64 later)
{
	Change change = {.n_copies = 0};

	now += later;
	for (guint i = 0; i < n; i++)
		change_add_damage(&change, &rects[i]);
	video_region_change(region, &change, now);
}

static void
move(const Copy *copy)
{
	Change change = {.n_copies = 0};

	change_add_copy(&change, copy);
	change_add_damage(&change, &(Rect){copy->to.x, copy->to.y + copy->to.height - 20, copy->to.width, 20});
	video_region_change(region, &change, now);
}

static gboolean
is_on(Rect *rect)
{
	guint serial;

	return video_region_get(region, now, rect, &serial);
}

static guint
serial_of(void)
{
	Rect rect;
	guint serial = 0;

	ck_assert(video_region_get(region, now, &rect, &serial));
	return serial;
}

static void
play(int frames)
{
	for (int i = 0; i < frames; i++)
		happen(&player, 1, 40 * MILLI);
}

static void
check_on(const Rect *expected)
{
	Rect rect;

	ck_assert(is_on(&rect));
	ck_assert_int_eq(rect.x, expected->x);
	ck_assert_int_eq(rect.y, expected->y);
	ck_assert_int_eq(rect.width, expected->width);
	ck_assert_int_eq(rect.height, expected->height);
}

static void
check_off(void)
{
	Rect rect;

	ck_assert(!is_on(&rect));
}

START_TEST(an_area_that_changes_again_and_again_is_a_film)
{
	play(5);
	check_off();
	play(40);
	check_on(&player_even);
	play(200);
	ck_assert_uint_eq(serial_of(), 1);
}
END_TEST

START_TEST(a_film_of_twelve_frames_a_second_is_one)
{
	for (int i = 0; i < 30; i++)
		happen(&player, 1, 83 * MILLI);
	check_on(&player_even);
}
END_TEST

START_TEST(a_film_that_rests_has_ended)
{
	play(60);
	now += VIDEO_REGION_STILL_MS * MILLI - 1;
	check_on(&player_even);
	now += 1;
	check_off();
	/* Not even the one frame after it brings it back. */
	happen(&player, 1, 0);
	check_off();
	play(60);
	ck_assert_uint_eq(serial_of(), 2);
}
END_TEST

START_TEST(a_clock_and_a_cursor_beside_a_film_do_not_move_its_edges)
{
	Rect clock = {player.x + player.width + 3, player.y - 6, 60, 18}, cursor = {player.x - 11, player.y + 200, 9, 18};

	for (int i = 0; i < 200; i++) {
		Rect rects[3] = {player, i % 25 == 0 ? clock : player, i % 12 == 0 ? cursor : player};

		happen(rects, 3, 40 * MILLI);
	}
	check_on(&player_even);
	ck_assert_uint_eq(serial_of(), 1);
}
END_TEST

START_TEST(a_film_whose_frames_come_in_parts_is_one)
{
	Rect upper = {player.x, player.y, player.width, 176}, lower = {player.x, player.y + 176, player.width, player.height - 176};

	for (int i = 0; i < 60; i++) {
		happen(&upper, 1, 20 * MILLI);
		happen(&lower, 1, 20 * MILLI);
	}
	check_on(&player_even);
	ck_assert_uint_eq(serial_of(), 1);
}
END_TEST

START_TEST(a_film_with_still_parts_is_one)
{
	/* Somebody speaks before a wall: most of the picture changes in some frames only. */
	for (int i = 0; i < 200; i++) {
		Rect some = {player.x + 20 * (i % 4), player.y + 10 * (i % 3), player.width - 40 * (i % 4), player.height - 10 * (i % 3)};

		happen(&some, 1, 40 * MILLI);
	}
	check_on(&player_even);
	ck_assert_uint_eq(serial_of(), 1);
}
END_TEST

START_TEST(the_larger_of_two_films_is_it)
{
	Rect both[2] = {{20, 20, 320, 180}, {500, 300, 640, 360}};

	for (int i = 0; i < 60; i++)
		happen(both, 2, 40 * MILLI);
	check_on(&both[1]);
}
END_TEST

START_TEST(typing_is_no_film)
{
	for (int i = 0; i < 400; i++) {
		Rect letter = {100 + i % 80 * 9, 100 + i / 80 * 18, 18, 18};

		happen(&letter, 1, 30 * MILLI);
		check_off();
	}
}
END_TEST

START_TEST(a_small_animation_is_no_film)
{
	Rect small = {100, 100, 150, 400}, flat = {300, 100, 600, 100};

	for (int i = 0; i < 100; i++) {
		happen(&small, 1, 20 * MILLI);
		happen(&flat, 1, 20 * MILLI);
		check_off();
	}
}
END_TEST

START_TEST(what_changes_a_few_times_a_second_is_no_film)
{
	for (int i = 0; i < 60; i++) {
		happen(&player, 1, 150 * MILLI);
		check_off();
	}
}
END_TEST

START_TEST(scrolling_is_no_film_and_ends_one)
{
	Copy scroll = {{100, 100, 1000, 500}, 0, -20};

	for (int i = 0; i < 100; i++) {
		now += 30 * MILLI;
		move(&scroll);
		check_off();
	}
	play(60);
	check_on(&player_even);
	move(&scroll);
	check_off();
}
END_TEST

START_TEST(a_window_that_is_dragged_is_no_film)
{
	/* Where no move was found in it. */
	for (int i = 0; i < 100; i++) {
		Rect window = {20 + i * 8, 30 + i * 2, 400, 300};

		happen(&window, 1, 16 * MILLI);
		check_off();
	}
}
END_TEST

START_TEST(scrolling_elsewhere_does_not_end_a_film)
{
	Copy scroll = {{1000, 100, 200, 500}, 0, -20};

	play(60);
	move(&scroll);
	check_on(&player_even);
}
END_TEST

START_TEST(a_film_that_is_half_covered_becomes_what_is_left)
{
	Rect left = {player.x, player.y, 330, player.height};

	play(60);
	for (int i = 0; i < 60; i++)
		happen(&left, 1, 40 * MILLI);
	check_on(&(Rect){300, 150, 332, 360});
	ck_assert_uint_eq(serial_of(), 2);
}
END_TEST

START_TEST(a_film_that_fills_the_screen_is_found_again)
{
	Rect all = {0, 0, WIDTH, HEIGHT};

	play(60);
	for (int i = 0; i < 60; i++)
		happen(&all, 1, 40 * MILLI);
	check_on(&all);
	ck_assert_uint_eq(serial_of(), 2);
}
END_TEST

START_TEST(a_frame_of_another_size_has_no_film_yet)
{
	Rect all = {0, 0, 641, 479};

	play(60);
	video_region_resize(region, 641, 479);
	check_off();
	for (int i = 0; i < 60; i++)
		happen(&all, 1, 40 * MILLI);
	check_on(&(Rect){0, 0, 640, 478});
	ck_assert_uint_eq(serial_of(), 2);
}
END_TEST

static guint32 state = 1;

static int
rnd(int below)
{
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return (int)(state % (guint32)below);
}

START_TEST(whatever_changes_a_film_lies_in_the_frame_and_is_even)
{
	guint found = 0;

	state = (guint32)_i + 1;
	for (int size = 0; size < 20; size++) {
		int width = 1 + rnd(size % 2 ? 1500 : 300), height = 1 + rnd(size % 2 ? 900 : 200);

		video_region_resize(region, width, height);
		for (int i = 0; i < 300; i++) {
			Change change = {.n_copies = 0};
			Rect rect = {rnd(3) ? 0 : rnd(width), rnd(3) ? 0 : rnd(height), width, height}, seen;

			rect_clip(&rect, width, height);
			change_add_damage(&change, &rect);
			if (rnd(50) == 0) {
				int dx = rnd(width), dy = rnd(height);

				change_add_copy(&change, &(Copy){{dx, dy, width - dx, height - dy}, dx, dy});
			}
			now += rnd(60) * MILLI;
			video_region_change(region, &change, now);
			if (!is_on(&seen))
				continue;
			found++;
			ck_assert(rect_contains(&(Rect){0, 0, width, height}, &seen));
			ck_assert_int_ge(seen.width, VIDEO_REGION_WIDTH_MIN);
			ck_assert_int_ge(seen.height, VIDEO_REGION_HEIGHT_MIN);
			ck_assert_int_eq((seen.x | seen.y | seen.width | seen.height) & 1, 0);
		}
	}
	ck_assert_uint_gt(found, 0);
}
END_TEST

/* ---- encoding ---- */

static Frame *frame;

/* Something soft that moves, with a little noise. */
static void
paint(const Rect *rect, int k)
{
	for (int y = 0; y < rect->height; y++) {
		for (int x = 0; x < rect->width; x++) {
			guint32 noise = (guint32)(x * 7919 + y * 104729 + k * 1299709) * 2654435761u >> 28;
			double a = sin((x + k * 5) * .02) + sin((y + k * 3) * .03), b = sin((x - y + k * 4) * .011);

			*frame_at(frame, rect->x + x, rect->y + y) = (guint32)(110 + a * 50 + noise / 4) << 16 |
			        (guint32)(120 + b * 90 + noise / 4) << 8 | (guint32)(100 - a * 30 + b * 20 + noise / 4);
		}
	}
}

static double
psnr(const Frame *a, const Frame *b, const Rect *rect)
{
	double square = 0;

	for (int y = rect->y; y < rect->y + rect->height; y++) {
		for (int x = rect->x; x < rect->x + rect->width; x++) {
			for (int shift = 0; shift < 24; shift += 8) {
				int d = (int)(*frame_at(a, x, y) >> shift & 255) - (int)(*frame_at(b, x, y) >> shift & 255);

				square += d * d;
			}
		}
	}
	return square == 0 ? 99 : 10 * log10(255. * 255. * 3 * (double)rect_area(rect) / square);
}

static void
set_up_frame(void)
{
	frame = frame_new(WIDTH, HEIGHT);
	h264_load(NULL);
}

static void
tear_down_frame(void)
{
	frame_free(frame);
}

static gboolean
can_encode(void)
{
	static gboolean told;
	g_autoptr(GError) error = NULL;

	if (h264_load(&error))
		return TRUE;
	if (!told)
		g_printerr("encoding is not tested: %s\n", error->message);
	told = TRUE;
	return FALSE;
}

START_TEST(grey_keeps_its_brightness_and_colours_their_places)
{
	static const struct {
		guint32 pixel;
		int y, u, v;
	} colours[] = {{0, 16, 128, 128}, {0xffffff, 235, 128, 128}, {0x808080, 126, 128, 128}, {0xff0000, 82, 90, 240},
	        {0x00ff00, 144, 54, 34}, {0x0000ff, 41, 240, 110}};

	for (guint i = 0; i < G_N_ELEMENTS(colours); i++) {
		Yuv *yuv = yuv_new(50, 6);

		for (int p = 0; p < WIDTH * HEIGHT; p++)
			frame->pixels[p] = colours[i].pixel | 0xab000000;
		/* The last pixels of the frame. */
		yuv_convert(yuv, frame, WIDTH - 50, HEIGHT - 6);
		for (int row = 0; row < 6; row++) {
			for (int x = 0; x < 50; x++) {
				ck_assert_int_le(abs(yuv->planes[0][row * yuv->stride[0] + x] - colours[i].y), 1);
				ck_assert_int_le(abs(yuv->planes[1][row / 2 * yuv->stride[1] + x / 2] - colours[i].u), 1);
				ck_assert_int_le(abs(yuv->planes[2][row / 2 * yuv->stride[2] + x / 2] - colours[i].v), 1);
			}
		}
		yuv_free(yuv);
	}
}
END_TEST

START_TEST(a_moving_picture_comes_out_as_it_went_in)
{
	static const Rect sizes[] = {{10, 20, 640, 360}, {0, 0, WIDTH, HEIGHT}, {101, 33, 162, 122}, {5, 5, 16, 16}};
	const Rect *rect = &sizes[_i];
	g_autoptr(GByteArray) out = g_byte_array_new();
	H264Decoder *decoder = h264_decoder_new();
	H264Encoder *encoder;
	Frame *seen;

	if (!can_encode())
		return;
	seen = frame_new(WIDTH, HEIGHT);
	encoder = h264_encoder_new(rect->width, rect->height);
	ck_assert_ptr_nonnull(encoder);
	for (int k = 0; k < 20; k++) {
		paint(rect, k);
		g_byte_array_set_size(out, 0);
		ck_assert(h264_encode(encoder, frame, rect->x, rect->y, k == 10, 60000, k * 33 * MILLI + 1, out));
		/* One slice a frame; an intra frame begins with its parameters. */
		ck_assert_mem_eq(out->data, "\0\0\0\1", 4);
		ck_assert_int_eq(out->data[4] & 31, k % 10 == 0 ? 7 : 1);
		ck_assert(h264_decode(decoder, out->data, out->len, seen, rect->x, rect->y));
		ck_assert_double_ge(psnr(frame, seen, rect), 30);
	}
	h264_encoder_free(encoder);
	h264_decoder_free(decoder);
	frame_free(seen);
}
END_TEST

START_TEST(a_smaller_size_is_kept_to)
{
	static const guint64 sizes[] = {1500, 6000};
	Rect rect = {0, 0, 640, 360};
	gsize total[2] = {0};

	if (!can_encode())
		return;
	for (guint i = 0; i < 2; i++) {
		H264Encoder *encoder = h264_encoder_new(640, 360);
		g_autoptr(GByteArray) out = g_byte_array_new();

		for (int k = 0; k < 60; k++) {
			paint(&rect, k);
			ck_assert(h264_encode(encoder, frame, 0, 0, FALSE, sizes[i], k * 33 * MILLI + 1, out));
		}
		total[i] = out->len;
		h264_encoder_free(encoder);
		ck_assert_uint_le(total[i], sizes[i] * 60 * 3 / 2);
	}
	ck_assert_uint_lt(total[0], total[1]);
}
END_TEST

START_TEST(what_cannot_be_encoded_gets_no_encoder)
{
	static const int sizes[][2] = {
	        {0, 0}, {-2, 100}, {15, 100}, {101, 100}, {100, 101}, {14, 100}, {3842, 100}, {3840, 2162}, {8192, 8192}};
	H264Encoder *encoders[H264_ENCODERS_MAX], *large;

	for (guint i = 0; i < G_N_ELEMENTS(sizes); i++)
		ck_assert_ptr_null(h264_encoder_new(sizes[i][0], sizes[i][1]));
	if (!can_encode())
		return;
	for (int i = 0; i < H264_ENCODERS_MAX; i++) {
		encoders[i] = h264_encoder_new(160, 120);
		ck_assert_ptr_nonnull(encoders[i]);
	}
	ck_assert_ptr_null(h264_encoder_new(160, 120));
	for (int i = 0; i < H264_ENCODERS_MAX; i++)
		h264_encoder_free(encoders[i]);
	large = h264_encoder_new(3840, 2160);
	ck_assert_ptr_nonnull(large);
	h264_encoder_free(large);
	h264_unload();
	ck_assert(!h264_is_available());
	ck_assert_ptr_null(h264_encoder_new(160, 120));
}
END_TEST

/* ---- a client ---- */

static const Rect film = {300, 152, 640, 360};
static Heads heads;
static VncView view;
static VncUpdate *update;
static Outbox *outbox;
static TightDecoder *tight;
static H264Decoder *h264;
static Frame *picture;
static struct {
	guint films, resets, others;
} got;

static void
know(gboolean h264_too)
{
	static const gint32 encodings[] = {
	        RFB_ENCODING_TIGHT, RFB_ENCODING_CURSOR, RFB_ENCODING_QUALITY_0 + 6, RFB_ENCODING_COPY_RECT, RFB_ENCODING_H264};
	guint8 bytes[sizeof encodings];
	RfbMessage message = {.type = RFB_SET_ENCODINGS, .encodings = {h264_too ? 5 : 4, bytes}};

	for (guint i = 0; i < G_N_ELEMENTS(encodings); i++) {
		guint32 number = GUINT32_TO_BE((guint32)encodings[i]);

		memcpy(bytes + 4 * i, &number, 4);
	}
	ck_assert(vnc_update_take_encodings(update, &message));
}

static void
set_up_client(void)
{
	set_up_frame();
	set_up_region();
	for (int i = 0; i < WIDTH * HEIGHT; i++)
		frame->pixels[i] = (guint32)i * 2654435761u >> 31 ? 0x102030 : 0xf0f0f0;
	heads = heads_single(WIDTH, HEIGHT);
	view = (VncView){frame, &heads, 1, NULL, 0, "a desktop", vnc_screen_new(frame), tight_share_new(), region};
	update = vnc_update_new(&view);
	vnc_update_continuous(update, &(Rect){0, 0, WIDTH, HEIGHT});
	outbox = outbox_new();
	tight = tight_decoder_new();
	h264 = h264_decoder_new();
	picture = frame_new(WIDTH, HEIGHT);
	memset(&got, 0, sizeof got);
}

static void
tear_down_client(void)
{
	vnc_update_free(update);
	outbox_free(outbox);
	vnc_screen_free(view.screen);
	tight_share_free(view.share);
	tight_decoder_free(tight);
	h264_decoder_free(h264);
	frame_free(picture);
	tear_down_region();
	tear_down_frame();
}

static void
no_tight_in_film(gpointer data, const Rect *rect, TightKind kind, gsize size)
{
	Rect common = rect_intersect(rect, &film);

	ck_assert(rect_is_empty(&common));
	got.others++;
}

static void
any_tight(gpointer data, const Rect *rect, TightKind kind, gsize size)
{
	got.others++;
}

/* An update of a film stands before any other. */
static void
receive(TightSeen seen)
{
	GByteArray *bytes = outbox_bytes(outbox);
	const guint8 *p = bytes->data;
	gsize left = bytes->len;

	if (left >= 24 && (gint32)rfb_read_u32(p + 12) == RFB_ENCODING_H264) {
		guint32 size = rfb_read_u32(p + 16), flags = rfb_read_u32(p + 20);

		ck_assert_uint_eq(rfb_read_u16(p + 2), 1);
		ck_assert_int_eq(rfb_read_u16(p + 4), film.x);
		ck_assert_int_eq(rfb_read_u16(p + 6), film.y);
		ck_assert_int_eq(rfb_read_u16(p + 8), film.width);
		ck_assert_int_eq(rfb_read_u16(p + 10), film.height);
		got.resets += flags == 2;
		ck_assert(h264_decode(h264, p + 24, size, picture, film.x, film.y));
		got.films++;
		p += 24 + size;
		left -= 24 + size;
	}
	if (left > 4)
		ck_assert_int_eq(tight_decode(tight, picture, p + 4, left - 4, seen, NULL), rfb_read_u16(p + 2));
	g_byte_array_set_size(bytes, 0);
}

static void
step(const Damage *damage, TightSeen seen)
{
	Change change = {.damage = *damage};

	now += 40 * MILLI;
	video_region_change(region, &change, now);
	vnc_update_change(update, &change);
	ck_assert(vnc_update_append(update, 0, 0, now, outbox));
	receive(seen);
}

static void
show(int frames, int first, TightSeen seen)
{
	for (int k = first; k < first + frames; k++) {
		Rect letter = {40 + k % 20 * 9, 40, 9, 18};
		Damage damage = {.n = 0};

		paint(&film, k);
		for (int i = 0; i < 9 * 18; i++)
			*frame_at(frame, letter.x + i % 9, letter.y + i / 9) = (guint32)(i * k) * 2654435761u >> 30 ? 0xffffff : 0;
		damage_add(&damage, &film);
		damage_add(&damage, &letter);
		step(&damage, seen);
	}
}

static void
rest(void)
{
	Rect all = {0, 0, WIDTH, HEIGHT};

	for (int i = 0; i < 50 && vnc_update_sharpen_at(update) != 0; i++) {
		now = MAX(now, vnc_update_sharpen_at(update));
		ck_assert(vnc_update_append(update, 0, 0, now, outbox));
		receive(any_tight);
	}
	ck_assert_int_eq(psnr(frame, picture, &all) > 90, TRUE);
}

static void
begin_client(gboolean h264_too, guint64 bandwidth)
{
	Damage damage = {.n = 0};

	know(h264_too);
	vnc_update_set_bandwidth(update, bandwidth);
	damage_add(&damage, &(Rect){0, 0, WIDTH, HEIGHT});
	step(&damage, any_tight);
	now += 1000 * MILLI;
	show(50, 0, any_tight);
}

START_TEST(a_client_on_a_narrow_path_gets_a_film_as_h264_and_its_surroundings_sharp)
{
	Rect letters = {0, 0, WIDTH, 150};

	if (!can_encode())
		return;
	begin_client(TRUE, 250000);
	ck_assert_uint_eq(got.resets, 1);
	memset(&got, 0, sizeof got);
	show(50, 50, no_tight_in_film);
	ck_assert_uint_eq(got.films, 50);
	ck_assert_uint_eq(got.resets, 0);
	ck_assert_uint_ge(got.others, 50);
	ck_assert_double_ge(psnr(frame, picture, &film), 30);
	ck_assert_double_gt(psnr(frame, picture, &letters), 90);
	rest();
	/* A new one begins anew. */
	now += 1000 * MILLI;
	show(50, 100, any_tight);
	ck_assert_uint_eq(got.resets, 1);
	rest();
}
END_TEST

START_TEST(others_get_jpeg)
{
	/* A client that does not know it, and one whose path is wide or not known. */
	static const guint64 bandwidths[] = {250000, 0, 100000000};

	if (!can_encode())
		return;
	begin_client(_i > 0, bandwidths[_i]);
	ck_assert_uint_eq(got.films, 0);
	rest();
}
END_TEST

START_TEST(one_that_finds_no_encoder_free_gets_jpeg)
{
	H264Encoder *encoders[H264_ENCODERS_MAX];

	if (!can_encode())
		return;
	for (int i = 0; i < H264_ENCODERS_MAX; i++)
		encoders[i] = h264_encoder_new(160, 120);
	begin_client(TRUE, 250000);
	ck_assert_uint_eq(got.films, 0);
	for (int i = 0; i < H264_ENCODERS_MAX; i++)
		h264_encoder_free(encoders[i]);
	rest();
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("video");
	TCase *where = tcase_create("region"), *encoding = tcase_create("encoding"), *client = tcase_create("client");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(where, set_up_region, tear_down_region);
	tcase_add_test(where, an_area_that_changes_again_and_again_is_a_film);
	tcase_add_test(where, a_film_of_twelve_frames_a_second_is_one);
	tcase_add_test(where, a_film_that_rests_has_ended);
	tcase_add_test(where, a_clock_and_a_cursor_beside_a_film_do_not_move_its_edges);
	tcase_add_test(where, a_film_whose_frames_come_in_parts_is_one);
	tcase_add_test(where, a_film_with_still_parts_is_one);
	tcase_add_test(where, the_larger_of_two_films_is_it);
	tcase_add_test(where, typing_is_no_film);
	tcase_add_test(where, a_small_animation_is_no_film);
	tcase_add_test(where, what_changes_a_few_times_a_second_is_no_film);
	tcase_add_test(where, scrolling_is_no_film_and_ends_one);
	tcase_add_test(where, a_window_that_is_dragged_is_no_film);
	tcase_add_test(where, scrolling_elsewhere_does_not_end_a_film);
	tcase_add_test(where, a_film_that_is_half_covered_becomes_what_is_left);
	tcase_add_test(where, a_film_that_fills_the_screen_is_found_again);
	tcase_add_test(where, a_frame_of_another_size_has_no_film_yet);
	tcase_add_loop_test(where, whatever_changes_a_film_lies_in_the_frame_and_is_even, 0, 8);
	suite_add_tcase(suite, where);
	tcase_add_checked_fixture(encoding, set_up_frame, tear_down_frame);
	tcase_set_timeout(encoding, 60);
	tcase_add_test(encoding, grey_keeps_its_brightness_and_colours_their_places);
	tcase_add_loop_test(encoding, a_moving_picture_comes_out_as_it_went_in, 0, 4);
	tcase_add_test(encoding, a_smaller_size_is_kept_to);
	tcase_add_test(encoding, what_cannot_be_encoded_gets_no_encoder);
	suite_add_tcase(suite, encoding);
	tcase_add_checked_fixture(client, set_up_client, tear_down_client);
	tcase_set_timeout(client, 60);
	tcase_add_test(client, a_client_on_a_narrow_path_gets_a_film_as_h264_and_its_surroundings_sharp);
	tcase_add_loop_test(client, others_get_jpeg, 0, 3);
	tcase_add_test(client, one_that_finds_no_encoder_free_gets_jpeg);
	suite_add_tcase(suite, client);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
