/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "display/frame.h"
#include "display/vnc-client.h"

static Frame *frame;
static VncHost host;
static VncClient *client;
static int end; /* the viewer's, non-blocking */
static gboolean joined;
static const char *gone;
static Heads heads, wished;
static char *arrived; /* what came through to the guest's side, a letter each */

static void
note(const char *what)
{
	char *all = g_strconcat(arrived ? arrived : "", what, NULL);

	g_free(arrived);
	arrived = all;
}

static void
on_joined(VncClient *vnc, void *data)
{
	joined = TRUE;
}

static void
on_gone(VncClient *vnc, const char *why, void *data)
{
	gone = why;
}

static gboolean
on_resize(VncClient *vnc, const Heads *wish, void *data)
{
	note("s");
	wished = *wish;
	return !heads_equal(wish, &heads);
}

static void
on_text(const char *text, gsize size, void *data)
{
	note("t");
}

static void
on_key(void *data, guint qnum, gboolean down)
{
	note("k");
}

static void
on_motion(void *data, int x, int y)
{
	note("m");
}

static void
on_button(void *data, guint button, gboolean down)
{
	note("b");
}

static const InputSink sink = {on_key, on_motion, on_button, NULL};

static void
turn(void)
{
	while (g_main_context_iteration(NULL, FALSE))
		;
}

/* As much of it as the socket takes; the rest is tried again after the client's turn. */
static void
say(const void *bytes, gsize size)
{
	const guint8 *p = bytes;

	while (size > 0 && gone == NULL) {
		ssize_t n = write(end, p, size);

		if (n > 0) {
			p += n;
			size -= (gsize)n;
		}
		turn();
	}
}

static void
set_up_who(gboolean view_only)
{
	g_autoptr(GVariant) params = g_variant_ref_sink(g_variant_new_parsed("{'protocol': <'vnc'>, 'client': <'a:b'>, 'user': "
									     "<'ada'>, 'address': <'127.0.0.1'>, 'view-only': <%b>}",
		view_only));
	Client *who = client_new(params, NULL);
	int ends[2];

	ck_assert_ptr_nonnull(who);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	end = ends[0];
	fcntl(end, F_SETFL, O_NONBLOCK);
	joined = FALSE;
	gone = NULL;
	g_clear_pointer(&arrived, g_free);
	frame = frame_new(64, 48);
	heads = heads_single(64, 48);
	wished = (Heads){0};
	host = (VncHost){{frame, &heads, 2, NULL, 0, "a desktop", vnc_screen_new(frame), tight_share_new()}, &sink, NULL, on_joined, on_gone,
		on_resize, on_text, NULL};
	client = vnc_client_new(&host, ends[1], who);
	ck_assert_ptr_nonnull(client);
	say("RFB 003.008\n\1\1", 14);
	ck_assert(joined);
}

static void
set_up(void)
{
	set_up_who(FALSE);
}

static void
set_up_view_only(void)
{
	set_up_who(TRUE);
}

static void
tear_down(void)
{
	vnc_client_free(client);
	vnc_screen_free(host.view.screen);
	tight_share_free(host.view.share);
	frame_free(frame);
	close(end);
}

/* Fences that want an answer, with 64 bytes of payload that come back in it. */
static void
ask_for_fences(void)
{
	static const guint8 fence[9 + 64] = {248, 0, 0, 0, 0x80, 0, 0, 1, 64};
	static guint8 many[800 * sizeof fence];

	for (gsize at = 0; at < sizeof many; at += sizeof fence)
		memcpy(many + at, fence, sizeof fence);
	say(many, sizeof many);
}

START_TEST(a_client_that_asks_and_never_reads_is_sent_away)
{
	for (int i = 0; i < 2000 && gone == NULL; i++)
		ask_for_fences();
	ck_assert_ptr_nonnull(gone);
	ck_assert_ptr_nonnull(strstr(gone, "more than it reads"));
}
END_TEST

START_TEST(a_change_outside_of_what_was_asked_for_is_waited_out)
{
	static const guint8 ask[] = {3, 1, 0, 0, 0, 0, 0, 8, 0, 8};
	Change change = {.damage = {.n = 1, .rects = {{32, 32, 8, 8}}}};
	guint8 buffer[65536];

	say(ask, sizeof ask);
	while (read(end, buffer, sizeof buffer) > 0)
		turn();
	say(ask, sizeof ask);
	vnc_client_change(client, &change);
	/* It returns: there is nothing to do. */
	turn();
	ck_assert_int_lt(read(end, buffer, sizeof buffer), 0);
	change.damage.rects[0].x = change.damage.rects[0].y = 0;
	vnc_client_change(client, &change);
	turn();
	ck_assert_int_gt(read(end, buffer, sizeof buffer), 0);
	ck_assert_ptr_null(gone);
}
END_TEST

START_TEST(a_request_for_nothing_is_ignored)
{
	/* Zlib, whose rectangles libvncserver counts by a division. */
	static const guint8 zlib[] = {2, 0, 0, 1, 0, 0, 0, 6};
	static const guint8 nothing[][10] = {{3, 0, 0, 1, 0, 0, 0, 0, 0, 48}, {3, 0, 0, 64, 0, 0, 0, 1, 0, 48},
		{3, 0, 0, 0, 0, 48, 0, 64, 0, 48}};
	guint8 buffer[65536];

	say(zlib, sizeof zlib);
	while (read(end, buffer, sizeof buffer) > 0)
		turn();
	say(nothing[_i], sizeof nothing[_i]);
	turn();
	ck_assert_int_lt(read(end, buffer, sizeof buffer), 0);
	ck_assert_ptr_null(gone);
}
END_TEST

