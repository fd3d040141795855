/* A desktop's VNC clients together: each with a socket, as viewers have, and with a decoder of its own.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "display/rfb-encodings.h"
#include "display/vnc-lossy.h"
#include "display/vnc.h"
#include "tests/lib/tight-decoder.h"

#define WIDTH 320
#define HEIGHT 240

typedef struct {
	int fd;
	gboolean reads, answers; /* fences */
	GByteArray *in;
	TightDecoder *decoder;
	Frame *picture;
	guint updates, copies, lossy, sizes, size_reason, size_status, texts;
	guint8 text; /* the first letter of the last */
} Viewer;

static Frame *frame;
static Heads heads;
static Vnc *vnc;
static Viewer viewers[3];
static guint left, wishes;

static void
on_joined(const Client *client, void *data)
{
}

static void
on_left(const Client *client, const char *why, void *data)
{
	left++;
}

static void
on_resize(const Client *client, const Heads *wish, void *data)
{
	wishes++;
}

static void
on_text(const char *text, gsize size, void *data)
{
}

static void
on_input(void *data, guint what, gboolean down)
{
}

static void
on_motion(void *data, int x, int y)
{
}

static const VncEvents events = {on_joined, on_left, on_resize, on_text};
static const InputSink sink = {on_input, on_motion, on_input, NULL};

static void
say(Viewer *viewer, const void *bytes, gsize size)
{
	ck_assert_int_eq(send(viewer->fd, bytes, size, MSG_NOSIGNAL), (ssize_t)size);
}

static void
on_tight(gpointer data, const Rect *rect, TightKind kind, gsize size)
{
	((Viewer *)data)->lossy += kind == TIGHT_LOSSY;
}

/* Bytes of a rectangle of Tight, from its data on; 0: not all is here. */
static gsize
measure_tight(const guint8 *p, gsize size, const Rect *rect)
{
	gsize pixels = (gsize)rect_area(rect), head = 1, data, length, n = 0;
	guint control, filter = 0, colours = 0;

	if (size < 4)
		return 0;
	control = p[0] >> 4;
	if (control == 8)
		return 4;
	if (control != 9) {
		if (control & 4)
			filter = p[head++];
		if (filter == 1) {
			colours = p[head++] + 1u;
			head += 3 * colours;
		}
		data = filter == 0 ? pixels * 3 : colours == 2 ? ((gsize)rect->width + 7) / 8 * (gsize)rect->height : pixels;
		if (data < 12)
			return size >= head + data ? head + data : 0;
	}
	if (size < head + 3)
		return 0;
	length = p[head] & 0x7f;
	n = 1;
	if (p[head] & 0x80) {
		length |= (gsize)(p[head + 1] & 0x7f) << 7;
		n = 2;
		if (p[head + 1] & 0x80) {
			length |= (gsize)p[head + 2] << 14;
			n = 3;
		}
	}
	return size >= head + n + length ? head + n + length : 0;
}

static gsize
take_tight(Viewer *viewer, const guint8 *rect_head, gsize size, const Rect *rect)
{
	gsize used = measure_tight(rect_head + 12, size - 12, rect);

	if (used > 0)
		ck_assert_int_eq(tight_decode(viewer->decoder, viewer->picture, rect_head, 12 + used, on_tight, viewer), 1);
	return used;
}

static gsize
take_copy(Viewer *viewer, const guint8 *p, const Rect *to)
{
	int x = rfb_read_u16(p), y = rfb_read_u16(p + 2);
	g_autofree guint32 *pixels = g_new(guint32, (gsize)rect_area(to));

	for (int row = 0; row < to->height; row++)
		memcpy(pixels + row * to->width, frame_at(viewer->picture, x, y + row), (gsize)to->width * 4);
	for (int row = 0; row < to->height; row++)
		memcpy(frame_at(viewer->picture, to->x, to->y + row), pixels + row * to->width, (gsize)to->width * 4);
	viewer->copies++;
	return 4;
}

