/* The Tight encoder, against a decoder written from the protocol's text (tests/lib/tight-decoder.h) and libvncclient's.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#ifdef HAVE_LIBVNCCLIENT
#include <rfb/rfbclient.h>
#include <sys/socket.h>
#include <unistd.h>
#endif

#include "display/fork-join.h"
#include "display/tight.h"
#include "tests/lib/tight-decoder.h"

#define WIDTH 700
#define HEIGHT 500

static const TightOptions exact = {0, TIGHT_420, 1};
static const TightOptions photo = {80, TIGHT_420, 1};

typedef struct {
	TightShare *share;
	TightEncoder *encoder;
	TightDecoder *decoder;
	Frame *frame, *seen;
	GByteArray *out;
	Damage lossy;
	guint n;
	guint n_kinds[4];
	gint64 lossy_area, solid_area;
} Fixture;

static Fixture f;
static guint32 seed;

static guint32
next_random(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed;
}

static void
set_size(int width, int height)
{
	frame_free(f.frame);
	frame_free(f.seen);
	f.frame = frame_new(width, height);
	f.seen = frame_new(width, height);
}

static void
set_up(void)
{
	f = (Fixture){.share = tight_share_new(), .decoder = tight_decoder_new(), .out = g_byte_array_new()};
	f.encoder = tight_encoder_new(f.share);
	set_size(WIDTH, HEIGHT);
	seed = 2463534242;
}

static void
tear_down(void)
{
	tight_encoder_free(f.encoder);
	tight_share_free(f.share);
	tight_decoder_free(f.decoder);
	frame_free(f.frame);
	frame_free(f.seen);
	g_byte_array_unref(f.out);
	fork_join_set_threads(0);
}

static void
on_rect(gpointer data, const Rect *rect, TightKind kind, gsize size)
{
	f.n_kinds[kind]++;
	if (kind == TIGHT_LOSSY)
		f.lossy_area += rect_area(rect);
	if (kind == TIGHT_FILL)
		f.solid_area += rect_area(rect);
}

/* Encodes and decodes. */
static void
send_rects(const TightOptions *options, const Rect *rects, guint n_rects)
{
	guint n = 0;

	damage_clear(&f.lossy);
	memset(f.n_kinds, 0, sizeof f.n_kinds);
	f.lossy_area = f.solid_area = 0;
	g_byte_array_set_size(f.out, 0);
	tight_share_forget(f.share, NULL);
	ck_assert(tight_encode(f.encoder, f.frame, rects, n_rects, options, f.out, &n, &f.lossy));
	f.n = n;
	ck_assert_int_eq(tight_decode(f.decoder, f.seen, f.out->data, f.out->len, on_rect, NULL), (int)n);
}

static void
send_rect(const TightOptions *options, Rect rect)
{
	send_rects(options, &rect, 1);
}

static Rect
whole(void)
{
	return (Rect){0, 0, f.frame->width, f.frame->height};
}

static gboolean
same_in(const Rect *rect)
{
	for (int y = rect->y; y < rect->y + rect->height; y++) {
		for (int x = rect->x; x < rect->x + rect->width; x++) {
			if ((*frame_at(f.frame, x, y) & 0xffffff) != *frame_at(f.seen, x, y))
				return FALSE;
		}
	}
	return TRUE;
}

static gboolean
same(void)
{
	Rect all = whole();

	return same_in(&all);
}

static void
fill(Rect rect, guint32 colour)
{
	for (int y = rect.y; y < rect.y + rect.height; y++) {
		for (int x = rect.x; x < rect.x + rect.width; x++)
			*frame_at(f.frame, x, y) = colour;
	}
}

/* @colours of them, in short runs, with whatever in the highest byte. */
static void
draw_colours(Rect rect, guint colours)
{
	guint32 colour = 0;

	for (int y = rect.y; y < rect.y + rect.height; y++) {
		for (int x = rect.x; x < rect.x + rect.width; x++) {
			if (next_random() % 3 == 0)
				colour = next_random() % colours * 0x9e3779b1u >> 8;
			*frame_at(f.frame, x, y) = colour | next_random() << 24;
		}
	}
}

static void
draw_photo(Rect rect, double phase)
{
	for (int y = rect.y; y < rect.y + rect.height; y++) {
		for (int x = rect.x; x < rect.x + rect.width; x++) {
			guint v = (guint)(128 + 60 * sin(x * .03 + phase) + 50 * sin(y * .04)) + next_random() % 5;

			*frame_at(f.frame, x, y) = v << 16 | (v / 2 + (guint)x / 8 % 100) << 8 | (250 - v);
		}
	}
}

