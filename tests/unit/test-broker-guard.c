/* Back-off after failed sign-ins. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <check.h>
#include <stdlib.h>

#include "broker/failures.h"
#include "broker/guard.h"

#define HOME "192.0.2.1"
#define THIEF "198.51.100.7"

static gint64 clock_s = 1800000000;
static Store *store;
static Guard *guard;

static gint64
now(void)
{
	return clock_s;
}

static void
set_up(void)
{
	const GuardRules rules = {.free_failures = 3, .address_wait_max = 300, .user_delay_max = 15, .now = now};

	store = store_open(":memory:", NULL);
	guard = guard_new(store, &rules);
}

static void
tear_down(void)
{
	guard_free(guard);
	store_close(store);
}

static void
fail_from(const char *user, const char *address, int times)
{
	for (int i = 0; i < times; i++) {
		g_autoptr(Attempt) attempt = attempt_new(guard, user, address);

		guard_denied(guard, attempt);
	}
}

static void
succeed(const char *user, const char *address)
{
	g_autoptr(Attempt) attempt = attempt_new(guard, user, address);

	guard_accepted(guard, attempt);
}

static gint64
wait_of(const char *user, const char *address)
{
	g_autoptr(Attempt) attempt = attempt_new(guard, user, address);

	return guard_wait(guard, attempt);
}

static gint64
delay_of(const char *user, const char *address)
{
	g_autoptr(Attempt) attempt = attempt_new(guard, user, address);

	return guard_delay(guard, attempt);
}

START_TEST(a_few_failures_are_free_and_then_each_doubles_the_wait)
{
	static const gint64 expected[] = {0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300};

	for (guint i = 0; i < G_N_ELEMENTS(expected); i++) {
		fail_from("demo1", THIEF, 1);
		ck_assert_int_eq(wait_of("demo2", THIEF), expected[i]);
	}
	ck_assert_int_eq(wait_of("demo1", HOME), 0);
}
END_TEST

START_TEST(a_wait_goes_by_and_the_failures_are_forgotten)
{
	fail_from("demo1", THIEF, 8);
	ck_assert_int_eq(wait_of("demo1", THIEF), 16);
	clock_s += 15;
	ck_assert_int_eq(wait_of("demo1", THIEF), 1);
	clock_s += 1;
	ck_assert_int_eq(wait_of("demo1", THIEF), 0);
	clock_s += 300 * 6;
	fail_from("demo1", THIEF, 1);
	ck_assert_int_eq(wait_of("demo1", THIEF), 0);
}
END_TEST

START_TEST(a_clock_that_is_set_back_lengthens_no_wait)
{
	fail_from("demo1", THIEF, 8);
	clock_s -= 86400;
	ck_assert_int_eq(wait_of("demo1", THIEF), 16);
	clock_s += 16;
	ck_assert_int_eq(wait_of("demo1", THIEF), 0);
}
END_TEST

START_TEST(a_name_that_failed_is_held_for_a_bounded_time_and_never_refused)
{
	for (int i = 0; i < 100; i++) {
		g_autofree char *address = g_strdup_printf("198.51.100.%d", i);

		fail_from("demo1", address, 1);
	}
	ck_assert_int_eq(wait_of("demo1", "203.0.113.1"), 0);
	ck_assert_int_eq(delay_of("demo1", "203.0.113.1"), 15);
	ck_assert_int_eq(delay_of("DEMO1", "203.0.113.1"), 15);
	ck_assert_int_eq(delay_of("demo2", "203.0.113.1"), 0);
}
END_TEST

START_TEST(nobody_elsewhere_holds_up_who_signs_in_from_where_they_always_do)
{
	succeed("demo1", HOME);
	fail_from("demo1", THIEF, 100);
	ck_assert_int_eq(delay_of("demo1", HOME), 0);
	ck_assert_int_eq(wait_of("demo1", HOME), 0);
	ck_assert_int_eq(delay_of("demo1", "203.0.113.1"), 15);
}
END_TEST

START_TEST(a_neighbour_behind_the_same_address_only_holds_up_strangers)
{
	succeed("demo1", HOME);
	fail_from("demo2", HOME, 100);
	ck_assert_int_eq(wait_of("demo2", HOME), 300);
	ck_assert_int_eq(wait_of("demo1", HOME), 0);
	ck_assert_int_eq(delay_of("demo1", HOME), 0);
	/* At that very name it is a neighbour against the person: both are held, for a bounded time. */
	fail_from("demo1", HOME, 100);
	ck_assert_int_eq(wait_of("demo1", HOME), 0);
	ck_assert_int_eq(delay_of("demo1", HOME), 15);
}
END_TEST

START_TEST(a_success_of_ones_own_forgives_no_failure)
{
	fail_from("demo1", THIEF, 10);
	succeed("thief", THIEF);
	ck_assert_int_gt(wait_of("demo1", THIEF), 0);
	ck_assert_int_eq(wait_of("thief", THIEF), 0);
}
END_TEST

START_TEST(an_origin_is_known_for_a_month)
{
	succeed("demo1", HOME);
	fail_from("demo1", THIEF, 100);
	clock_s += 30 * 86400;
	guard_forget_old(guard);
	fail_from("demo1", THIEF, 100);
	ck_assert_int_eq(delay_of("demo1", HOME), 0);
	clock_s += 1;
	guard_forget_old(guard);
	ck_assert_int_eq(delay_of("demo1", HOME), 15);
}
END_TEST

START_TEST(a_host_with_a_whole_ipv6_network_is_one_origin)
{
	fail_from("demo1", "2001:db8:0:1::1", 2);
	fail_from("demo1", "2001:db8:0:1:ffff::2", 3);
	ck_assert_int_gt(wait_of("demo2", "2001:db8:0:1::3"), 0);
	ck_assert_int_eq(wait_of("demo2", "2001:db8:0:2::3"), 0);
}
END_TEST

START_TEST(a_flood_of_keys_is_bounded_and_does_not_wash_out_the_worst)
{
	const FailureRules rules = {.free = 3, .penalty_max = 300, .forgive_s = 300, .keys_max = 100, .now = now};
	g_autoptr(Failures) failures = failures_new(&rules);

	for (int i = 0; i < 8; i++)
		failures_add(failures, "worst");
	for (int i = 0; i < 10000; i++) {
		g_autofree char *key = g_strdup_printf("%d", i);

		failures_add(failures, key);
	}
	ck_assert_int_eq(failures_wait(failures, "worst"), 16);
	ck_assert(failures_is_suspect(failures, "worst"));
	ck_assert(!failures_is_suspect(failures, "9999"));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("guard");
	TCase *tcase = tcase_create("guard");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, a_few_failures_are_free_and_then_each_doubles_the_wait);
	tcase_add_test(tcase, a_wait_goes_by_and_the_failures_are_forgotten);
	tcase_add_test(tcase, a_clock_that_is_set_back_lengthens_no_wait);
	tcase_add_test(tcase, a_name_that_failed_is_held_for_a_bounded_time_and_never_refused);
	tcase_add_test(tcase, nobody_elsewhere_holds_up_who_signs_in_from_where_they_always_do);
	tcase_add_test(tcase, a_neighbour_behind_the_same_address_only_holds_up_strangers);
	tcase_add_test(tcase, a_success_of_ones_own_forgives_no_failure);
	tcase_add_test(tcase, an_origin_is_known_for_a_month);
	tcase_add_test(tcase, a_host_with_a_whole_ipv6_network_is_one_origin);
	tcase_add_test(tcase, a_flood_of_keys_is_bounded_and_does_not_wash_out_the_worst);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