static gsize
take_size(Viewer *viewer, const Rect *rect)
{
	viewer->sizes++;
	viewer->size_reason = (guint)rect->x;
	viewer->size_status = (guint)rect->y;
	frame_free(viewer->picture);
	viewer->picture = frame_new(rect->width, rect->height);
	return 4 + 16;
}

/* Of an update that begins at @p; 0: not all is here. Decoding keeps state, so it is done once all is here. */
static gsize
measure_update(const guint8 *p, gsize size)
{
	guint n = size >= 4 ? rfb_read_u16(p + 2) : 0;
	gsize at = 4;

	for (guint i = 0; i < n; i++) {
		Rect rect;
		gsize used;

		if (size < at + 12 + 4)
			return 0;
		rect = (Rect){0, 0, rfb_read_u16(p + at + 4), rfb_read_u16(p + at + 6)};
		switch ((gint32)rfb_read_u32(p + at + 8)) {
		case RFB_ENCODING_TIGHT:
			used = measure_tight(p + at + 12, size - at - 12, &rect);
			break;
		case RFB_ENCODING_COPY_RECT:
			used = 4;
			break;
		case RFB_ENCODING_EXTENDED_DESKTOP_SIZE:
			used = 20;
			break;
		default:
			ck_abort_msg("an encoding that was not asked for");
		}
		if (used == 0)
			return 0;
		at += 12 + used;
	}
	return n > 0 && at <= size ? at : 0;
}

static void
take_update(Viewer *viewer, const guint8 *p, gsize size)
{
	for (gsize at = 4; at < size;) {
		const guint8 *head = p + at;
		Rect rect = {rfb_read_u16(head), rfb_read_u16(head + 2), rfb_read_u16(head + 4), rfb_read_u16(head + 6)};
		gint32 encoding = (gint32)rfb_read_u32(head + 8);

		at += 12 +
		        (encoding == RFB_ENCODING_TIGHT                      ? take_tight(viewer, head, size - at, &rect)
		                        : encoding == RFB_ENCODING_COPY_RECT ? take_copy(viewer, head + 12, &rect)
		                                                             : take_size(viewer, &rect));
	}
	viewer->updates++;
}

static gsize
take_fence(Viewer *viewer, const guint8 *p, gsize size)
{
	guint8 answer[9 + 64];

	if (size < 9 || size < 9 + (gsize)p[8])
		return 0;
	memcpy(answer, p, 9 + (gsize)p[8]);
	answer[4] &= 0x7f;
	if (viewer->answers)
		say(viewer, answer, 9 + (gsize)p[8]);
	return 9 + (gsize)p[8];
}

static gsize
take_text(Viewer *viewer, const guint8 *p, gsize size)
{
	if (size < 9 || size < 8 + (gsize)rfb_read_u32(p + 4))
		return 0;
	viewer->texts++;
	viewer->text = p[8];
	return 8 + (gsize)rfb_read_u32(p + 4);
}

static void
take_messages(Viewer *viewer)
{
	gsize at = 0, used = 1;

	while (at < viewer->in->len && used > 0) {
		const guint8 *p = viewer->in->data + at;

		switch (p[0]) {
		case 0:
			used = measure_update(p, viewer->in->len - at);
			if (used > 0)
				take_update(viewer, p, used);
			break;
		case 3:
			used = take_text(viewer, p, viewer->in->len - at);
			break;
		case 150:
			used = 1;
			break;
		case 248:
			used = take_fence(viewer, p, viewer->in->len - at);
			break;
		default:
			ck_abort_msg("a message of type %u", p[0]);
		}
		at += used;
	}
	g_byte_array_remove_range(viewer->in, 0, (guint)at);
}