START_TEST(a_client_that_reads_may_ask_as_often_as_it_likes)
{
	guint8 buffer[65536];

	for (int i = 0; i < 2000; i++) {
		ask_for_fences();
		while (read(end, buffer, sizeof buffer) > 0)
			turn();
	}
	ck_assert_ptr_null(gone);
}
END_TEST

START_TEST(a_message_cut_anywhere_is_waited_for)
{
	static const guint8 pointer[] = {5, 0, 0, 1, 0, 1};

	for (gsize i = 0; i < sizeof pointer; i++)
		say(pointer + i, 1);
	ck_assert_ptr_null(gone);
}
END_TEST

/* A key, QEMU's form of one, the pointer with a button, a text for the clipboard, a wish for a size. */
static void
say_everything(void)
{
	static const guint8 key[] = {4, 1, 0, 0, 0, 0, 0, 'a'}, qemu_key[] = {255, 0, 0, 1, 0, 0, 0, 'b', 0, 0, 0, 0x30};
	static const guint8 pointer[] = {5, 1, 0, 3, 0, 4}, text[] = {6, 0, 0, 0, 0, 0, 0, 2, 'h', 'i'};
	static const guint8 size[] = {251, 0, 3, 32, 2, 88, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 32, 2, 88, 0, 0, 0, 0};

	say(key, sizeof key);
	say(qemu_key, sizeof qemu_key);
	say(pointer, sizeof pointer);
	say(text, sizeof text);
	say(size, sizeof size);
	ck_assert_ptr_null(gone);
}

START_TEST(what_a_client_does_arrives)
{
	say_everything();
	ck_assert_str_eq(arrived, "kkmbts");
}
END_TEST

START_TEST(of_a_client_that_only_looks_nothing_arrives)
{
	say_everything();
	ck_assert_ptr_null(arrived);
}
END_TEST

START_TEST(garbage_ends_its_sender)
{
	say("\x99garbage", 8);
	ck_assert_ptr_nonnull(gone);
}
END_TEST

static void
ask_for_two_screens(guint second_x)
{
	guint8 wish[8 + 2 * 16] = {251, 0, 7, 32, 2, 88, 2, 0};
	static const guint8 encodings[] = {2, 0, 0, 1, 0xff, 0xff, 0xfe, 0xcc}; /* ExtendedDesktopSize */

	/* 1024x600 at 0,0 and 800x600 beside it, of 1824x600. */
	wish[8 + 8] = 4;
	memcpy(wish + 8 + 10, "\2\130", 2);
	wish[24 + 3] = 1;
	wish[24 + 4] = (guint8)(second_x >> 8);
	wish[24 + 5] = (guint8)second_x;
	memcpy(wish + 24 + 8, "\3\40\2\130", 4);
	say(encodings, sizeof encodings);
	say(wish, sizeof wish);
}

START_TEST(several_screens_are_wished_where_the_client_has_them)
{
	ask_for_two_screens(1024);
	ck_assert_uint_eq(heads_count(&wished), 2);
	ck_assert(wished.rects[0].x == 0 && wished.rects[0].width == 1024 && wished.rects[0].height == 600);
	ck_assert(wished.rects[1].x == 1024 && wished.rects[1].width == 800 && wished.rects[1].height == 600);
}
END_TEST

/* Reads until nothing more comes. Result: the last bytes. */
static gsize
hear_last(guint8 *bytes, gsize size)
{
	guint8 buffer[4096];
	gsize kept = 0;
	ssize_t n;

	while (turn(), (n = read(end, buffer, sizeof buffer)) > 0) {
		kept = MIN((gsize)n, size);
		memcpy(bytes, buffer + n - (ssize_t)kept, kept);
	}
	return kept;
}

START_TEST(screens_that_overlap_are_refused_in_words_that_a_client_understands)
{
	/* An update of one rectangle: reason 1, status 3, and the desktop as it is, 64x48 in one screen. */
	static const guint8 refusal[] = {
	        0, 0, 0, 1, 0, 1, 0, 3, 0, 64, 0, 48, 0xff, 0xff, 0xfe, 0xcc, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 64, 0, 48, 0, 0, 0, 0};
	guint8 heard[sizeof refusal];

	ask_for_two_screens(1000);
	ck_assert_uint_eq(hear_last(heard, sizeof heard), sizeof heard);
	ck_assert_mem_eq(heard, refusal, sizeof refusal);
	ck_assert_uint_eq(heads_count(&wished), 0);
	ck_assert_ptr_null(gone);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("display-vnc-client");
	TCase *tcase = tcase_create("vnc-client");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, a_change_outside_of_what_was_asked_for_is_waited_out);
	tcase_add_test(tcase, a_client_that_asks_and_never_reads_is_sent_away);
	tcase_add_loop_test(tcase, a_request_for_nothing_is_ignored, 0, 3);
	tcase_add_test(tcase, a_client_that_reads_may_ask_as_often_as_it_likes);
	tcase_add_test(tcase, a_message_cut_anywhere_is_waited_for);
	tcase_add_test(tcase, what_a_client_does_arrives);
	tcase_add_test(tcase, garbage_ends_its_sender);
	tcase_add_test(tcase, several_screens_are_wished_where_the_client_has_them);
	tcase_add_test(tcase, screens_that_overlap_are_refused_in_words_that_a_client_understands);
	suite_add_tcase(suite, tcase);
	tcase = tcase_create("view-only");
	tcase_add_checked_fixture(tcase, set_up_view_only, tear_down);
	tcase_add_test(tcase, of_a_client_that_only_looks_nothing_arrives);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
