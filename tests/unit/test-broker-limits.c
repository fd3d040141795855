/* What is due when, with clocks that are made up. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "broker/limits.h"

#define NEVER G_MAXINT64
#define MIN_S 60
#define HOUR_S 3600

static const LimitRules none = {0};

/* Handed out at 1000; somebody is connected, and typed just now. */
static LimitFacts
facts_at(gint64 now)
{
	return (LimitFacts){.now = now, .began = 1000, .reset_at = NEVER, .known = TRUE, .connected = TRUE, .input = now,
		.asked = now};
}

static LimitFacts
alone_at(gint64 now, gint64 since)
{
	LimitFacts facts = facts_at(now);

	facts.connected = FALSE;
	facts.alone_since = since;
	return facts;
}

START_TEST(without_limits_nothing_is_ever_due)
{
	LimitFacts facts = facts_at(1000 + 1000 * HOUR_S);
	LimitDue due = limits_due(&none, &facts);

	ck_assert_int_eq(due.act, LIMIT_NOTHING);
	ck_assert_int_eq(due.again, NEVER);
	facts = alone_at(facts.now, 1000);
	due = limits_due(&none, &facts);
	ck_assert_int_eq(due.act, LIMIT_NOTHING);
	ck_assert_int_eq(due.again, NEVER);
	ck_assert_int_eq(limits_may_extend(&none, &facts), 0);
}
END_TEST

/* A session of an hour: what is due at which minute when everything before was done. */
static const struct {
	int minute, warned;
	LimitAct act;
	int stage, again; /* minute; -1: never */
} course[] = {
	{0, 0, LIMIT_NOTHING, 0, 45},
	{44, 0, LIMIT_NOTHING, 0, 45},
	{45, 0, LIMIT_WARN, 15, 55},
	{45, 15, LIMIT_NOTHING, 0, 55},
	{54, 15, LIMIT_NOTHING, 0, 55},
	{55, 15, LIMIT_WARN, 5, 59},
	{59, 5, LIMIT_WARN, 1, 60},
	{59, 1, LIMIT_NOTHING, 0, 60},
	/* Nobody was there to be told before. */
	{57, 0, LIMIT_WARN, 5, 59},
	{60, 1, LIMIT_RESET, 0, -1},
	{70, 0, LIMIT_RESET, 0, -1},
};

START_TEST(a_session_is_warned_of_its_end_three_times_and_then_over)
{
	const LimitRules rules = {.session = HOUR_S};
	LimitFacts facts = facts_at(1000 + course[_i].minute * MIN_S);

	facts.warned = course[_i].warned;
	LimitDue due = limits_due(&rules, &facts);

	ck_assert_int_eq(due.act, course[_i].act);
	ck_assert_int_eq(due.why, LIMIT_SESSION);
	ck_assert_int_eq(due.stage, course[_i].stage);
	ck_assert_int_eq(due.again, course[_i].again < 0 ? NEVER : 1000 + course[_i].again * MIN_S);
}
END_TEST

START_TEST(who_is_not_there_is_not_warned)
{
	const LimitRules rules = {.session = HOUR_S};
	LimitFacts facts = alone_at(1000 + 56 * MIN_S, 1000);
	LimitDue due = limits_due(&rules, &facts);

	ck_assert_int_eq(due.act, LIMIT_NOTHING);
	ck_assert_int_eq(due.again, 1000 + HOUR_S);
	facts.now = 1000 + HOUR_S;
	ck_assert_int_eq(limits_due(&rules, &facts).act, LIMIT_RESET);
}
END_TEST

START_TEST(a_desktop_that_outlives_its_session_is_only_left)
{
	const LimitRules rules = {.session = HOUR_S, .keeps = TRUE};
	LimitFacts facts = facts_at(1000 + HOUR_S);

	ck_assert_int_eq(limits_due(&rules, &facts).act, LIMIT_DISCONNECT);
	facts = alone_at(1000 + HOUR_S, 1000 + HOUR_S);
	LimitDue due = limits_due(&rules, &facts);

	ck_assert_int_eq(due.act, LIMIT_NOTHING);
	ck_assert_int_eq(due.again, NEVER);
}
END_TEST

START_TEST(time_is_added_up_to_what_the_pool_allows)
{
	const LimitRules rules = {.session = HOUR_S, .extend = 40 * MIN_S};
	LimitFacts facts = facts_at(1000 + HOUR_S);

	ck_assert_int_eq(limits_may_extend(&rules, &facts), 40 * MIN_S);
	facts.extended = 30 * MIN_S;
	ck_assert_int_eq(limits_may_extend(&rules, &facts), 10 * MIN_S);
	LimitDue due = limits_due(&rules, &facts);

	ck_assert_int_eq(due.act, LIMIT_NOTHING);
	ck_assert_int_eq(due.again, 1000 + 75 * MIN_S);
	facts.extended = 40 * MIN_S;
	ck_assert_int_eq(limits_may_extend(&rules, &facts), 0);
	/* By an admin, beyond that. */
	facts.extended = 100 * MIN_S;
	ck_assert_int_eq(limits_may_extend(&rules, &facts), 0);
}
END_TEST