static void
turn(void)
{
	static guint8 buffer[65536];
	gboolean again = TRUE;

	while (again) {
		while (g_main_context_iteration(NULL, FALSE))
			;
		again = FALSE;
		for (gsize i = 0; i < G_N_ELEMENTS(viewers); i++) {
			ssize_t n = viewers[i].in && viewers[i].reads ? recv(viewers[i].fd, buffer, sizeof buffer, MSG_DONTWAIT) : 0;

			if (n > 0) {
				again = TRUE;
				g_byte_array_append(viewers[i].in, buffer, (guint)n);
				take_messages(&viewers[i]);
			}
		}
	}
}

/* Continuous updates with fences. @quality: a level, 0..9, or -1. */
static void
join(Viewer *viewer, int quality, gboolean view_only)
{
	g_autoptr(GVariant) params = g_variant_ref_sink(g_variant_new_parsed(
	        "{'protocol': <'vnc'>, 'client': <'a'>, 'user': <'ada'>, 'address': <'::1'>, 'view-only': <%b>}", view_only));
	gint32 encodings[] = {RFB_ENCODING_TIGHT, RFB_ENCODING_COPY_RECT, RFB_ENCODING_CURSOR, RFB_ENCODING_EXTENDED_DESKTOP_SIZE,
	        RFB_ENCODING_FENCE, RFB_ENCODING_CONTINUOUS_UPDATES, RFB_ENCODING_QUALITY_0 + quality};
	guint8 message[4 + sizeof encodings] = {2, 0, 0, 6 + (quality >= 0)};
	static const guint8 all[] = {3, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff}, always[] = {150, 1, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff};
	int ends[2];
	guint8 head[12 + 2 + 4 + 24 + 9];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	*viewer = (Viewer){.fd = ends[0],
	        .reads = TRUE,
	        .answers = TRUE,
	        .in = g_byte_array_new(),
	        .decoder = tight_decoder_new(),
	        .picture = frame_new(WIDTH, HEIGHT)};
	ck_assert(vnc_add_client(vnc, ends[1], client_new(params, NULL), NULL));
	say(viewer, "RFB 003.008\n\1\1", 14);
	viewer->reads = FALSE;
	turn();
	ck_assert_int_eq(recv(viewer->fd, head, sizeof head, 0), sizeof head);
	viewer->reads = TRUE;
	for (guint i = 0; i < 6 + (guint)(quality >= 0); i++) {
		guint32 number = GUINT32_TO_BE((guint32)encodings[i]);

		memcpy(message + 4 + 4 * i, &number, 4);
	}
	say(viewer, message, 4 + 4 * (gsize)message[3]);
	say(viewer, all, sizeof all);
	say(viewer, always, sizeof always);
	turn();
}

static void
set_up(void)
{
	frame = frame_new(WIDTH, HEIGHT);
	for (int i = 0; i < WIDTH * HEIGHT; i++)
		frame->pixels[i] = (guint32)i * 0x10101 & 0xffffff;
	left = wishes = 0;
	memset(viewers, 0, sizeof viewers);
	heads = heads_single(WIDTH, HEIGHT);
	vnc = vnc_new("a desktop", frame, &heads, &sink, NULL, &events, NULL);
}

static void
tear_down(void)
{
	vnc_free(vnc);
	frame_free(frame);
	for (gsize i = 0; i < G_N_ELEMENTS(viewers); i++) {
		if (viewers[i].in == NULL)
			continue;
		close(viewers[i].fd);
		g_byte_array_unref(viewers[i].in);
		tight_decoder_free(viewers[i].decoder);
		frame_free(viewers[i].picture);
	}
}

/* What looks like a photograph. */
static void
paint(const Rect *rect, guint32 seed)
{
	Change change = {.n_copies = 0};

	for (int y = rect->y; y < rect->y + rect->height; y++) {
		for (int x = rect->x; x < rect->x + rect->width; x++) {
			guint32 noise = ((guint32)(x * 7 + y * 13) * 2654435761u + seed) >> 29;

			*frame_at(frame, x, y) = (guint32)((x + (int)seed) & 0xff) << 16 | (guint32)((y + x / 3) & 0xff) << 8 |
			        ((guint32)(x + y) & 0xf8) | noise;
		}
	}
	change_add_damage(&change, rect);
	vnc_change(vnc, &change);
}

