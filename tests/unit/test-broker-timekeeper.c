/* A broker whose clocks are turned by hand: warnings, disconnects, resets, and what a person may add to their time.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "broker/access.h"
#include "broker/endings.h"
#include "broker/common/settings.h"
#include "broker/store/desktop-limits.h"
#include "broker/store/desktops.h"
#include "tests/lib/broker-fixture.h"

#define MIN_S 60
#define HOUR_S 3600

static Fixture fixture;
static char *session, *id;
static gboolean admitted;

static gint64
wall(void)
{
	return fixture.broker->now();
}

static void
set_up(void)
{
	g_setenv("TZ", "UTC0", TRUE);
	fixture_set_up(&fixture);
	session = fixture_sign_in(&fixture, "demo1");
	admitted = FALSE;
}

static void
tear_down(void)
{
	g_free(id);
	g_free(session);
	id = session = NULL;
	fixture_tear_down(&fixture);
}

static PoolFile *
office(void)
{
	return fake_engine_file(fixture.broker->engine, "office");
}

static void
on_admitted(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(GVariant) grant = access_admit_finish(result, NULL);

	admitted = grant != NULL;
}

static gboolean
is_true(void *truth)
{
	return *(gboolean *)truth;
}

static gboolean
is_connected(void *data)
{
	return timekeeper_remaining(fixture.broker->timekeeper, id).idle >= 0;
}

static gboolean
is_alone(void *data)
{
	return !is_connected(data);
}

static void
join(void)
{
	g_autoptr(SessionRow) row = sessions_find(fixture.broker->sessions, session);
	g_autofree char *client = access_client_name(row->id, NULL);

	access_admit_async(fixture.broker, row, id, "vnc", client, "192.0.2.1", NULL, on_admitted, NULL);
	ck_assert(fixture_wait(is_true, &admitted));
	fake_display_join(fixture.display);
	ck_assert(fixture_wait(is_connected, NULL));
}

static void
leave(void)
{
	fake_display_leave(fixture.display);
	ck_assert(fixture_wait(is_alone, NULL));
}

static void
sign_in_again(void)
{
	g_free(session);
	session = fixture_sign_in(&fixture, "demo1");
}

/* Opens a desktop of the pool as its file is now, and looks at it. */
static void
open_and_join(void)
{
	id = fixture_open(&fixture, session, "office");
	join();
}

static void
pass(gint64 seconds)
{
	fixture_pass(seconds);
	timekeeper_run(fixture.broker->timekeeper);
}

static const char *
notice(void)
{
	const char *text = fake_engine_last_notice(fixture.broker->engine);

	return text ? text : "";
}

static gboolean
is_gone(void)
{
	return engine_desktop(fixture.broker->engine, id) == NULL;
}

static gboolean
was_ended(void *data)
{
	return fake_display_n_ended(fixture.display, id) > 0;
}

static gboolean
was_warned(void *data)
{
	return strstr(notice(), "Nobody has typed") != NULL;
}

static Answer *
request(const char *method, const char *rest)
{
	g_autofree char *path = g_strdup_printf("desktops/%s%s", id, rest);

	return fixture_request(&fixture, method, path, session, NULL);
}

static void
assert_json(const char *method, const char *rest, guint status, const char *expected)
{
	g_autoptr(Answer) answer = request(method, rest);

	ck_assert_msg(answer->status == status && strstr(answer->text, expected) != NULL, "%s %s: %u: %s", method, rest,
		answer->status, answer->text);
}

START_TEST(a_session_ends_after_three_warnings)
{
	office()->session_limit = HOUR_S;
	open_and_join();
	pass(44 * MIN_S);
	ck_assert_str_eq(notice(), "");
	pass(MIN_S);
	ck_assert_ptr_nonnull(strstr(notice(), "ends in 15 minutes"));
	pass(10 * MIN_S);
	ck_assert_ptr_nonnull(strstr(notice(), "ends in 5 minutes"));
	pass(4 * MIN_S);
	ck_assert_ptr_nonnull(strstr(notice(), "ends in 1 minute:"));
	ck_assert(!is_gone());
	pass(MIN_S);
	ck_assert(is_gone());
	ck_assert(fixture_wait(was_ended, NULL));
}
END_TEST

