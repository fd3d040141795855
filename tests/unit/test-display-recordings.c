/* The folder of recordings, and which of them have to go. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <check.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/common/error.h"
#include "display/recording.h"
#include "display/recordings.h"
#include "display/retention.h"

#define DAY 86400

START_TEST(what_is_older_than_it_is_kept_goes)
{
	RetentionItem items[] = {{.ended = 10 * DAY, .size = 5}, {.ended = 20 * DAY, .size = 5}, {.ended = 30 * DAY, .size = 5}};

	ck_assert_uint_eq(retention_decide(items, 3, 31 * DAY, 11 * DAY, 0), 1);
	ck_assert(items[0].goes && !items[1].goes && !items[2].goes);
	ck_assert_uint_eq(retention_decide(items, 3, 31 * DAY, 0, 0), 0);
}
END_TEST

START_TEST(the_oldest_go_until_all_fit)
{
	RetentionItem items[] = {{.ended = 1, .size = 50}, {.ended = 2, .size = 40}, {.ended = 3, .size = 30}};

	ck_assert_uint_eq(retention_decide(items, 3, DAY, 0, 120), 0);
	ck_assert_uint_eq(retention_decide(items, 3, DAY, 0, 119), 1);
	ck_assert(items[0].goes);
	ck_assert_uint_eq(retention_decide(items, 3, DAY, 0, 29), 3);
}
END_TEST

START_TEST(one_that_is_being_written_never_goes_and_takes_its_place)
{
	RetentionItem items[] = {{.ended = 1, .size = 100, .written = TRUE}, {.ended = 2, .size = 40}, {.ended = 3, .size = 30}};

	ck_assert_uint_eq(retention_decide(items, 3, 100 * DAY, DAY, 0), 2);
	ck_assert(!items[0].goes);
	ck_assert_uint_eq(retention_decide(items, 3, 10, 0, 130), 1);
	ck_assert(!items[0].goes && items[1].goes && !items[2].goes);
	ck_assert_uint_eq(retention_decide(items, 3, 10, 0, 50), 2);
}
END_TEST

START_TEST(a_clock_that_was_set_back_removes_nothing)
{
	RetentionItem items[] = {{.ended = 50 * DAY, .size = 1}};

	ck_assert_uint_eq(retention_decide(items, 1, 2 * DAY, DAY, 0), 0);
	ck_assert_uint_eq(retention_decide(NULL, 0, 2 * DAY, DAY, 1), 0);
}
END_TEST

static char *folder;

static void
set_up(void)
{
	folder = g_dir_make_tmp("carrel-recordings-XXXXXX", NULL);
}

static void
tear_down(void)
{
	g_autofree char *command = g_strdup_printf("rm -rf '%s'", folder);

	ck_assert_int_eq(system(command), 0);
	g_free(folder);
}

/* One of @user with nothing but its first record. */
static char *
make(Recordings *recordings, const char *pool, const char *user)
{
	g_autofree char *about = g_strdup_printf("pool=%s\nuser=%s\nstarted=1000\n", pool, user);
	guint8 head[RECORDING_HEAD_SIZE], hash[RECORDING_HASH_SIZE] = {0};
	g_autoptr(GError) error = NULL;
	char *id = NULL;
	int fd = recordings_create(recordings, pool, &id, &error);

	ck_assert_msg(fd >= 0, "%s", error ? error->message : "");
	recording_put_head(head, RECORDING_ABOUT, strlen(about), 0);
	recording_chain(hash, head, about, strlen(about));
	ck_assert_int_eq(write(fd, RECORDING_MAGIC, RECORDING_MAGIC_SIZE), RECORDING_MAGIC_SIZE);
	ck_assert_int_eq(write(fd, head, sizeof head), sizeof head);
	ck_assert_int_eq(write(fd, about, strlen(about)), (ssize_t)strlen(about));
	ck_assert_int_eq(write(fd, hash, sizeof hash), sizeof hash);
	close(fd);
	return id;
}

