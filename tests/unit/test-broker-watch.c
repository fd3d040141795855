/* Watching somebody's desktop: who may, by whose word, and what it opens. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "broker/access.h"
#include "broker/common/error.h"
#include "broker/endings.h"
#include "broker/watches.h"
#include "tests/lib/broker-fixture.h"

#define THERE "192.0.2.77"

static Fixture fixture;
static char *session, *desktop;

static struct {
	gboolean over;
	WatchResult *result;
	GError *error;
} asked;

static struct {
	gboolean over;
	GVariant *grant;
	GError *error;
} admitted;

static gboolean
is_over(void *data)
{
	return *(gboolean *)data;
}

static void
on_admitted(GObject *source, GAsyncResult *result, gpointer data)
{
	admitted.grant = access_admit_finish(result, &admitted.error);
	admitted.over = TRUE;
}

static gboolean
admit(const SessionRow *row)
{
	g_autofree char *client = access_client_name(row->id, NULL);

	g_clear_error(&admitted.error);
	g_clear_pointer(&admitted.grant, g_variant_unref);
	admitted.over = FALSE;
	access_admit_async(fixture.broker, row, desktop, "vnc", client, THERE, NULL, on_admitted, NULL);
	ck_assert(fixture_wait(is_over, &admitted.over));
	return admitted.grant != NULL;
}

static gboolean
has_viewer(void *data)
{
	return display_client_viewers(fixture.broker->display)->len > 0;
}

/* demo1 is at a desktop of “office”. */
static void
set_up(void)
{
	fixture_set_up(&fixture);
	session = fixture_sign_in(&fixture, "demo1");
	desktop = fixture_open(&fixture, session, "office");
	g_autoptr(SessionRow) row = sessions_find(fixture.broker->sessions, session);

	ck_assert(admit(row));
	fake_display_join(fixture.display);
	ck_assert(fixture_wait(has_viewer, NULL));
}

static void
tear_down(void)
{
	g_clear_pointer(&asked.result, watch_result_free);
	g_clear_error(&asked.error);
	fixture_tear_down(&fixture);
	g_clear_pointer(&session, g_free);
	g_clear_pointer(&desktop, g_free);
}

static void
on_asked(GObject *source, GAsyncResult *result, gpointer data)
{
	asked.result = watches_ask_finish(result, &asked.error);
	asked.over = TRUE;
}

static void
ask(void)
{
	asked.over = FALSE;
	watches_ask_async(fixture.broker->watches, desktop, "bert", "uid 1234", THERE, NULL, on_asked, NULL);
}

static gboolean
is_asking(void *data)
{
	return fake_display_asking(fixture.display) != NULL;
}

static gboolean
page_says(const char *body, guint16 status)
{
	g_autofree char *path = g_strdup_printf("desktops/%s/watch/answer", desktop);
	g_autoptr(Answer) answer = fixture_request(&fixture, "POST", path, session, body);

	ck_assert_uint_eq(answer->status, status);
	return TRUE;
}

/* What the page is told: "STATE WHO", or "". Free with g_free. */
static char *
page_sees(void)
{
	g_autofree char *path = g_strconcat("desktops/", desktop, NULL);
	g_autoptr(Answer) answer = fixture_request(&fixture, "GET", path, session, NULL);
	JsonObject *object = json_node_get_object(answer->json);
	JsonObject *watch = json_object_get_null_member(object, "watch") ? NULL : json_object_get_object_member(object, "watch");

	return watch ? g_strdup_printf("%s %s", json_object_get_string_member(watch, "state"), json_object_get_string_member(watch, "who"))
	             : g_strdup("");
}

static SessionRow *
watch_session(void)
{
	return sessions_by_id(fixture.broker->sessions, asked.result->ticket->session);
}

static const char *
text(const char *key)
{
	const char *value = "";

	g_variant_lookup(fake_display_last_admission(fixture.display), key, "&s", &value);
	return value;
}

static gboolean
truth(const char *key)
{
	gboolean value = FALSE;

	ck_assert(g_variant_lookup(fake_display_last_admission(fixture.display), key, "b", &value));
	return value;
}