START_TEST(setting_the_clock_ends_no_session)
{
	office()->session_limit = HOUR_S;
	office()->idle_disconnect = HOUR_S;
	office()->reset = POOL_RESET_DISCONNECT;
	open_and_join();
	fixture_set_clock(30 * HOUR_S);
	pass(MIN_S);
	ck_assert_str_eq(notice(), "");
	fixture_set_clock(-90 * HOUR_S);
	pass(43 * MIN_S);
	ck_assert_str_eq(notice(), "");
	ck_assert(!was_ended(NULL));
	pass(MIN_S);
	ck_assert_ptr_nonnull(strstr(notice(), "ends in 15 minutes"));
}
END_TEST

static guint
me(void)
{
	g_autoptr(Answer) answer = fixture_request(&fixture, "GET", "me", session, NULL);

	return answer->status;
}

START_TEST(setting_the_clock_signs_nobody_out_not_even_after_a_restart)
{
	const gint64 by = _i == 0 ? 400 * HOUR_S : -400 * HOUR_S;
	DesktopLimits kept;

	office()->session_limit = HOUR_S;
	open_and_join();
	pass(30 * MIN_S);
	fixture_set_clock(by);
	ck_assert_uint_eq(me(), 200);
	pass(MIN_S);
	endings_every_minute(fixture.broker);
	ck_assert_uint_eq(me(), 200);
	ck_assert(!is_gone());
	desktop_limits_read(fixture.store, id, &kept);
	ck_assert_int_eq(kept.began, wall() - 31 * MIN_S);
	desktop_limits_clear(&kept);
	fixture_restart(&fixture);
	endings_every_minute(fixture.broker);
	ck_assert_uint_eq(me(), 200);
}
END_TEST

START_TEST(a_person_adds_time_half_an_hour_at_once_until_it_is_used_up)
{
	g_autofree char *ends = g_strdup_printf("\"limit\":{\"ends\":%" G_GINT64_FORMAT ",\"left\":3600,\"extend\":2400,\"why\":\"session\"},"
						"\"idle-left\":null", wall() + HOUR_S);
	DesktopLimits kept;

	office()->session_limit = HOUR_S;
	office()->extend = 40 * MIN_S;
	id = fixture_open(&fixture, session, "office");
	assert_json("GET", "", 200, ends);
	assert_json("POST", "/extend", 200, "\"left\":5400,\"extend\":600,\"why\":\"session\"}");
	desktop_limits_read(fixture.store, id, &kept);
	ck_assert_int_eq(kept.extended, 30 * MIN_S);
	assert_json("POST", "/extend", 200, "\"left\":6000,\"extend\":0,");
	assert_json("POST", "/extend", 409, "\"exhausted\"");
	pass(HOUR_S + 39 * MIN_S);
	ck_assert(!is_gone());
	pass(MIN_S);
	ck_assert(is_gone());
}
END_TEST

START_TEST(without_a_limit_there_is_nothing_to_add)
{
	id = fixture_open(&fixture, session, "office");
	assert_json("GET", "", 200, "\"limit\":{\"ends\":null,\"left\":null,\"extend\":0,\"why\":null},\"idle-left\":null");
	assert_json("POST", "/extend", 409, "no end that could be put off");
}
END_TEST

START_TEST(who_types_stays_and_who_does_not_is_disconnected)
{
	office()->idle_disconnect = 10 * MIN_S;
	open_and_join();
	/* The list that is asked for says that somebody typed. */
	pass(11 * MIN_S);
	fixture_run_for(100);
	ck_assert(!was_ended(NULL) && !was_warned(NULL));
	fake_display_set_idle(fixture.display, 9 * MIN_S);
	pass(9 * MIN_S);
	ck_assert(fixture_wait(was_warned, NULL));
	ck_assert(!was_ended(NULL));
	fake_display_set_idle(fixture.display, 10 * MIN_S + 2);
	pass(MIN_S + 2);
	ck_assert(fixture_wait(was_ended, NULL));
	ck_assert(!is_gone());
	assert_json("GET", "", 200, "\"idle-left\":null");
}
END_TEST

START_TEST(the_time_to_the_disconnect_is_told_by_a_list_of_now)
{
	office()->idle_disconnect = 10 * MIN_S;
	open_and_join();
	fake_display_set_idle(fixture.display, 0);
	fixture_run_for(1200);
	assert_json("GET", "", 200, "\"idle-left\":");
	g_autoptr(Answer) answer = request("GET", "");

	ck_assert_int_ge(json_object_get_int_member(json_node_get_object(answer->json), "idle-left"), 10 * MIN_S - 5);
}
END_TEST