static void
check_picture(const Viewer *viewer)
{
	ck_assert_mem_eq(viewer->picture->pixels, frame->pixels, (gsize)frame->width * (gsize)frame->height * 4);
}

START_TEST(all_clients_have_the_same_picture)
{
	join(&viewers[0], -1, FALSE);
	join(&viewers[1], -1, FALSE);
	for (int i = 0; i < 30; i++) {
		paint(&(Rect){i * 3, i * 2, 100, 100}, (guint32)i);
		turn();
		check_picture(&viewers[0]);
		check_picture(&viewers[1]);
	}
	ck_assert_uint_eq(left, 0);
}
END_TEST

START_TEST(a_stalled_client_holds_up_itself_alone)
{
	guint before;

	join(&viewers[0], -1, FALSE);
	join(&viewers[1], -1, FALSE);
	join(&viewers[2], -1, FALSE);
	viewers[0].reads = FALSE;
	viewers[2].answers = FALSE;
	before = viewers[1].updates;
	for (int i = 0; i < 200; i++) {
		paint(&(Rect){0, 0, WIDTH, HEIGHT}, (guint32)i);
		turn();
		check_picture(&viewers[1]);
	}
	ck_assert_uint_ge(viewers[1].updates - before, 200);
	/* And gets what is now, not what was. */
	before = viewers[0].updates;
	viewers[0].reads = TRUE;
	turn();
	check_picture(&viewers[0]);
	ck_assert_uint_lt(viewers[0].updates - before, 50);
	ck_assert_uint_lt(viewers[2].updates, 100);
	ck_assert_uint_eq(left, 0);
}
END_TEST

static void
wait_ms(guint ms)
{
	gint64 end = g_get_monotonic_time() + ms * G_TIME_SPAN_MILLISECOND;

	while (g_get_monotonic_time() < end) {
		turn();
		g_usleep(1000);
	}
}

START_TEST(what_went_out_as_jpeg_becomes_exact_once_it_is_still)
{
	join(&viewers[0], 5, FALSE);
	viewers[0].lossy = 0;
	paint(&(Rect){0, 0, WIDTH, HEIGHT}, 77);
	turn();
	ck_assert_uint_gt(viewers[0].lossy, 0);
	ck_assert_int_ne(memcmp(viewers[0].picture->pixels, frame->pixels, WIDTH * HEIGHT * 4), 0);
	for (int i = 0; i < 50 && memcmp(viewers[0].picture->pixels, frame->pixels, WIDTH * HEIGHT * 4) != 0; i++)
		wait_ms(VNC_LOSSY_STILL_MS / 5);
	check_picture(&viewers[0]);
	/* Then nothing more happens. */
	viewers[0].updates = 0;
	wait_ms(2 * VNC_LOSSY_STILL_MS);
	ck_assert_uint_eq(viewers[0].updates, 0);
}
END_TEST

START_TEST(a_copy_is_sent_as_one)
{
	Copy copy = {{0, 0, WIDTH, HEIGHT - 20}, 0, -20};
	Change change = {.n_copies = 0};

	join(&viewers[0], -1, FALSE);
	memmove(frame->pixels, frame_at(frame, 0, 20), (gsize)WIDTH * (HEIGHT - 20) * 4);
	change_add_copy(&change, &copy);
	vnc_change(vnc, &change);
	turn();
	ck_assert_uint_eq(viewers[0].copies, 1);
	check_picture(&viewers[0]);
}
END_TEST