START_TEST(the_person_is_asked_in_picture_and_page_and_who_may_watch_only_looks)
{
	ask();
	ck_assert(fixture_wait(is_asking, NULL));
	ck_assert_str_eq(fake_display_asking(fixture.display), "bert");
	g_autofree char *before = page_sees();

	ck_assert_str_eq(before, "asked bert");
	ck_assert(!asked.over);
	page_says("{\"yes\": true}", 202);
	ck_assert(fixture_wait(is_over, &asked.over));
	ck_assert_str_eq(asked.result->answer, "granted");
	g_autofree char *between = page_sees();

	ck_assert_str_eq(between, "");
	g_autoptr(SessionRow) row = watch_session();

	ck_assert_str_eq(row->kind, SESSION_WATCH);
	ck_assert_str_eq(row->user, "bert");
	ck_assert(admit(row));
	ck_assert_str_eq(text("watcher"), "bert");
	ck_assert_str_eq(text("holder"), "demo1");
	ck_assert_str_eq(text("protocol"), "vnc");
	ck_assert(truth("view-only") && !truth("clipboard-to-desktop") && !truth("clipboard-from-desktop"));
	fake_display_join(fixture.display);
	fixture_run_for(500);
	g_autofree char *after = page_sees();

	ck_assert_str_eq(after, "watched bert");
}
END_TEST

START_TEST(a_word_that_is_no_yes_opens_nothing)
{
	static const char *const words[] = {"refused", "silent", "nobody"};

	ask();
	ck_assert(fixture_wait(is_asking, NULL));
	fake_display_answer(fixture.display, words[_i]);
	ck_assert(fixture_wait(is_over, &asked.over));
	ck_assert_str_eq(asked.result->answer, words[_i]);
	ck_assert_ptr_null(asked.result->ticket);
	ck_assert(!sessions_has_user(fixture.broker->sessions, "bert", SESSION_WATCH));
}
END_TEST

START_TEST(a_pool_may_forbid_it_or_need_no_consent)
{
	PoolFile *file = fake_engine_file(fixture.broker->engine, "office");

	file->shadow = POOL_SHADOW_OFF;
	ask();
	ck_assert(fixture_wait(is_over, &asked.over));
	ck_assert(g_error_matches(asked.error, CARREL_ERROR, CARREL_ERROR_DENIED));
	g_clear_error(&asked.error);
	file->shadow = POOL_SHADOW_NOTIFY;
	ask();
	ck_assert(fixture_wait(is_over, &asked.over));
	ck_assert_str_eq(asked.result->answer, "granted");
	ck_assert_ptr_null(fake_display_asking(fixture.display));
}
END_TEST

START_TEST(where_nobody_is_there_is_nothing_to_watch)
{
	fake_display_leave(fixture.display);
	fixture_run_for(500);
	ask();
	ck_assert(fixture_wait(is_over, &asked.over));
	ck_assert(g_error_matches(asked.error, CARREL_ERROR, CARREL_ERROR_NOT_FOUND));
}
END_TEST

START_TEST(one_asks_at_a_time_and_the_pages_word_must_be_one)
{
	ask();
	ck_assert(fixture_wait(is_asking, NULL));
	page_says("{}", 400);
	page_says("{\"yes\": 1}", 400);
	ck_assert(!asked.over);
	ask();
	ck_assert(fixture_wait(is_over, &asked.over));
	ck_assert(g_error_matches(asked.error, CARREL_ERROR, CARREL_ERROR_BUSY));
	g_clear_error(&asked.error);
	asked.over = FALSE;
	page_says("{\"yes\": false}", 202);
	ck_assert(fixture_wait(is_over, &asked.over));
	ck_assert_str_eq(asked.result->answer, "refused");
}
END_TEST

static void
get_granted(void)
{
	fake_engine_file(fixture.broker->engine, "office")->shadow = POOL_SHADOW_NOTIFY;
	ask();
	ck_assert(fixture_wait(is_over, &asked.over));
	ck_assert_ptr_nonnull(asked.result->ticket);
}

START_TEST(consent_ends_with_the_persons_desktop)
{
	get_granted();
	g_autoptr(SessionRow) row = watch_session();

	ck_assert(engine_reset(fixture.broker->engine, desktop, END_BY_ADMIN, "test", NULL));
	ck_assert(!admit(row));
	ck_assert(g_error_matches(admitted.error, CARREL_ERROR, CARREL_ERROR_DENIED));
}
END_TEST

static gboolean
has_ended_watches(void *data)
{
	return fake_display_n_watches_ended(fixture.display) > 0;
}

