/* Who may watch, and small pictures. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "broker/common/error.h"
#include "display/marks.h"
#include "display/thumbnail.h"
#include "display/watch.h"

#define KEY_A 0x1e
#define CTRL 0x1d
#define ALT 0x38
#define ONE 0x02
#define ZERO 0x0b

static struct {
	char *plate;
	gboolean large;
	const char *ended;
	int answer; /* -1: none yet */
} seen;

static void
on_plate(const char *text, gboolean large, void *data)
{
	g_free(seen.plate);
	seen.plate = g_strdup(text);
	seen.large = large;
}

static void
on_end(const char *why, void *data)
{
	seen.ended = why;
}

static void
on_answer(WatchAnswer answer, void *data)
{
	ck_assert_int_eq(seen.answer, -1);
	seen.answer = (int)answer;
}

static const WatchEvents events = {on_plate, on_end};

static Watch *
new_watch(guint ask_ms)
{
	g_clear_pointer(&seen.plate, g_free);
	seen.ended = NULL;
	seen.answer = -1;
	return watch_new(ask_ms, &events, NULL);
}

static gboolean
chord(Watch *watch, guint qnum)
{
	gboolean swallowed;

	ck_assert(!watch_key(watch, CTRL, TRUE));
	ck_assert(!watch_key(watch, ALT, TRUE));
	swallowed = watch_key(watch, qnum, TRUE);
	ck_assert(watch_key(watch, qnum, FALSE) == swallowed);
	ck_assert(!watch_key(watch, ALT, FALSE));
	ck_assert(!watch_key(watch, CTRL, FALSE));
	return swallowed;
}

START_TEST(the_person_is_asked_and_yes_is_ctrl_alt_1)
{
	g_autoptr(Watch) watch = new_watch(60000);

	watch_person_joined(watch);
	ck_assert(!chord(watch, ONE));
	ck_assert(watch_ask(watch, "Bert\nsays yes", on_answer, NULL, NULL));
	ck_assert_ptr_nonnull(strstr(seen.plate, "Bert?says yes asks"));
	ck_assert(seen.large);
	ck_assert(!watch_key(watch, ONE, TRUE) && !watch_key(watch, ONE, FALSE));
	ck_assert_int_eq(seen.answer, -1);
	ck_assert(chord(watch, ONE));
	ck_assert_int_eq(seen.answer, WATCH_GRANTED);
	ck_assert_ptr_null(seen.plate);
	ck_assert(!chord(watch, ONE) && !chord(watch, ZERO) && !chord(watch, KEY_A));
}
END_TEST

START_TEST(no_is_ctrl_alt_0_and_silence_is_no_too)
{
	g_autoptr(Watch) watch = new_watch(10);

	watch_person_joined(watch);
	watch_ask(watch, "bert", on_answer, NULL, NULL);
	ck_assert(chord(watch, ZERO));
	ck_assert_int_eq(seen.answer, WATCH_REFUSED);
	seen.answer = -1;
	watch_ask(watch, "bert", on_answer, NULL, NULL);
	while (seen.answer < 0)
		g_main_context_iteration(NULL, TRUE);
	ck_assert_int_eq(seen.answer, WATCH_SILENT);
	ck_assert_ptr_null(seen.plate);
}
END_TEST

START_TEST(an_answer_from_the_page_counts_like_a_key)
{
	g_autoptr(Watch) watch = new_watch(60000);

	watch_person_joined(watch);
	watch_answer(watch, TRUE);
	ck_assert_ptr_null(seen.ended);
	watch_ask(watch, "bert", on_answer, NULL, NULL);
	watch_answer(watch, TRUE);
	ck_assert_int_eq(seen.answer, WATCH_GRANTED);
}
END_TEST

START_TEST(nobody_is_asked_where_nobody_works_and_one_at_a_time)
{
	g_autoptr(Watch) watch = new_watch(60000);
	g_autoptr(GError) error = NULL;

	watch_ask(watch, "bert", on_answer, NULL, NULL);
	ck_assert_int_eq(seen.answer, WATCH_NOBODY);
	seen.answer = -1;
	watch_person_joined(watch);
	watch_ask(watch, "bert", on_answer, NULL, NULL);
	ck_assert(!watch_ask(watch, "carl", on_answer, NULL, &error));
	ck_assert(g_error_matches(error, CARREL_ERROR, CARREL_ERROR_BUSY));
	watch_person_left(watch);
	ck_assert_int_eq(seen.answer, WATCH_NOBODY);
}
END_TEST

