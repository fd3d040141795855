/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <check.h>
#include <stdlib.h>

#include "pools/decide.h"

static PoolCounts
able(guint spare, guint max)
{
	return (PoolCounts){.spare = spare, .max = max, .able = TRUE};
}

START_TEST(an_empty_pool_clones_its_spares_as_boots_allow)
{
	PoolCounts counts = able(4, 10);

	ck_assert_uint_eq(decide_pool(&counts, 2, 2).clone, 2);
	ck_assert_uint_eq(decide_pool(&counts, 9, 2).clone, 4);
	ck_assert_uint_eq(decide_pool(&counts, 0, 2).clone, 0);
	counts.cloning = 3;
	ck_assert_uint_eq(decide_pool(&counts, 2, 2).clone, 1);
}
END_TEST

START_TEST(nothing_is_cloned_while_back_off_lasts)
{
	PoolCounts counts = able(4, 10);

	counts.retry_in_s = 1;
	counts.waiting = 1;
	ck_assert_uint_eq(decide_pool(&counts, 2, 2).clone, 0);
	ck_assert_uint_eq(decide_begin(&counts, 2), 0);
}
END_TEST

START_TEST(a_pool_that_cannot_make_desktops_keeps_those_it_has)
{
	PoolCounts counts = able(4, 10);

	counts.able = FALSE;
	counts.ready = 3;
	counts.ready_stale = 2;
	PoolPlan plan = decide_pool(&counts, 2, 2);

	ck_assert_uint_eq(plan.clone + plan.retire + plan.retire_stale, 0);
	ck_assert(!decide_may_claim(&counts));
}
END_TEST

START_TEST(a_drained_pool_throws_its_spares_away_and_takes_nobody)
{
	PoolCounts counts = able(4, 10);

	counts.closing = TRUE;
	counts.ready = 3;
	counts.ready_stale = 1;
	counts.held = 2;
	PoolPlan plan = decide_pool(&counts, 2, 2);

	ck_assert_uint_eq(plan.clone, 0);
	ck_assert_uint_eq(plan.retire, 3);
	ck_assert_uint_eq(plan.retire_stale, 1);
	ck_assert(!decide_may_claim(&counts));
}
END_TEST

START_TEST(spares_beyond_what_the_file_says_are_retired)
{
	PoolCounts counts = able(2, 10);

	counts.ready = 5;
	ck_assert_uint_eq(decide_pool(&counts, 2, 2).retire, 3);
}
END_TEST

START_TEST(stale_spares_stay_until_fresh_ones_stand_in)
{
	PoolCounts counts = able(2, 10);

	counts.ready_stale = 2;
	PoolPlan plan = decide_pool(&counts, 2, 2);

	ck_assert_uint_eq(plan.clone, 2);
	ck_assert_uint_eq(plan.retire_stale, 0);
	counts.ready = 1;
	counts.cloning = 1;
	plan = decide_pool(&counts, 2, 2);
	ck_assert_uint_eq(plan.clone, 0);
	ck_assert_uint_eq(plan.retire_stale, 1);
}
END_TEST

START_TEST(a_full_pool_makes_room_for_a_fresh_spare_one_by_one)
{
	PoolCounts counts = able(2, 2);

	counts.ready_stale = 2;
	ck_assert_uint_eq(decide_pool(&counts, 2, 2).retire_stale, 1);
	counts.ready_stale = 1;
	counts.going = 1;
	ck_assert_uint_eq(decide_pool(&counts, 2, 2).retire_stale, 0);
	counts.going = 0;
	ck_assert_uint_eq(decide_pool(&counts, 2, 2).clone, 1);
}
END_TEST

START_TEST(a_person_may_claim_up_to_max_whatever_is_being_thrown_away)
{
	PoolCounts counts = able(0, 2);

	counts.held = 1;
	counts.going = 1;
	ck_assert(decide_may_claim(&counts));
	counts.held = 2;
	ck_assert(!decide_may_claim(&counts));
	counts.queue = 2;
	counts.waiting = 1;
	ck_assert(decide_may_claim(&counts));
	counts.waiting = 2;
	ck_assert(!decide_may_claim(&counts));
}
END_TEST