/* White, with strokes of several colours whose edges are smoothed in many shades. */
static void
draw_text(Rect rect)
{
	fill(rect, 0xffffff);
	for (int y = rect.y + 2; y + 12 < rect.y + rect.height; y += 18) {
		for (int x = rect.x + 2; x + 5 < rect.x + rect.width; x += 9) {
			guint32 ink = next_random() & 0x7f7f7f, edge = 0xffffff - (next_random() & 0x7f7f7f);

			fill((Rect){x, y, 1, 12}, edge);
			fill((Rect){x + 1, y, 1, 12}, ink);
			fill((Rect){x + 1, y + (int)(next_random() % 12), 3, 1}, ink);
		}
	}
}

START_TEST(rectangles_of_all_small_sizes_come_out_as_they_went_in)
{
	static const guint colours[] = {1, 2, 3, 16, 200, 100000};
	guint count = colours[_i];

	for (int height = 1; height <= 70; height++) {
		for (int width = 1; width <= 70; width++) {
			Rect rect = {(int)(next_random() % 600), (int)(next_random() % 400), width, height};

			draw_colours(rect, count);
			send_rect(&exact, rect);
			ck_assert(same_in(&rect));
		}
	}
	ck_assert_uint_eq(f.lossy.n, 0);
}
END_TEST

START_TEST(large_rectangles_come_out_as_they_went_in)
{
	static const guint colours[] = {1, 2, 3, 16, 255, 256, 257, 100000};

	set_size(4096, 300);
	for (guint i = 0; i < G_N_ELEMENTS(colours); i++) {
		draw_colours(whole(), colours[i]);
		for (int level = 1; level <= 9; level += 4) {
			send_rect(&(TightOptions){0, TIGHT_444, level}, whole());
			ck_assert(same());
		}
	}
}
END_TEST

START_TEST(a_long_stream_of_changing_kinds_stays_in_step)
{
	for (guint i = 0; i < 400; i++) {
		Rect rects[3];

		for (guint j = 0; j < G_N_ELEMENTS(rects); j++) {
			int x = (int)(next_random() % (WIDTH - 1)), y = (int)(next_random() % (HEIGHT - 1));
			int max = i % 5 == 0 ? 700 : 60;

			rects[j] = (Rect){x, y, 1 + (int)(next_random() % (guint)MIN(max, WIDTH - x)),
			        1 + (int)(next_random() % (guint)MIN(max, HEIGHT - y))};
			if (next_random() % 4 == 0)
				draw_photo(rects[j], i);
			else if (next_random() % 3 == 0)
				draw_text(rects[j]);
			else
				draw_colours(rects[j], 1 + next_random() % 300);
		}
		send_rects(&(TightOptions){0, TIGHT_420, 1 + (int)(i / 3 % 9)}, rects, G_N_ELEMENTS(rects));
		for (guint j = 0; j < G_N_ELEMENTS(rects); j++)
			ck_assert(same_in(&rects[j]));
	}
}
END_TEST

START_TEST(one_colour_is_a_fill_wherever_it_is)
{
	fill(whole(), 0x123456);
	send_rect(&exact, whole()); /* which begins the streams */
	send_rect(&exact, whole());
	ck_assert_uint_eq(f.n, 1);
	ck_assert_uint_eq(f.out->len, 16);
	ck_assert(same());
	draw_colours((Rect){200, 150, 90, 70}, 1000);
	send_rect(&exact, whole());
	ck_assert(same());
	ck_assert_int_gt(f.solid_area, WIDTH * HEIGHT * 9 / 10);
}
END_TEST

START_TEST(no_rectangle_is_wider_than_allowed)
{
	set_size(8192, 40);
	fill(whole(), 0xabcdef);
	send_rect(&exact, whole());
	send_rect(&exact, whole());
	ck_assert_uint_eq(f.n, 4);
	ck_assert(same());
	draw_photo(whole(), 1);
	send_rect(&photo, whole()); /* the decoder looks */
	ck_assert_int_eq(f.lossy_area, 8192 * 40);
}
END_TEST

START_TEST(text_never_becomes_jpeg)
{
	draw_text(whole());
	send_rect(&photo, whole());
	ck_assert_uint_eq(f.n_kinds[TIGHT_LOSSY], 0);
	ck_assert_uint_eq(f.lossy.n, 0);
	ck_assert(same());
}
END_TEST