START_TEST(the_mark_stays_while_somebody_watches_and_the_person_may_end_it)
{
	g_autoptr(Watch) watch = new_watch(60000);

	watch_person_joined(watch);
	watch_watcher_joined(watch, "bert");
	watch_watcher_joined(watch, "carl");
	ck_assert_ptr_nonnull(strstr(seen.plate, "Watched by bert, carl"));
	ck_assert(!seen.large);
	watch_watcher_left(watch, "bert");
	ck_assert_ptr_nonnull(strstr(seen.plate, "Watched by carl"));
	ck_assert_ptr_null(seen.ended);
	ck_assert(chord(watch, ZERO));
	ck_assert_str_eq(seen.ended, "the person ended it");
	watch_watcher_left(watch, "carl");
	ck_assert_ptr_null(seen.plate);
}
END_TEST

START_TEST(when_the_last_person_leaves_so_must_who_watches)
{
	g_autoptr(Watch) watch = new_watch(60000);

	watch_person_joined(watch);
	watch_person_joined(watch);
	watch_watcher_joined(watch, "bert");
	watch_person_left(watch);
	ck_assert_ptr_null(seen.ended);
	watch_person_left(watch);
	ck_assert_str_eq(seen.ended, "the person left");
}
END_TEST

START_TEST(an_answer_is_due_until_the_end)
{
	Watch *watch = new_watch(60000);

	watch_person_joined(watch);
	watch_ask(watch, "bert", on_answer, NULL, NULL);
	watch_free(watch);
	ck_assert_int_eq(seen.answer, WATCH_NOBODY);
}
END_TEST

static gint64 now_us;

static gint64
now(void)
{
	return now_us;
}

START_TEST(one_thumbnail_is_made_in_two_seconds_and_none_of_what_has_not_changed)
{
	g_autoptr(Frame) frame = frame_new(1000, 500);
	g_autoptr(Thumbnails) thumbnails = thumbnails_new(now);
	const guint8 *jpeg;
	gsize size;

	jpeg = g_bytes_get_data(thumbnails_get(thumbnails, frame, 200), &size);
	ck_assert(size > 100 && jpeg[0] == 0xff && jpeg[1] == 0xd8);
	for (int i = 0; i < 100; i++) {
		thumbnails_note_change(thumbnails);
		thumbnails_get(thumbnails, frame, 161 + i);
	}
	ck_assert_uint_eq(thumbnails_made(thumbnails), 1);
	now_us += 2 * G_USEC_PER_SEC;
	thumbnails_get(thumbnails, frame, 320);
	ck_assert_uint_eq(thumbnails_made(thumbnails), 2);
	now_us += 60 * G_USEC_PER_SEC;
	thumbnails_get(thumbnails, frame, 320);
	ck_assert_uint_eq(thumbnails_made(thumbnails), 2);
	thumbnails_get(thumbnails, frame, 100000);
	thumbnails_get(thumbnails, frame, 0);
	ck_assert_uint_eq(thumbnails_made(thumbnails), 4);
}
END_TEST

START_TEST(frames_of_odd_sizes_have_thumbnails_too)
{
	static const int sides[][2] = {{1, 1}, {1, FRAME_SIDE_MAX}, {FRAME_SIDE_MAX, 1}, {3, 200}, {641, 3}};

	for (gsize i = 0; i < G_N_ELEMENTS(sides); i++) {
		g_autoptr(Frame) frame = frame_new(sides[i][0], sides[i][1]);
		g_autoptr(Thumbnails) thumbnails = thumbnails_new(now);

		ck_assert_uint_gt(g_bytes_get_size(thumbnails_get(thumbnails, frame, 640)), 100);
	}
}
END_TEST

static void
drop_frame(const Frame *frame, void *data)
{
}

