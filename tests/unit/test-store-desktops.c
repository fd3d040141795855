/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/common/error.h"
#include "broker/store/desktops.h"

static Store *store;
static guint syncs; /* of files, by SQLite */

int
fsync(int fd)
{
	syncs++;
	return 0;
}

int
fdatasync(int fd)
{
	return fsync(fd);
}

static void
set_up(void)
{
	store = store_open(":memory:", NULL);
	ck_assert_ptr_nonnull(store);
}

static void
tear_down(void)
{
	store_close(store);
}

static DesktopRow *
insert(const char *user)
{
	DesktopRow *row = desktops_insert(store, "office", "desk@1", user, FALSE, 100, NULL);

	ck_assert_ptr_nonnull(row);
	return row;
}

START_TEST(a_row_comes_back_as_it_was_written)
{
	g_autoptr(DesktopRow) row = insert("anna");
	g_autoptr(GPtrArray) rows = desktops_list(store, NULL);
	const DesktopRow *read = rows->pdata[0];

	ck_assert_uint_eq(rows->len, 1);
	ck_assert_str_eq(read->id, row->id);
	ck_assert_str_eq(read->uuid, row->uuid);
	ck_assert_str_eq(read->user, "anna");
	ck_assert_str_eq(read->image, "desk@1");
	ck_assert_int_eq(read->state, DESKTOP_CLONING);
	ck_assert_int_eq(read->intent, DESKTOP_INTENT_CLONE);
	ck_assert_int_eq(read->created, 100);
	ck_assert_ptr_null(read->note);
	ck_assert(g_str_has_prefix(row->id, "office-") && strlen(row->id) == strlen("office-") + 8);
}
END_TEST

START_TEST(a_change_decided_on_an_old_view_changes_nothing)
{
	g_autoptr(DesktopRow) row = insert(NULL);
	g_autoptr(GPtrArray) rows = desktops_list(store, NULL);
	DesktopRow *old = rows->pdata[0];
	g_autoptr(GError) error = NULL;

	ck_assert(desktops_move(store, row, DESKTOP_READY, DESKTOP_INTENT_NONE, NULL, 101, NULL));
	ck_assert(!desktops_move(store, old, DESKTOP_FAILED, DESKTOP_INTENT_DESTROY, "late", 102, &error));
	ck_assert(g_error_matches(error, CARREL_ERROR, CARREL_ERROR_BUSY));
	ck_assert_int_eq(old->state, DESKTOP_CLONING);
	g_autoptr(GPtrArray) now = desktops_list(store, NULL);
	ck_assert_int_eq(((DesktopRow *)now->pdata[0])->state, DESKTOP_READY);
}
END_TEST

START_TEST(a_desktop_is_assigned_once)
{
	g_autoptr(DesktopRow) row = insert(NULL);

	ck_assert(desktops_move(store, row, DESKTOP_READY, DESKTOP_INTENT_NONE, NULL, 101, NULL));
	g_autoptr(GPtrArray) rows = desktops_list(store, NULL);
	DesktopRow *other_view = rows->pdata[0];

	ck_assert(desktops_assign(store, row, DESKTOP_ASSIGNED, "anna", 102, NULL));
	ck_assert(!desktops_assign(store, other_view, DESKTOP_ASSIGNED, "bert", 103, NULL));
	ck_assert_ptr_null(other_view->user);
	ck_assert_str_eq(row->user, "anna");
}
END_TEST

START_TEST(a_person_has_one_desktop_of_a_pool)
{
	g_autoptr(DesktopRow) first = insert("anna");
	g_autoptr(DesktopRow) spare = insert(NULL);

	ck_assert_ptr_null(desktops_insert(store, "office", "desk@1", "anna", FALSE, 100, NULL));
	ck_assert(!desktops_assign(store, spare, DESKTOP_ASSIGNED, "anna", 101, NULL));
	ck_assert(desktops_move(store, first, DESKTOP_RESETTING, DESKTOP_INTENT_DESTROY, NULL, 102, NULL));
	ck_assert(desktops_assign(store, spare, DESKTOP_ASSIGNED, "anna", 103, NULL));
}
END_TEST

