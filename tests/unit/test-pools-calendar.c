/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "pools/calendar.h"

/* Central Europe by rule, so that no file of zones is needed. In 2026 clocks went forward on 29 March, 02:00 to 03:00, and back on
 * 25 October, 03:00 to 02:00. */
#define ZONE "CET-1CEST,M3.5.0,M10.5.0/3"

static void
set_up(void)
{
	g_setenv("TZ", ZONE, TRUE);
}

static gint64
utc(const char *text)
{
	g_autoptr(GDateTime) time = g_date_time_new_from_iso8601(text, NULL);

	ck_assert_msg(time != NULL, "%s", text);
	return g_date_time_to_unix(time);
}

static GStrv
split(const char *list)
{
	GStrv items = g_strsplit(list, ",", -1);

	for (char **item = items; *item != NULL; item++)
		g_strstrip(*item);
	return items;
}

static const struct {
	const char *list, *after, *next;
} moments[] = {
	/* 30 November 2026 is a Monday, in winter time (+01). */
	{"22:00", "2026-11-30T12:00:00+01", "2026-11-30T22:00:00+01"},
	{"22:00", "2026-11-30T22:00:00+01", "2026-12-01T22:00:00+01"},
	{"22:00", "2026-11-30T21:59:59+01", "2026-11-30T22:00:00+01"},
	{"Mon..Fri 22:00", "2026-12-04T23:00:00+01", "2026-12-07T22:00:00+01"},
	{"Sun 03:30", "2026-11-30T12:00:00+01", "2026-12-06T03:30:00+01"},
	{"Mon 12:00", "2026-11-30T12:00:00+01", "2026-12-07T12:00:00+01"},
	{"Mon, Wed 12:00", "2026-11-30T12:00:00+01", "2026-12-02T12:00:00+01"},
	{"mon..tue, Friday 9:05", "2026-12-02T00:00:00+01", "2026-12-04T09:05:00+01"},
	{"Sat 10:00, 06:00", "2026-12-05T07:00:00+01", "2026-12-05T10:00:00+01"},
	{"00:00", "2026-12-31T23:59:59+01", "2027-01-01T00:00:00+01"},
	/* Not there on that day: when the gap ends, 03:00 in summer time. */
	{"Sun 02:30", "2026-03-28T12:00:00+01", "2026-03-29T03:00:00+02"},
	{"02:30", "2026-03-29T03:00:00+02", "2026-03-30T02:30:00+02"},
	{"22:00", "2026-03-28T22:00:00+01", "2026-03-29T22:00:00+02"},
	/* Twice on that day: once, the first time. */
	{"02:30", "2026-10-24T12:00:00+02", "2026-10-25T02:30:00+02"},
	{"02:30", "2026-10-25T02:30:00+02", "2026-10-26T02:30:00+01"},
	{"02:30", "2026-10-25T02:30:00+01", "2026-10-26T02:30:00+01"},
	{"22:00", "2026-10-24T22:00:00+02", "2026-10-25T22:00:00+01"},
};

START_TEST(the_next_moment_is_found_over_weeks_and_changes_of_the_clock)
{
	g_auto(GStrv) items = split(moments[_i].list);
	g_autofree char *why = NULL;

	ck_assert_msg(calendar_check_moments((const char *const *)items, &why), "%s", why);
	ck_assert_int_eq(calendar_next((const char *const *)items, utc(moments[_i].after)), utc(moments[_i].next));
}
END_TEST

START_TEST(without_moments_there_is_no_next_one)
{
	const char *const none[] = {NULL};
	g_autofree char *why = NULL;

	ck_assert(calendar_check_moments(none, &why));
	ck_assert_int_eq(calendar_next(none, utc("2026-11-30T12:00:00Z")), 0);
}
END_TEST