static void
wish(Viewer *viewer, guint width, guint height)
{
	guint8 message[8 + 16] = {251, 0, (guint8)(width >> 8), (guint8)width, (guint8)(height >> 8), (guint8)height, 1};

	message[8 + 8] = (guint8)(width >> 8);
	message[8 + 9] = (guint8)width;
	message[8 + 10] = (guint8)(height >> 8);
	message[8 + 11] = (guint8)height;
	say(viewer, message, sizeof message);
	turn();
}

START_TEST(who_wished_for_a_size_is_told_so)
{
	Frame *old = frame;

	join(&viewers[0], -1, FALSE);
	join(&viewers[1], -1, FALSE);
	join(&viewers[2], -1, TRUE);
	wish(&viewers[2], 300, 200);
	ck_assert_uint_eq(viewers[2].size_reason, 1);
	ck_assert_uint_eq(viewers[2].size_status, 1);
	ck_assert_uint_eq(wishes, 0);
	/* One that it has already. */
	wish(&viewers[0], WIDTH, HEIGHT);
	ck_assert_uint_eq(viewers[0].size_reason, 1);
	ck_assert_uint_eq(viewers[0].size_status, 0);
	wish(&viewers[0], 300, 200);
	ck_assert_uint_eq(wishes, 2);
	frame = frame_new(300, 200);
	heads = heads_single(300, 200);
	vnc_set_frame(vnc, frame, &heads);
	frame_free(old);
	turn();
	ck_assert_uint_eq(viewers[0].size_reason, 1);
	ck_assert_uint_eq(viewers[1].size_reason, 2);
	ck_assert_uint_eq(viewers[1].size_status, 0);
	check_picture(&viewers[0]);
	check_picture(&viewers[1]);
	check_picture(&viewers[2]);
}
END_TEST

START_TEST(texts_that_come_one_after_the_other_do_not_wait_in_a_row)
{
	g_autofree char *text = g_malloc(1 << 20);

	join(&viewers[0], -1, FALSE);
	viewers[0].reads = FALSE;
	for (int i = 0; i < 20; i++) {
		memset(text, 'a' + i, 1 << 20);
		vnc_offer_text(vnc, text, 1 << 20);
		turn();
	}
	paint(&(Rect){0, 0, WIDTH, HEIGHT}, 1);
	viewers[0].reads = TRUE;
	turn();
	ck_assert_uint_le(viewers[0].texts, 2);
	ck_assert_uint_eq(viewers[0].text, 'a' + 19);
	check_picture(&viewers[0]);
}
END_TEST

/* Nor does the main loop know anything of its socket. */
START_TEST(nothing_is_left_of_a_client_for_which_much_waited)
{
	Rect all = {0, 0, WIDTH, HEIGHT};
	Change change = {.n_copies = 0};
	g_autofree char *text = g_strnfill(1 << 20, 'a');

	join(&viewers[0], -1, FALSE);
	viewers[0].reads = FALSE;
	/* A picture and its fence, of which the socket takes a part; then a text. */
	g_random_set_seed(1);
	for (int i = 0; i < WIDTH * HEIGHT; i++)
		frame->pixels[i] = g_random_int() & 0xffffff;
	change_add_damage(&change, &all);
	vnc_change(vnc, &change);
	turn();
	vnc_offer_text(vnc, text, 1 << 20);
	turn();
	g_clear_pointer(&vnc, vnc_free);
	ck_assert(!g_main_context_pending(NULL));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("display-vnc");
	TCase *tcase = tcase_create("vnc");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, all_clients_have_the_same_picture);
	tcase_add_test(tcase, a_stalled_client_holds_up_itself_alone);
	tcase_add_test(tcase, what_went_out_as_jpeg_becomes_exact_once_it_is_still);
	tcase_add_test(tcase, a_copy_is_sent_as_one);
	tcase_add_test(tcase, who_wished_for_a_size_is_told_so);
	tcase_add_test(tcase, texts_that_come_one_after_the_other_do_not_wait_in_a_row);
	tcase_add_test(tcase, nothing_is_left_of_a_client_for_which_much_waited);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