static void
drop_change(const Frame *frame, const Change *change, void *data)
{
}

static Client *
client_of(const char *address, const char *watermark)
{
	GVariantDict dict = G_VARIANT_DICT_INIT(NULL);
	g_autoptr(GVariant) params = NULL;

	g_variant_dict_insert(&dict, "protocol", "s", "vnc");
	g_variant_dict_insert(&dict, "client", "s", "c");
	g_variant_dict_insert(&dict, "address", "s", address);
	g_variant_dict_insert(&dict, "holder", "s", "anna");
	g_variant_dict_insert(&dict, "watermark", "s", watermark);
	params = g_variant_ref_sink(g_variant_dict_end(&dict));
	return client_new(params, NULL);
}

START_TEST(the_watermark_is_there_before_a_client_is_and_follows_who_is_connected)
{
	static const OverlayEvents drop = {drop_frame, drop_change};
	g_autoptr(Frame) frame = frame_new(800, 600);
	g_autoptr(Overlay) overlay = overlay_new(frame, &drop, NULL);
	g_autoptr(Marks) marks = marks_new("office-1", overlay);
	g_autoptr(Client) client = client_of("10.0.0.7", "%u %a %p");
	g_autoptr(Client) plain = client_of("10.0.0.8", "");
	guint64 composed;

	marks_admit(marks, client);
	ck_assert_ptr_ne(overlay_frame(overlay), frame);
	composed = overlay_composed(overlay);
	marks_joined(marks, client);
	ck_assert_uint_gt(overlay_composed(overlay), composed);
	composed = overlay_composed(overlay);
	marks_joined(marks, client);
	ck_assert_uint_eq(overlay_composed(overlay), composed);
	marks_admit(marks, plain);
	ck_assert_ptr_eq(overlay_frame(overlay), frame);
}
END_TEST

START_TEST(who_watches_only_looks_and_not_by_spice)
{
	GVariantDict dict = G_VARIANT_DICT_INIT(NULL);
	g_autoptr(GVariant) params = NULL;
	g_autoptr(Client) client = NULL;
	g_autoptr(GError) error = NULL;

	g_variant_dict_insert(&dict, "protocol", "s", "vnc");
	g_variant_dict_insert(&dict, "client", "s", "c");
	g_variant_dict_insert(&dict, "watcher", "s", "bert");
	g_variant_dict_insert(&dict, "view-only", "b", FALSE);
	params = g_variant_ref_sink(g_variant_dict_end(&dict));
	client = client_new(params, NULL);
	ck_assert(client->view_only && !client->clipboard_to_desktop && !client->clipboard_from_desktop);
	g_variant_dict_init(&dict, params);
	g_variant_dict_insert(&dict, "protocol", "s", "spice");
	g_variant_dict_insert(&dict, "secret", "s", "s");
	g_variant_unref(params);
	params = g_variant_ref_sink(g_variant_dict_end(&dict));
	ck_assert_ptr_null(client_new(params, &error));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("watch");
	TCase *tcase = tcase_create("watch");

	carrel_error_quark();
	tcase_add_test(tcase, the_person_is_asked_and_yes_is_ctrl_alt_1);
	tcase_add_test(tcase, no_is_ctrl_alt_0_and_silence_is_no_too);
	tcase_add_test(tcase, an_answer_from_the_page_counts_like_a_key);
	tcase_add_test(tcase, nobody_is_asked_where_nobody_works_and_one_at_a_time);
	tcase_add_test(tcase, the_mark_stays_while_somebody_watches_and_the_person_may_end_it);
	tcase_add_test(tcase, when_the_last_person_leaves_so_must_who_watches);
	tcase_add_test(tcase, an_answer_is_due_until_the_end);
	tcase_add_test(tcase, one_thumbnail_is_made_in_two_seconds_and_none_of_what_has_not_changed);
	tcase_add_test(tcase, frames_of_odd_sizes_have_thumbnails_too);
	tcase_add_test(tcase, the_watermark_is_there_before_a_client_is_and_follows_who_is_connected);
	tcase_add_test(tcase, who_watches_only_looks_and_not_by_spice);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