START_TEST(a_picture_becomes_jpeg_and_looks_the_same)
{
	double square = 0;

	draw_photo(whole(), 0);
	for (int subsampling = TIGHT_444; subsampling <= TIGHT_420; subsampling++) {
		send_rect(&(TightOptions){90, (TightSubsampling)subsampling, 1}, whole());
		ck_assert_int_eq(f.lossy_area, WIDTH * HEIGHT);
		ck_assert_uint_lt(f.out->len, WIDTH * HEIGHT);
		for (int i = 0; i < WIDTH * HEIGHT; i++) {
			int d = (int)(f.frame->pixels[i] >> 8 & 255) - (int)(f.seen->pixels[i] >> 8 & 255);

			square += d * d;
		}
	}
	ck_assert_double_lt(square / (3. * WIDTH * HEIGHT), 12);
	send_rect(&exact, whole());
	ck_assert(same());
	ck_assert_uint_eq(f.lossy.n, 0);
}
END_TEST

START_TEST(a_gradient_becomes_jpeg_if_it_may)
{
	for (int i = 0; i < WIDTH * HEIGHT; i++)
		f.frame->pixels[i] = (guint)(i % WIDTH / 3) << 16 | (guint)(i / WIDTH / 2) << 8 | (guint)((i % WIDTH + i / WIDTH) / 5);
	send_rect(&photo, whole());
	ck_assert_int_eq(f.lossy_area, WIDTH * HEIGHT);
}
END_TEST

START_TEST(lossy_is_what_was_sent_as_jpeg_and_the_rest_is_exact)
{
	Rect picture = {100, 100, 384, 256};

	draw_text(whole());
	draw_photo(picture, 0);
	send_rect(&photo, whole());
	ck_assert_int_gt(f.lossy_area, rect_area(&picture) * 8 / 10);
	for (int y = 0; y < HEIGHT; y++) {
		for (int x = 0; x < WIDTH; x++) {
			gboolean lossy = FALSE;

			for (guint i = 0; i < f.lossy.n; i++)
				lossy = lossy || rect_contains(&f.lossy.rects[i], &(Rect){x, y, 1, 1});
			if (!lossy)
				ck_assert_uint_eq(*frame_at(f.frame, x, y) & 0xffffff, *frame_at(f.seen, x, y));
		}
	}
	/* One picture alone is said to the pixel. */
	send_rect(&photo, picture);
	gint64 area = 0;

	for (guint i = 0; i < f.lossy.n; i++)
		area += rect_area(&f.lossy.rects[i]);
	ck_assert_int_eq(area, f.lossy_area);
}
END_TEST

START_TEST(the_colours_order_on_the_wire_is_red_green_blue)
{
	static const guint8 fill_bytes[] = {0, 0, 0, 0, 0, 9, 0, 9, 0, 0, 0, 7, 0x80, 0xff, 0x80, 0x01};

	fill(whole(), 0xff8001);
	send_rect(&exact, (Rect){0, 0, 9, 9});
	ck_assert_uint_eq(f.out->len, sizeof fill_bytes);
	ck_assert_mem_eq(f.out->data, fill_bytes, sizeof fill_bytes);
	fill((Rect){0, 0, 1, 1}, 0x010203);
	send_rect(&exact, (Rect){0, 0, 2, 1});
	ck_assert_mem_eq(f.out->data + 12, "\x50\x01\x01\x01\x02\x03\xff\x80\x01\x40", 10);
}
END_TEST

START_TEST(the_number_of_threads_changes_nothing)
{
	g_autoptr(GByteArray) first = g_byte_array_new();

	set_size(1300, 900);
	for (guint round = 0; round < 6; round++) {
		draw_text(whole());
		draw_photo((Rect){300, 200, 640, 480}, round);
		draw_colours((Rect){0, 700, 1300, 100}, 2);
		for (guint threads = 1; threads <= FORK_JOIN_THREADS_MAX; threads++) {
			TightEncoder *encoder = f.encoder;

			fork_join_set_threads(threads);
			f.encoder = tight_encoder_new(NULL);
			tight_decoder_free(f.decoder);
			f.decoder = tight_decoder_new();
			send_rect(round % 2 ? &photo : &exact, whole());
			tight_encoder_free(f.encoder);
			f.encoder = encoder;
			if (threads == 1) {
				g_byte_array_set_size(first, 0);
				g_byte_array_append(first, f.out->data, f.out->len);
			}
			ck_assert_uint_eq(f.out->len, first->len);
			ck_assert_mem_eq(f.out->data, first->data, first->len);
		}
	}
}
END_TEST

