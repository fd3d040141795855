/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <check.h>
#include <stdlib.h>

#include "display/soon.h"

static guint n_runs, n_others;
static Soon *soon;

static void
run(void *data)
{
	n_runs++;
}

static gboolean
on_other(gpointer data)
{
	n_others++;
	return G_SOURCE_CONTINUE;
}

static void
turn(void)
{
	while (g_main_context_iteration(NULL, FALSE))
		;
}

static void
set_up(void)
{
	n_runs = n_others = 0;
	soon = soon_new(G_PRIORITY_DEFAULT + 10, run, NULL);
}

static void
tear_down(void)
{
	soon_free(soon);
}

START_TEST(asked_twice_it_runs_once_and_again_when_asked_again)
{
	turn();
	ck_assert_uint_eq(n_runs, 0);
	soon_ask(soon);
	soon_ask(soon);
	turn();
	ck_assert_uint_eq(n_runs, 1);
	soon_ask(soon);
	turn();
	ck_assert_uint_eq(n_runs, 2);
}
END_TEST

/* The other source never pauses; Check's deadline ends a wait in vain. */
START_TEST(whoever_never_pauses_does_not_keep_it_from_running)
{
	guint id = g_idle_add_full(G_PRIORITY_DEFAULT, on_other, NULL, NULL);

	for (guint i = 1; i <= 3; i++) {
		soon_ask(soon);
		while (n_runs < i)
			g_main_context_iteration(NULL, FALSE);
	}
	ck_assert_uint_gt(n_others, 3);
	g_source_remove(id);
}
END_TEST

START_TEST(what_was_asked_for_does_not_come_when_it_is_freed)
{
	soon_ask(soon);
	g_clear_pointer(&soon, soon_free);
	turn();
	ck_assert_uint_eq(n_runs, 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("soon");
	TCase *tcase = tcase_create("soon");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, asked_twice_it_runs_once_and_again_when_asked_again);
	tcase_add_test(tcase, whoever_never_pauses_does_not_keep_it_from_running);
	tcase_add_test(tcase, what_was_asked_for_does_not_come_when_it_is_freed);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