START_TEST(a_desktop_is_kept_for_who_comes_back_in_time)
{
	office()->reset = POOL_RESET_DISCONNECT;
	office()->grace = 15 * MIN_S;
	open_and_join();
	pass(20 * MIN_S);
	leave();
	pass(14 * MIN_S);
	join();
	pass(20 * MIN_S);
	ck_assert(!is_gone());
	leave();
	pass(14 * MIN_S);
	ck_assert(!is_gone());
	pass(MIN_S);
	ck_assert(is_gone());
}
END_TEST

START_TEST(a_desktop_that_nobody_ever_looked_at_is_reset_after_the_same_time)
{
	office()->reset = POOL_RESET_DISCONNECT;
	office()->grace = 15 * MIN_S;
	id = fixture_open(&fixture, session, "office");
	pass(14 * MIN_S);
	ck_assert(!is_gone());
	pass(MIN_S);
	ck_assert(is_gone());
}
END_TEST

START_TEST(a_visit_shorter_than_a_list_takes_counts)
{
	g_autoptr(SessionRow) row = NULL;
	g_autofree char *client = NULL;

	office()->reset = POOL_RESET_DISCONNECT;
	office()->grace = 15 * MIN_S;
	id = fixture_open(&fixture, session, "office");
	pass(14 * MIN_S);
	row = sessions_find(fixture.broker->sessions, session);
	client = access_client_name(row->id, NULL);
	access_admit_async(fixture.broker, row, id, "vnc", client, "192.0.2.1", NULL, on_admitted, NULL);
	ck_assert(fixture_wait(is_true, &admitted));
	fake_display_join(fixture.display);
	fake_display_leave(fixture.display);
	fixture_run_for(500);
	pass(14 * MIN_S);
	ck_assert(!is_gone());
	pass(MIN_S);
	ck_assert(is_gone());
}
END_TEST

/* Seconds of the broker's day until ten in the evening, UTC. */
static gint64
until_ten(void)
{
	return ((22 * HOUR_S - wall() % 86400) % 86400 + 86400) % 86400;
}

START_TEST(a_schedule_resets_what_was_handed_out_before_and_warns_of_it)
{
	office()->reset = POOL_RESET_SCHEDULE;
	office()->reset_at = g_strsplit("22:00", ",", -1);
	pass(until_ten() + 2 * HOUR_S);
	sign_in_again();
	open_and_join();
	assert_json("GET", "", 200, "\"left\":79200,\"extend\":0,\"why\":\"schedule\"");
	pass(until_ten() - 5 * MIN_S);
	ck_assert_ptr_nonnull(strstr(notice(), "renewed in 5 minutes"));
	pass(5 * MIN_S - 1);
	ck_assert(!is_gone());
	pass(1);
	ck_assert(is_gone());
	g_clear_pointer(&office()->reset_at, g_strfreev);
}
END_TEST

START_TEST(a_moment_that_the_clock_leapt_over_is_not_due)
{
	office()->reset = POOL_RESET_SCHEDULE;
	office()->reset_at = g_strsplit("22:00", ",", -1);
	pass(until_ten() + 2 * HOUR_S);
	sign_in_again();
	open_and_join();
	fixture_set_clock(until_ten() + HOUR_S);
	pass(1);
	ck_assert(!is_gone());
	ck_assert_str_eq(notice(), "");
	pass(until_ten());
	ck_assert(is_gone());
	g_clear_pointer(&office()->reset_at, g_strfreev);
}
END_TEST

START_TEST(new_rules_are_for_desktops_that_are_out_as_well)
{
	g_auto(GStrv) changes = NULL, faults = NULL;

	open_and_join();
	pass(50 * MIN_S);
	office()->session_limit = HOUR_S;
	broker_apply_pools(fixture.broker, &changes, &faults);
	pass(0);
	ck_assert_ptr_nonnull(strstr(notice(), "ends in 10 minutes"));
}
END_TEST