static void
encode_shared(TightEncoder *encoder, GByteArray *out, guint *n, Damage *lossy)
{
	Rect all = whole();

	g_byte_array_set_size(out, 0);
	*n = 0;
	damage_clear(lossy);
	ck_assert(tight_encode(encoder, f.frame, &all, 1, &photo, out, n, lossy));
}

START_TEST(a_second_viewer_gets_the_same_until_the_frame_changes)
{
	TightEncoder *second = tight_encoder_new(f.share);
	g_autoptr(GByteArray) out = g_byte_array_new(), other = g_byte_array_new();
	Damage lossy, other_lossy;
	guint n, other_n;

	/* Which begins the streams. */
	encode_shared(f.encoder, out, &n, &lossy);
	encode_shared(second, other, &other_n, &other_lossy);
	draw_photo(whole(), 0);
	tight_share_forget(f.share, NULL);
	encode_shared(f.encoder, out, &n, &lossy);
	/* Nobody has said that the frame changed: what was made is given again. */
	fill(whole(), 0);
	encode_shared(second, other, &other_n, &other_lossy);
	ck_assert_uint_eq(n, other_n);
	ck_assert_uint_eq(out->len, other->len);
	ck_assert_mem_eq(out->data, other->data, out->len);
	ck_assert_uint_eq(lossy.n, other_lossy.n);
	ck_assert_mem_eq(lossy.rects, other_lossy.rects, lossy.n * sizeof(Rect));
	tight_share_forget(f.share, &(Damage){.rects = {{WIDTH - 1, HEIGHT - 1, 1, 1}}, .n = 1});
	encode_shared(second, other, &other_n, &other_lossy);
	ck_assert_uint_eq(other->len, 16);
	tight_encoder_free(second);
}
END_TEST

START_TEST(viewers_that_share_may_come_in_the_middle)
{
	TightEncoder *encoders[2] = {f.encoder, NULL};
	TightDecoder *decoders[2] = {f.decoder, NULL};

	for (guint i = 0; i < 40; i++) {
		guint colours = 1 + next_random() % 400;
		Rect rect = i % 3 == 0 ? whole() : (Rect){(int)i, (int)i * 2, 30, 20};

		draw_colours(rect, colours);
		tight_share_forget(f.share, &(Damage){.rects = {rect}, .n = 1});
		if (i == 13) {
			encoders[1] = tight_encoder_new(f.share);
			decoders[1] = tight_decoder_new();
		}
		for (guint viewer = 0; viewer < 2 && encoders[viewer]; viewer++) {
			Damage lossy = {.n = 0};
			guint n = 0;

			g_byte_array_set_size(f.out, 0);
			ck_assert(tight_encode(encoders[viewer], f.frame, &rect, 1, &exact, f.out, &n, &lossy));
			ck_assert_int_eq(tight_decode(decoders[viewer], f.seen, f.out->data, f.out->len, NULL, NULL), (int)n);
			ck_assert(same_in(&rect));
			memset(frame_at(f.seen, rect.x, rect.y), 0x55, 4);
		}
	}
	tight_encoder_free(encoders[1]);
	tight_decoder_free(decoders[1]);
}
END_TEST

START_TEST(nothing_is_nothing)
{
	send_rects(&exact, (Rect[]){{0}, {5, 5, 0, 9}}, 2);
	ck_assert_uint_eq(f.n, 0);
	ck_assert_uint_eq(f.out->len, 0);
}
END_TEST

#ifdef HAVE_LIBVNCCLIENT
static gpointer
write_update(gpointer fd)
{
	guint8 head[4] = {0, 0, (guint8)(f.n >> 8), (guint8)f.n};
	gsize at = 0;

	ck_assert_int_eq(write(GPOINTER_TO_INT(fd), head, sizeof head), sizeof head);
	while (at < f.out->len) {
		ssize_t n = write(GPOINTER_TO_INT(fd), f.out->data + at, f.out->len - at);

		ck_assert_int_gt(n, 0);
		at += (gsize)n;
	}
	return NULL;
}

static void
show(rfbClient *client, int fd)
{
	GThread *writer = g_thread_new("writer", write_update, GINT_TO_POINTER(fd));

	ck_assert(HandleRFBServerMessage(client));
	g_thread_join(writer);
}