START_TEST(a_used_desktop_never_becomes_ready_again)
{
	for (int to = 0; to < DESKTOP_N_STATES; to++) {
		ck_assert(!desktop_state_may_become(DESKTOP_RESETTING, (DesktopState)to));
		ck_assert(!desktop_state_may_become(DESKTOP_RETIRED, (DesktopState)to));
		ck_assert(!desktop_state_may_become(DESKTOP_FAILED, (DesktopState)to));
	}
	ck_assert(!desktop_state_may_become(DESKTOP_ASSIGNED, DESKTOP_READY));
	ck_assert(!desktop_state_may_become(DESKTOP_ASSIGNED, DESKTOP_CLONING));
	g_autoptr(DesktopRow) row = insert("anna");
	g_autoptr(GError) error = NULL;

	ck_assert(desktops_move(store, row, DESKTOP_ASSIGNED, DESKTOP_INTENT_NONE, NULL, 101, NULL));
	ck_assert(!desktops_move(store, row, DESKTOP_READY, DESKTOP_INTENT_NONE, NULL, 102, &error));
	ck_assert(g_error_matches(error, CARREL_ERROR, CARREL_ERROR_INVALID));
}
END_TEST

START_TEST(a_note_stays_until_there_is_another_or_the_agent_speaks)
{
	g_autoptr(DesktopRow) row = insert(NULL);

	ck_assert(desktops_move(store, row, DESKTOP_READY, DESKTOP_INTENT_NONE, "no agent", 101, NULL));
	ck_assert(desktops_move(store, row, DESKTOP_FAILED, DESKTOP_INTENT_DESTROY, NULL, 102, NULL));
	ck_assert_str_eq(row->note, "no agent");
	ck_assert(desktops_set_intent(store, row, DESKTOP_INTENT_NONE, NULL));
	ck_assert(desktops_set_agent(store, row, TRUE, NULL));
	ck_assert_ptr_null(row->note);
	g_autoptr(GPtrArray) rows = desktops_list(store, NULL);
	const DesktopRow *read = rows->pdata[0];
	ck_assert_ptr_null(read->note);
	ck_assert_int_eq(read->intent, DESKTOP_INTENT_NONE);
	ck_assert(read->agent);
	ck_assert(desktops_delete(store, row, NULL));
	ck_assert(!desktops_delete(store, row, NULL));
}
END_TEST

static guint
syncs_since(guint *before)
{
	guint n = syncs - *before;

	*before = syncs;
	return n;
}

START_TEST(what_is_a_persons_or_kept_waits_for_the_disk_and_nothing_else)
{
	g_autofree char *folder = g_dir_make_tmp("carrel-store-XXXXXX", NULL);
	g_autofree char *file = g_build_filename(folder, "carrel.db", NULL);
	g_autofree char *command = g_strdup_printf("rm -rf '%s'", folder);
	g_autoptr(DesktopRow) spare = NULL, kept = NULL;
	guint before;

	store_close(store);
	store = store_open(file, NULL);
	ck_assert(store_set_meta(store, "a", "first write", NULL)); /* makes the file of what follows */
	before = syncs;
	spare = insert(NULL);
	ck_assert(desktops_move(store, spare, DESKTOP_READY, DESKTOP_INTENT_NONE, NULL, 101, NULL));
	ck_assert(desktops_set_agent(store, spare, TRUE, NULL));
	ck_assert_uint_eq(syncs_since(&before), 0);
	ck_assert(store_set_meta(store, "a", "b", NULL));
	ck_assert_uint_eq(syncs_since(&before), 1);
	ck_assert(desktops_assign(store, spare, DESKTOP_ASSIGNED, "anna", 102, NULL));
	ck_assert_uint_eq(syncs_since(&before), 1);
	ck_assert(desktops_move(store, spare, DESKTOP_RESETTING, DESKTOP_INTENT_DESTROY, NULL, 103, NULL));
	ck_assert(desktops_delete(store, spare, NULL));
	ck_assert_uint_eq(syncs_since(&before), 2);
	kept = desktops_insert(store, "mine", "desk@1", NULL, TRUE, 104, NULL);
	ck_assert_uint_eq(syncs_since(&before), 1);
	ck_assert_int_eq(system(command), 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("desktops");
	TCase *tcase = tcase_create("desktops");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, a_row_comes_back_as_it_was_written);
	tcase_add_test(tcase, a_change_decided_on_an_old_view_changes_nothing);
	tcase_add_test(tcase, a_desktop_is_assigned_once);
	tcase_add_test(tcase, a_person_has_one_desktop_of_a_pool);
	tcase_add_test(tcase, a_used_desktop_never_becomes_ready_again);
	tcase_add_test(tcase, what_is_a_persons_or_kept_waits_for_the_disk_and_nothing_else);
	tcase_add_test(tcase, a_note_stays_until_there_is_another_or_the_agent_speaks);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