START_TEST(a_persons_exception_holds_for_them)
{
	PoolFile exception = {.session_limit = HOUR_S, .clipboard = POOL_CLIPBOARD_OFF};
	SettingsSection section = {.name = (char *)"demo1", .target = &exception};

	office()->exceptions = g_ptr_array_new();
	g_ptr_array_add(office()->exceptions, &section);
	open_and_join();
	assert_json("GET", "", 200, "\"policy\":{\"clipboard\":\"off\",\"clipboard-max\":0,\"recorded\":false,\"sound\":true,\"microphone\":false,\"files\":\"off\",\"file-max\":0},\"limit\":{\"ends\":1");
	GVariant *admission = fake_display_last_admission(fixture.display);
	gboolean clipboard = TRUE;

	ck_assert(g_variant_lookup(admission, "clipboard-from-desktop", "b", &clipboard) && !clipboard);
	g_clear_pointer(&office()->exceptions, g_ptr_array_unref);
}
END_TEST

START_TEST(nobody_holds_more_desktops_than_they_may)
{
	g_autofree char *two = fixture_sign_in(&fixture, "demo2");

	fixture.conf->desktops_per_user = 1;
	id = fixture_open(&fixture, two, "office");
	g_autoptr(Answer) again = fixture_request(&fixture, "POST", "pools/office/open", two, NULL);

	ck_assert_uint_eq(again->status, 200);
	g_autoptr(Answer) other = fixture_request(&fixture, "POST", "pools/lab/open", two, NULL);

	ck_assert_uint_eq(other->status, 503);
	ck_assert_ptr_nonnull(strstr(other->text, "at once (1): Office desktop. End one of them first"));
	fixture.conf->desktops_per_user = 2;
	g_autoptr(Answer) then = fixture_request(&fixture, "POST", "pools/lab/open", two, NULL);

	ck_assert_uint_eq(then->status, 202);
}
END_TEST

START_TEST(what_is_kept_goes_with_its_desktop)
{
	g_autoptr(DesktopRow) row = desktops_insert(fixture.store, "office", "desk@1", "anna", FALSE, 100, NULL);
	const DesktopLimits limits = {(char *)"staff\nexam", 200, 1800}, more = {NULL, 0, 3600};
	DesktopLimits kept;

	ck_assert(desktop_limits_write(fixture.store, row->id, &limits, NULL));
	desktop_limits_read(fixture.store, row->id, &kept);
	ck_assert_str_eq(kept.groups, "staff\nexam");
	ck_assert_int_eq(kept.began, 200);
	ck_assert_int_eq(kept.extended, 1800);
	desktop_limits_clear(&kept);
	ck_assert(desktop_limits_write(fixture.store, row->id, &more, NULL));
	desktop_limits_read(fixture.store, row->id, &kept);
	ck_assert_ptr_null(kept.groups);
	ck_assert_int_eq(kept.extended, 3600);
	ck_assert(desktops_delete(fixture.store, row, NULL));
	desktop_limits_read(fixture.store, row->id, &kept);
	ck_assert_int_eq(kept.extended, 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("broker-timekeeper");
	TCase *tcase = tcase_create("timekeeper");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, a_session_ends_after_three_warnings);
	tcase_add_test(tcase, setting_the_clock_ends_no_session);
	tcase_add_loop_test(tcase, setting_the_clock_signs_nobody_out_not_even_after_a_restart, 0, 2);
	tcase_add_test(tcase, a_person_adds_time_half_an_hour_at_once_until_it_is_used_up);
	tcase_add_test(tcase, without_a_limit_there_is_nothing_to_add);
	tcase_add_test(tcase, who_types_stays_and_who_does_not_is_disconnected);
	tcase_add_test(tcase, the_time_to_the_disconnect_is_told_by_a_list_of_now);
	tcase_add_test(tcase, a_desktop_is_kept_for_who_comes_back_in_time);
	tcase_add_test(tcase, a_desktop_that_nobody_ever_looked_at_is_reset_after_the_same_time);
	tcase_add_test(tcase, a_visit_shorter_than_a_list_takes_counts);
	tcase_add_test(tcase, a_schedule_resets_what_was_handed_out_before_and_warns_of_it);
	tcase_add_test(tcase, a_moment_that_the_clock_leapt_over_is_not_due);
	tcase_add_test(tcase, new_rules_are_for_desktops_that_are_out_as_well);
	tcase_add_test(tcase, a_persons_exception_holds_for_them);
	tcase_add_test(tcase, nobody_holds_more_desktops_than_they_may);
	tcase_add_test(tcase, what_is_kept_goes_with_its_desktop);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
