/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "broker/common/error.h"
#include "broker/sessions.h"
#include "broker/store/audit.h"

static const char *const groups[] = {"staff", "it", NULL};
static gint64 clock_s = 1800000000, set_by; /* set_by: of the wall clock alone */
static Store *store;
static Sessions *sessions;

static gint64
now(void)
{
	return clock_s + set_by;
}

static gint64
steady(void)
{
	return clock_s - 1700000000;
}

static void
set_up(void)
{
	const SessionRules rules = {.idle_s = 3600, .lifetime_s = 8 * 3600, .now = now, .steady = steady};

	store = store_open(":memory:", NULL);
	sessions = sessions_new(store, &rules);
}

static void
tear_down(void)
{
	sessions_free(sessions);
	store_close(store);
}

static SessionRow *
begin(Secret **token)
{
	SessionRow *session =
		sessions_begin(sessions, "demo1", groups, FALSE, "192.0.2.1", SESSION_PORTAL, token, NULL);

	ck_assert_ptr_nonnull(session);
	return session;
}

START_TEST(a_token_opens_its_session_with_groups_and_all)
{
	g_autoptr(Secret) token = NULL;
	g_autoptr(SessionRow) begun = begin(&token);
	g_autoptr(SessionRow) found = sessions_find(sessions, secret_text(token));

	ck_assert_ptr_nonnull(found);
	ck_assert_str_eq(found->id, begun->id);
	ck_assert_str_eq(found->user, "demo1");
	ck_assert_uint_eq(g_strv_length(found->groups), 2);
	ck_assert_str_eq(found->groups[1], "it");
}
END_TEST

START_TEST(the_token_is_not_in_the_database)
{
	g_autoptr(Secret) token = NULL;
	g_autoptr(SessionRow) begun = begin(&token);
	ck_assert_ptr_nonnull(begun);
	sqlite3_stmt *statement = store_prepare(store, "SELECT count(*) FROM sessions WHERE token = ? OR id = ?", NULL);

	store_bind(statement, "ss", secret_text(token), secret_text(token));
	ck_assert_int_eq(store_step(store, statement, NULL), STORE_ROW);
	ck_assert_int_eq(sqlite3_column_int(statement, 0), 0);
	store_reset(statement);
}
END_TEST

START_TEST(another_token_opens_nothing)
{
	g_autoptr(Secret) token = NULL, other = secret_new_random(32);
	g_autoptr(SessionRow) begun = begin(&token);

	ck_assert_ptr_null(sessions_find(sessions, secret_text(other)));
	ck_assert_ptr_null(sessions_find(sessions, ""));
	ck_assert_ptr_null(sessions_find(sessions, begun->id));
}
END_TEST

START_TEST(a_session_that_nobody_uses_is_over)
{
	g_autoptr(Secret) token = NULL;
	g_autoptr(SessionRow) begun = begin(&token);

	clock_s += 3600;
	ck_assert_ptr_null(sessions_find(sessions, secret_text(token)));
	ck_assert_ptr_null(sessions_by_id(sessions, begun->id));
	g_autoptr(GPtrArray) over = sessions_over(sessions), all = sessions_all(sessions);
	ck_assert_uint_eq(over->len, 1);
	ck_assert_uint_eq(all->len, 0);
}
END_TEST

START_TEST(a_session_in_use_lives_to_its_time_and_no_longer)
{
	g_autoptr(Secret) token = NULL;
	g_autoptr(SessionRow) begun = begin(&token);

	ck_assert_ptr_nonnull(begun);
	for (int i = 0; i < 15; i++) {
		clock_s += 1800;
		g_autoptr(SessionRow) found = sessions_find(sessions, secret_text(token));
		ck_assert_ptr_nonnull(found);
	}
	clock_s += 1800;
	ck_assert_ptr_null(sessions_find(sessions, secret_text(token)));
}
END_TEST

/* Ahead and back, noticed and not. */
static const struct {
	gint64 by;
	gboolean follow;
} jumps[] = {{100 * 3600, FALSE}, {100 * 3600, TRUE}, {-100 * 3600, FALSE}, {-100 * 3600, TRUE}};