START_TEST(a_waiting_person_begins_when_there_is_room_in_max)
{
	PoolCounts counts = able(0, 2);

	counts.held = 1;
	counts.waiting = 1;
	counts.going = 1;
	/* One held and running, one going, one waiting: full. */
	ck_assert_uint_eq(decide_begin(&counts, 4), 0);
	counts.going = 0;
	ck_assert_uint_eq(decide_begin(&counts, 4), 1);
	ck_assert_uint_eq(decide_begin(&counts, 0), 0);
	counts.held = 0;
	counts.waiting = 5;
	ck_assert_uint_eq(decide_begin(&counts, 9), 2);
}
END_TEST

START_TEST(a_parked_clone_stands_in_for_a_missing_spare)
{
	PoolCounts counts = able(2, 10);

	counts.parked_wanted = 2;
	counts.parked = 1;
	PoolPlan plan = decide_pool(&counts, 2, 2);

	ck_assert_uint_eq(plan.wake, 1);
	ck_assert_uint_eq(plan.clone, 1);
	ck_assert_uint_eq(plan.park, 2);
	/* It runs, and its agent has not spoken yet. */
	counts.waking = 1;
	counts.cloning = 3;
	counts.parking = 2;
	plan = decide_pool(&counts, 2, 2);
	ck_assert_uint_eq(plan.wake + plan.clone + plan.park + plan.retire_parked, 0);
}
END_TEST

START_TEST(parked_clones_are_made_up_to_what_is_wanted_and_no_further)
{
	PoolCounts counts = able(0, 10);

	counts.parked_wanted = 5;
	ck_assert_uint_eq(decide_pool(&counts, 2, 2).park, 2);
	ck_assert_uint_eq(decide_pool(&counts, 2, 9).park, 5);
	counts.parked = 4;
	ck_assert_uint_eq(decide_pool(&counts, 2, 2).park, 1);
	counts.parked = 7;
	ck_assert_uint_eq(decide_pool(&counts, 2, 2).retire_parked, 2);
	counts.parked_stale = 3;
	ck_assert_uint_eq(decide_pool(&counts, 2, 2).retire_parked_stale, 3);
}
END_TEST

START_TEST(spares_wait_for_a_template_that_is_being_made)
{
	PoolCounts counts = able(2, 10);

	counts.making_template = TRUE;
	ck_assert_uint_eq(decide_pool(&counts, 2, 2).clone, 0);
	/* People do not. */
	counts.waiting = 1;
	ck_assert_uint_eq(decide_begin(&counts, 4), 1);
}
END_TEST

START_TEST(clones_outlive_their_template_and_no_other_is_begun)
{
	PoolCounts counts = able(0, 10);

	counts.parked_wanted = 2;
	counts.parked = 1;
	counts.no_template = TRUE;
	PoolPlan plan = decide_pool(&counts, 2, 2);

	ck_assert_uint_eq(plan.park, 0);
	ck_assert_uint_eq(plan.retire_parked, 0);
	counts.no_template = FALSE;
	plan = decide_pool(&counts, 2, 2);
	ck_assert_uint_eq(plan.park, 1);
}
END_TEST

START_TEST(nothing_is_refilled_while_somebody_waits_for_a_clone)
{
	PoolCounts counts = able(2, 10);

	counts.parked_wanted = 4;
	counts.parked = 2;
	counts.somebody_waits = TRUE;
	PoolPlan plan = decide_pool(&counts, 2, 2);

	ck_assert_uint_eq(plan.wake + plan.clone + plan.park, 0);
}
END_TEST

START_TEST(parked_clones_give_way_to_people)
{
	PoolCounts counts = able(0, 3);

	counts.parked_wanted = 2;
	counts.parked = 2;
	counts.held = 2;
	ck_assert_uint_eq(decide_pool(&counts, 2, 2).retire_parked, 1);
}
END_TEST

START_TEST(the_pool_whose_desktops_are_gone_first_is_served_first)
{
	PoolCounts full = able(4, 10), empty = able(4, 10), asked = able(4, 10);

	full.ready = 4;
	asked.ready = 4;
	ck_assert(decide_runs_out_s(&empty, 0) < decide_runs_out_s(&full, 0));
	ck_assert(decide_runs_out_s(&asked, 0.1) < decide_runs_out_s(&empty, 0));
	ck_assert(decide_runs_out_s(&empty, 0.1) < decide_runs_out_s(&asked, 0.1));
}
END_TEST

START_TEST(how_often_a_pool_is_asked_is_forgotten_by_and_by)
{
	double rate = 0;

	for (int minute = 0; minute < 120; minute++)
		rate = decide_claim_rate(rate, 60, 6);
	ck_assert(rate > 0.09 && rate < 0.11);
	ck_assert(decide_claim_rate(rate, 600, 0) < 0.51 * rate);
}
END_TEST