START_TEST(ending_a_watch_sends_nobody_else_away_and_throws_nothing_away)
{
	get_granted();
	g_autoptr(SessionRow) row = watch_session();

	ck_assert(admit(row));
	fake_display_join(fixture.display);
	fixture_run_for(500);
	ck_assert(endings_end_session(fixture.broker, row, END_BY_ADMIN, TRUE, "uid 0", "end-session", NULL));
	ck_assert(fixture_wait(has_ended_watches, NULL));
	ck_assert_uint_eq(fake_display_n_ended(fixture.display, desktop), 0);
	ck_assert_ptr_nonnull(engine_desktop(fixture.broker->engine, desktop));
	ck_assert(!admit(row));
}
END_TEST

START_TEST(the_person_ends_it_from_the_page)
{
	page_says("{\"yes\": false}", 202);
	ck_assert(fixture_wait(has_ended_watches, NULL));
}
END_TEST

/* demo2 is an admin of the instance, demo1 of nothing. */
START_TEST(an_admin_in_the_portal_asks_too_and_nobody_else)
{
	g_autofree char *other = fixture_sign_in(&fixture, "demo2"), *path = g_strdup_printf("desktops/%s/watch", desktop);
	g_autoptr(SessionRow) row = sessions_find(fixture.broker->sessions, other);
	static char *admins[] = {(char *)"demo1", NULL};
	PoolFile *file = fake_engine_file(fixture.broker->engine, "office");
	g_autoptr(Answer) denied = fixture_request(&fixture, "POST", path, session, NULL);

	ck_assert_uint_eq(denied->status, 404);
	ck_assert_ptr_null(watches_of(fixture.broker->watches, row->id, desktop));
	file->shadow = POOL_SHADOW_NOTIFY;
	g_autoptr(Answer) granted = fixture_request(&fixture, "POST", path, other, NULL);

	ck_assert_uint_eq(granted->status, 200);
	ck_assert_str_eq(answer_text(granted, "answer"), "granted");
	g_autoptr(SessionRow) watching = watches_of(fixture.broker->watches, row->id, desktop);

	ck_assert_str_eq(watching->user, "demo2");
	ck_assert(admit(watching));
	ck_assert_str_eq(text("watcher"), "demo2");
	/* Signing out ends it. */
	g_autoptr(Answer) out = fixture_request(&fixture, "POST", "sign-out", other, NULL);

	ck_assert_ptr_nonnull(out);
	ck_assert_ptr_null(watches_of(fixture.broker->watches, row->id, desktop));
	ck_assert(!admit(watching));
	/* One of the pool's own. */
	file->admins = admins;
	g_autoptr(Answer) of_pool = fixture_request(&fixture, "POST", path, session, NULL);

	file->admins = NULL;
	ck_assert_uint_eq(of_pool->status, 200);
}
END_TEST

START_TEST(the_pools_watermark_goes_to_the_screen)
{
	g_autoptr(SessionRow) row = sessions_find(fixture.broker->sessions, session);

	ck_assert_str_eq(text("watermark"), "");
	fake_engine_file(fixture.broker->engine, "office")->watermark = (char *)"%u %a";
	ck_assert(admit(row));
	ck_assert_str_eq(text("watermark"), "%u %a");
	ck_assert_str_eq(text("holder"), "demo1");
	ck_assert_str_eq(text("watcher"), "");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("broker-watch");
	TCase *tcase = tcase_create("watch");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, the_person_is_asked_in_picture_and_page_and_who_may_watch_only_looks);
	tcase_add_loop_test(tcase, a_word_that_is_no_yes_opens_nothing, 0, 3);
	tcase_add_test(tcase, a_pool_may_forbid_it_or_need_no_consent);
	tcase_add_test(tcase, where_nobody_is_there_is_nothing_to_watch);
	tcase_add_test(tcase, one_asks_at_a_time_and_the_pages_word_must_be_one);
	tcase_add_test(tcase, consent_ends_with_the_persons_desktop);
	tcase_add_test(tcase, ending_a_watch_sends_nobody_else_away_and_throws_nothing_away);
	tcase_add_test(tcase, the_person_ends_it_from_the_page);
	tcase_add_test(tcase, an_admin_in_the_portal_asks_too_and_nobody_else);
	tcase_add_test(tcase, the_pools_watermark_goes_to_the_screen);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