START_TEST(it_lists_by_pool_and_person_and_page)
{
	g_autoptr(Recordings) recordings = recordings_new(folder);
	g_autofree char *a = make(recordings, "office", "anna"), *b = make(recordings, "office", "bert"),
	                *c = make(recordings, "lab", "anna");
	const char *const office[] = {"office", NULL};
	g_autoptr(GVariant) all = NULL, of_office = NULL, of_anna = NULL, page = NULL;
	guint total;

	ck_assert(strcmp(a, b) != 0 && strcmp(b, c) != 0);
	all = g_variant_ref_sink(recordings_list(recordings, NULL, NULL, 0, 10, &total));
	ck_assert_uint_eq(total, 3);
	ck_assert_uint_eq(g_variant_n_children(all), 3);
	of_office = g_variant_ref_sink(recordings_list(recordings, office, NULL, 0, 10, &total));
	ck_assert_uint_eq(total, 2);
	of_anna = g_variant_ref_sink(recordings_list(recordings, NULL, "anna", 0, 10, &total));
	ck_assert_uint_eq(total, 2);
	page = g_variant_ref_sink(recordings_list(recordings, NULL, NULL, 1, 1, &total));
	ck_assert_uint_eq(total, 3);
	ck_assert_uint_eq(g_variant_n_children(page), 1);
}
END_TEST

START_TEST(one_that_is_being_written_cannot_be_removed)
{
	g_autoptr(Recordings) recordings = recordings_new(folder);
	g_autofree char *id = make(recordings, "office", "anna");
	g_autoptr(GError) error = NULL;
	g_autofree char *hash = NULL;

	ck_assert(!recordings_remove(recordings, id, &error));
	ck_assert(g_error_matches(error, CARREL_ERROR, CARREL_ERROR_BUSY));
	hash = recordings_done(recordings, id);
	ck_assert_ptr_null(hash); /* it has no end */
	ck_assert(recordings_remove(recordings, id, NULL));
	ck_assert(!recordings_remove(recordings, id, NULL));
}
END_TEST

START_TEST(nothing_outside_the_folder_has_a_name)
{
	static const char *const names[] = {"", ".", "..", "office", "office.", "../x.20261130T200000Z.0123456789abcdef",
	        "office./../../etc/passwd", "office.20261130T200000Z.0123456789abcde/", "office.20261130T200000Z.0123456789abcdef0",
	        "Office.20261130T200000Z.0123456789abcdef"};
	g_autoptr(Recordings) recordings = recordings_new(folder);

	for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autoptr(GError) error = NULL;

		ck_assert_int_eq(recordings_open(recordings, names[i], &error), -1);
		ck_assert(g_error_matches(error, CARREL_ERROR, CARREL_ERROR_NOT_FOUND));
		ck_assert(!recordings_remove(recordings, names[i], NULL));
	}
}
END_TEST

START_TEST(files_are_for_their_owner_alone_and_pruning_removes_them)
{
	g_autoptr(Recordings) recordings = recordings_new(folder);
	g_autofree char *a = make(recordings, "office", "anna"), *b = make(recordings, "office", "anna");
	g_autofree char *file = g_strdup_printf("%s/office/%s%s", folder, strchr(a, '.') + 1, RECORDING_SUFFIX);
	g_auto(GStrv) removed = NULL;
	struct stat status;

	ck_assert_str_ne(a, b);
	ck_assert_int_eq(stat(file, &status), 0);
	ck_assert_uint_eq(status.st_mode & 0777, 0600);
	g_free(recordings_done(recordings, a));
	removed = recordings_prune(recordings, "office", 0, 1);
	ck_assert_uint_eq(g_strv_length(removed), 1);
	ck_assert_str_eq(removed[0], a);
	ck_assert_int_ne(stat(file, &status), 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("recordings");
	TCase *tcase = tcase_create("recordings");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, what_is_older_than_it_is_kept_goes);
	tcase_add_test(tcase, the_oldest_go_until_all_fit);
	tcase_add_test(tcase, one_that_is_being_written_never_goes_and_takes_its_place);
	tcase_add_test(tcase, a_clock_that_was_set_back_removes_nothing);
	tcase_add_test(tcase, it_lists_by_pool_and_person_and_page);
	tcase_add_test(tcase, one_that_is_being_written_cannot_be_removed);
	tcase_add_test(tcase, nothing_outside_the_folder_has_a_name);
	tcase_add_test(tcase, files_are_for_their_owner_alone_and_pruning_removes_them);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