/* Every small combination: refilling never leads above max, and never retires what it would clone again. */
START_TEST(refilling_never_goes_above_max_nor_back_and_forth)
{
	for (guint code = 0; code < 4 * 4 * 3 * 3 * 4 * 3 * 3 * 3 * 5; code++) {
		guint rest = code;
		PoolCounts counts = able(0, 1);

		counts.ready = rest % 4, rest /= 4;
		counts.held = rest % 4, rest /= 4;
		counts.cloning = rest % 3, rest /= 3;
		counts.going = rest % 3, rest /= 3;
		counts.spare = rest % 4, rest /= 4;
		counts.ready_stale = rest % 3, rest /= 3;
		counts.parked = rest % 3, rest /= 3;
		counts.parked_wanted = rest % 3, rest /= 3;
		counts.waking = counts.parked / 2;
		counts.parking = counts.cloning / 2;
		counts.max = MAX(1, rest);
		guint total = counts.ready + counts.held + counts.cloning + counts.going + counts.ready_stale + counts.parked;
		guint idle = counts.parked - counts.waking;
		PoolPlan plan = decide_pool(&counts, 10, 2);

		/* One assertion a combination: Check writes each to its parent. */
		gboolean good =
			(plan.clone + plan.park == 0 || total + plan.clone + plan.park <= counts.max) &&
			(plan.clone + plan.wake == 0 ||
				counts.ready + counts.cloning - counts.parking + counts.waking + plan.clone + plan.wake <= counts.spare) &&
			(plan.park == 0 || idle - plan.wake + counts.parking + plan.park <= counts.parked_wanted) &&
			(plan.clone == 0 || plan.retire == 0) && (plan.park == 0 || plan.retire_parked == 0) &&
			plan.wake + plan.retire_parked <= idle && plan.retire <= counts.ready &&
			plan.retire_stale <= counts.ready_stale;

		if (!good)
			ck_abort_msg("combination %u", code);
	}
}
END_TEST

START_TEST(back_off_doubles_and_is_bounded)
{
	ck_assert_uint_eq(decide_retry_s(0), 0);
	ck_assert_uint_eq(decide_retry_s(1), 2);
	ck_assert_uint_eq(decide_retry_s(2), 4);
	ck_assert_uint_eq(decide_retry_s(8), 256);
	for (guint n = 1; n < 200; n++)
		ck_assert(decide_retry_s(n + 1) >= decide_retry_s(n) && decide_retry_s(n) <= 300);
	ck_assert_uint_eq(decide_retry_s(G_MAXUINT), 300);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("decide");
	TCase *tcase = tcase_create("decide");

	tcase_add_test(tcase, an_empty_pool_clones_its_spares_as_boots_allow);
	tcase_add_test(tcase, nothing_is_cloned_while_back_off_lasts);
	tcase_add_test(tcase, a_pool_that_cannot_make_desktops_keeps_those_it_has);
	tcase_add_test(tcase, a_drained_pool_throws_its_spares_away_and_takes_nobody);
	tcase_add_test(tcase, spares_beyond_what_the_file_says_are_retired);
	tcase_add_test(tcase, stale_spares_stay_until_fresh_ones_stand_in);
	tcase_add_test(tcase, a_full_pool_makes_room_for_a_fresh_spare_one_by_one);
	tcase_add_test(tcase, a_person_may_claim_up_to_max_whatever_is_being_thrown_away);
	tcase_add_test(tcase, a_waiting_person_begins_when_there_is_room_in_max);
	tcase_add_test(tcase, a_parked_clone_stands_in_for_a_missing_spare);
	tcase_add_test(tcase, parked_clones_are_made_up_to_what_is_wanted_and_no_further);
	tcase_add_test(tcase, spares_wait_for_a_template_that_is_being_made);
	tcase_add_test(tcase, clones_outlive_their_template_and_no_other_is_begun);
	tcase_add_test(tcase, nothing_is_refilled_while_somebody_waits_for_a_clone);
	tcase_add_test(tcase, parked_clones_give_way_to_people);
	tcase_add_test(tcase, the_pool_whose_desktops_are_gone_first_is_served_first);
	tcase_add_test(tcase, how_often_a_pool_is_asked_is_forgotten_by_and_by);
	tcase_add_test(tcase, refilling_never_goes_above_max_nor_back_and_forth);
	tcase_add_test(tcase, back_off_doubles_and_is_bounded);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