START_TEST(setting_the_clock_signs_nobody_out_and_keeps_nobody_in)
{
	g_autoptr(Secret) token = NULL;
	g_autoptr(SessionRow) begun = begin(&token);

	set_by = jumps[_i].by;
	if (jumps[_i].follow) {
		const SessionRules rules = {.idle_s = 3600, .lifetime_s = 8 * 3600, .now = now, .steady = steady};

		sessions_follow_clock(sessions);
		/* A later process has the table and the clock on the wall. */
		sessions_free(sessions);
		sessions = sessions_new(store, &rules);
	}
	clock_s += 3599;
	g_autoptr(SessionRow) found = sessions_by_id(sessions, begun->id);
	ck_assert_ptr_nonnull(found);
	clock_s += 1;
	ck_assert_ptr_null(sessions_find(sessions, secret_text(token)));
	set_by = 0;
}
END_TEST

START_TEST(looking_by_id_is_no_use_of_it)
{
	g_autoptr(Secret) token = NULL;
	g_autoptr(SessionRow) begun = begin(&token);

	clock_s += 3000;
	g_autoptr(SessionRow) found = sessions_by_id(sessions, begun->id);
	ck_assert_ptr_nonnull(found);
	clock_s += 3000;
	ck_assert_ptr_null(sessions_find(sessions, secret_text(token)));
}
END_TEST

START_TEST(an_ended_session_is_gone)
{
	g_autoptr(Secret) token = NULL;
	g_autoptr(SessionRow) begun = begin(&token);
	g_autoptr(GError) error = NULL;

	ck_assert(sessions_end(sessions, begun->id, NULL));
	ck_assert_ptr_null(sessions_find(sessions, secret_text(token)));
	ck_assert(!sessions_end(sessions, begun->id, &error));
	ck_assert(g_error_matches(error, CARREL_ERROR, CARREL_ERROR_NOT_FOUND));
}
END_TEST

START_TEST(a_person_has_a_bounded_number_of_sessions)
{
	g_autoptr(GError) error = NULL;

	for (int i = 0; i < 32; i++) {
		g_autoptr(SessionRow) begun = begin(NULL);
		ck_assert_ptr_nonnull(begun);
	}
	ck_assert_ptr_null(
		sessions_begin(sessions, "demo1", groups, FALSE, "192.0.2.1", SESSION_PORTAL, NULL, &error));
	ck_assert(g_error_matches(error, CARREL_ERROR, CARREL_ERROR_EXHAUSTED));
}
END_TEST

static int
count_audit(void)
{
	sqlite3_stmt *statement = store_prepare(store, "SELECT count(*) FROM audit", NULL);
	int n;

	ck_assert_int_eq(store_step(store, statement, NULL), STORE_ROW);
	n = sqlite3_column_int(statement, 0);
	store_reset(statement);
	return n;
}

START_TEST(audit_rows_go_by_age_and_failures_by_number)
{
	for (int i = 0; i < 10; i++) {
		audit_add(store, &(AuditRow){.time = i, .actor = "demo1", .action = "open"});
		audit_add(store, &(AuditRow){.time = i, .actor = "x", .action = "sign-in-failed"});
	}
	ck_assert(audit_trim(store, 2, 100, NULL));
	ck_assert_int_eq(count_audit(), 16);
	ck_assert(audit_trim(store, 2, 3, NULL));
	ck_assert_int_eq(count_audit(), 8 + 3);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("sessions");
	TCase *tcase = tcase_create("sessions");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, a_token_opens_its_session_with_groups_and_all);
	tcase_add_test(tcase, the_token_is_not_in_the_database);
	tcase_add_test(tcase, another_token_opens_nothing);
	tcase_add_test(tcase, a_session_that_nobody_uses_is_over);
	tcase_add_test(tcase, a_session_in_use_lives_to_its_time_and_no_longer);
	tcase_add_loop_test(tcase, setting_the_clock_signs_nobody_out_and_keeps_nobody_in, 0, G_N_ELEMENTS(jumps));
	tcase_add_test(tcase, looking_by_id_is_no_use_of_it);
	tcase_add_test(tcase, an_ended_session_is_gone);
	tcase_add_test(tcase, a_person_has_a_bounded_number_of_sessions);
	tcase_add_test(tcase, audit_rows_go_by_age_and_failures_by_number);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