START_TEST(a_schedule_ends_what_a_session_would_not)
{
	const LimitRules rules = {.session = HOUR_S, .extend = HOUR_S}, without = {.extend = HOUR_S};
	LimitFacts facts = facts_at(1000);
	LimitWhy why;

	facts.reset_at = 1000 + 30 * MIN_S;
	ck_assert_int_eq(limits_end(&rules, &facts, &why), facts.reset_at);
	ck_assert_int_eq(why, LIMIT_SCHEDULE);
	ck_assert_int_eq(limits_may_extend(&rules, &facts), 0);
	ck_assert_int_eq(limits_due(&rules, &facts).again, 1000 + 15 * MIN_S);
	facts.now = facts.input = facts.asked = facts.reset_at;
	ck_assert_int_eq(limits_due(&rules, &facts).act, LIMIT_RESET);
	ck_assert_int_eq(limits_due(&without, &facts).act, LIMIT_RESET);
	/* Only as much longer as there is a difference. */
	facts.reset_at = 1000 + 70 * MIN_S;
	ck_assert_int_eq(limits_end(&rules, &facts, &why), 1000 + HOUR_S);
	ck_assert_int_eq(why, LIMIT_SESSION);
	ck_assert_int_eq(limits_may_extend(&rules, &facts), 10 * MIN_S);
}
END_TEST

START_TEST(who_is_idle_is_told_and_then_disconnected)
{
	const LimitRules rules = {.idle = 10 * MIN_S};
	LimitFacts facts = facts_at(5000);

	ck_assert_int_eq(limits_due(&rules, &facts).again, 5000 + 9 * MIN_S);
	facts.now = facts.asked = 5000 + 9 * MIN_S;
	LimitDue due = limits_due(&rules, &facts);

	ck_assert_int_eq(due.act, LIMIT_WARN);
	ck_assert_int_eq(due.why, LIMIT_IDLE);
	ck_assert_int_eq(due.left, MIN_S);
	facts.warned_idle = TRUE;
	due = limits_due(&rules, &facts);
	ck_assert_int_eq(due.act, LIMIT_NOTHING);
	ck_assert_int_eq(due.again, 5000 + 10 * MIN_S);
	facts.now = facts.asked = 5000 + 10 * MIN_S;
	due = limits_due(&rules, &facts);
	ck_assert_int_eq(due.act, LIMIT_DISCONNECT);
	ck_assert_int_eq(due.why, LIMIT_IDLE);
	/* They came back to it. */
	facts.input = 5000 + 10 * MIN_S;
	facts.warned_idle = FALSE;
	ck_assert_int_eq(limits_due(&rules, &facts).act, LIMIT_NOTHING);
}
END_TEST

START_TEST(nobody_is_idle_by_old_news)
{
	const LimitRules rules = {.idle = 10 * MIN_S};
	LimitFacts facts = facts_at(5000);

	facts.now += HOUR_S;
	ck_assert_int_eq(limits_due(&rules, &facts).act, LIMIT_ASK);
	facts.known = FALSE;
	LimitDue due = limits_due(&rules, &facts);

	ck_assert_int_eq(due.act, LIMIT_NOTHING);
	ck_assert_int_eq(due.again, NEVER);
}
END_TEST

START_TEST(a_short_limit_is_told_of_at_half_of_it)
{
	const LimitRules rules = {.idle = 20};
	LimitFacts facts = facts_at(5000);

	ck_assert_int_eq(limits_due(&rules, &facts).again, 5010);
}
END_TEST

START_TEST(a_desktop_is_reset_when_nobody_came_back_in_time)
{
	const LimitRules rules = {.grace = 15 * MIN_S};
	LimitFacts facts = alone_at(9000, 9000);
	LimitDue due = limits_due(&rules, &facts);

	ck_assert_int_eq(due.act, LIMIT_NOTHING);
	ck_assert_int_eq(due.again, 9000 + 15 * MIN_S);
	facts.now = 9000 + 15 * MIN_S;
	due = limits_due(&rules, &facts);
	ck_assert_int_eq(due.act, LIMIT_RESET);
	ck_assert_int_eq(due.why, LIMIT_LEFT);
	/* It is not known who is connected: the display is away, and they could not come. */
	facts.known = FALSE;
	ck_assert_int_eq(limits_due(&rules, &facts).act, LIMIT_NOTHING);
	facts = facts_at(9000 + HOUR_S);
	ck_assert_int_eq(limits_due(&rules, &facts).act, LIMIT_NOTHING);
}
END_TEST

static gint64
utc(const char *text)
{
	g_autoptr(GDateTime) time = g_date_time_new_from_iso8601(text, NULL);

	ck_assert_ptr_nonnull(time);
	return g_date_time_to_unix(time);
}

static const char *const at_ten[] = {"22:00", NULL};