static guint32
shown_at(const rfbClient *client, int i)
{
	guint32 pixel;

	memcpy(&pixel, client->frameBuffer + (gsize)i * 4, 4);
	return (pixel >> client->format.redShift & 255) << 16 | (pixel >> client->format.greenShift & 255) << 8 |
		(pixel >> client->format.blueShift & 255);
}

/* @red: where the client has red, and blue at the other end. */
static rfbClient *
new_client(int fd, guint8 red)
{
	rfbClient *client = rfbGetClient(8, 3, 4);

	rfbEnableClientLogging = FALSE;
	client->sock = fd;
	client->canHandleNewFBSize = FALSE;
	client->width = WIDTH;
	client->height = HEIGHT;
	client->format.depth = 24;
	client->format.redShift = red;
	client->format.greenShift = 8;
	client->format.blueShift = (guint8)(16 - red);
	client->frameBuffer = calloc(WIDTH * HEIGHT, 4);
	return client;
}

START_TEST(libvncclient_shows_the_same)
{
	int ends[2];
	rfbClient *client;
	gint64 square = 0;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	client = new_client(ends[1], (guint8)(_i * 16));
	for (guint i = 0; i < 12; i++) {
		draw_colours(whole(), 1u << i);
		draw_text((Rect){100, 100, 400, 300});
		send_rect(&exact, i % 2 ? (Rect){(int)i, 0, 100, 90} : whole());
		show(client, ends[0]);
		send_rect(&exact, whole());
		show(client, ends[0]);
		for (int j = 0; j < WIDTH * HEIGHT; j++)
			ck_assert_uint_eq(shown_at(client, j), f.frame->pixels[j] & 0xffffff);
	}
	draw_photo(whole(), 0);
	send_rect(&photo, whole());
	show(client, ends[0]);
	for (int j = 0; j < WIDTH * HEIGHT; j++) {
		int d = (int)(shown_at(client, j) >> 16) - (int)(f.frame->pixels[j] >> 16 & 255);

		square += d * d;
	}
	ck_assert_int_lt(square, 30 * WIDTH * HEIGHT);
	close(ends[0]);
	free(client->frameBuffer);
	client->frameBuffer = NULL;
	rfbClientCleanup(client);
}
END_TEST
#endif

static void
count_item(gpointer data, guint i, guint thread)
{
	ck_assert_uint_lt(thread, FORK_JOIN_THREADS_MAX);
	g_atomic_int_inc(&((gint *)data)[i]);
}

START_TEST(each_item_is_done_once)
{
	gint counts[97];

	for (guint round = 0; round < 2000; round++) {
		guint n = round % G_N_ELEMENTS(counts);

		memset(counts, 0, sizeof counts);
		fork_join_set_threads(1 + round % FORK_JOIN_THREADS_MAX);
		fork_join(count_item, counts, n);
		for (guint i = 0; i < G_N_ELEMENTS(counts); i++)
			ck_assert_int_eq(counts[i], i < n);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("display-tight");
	TCase *tests = tcase_create("tight");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tests, 120);
	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_loop_test(tests, rectangles_of_all_small_sizes_come_out_as_they_went_in, 0, 6);
	tcase_add_test(tests, large_rectangles_come_out_as_they_went_in);
	tcase_add_test(tests, a_long_stream_of_changing_kinds_stays_in_step);
	tcase_add_test(tests, one_colour_is_a_fill_wherever_it_is);
	tcase_add_test(tests, no_rectangle_is_wider_than_allowed);
	tcase_add_test(tests, text_never_becomes_jpeg);
	tcase_add_test(tests, a_picture_becomes_jpeg_and_looks_the_same);
	tcase_add_test(tests, a_gradient_becomes_jpeg_if_it_may);
	tcase_add_test(tests, lossy_is_what_was_sent_as_jpeg_and_the_rest_is_exact);
	tcase_add_test(tests, the_colours_order_on_the_wire_is_red_green_blue);
	tcase_add_test(tests, the_number_of_threads_changes_nothing);
	tcase_add_test(tests, a_second_viewer_gets_the_same_until_the_frame_changes);
	tcase_add_test(tests, viewers_that_share_may_come_in_the_middle);
	tcase_add_test(tests, nothing_is_nothing);
#ifdef HAVE_LIBVNCCLIENT
	tcase_add_loop_test(tests, libvncclient_shows_the_same, 0, 2);
#endif
	tcase_add_test(tests, each_item_is_done_once);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