static const struct {
	const char *list, *now;
	gint64 number;
} windows[] = {
	{"Mon..Fri 08:30-18:00 20", "2026-11-30T08:29:59+01", 3},
	{"Mon..Fri 08:30-18:00 20", "2026-11-30T08:30:00+01", 20},
	{"Mon..Fri 08:30-18:00 20", "2026-11-30T17:59:59+01", 20},
	{"Mon..Fri 08:30-18:00 20", "2026-11-30T18:00:00+01", 3},
	{"Mon..Fri 08:30-18:00 20", "2026-12-05T12:00:00+01", 3},
	{"Mon, Wed 08:00-09:00 0", "2026-12-02T08:00:00+01", 0},
	{"Mon 11:00-12:00 7, 08:00-18:00 5", "2026-11-30T11:30:00+01", 7},
	{"Mon 11:00-12:00 7, 08:00-18:00 5", "2026-11-30T12:00:00+01", 5},
	{"12:00-24:00 9", "2026-11-30T23:59:59+01", 9},
	{"12:00-24:00 9", "2026-12-01T00:00:00+01", 3},
	/* Into the next day. */
	{"Fri 22:00-06:00 8", "2026-12-04T21:59:00+01", 3},
	{"Fri 22:00-06:00 8", "2026-12-04T23:00:00+01", 8},
	{"Fri 22:00-06:00 8", "2026-12-05T05:59:00+01", 8},
	{"Fri 22:00-06:00 8", "2026-12-05T06:00:00+01", 3},
	{"Fri 22:00-06:00 8", "2026-12-05T23:00:00+01", 3},
	{"Sun 22:00-06:00 8", "2026-11-30T05:00:00+01", 8},
	/* The clock on the wall says 03:00 right after 01:59, and 02:30 twice. */
	{"02:00-03:00 8", "2026-03-29T00:59:59Z", 3},
	{"02:00-03:00 8", "2026-03-29T01:00:00Z", 3},
	{"02:00-03:00 8", "2026-10-25T00:30:00Z", 8},
	{"02:00-03:00 8", "2026-10-25T01:30:00Z", 8},
	{"02:00-03:00 8", "2026-10-25T02:00:00Z", 3},
};

START_TEST(the_first_window_that_fits_gives_the_number)
{
	g_auto(GStrv) items = split(windows[_i].list);
	g_autofree char *why = NULL;

	ck_assert_msg(calendar_check_windows((const char *const *)items, &why), "%s", why);
	ck_assert_int_eq(calendar_spare((const char *const *)items, utc(windows[_i].now), 3), windows[_i].number);
}
END_TEST

START_TEST(the_largest_number_of_all_windows_is_known)
{
	const char *const none[] = {NULL}, *const some[] = {"Mon 08:00-09:00 4", "10:00-11:00 40", "12:00-13:00 7", NULL};

	ck_assert_int_eq(calendar_spare_max(none), -1);
	ck_assert_int_eq(calendar_spare_max(some), 40);
}
END_TEST

static const struct {
	const char *list;
	gboolean windows;
	const char *word; /* of the clause */
} wrong[] = {
	{"25:00", FALSE, "“25:00” is not a time"},
	{"24:00", FALSE, "is not a time"},
	{"24:01-08:00 1", TRUE, "is not a window"},
	{"12:60", FALSE, "is not a time"},
	{"12:5", FALSE, "is not a time"},
	{"12", FALSE, "is not a time"},
	{"12:00 ", FALSE, NULL},
	{"12:00 x", FALSE, "is not a time"},
	{"12:00:00", FALSE, "is not a time"},
	{"Mo 12:00", FALSE, "days are Mon"},
	{"Fri..Mon 12:00", FALSE, "days are Mon"},
	{"Mon..", FALSE, "days are Mon"},
	{"Mon..Fri", FALSE, "no time behind “Mon..Fri”"},
	{"12:00, Mon", FALSE, "no time behind “Mon”"},
	{"Mon12:00", FALSE, "days are Mon"},
	{"*-*-* 12:00", FALSE, "is not a time"},
	{"99999999999999999999:00", FALSE, "is not a time"},
	{"08:00-18:00", TRUE, "is not a window"},
	{"08:00-08:00 1", TRUE, "is not a window"},
	{"08:00-18:00 1001", TRUE, "is not a window"},
	{"08:00-18:00 -1", TRUE, "is not a window"},
	{"08:00 20", TRUE, "is not a window"},
	{"Mon 24:00-08:00 1", TRUE, "is not a window"},
};

START_TEST(what_is_wrong_is_said)
{
	g_auto(GStrv) items = split(wrong[_i].list);
	const char *const *list = (const char *const *)items;
	g_autofree char *why = NULL;
	gboolean good = wrong[_i].windows ? calendar_check_windows(list, &why) : calendar_check_moments(list, &why);

	ck_assert_int_eq(good, wrong[_i].word == NULL);
	ck_assert_msg(good || strstr(why, wrong[_i].word) != NULL, "%s: %s", wrong[_i].list, why);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("pools-calendar");
	TCase *tcase = tcase_create("calendar");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, set_up, NULL);
	tcase_add_loop_test(tcase, the_next_moment_is_found_over_weeks_and_changes_of_the_clock, 0, G_N_ELEMENTS(moments));
	tcase_add_test(tcase, without_moments_there_is_no_next_one);
	tcase_add_loop_test(tcase, the_first_window_that_fits_gives_the_number, 0, G_N_ELEMENTS(windows));
	tcase_add_test(tcase, the_largest_number_of_all_windows_is_known);
	tcase_add_loop_test(tcase, what_is_wrong_is_said, 0, G_N_ELEMENTS(wrong));
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