START_TEST(a_desktop_is_reset_at_the_first_moment_after_it_was_handed_out)
{
	gint64 handed_out = utc("2026-11-30T21:00:00Z"), ten = utc("2026-11-30T22:00:00Z");
	const char *const never[] = {NULL};

	g_setenv("TZ", "UTC0", TRUE);
	ck_assert_int_eq(limits_reset_at(at_ten, handed_out, handed_out), ten);
	ck_assert_int_eq(limits_reset_at(at_ten, ten, ten), ten + 24 * HOUR_S);
	ck_assert_int_eq(limits_reset_at(never, handed_out, handed_out), NEVER);
	/* It was missed: a minute after the broker is back. */
	ck_assert_int_eq(limits_reset_at(at_ten, handed_out, ten + HOUR_S), ten + HOUR_S + MIN_S);
}
END_TEST

/* At nine the desktop is due at ten. From when to when is the clock set, and when is the reset then? */
static const struct {
	const char *from, *to, *reset;
} jumps[] = {
	/* Leapt over: not due before tomorrow. */
	{"2026-11-30T21:00:00Z", "2026-11-30T23:00:00Z", "2026-12-01T22:00:00Z"},
	{"2026-11-30T21:00:00Z", "2027-11-30T23:00:00Z", "2027-12-01T22:00:00Z"},
	{"2026-11-30T21:00:00Z", "2026-11-30T22:00:00Z", "2026-12-01T22:00:00Z"},
	/* Ahead, but not as far: warnings are due sooner, the reset is not leapt over. */
	{"2026-11-30T21:00:00Z", "2026-11-30T21:58:00Z", "2026-11-30T22:00:00Z"},
	/* Back: it is longer until then. */
	{"2026-11-30T21:59:00Z", "2026-11-30T19:00:00Z", "2026-11-30T22:00:00Z"},
	/* It was due before the clock was set, and still is. */
	{"2026-11-30T22:00:00Z", "2026-11-30T23:00:00Z", "2026-11-30T22:00:00Z"},
};

START_TEST(nobody_is_thrown_out_by_a_clock_that_is_set)
{
	g_setenv("TZ", "UTC0", TRUE);
	ck_assert_int_eq(limits_reset_after_jump(at_ten, utc("2026-11-30T22:00:00Z"), utc(jumps[_i].from), utc(jumps[_i].to)),
		utc(jumps[_i].reset));
	ck_assert_int_eq(limits_reset_after_jump(at_ten, NEVER, utc(jumps[_i].from), utc(jumps[_i].to)), NEVER);
}
END_TEST

START_TEST(warnings_are_one_sentence_with_the_time)
{
	const LimitRules rules = {.session = HOUR_S}, keeps = {.session = HOUR_S, .keeps = TRUE};
	LimitDue due = {.act = LIMIT_WARN, .why = LIMIT_SESSION, .left = 15 * MIN_S};
	g_autofree char *fifteen = limits_warning(&rules, &due);
	g_autofree char *kept = limits_warning(&keeps, &due);

	ck_assert_str_eq(fifteen, "Your session ends in 15 minutes: save your work elsewhere, for the desktop is thrown away then.");
	ck_assert_str_eq(kept, "Your session ends in 15 minutes: you are disconnected then, and the desktop stays as it is.");
	due.why = LIMIT_SCHEDULE;
	due.left = 60;
	g_autofree char *one = limits_warning(&rules, &due);

	ck_assert_ptr_nonnull(strstr(one, "renewed in 1 minute:"));
	due.why = LIMIT_IDLE;
	due.left = 10;
	g_autofree char *idle = limits_warning(&rules, &due);

	ck_assert_ptr_nonnull(strstr(idle, "in 10 seconds you are disconnected"));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("broker-limits");
	TCase *tcase = tcase_create("limits");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tcase, without_limits_nothing_is_ever_due);
	tcase_add_loop_test(tcase, a_session_is_warned_of_its_end_three_times_and_then_over, 0, G_N_ELEMENTS(course));
	tcase_add_test(tcase, who_is_not_there_is_not_warned);
	tcase_add_test(tcase, a_desktop_that_outlives_its_session_is_only_left);
	tcase_add_test(tcase, time_is_added_up_to_what_the_pool_allows);
	tcase_add_test(tcase, a_schedule_ends_what_a_session_would_not);
	tcase_add_test(tcase, who_is_idle_is_told_and_then_disconnected);
	tcase_add_test(tcase, nobody_is_idle_by_old_news);
	tcase_add_test(tcase, a_short_limit_is_told_of_at_half_of_it);
	tcase_add_test(tcase, a_desktop_is_reset_when_nobody_came_back_in_time);
	tcase_add_test(tcase, a_desktop_is_reset_at_the_first_moment_after_it_was_handed_out);
	tcase_add_loop_test(tcase, nobody_is_thrown_out_by_a_clock_that_is_set, 0, G_N_ELEMENTS(jumps));
	tcase_add_test(tcase, warnings_are_one_sentence_with_the_time);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
