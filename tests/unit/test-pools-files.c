/* Pool files: every tests/data/pools/pass-*.pool is good, every fail-*.pool has the faults of the .expected beside it.
 * Images: the catalogue, and what is refused. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <check.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "broker/common/error.h"
#include "broker/common/settings.h"
#include "pools/images.h"
#include "pools/pool-file.h"
#include "pools/qcow2.h"

static char *folder; /* scratch */

static char *
data_folder(void)
{
	const char *source = g_getenv("srcdir");

	return g_build_filename(source ? source : ".", "tests/data/pools", NULL);
}

static void
set_up(void)
{
	folder = g_dir_make_tmp("carrel-XXXXXX", NULL);
	ck_assert_ptr_nonnull(folder);
}

static void
tear_down(void)
{
	g_autofree char *command = g_strdup_printf("rm -rf '%s'", folder);

	ck_assert_int_eq(system(command), 0);
	g_free(folder);
}

static char *
faults_of(const char *path)
{
	g_autoptr(GPtrArray) faults = NULL;
	g_autoptr(PoolFile) file = pool_file_read(path, &faults);
	GString *text = g_string_new(NULL);
	g_autofree char *parent = g_path_get_dirname(path);

	ck_assert((file == NULL) == (faults != NULL));
	for (guint i = 0; faults && i < faults->len; i++) {
		g_autofree char *line = settings_fault_to_string(faults->pdata[i]);

		g_string_append_printf(text, "%s\n", line + strlen(parent) + 1);
	}
	return g_string_free(text, FALSE);
}

START_TEST(every_example_is_good_or_has_the_faults_beside_it)
{
	g_autofree char *data = data_folder();
	g_autoptr(GDir) dir = g_dir_open(data, 0, NULL);
	const char *name;
	guint n = 0;

	ck_assert_ptr_nonnull(dir);
	while ((name = g_dir_read_name(dir)) != NULL) {
		g_autofree char *path = g_build_filename(data, name, NULL);
		g_autofree char *expected = NULL, *expected_file = NULL, *found = NULL;

		if (!g_str_has_suffix(name, ".pool"))
			continue;
		n++;
		found = faults_of(path);
		expected_file = g_strdup_printf("%.*s.expected", (int)(strlen(path) - strlen(".pool")), path);
		if (g_str_has_prefix(name, "fail-"))
			ck_assert_msg(g_file_get_contents(expected_file, &expected, NULL, NULL), "%s", expected_file);
		ck_assert_str_eq(found, expected ? expected : "");
	}
	ck_assert_uint_ge(n, 10);
}
END_TEST

START_TEST(fallbacks_are_those_of_the_manual)
{
	g_autofree char *data = data_folder();
	g_autofree char *path = g_build_filename(data, "pass-smallest.pool", NULL);
	g_autoptr(GPtrArray) faults = NULL;
	g_autoptr(PoolFile) file = pool_file_read(path, &faults);

	ck_assert_ptr_nonnull(file);
	ck_assert_str_eq(file->name, "pass-smallest");
	ck_assert_str_eq(file->title, "pass-smallest");
	ck_assert_int_eq(file->spare, 1);
	ck_assert_int_eq(file->max, 10);
	ck_assert_int_eq(file->reset, POOL_RESET_LOGOUT);
	ck_assert_int_eq(file->cpus, 2);
	ck_assert_int_eq(file->memory, G_GINT64_CONSTANT(2) << 30);
	ck_assert_int_eq(file->mode, POOL_NETWORK_NAT);
	g_autofree char *warning = pool_file_warning(file);
	ck_assert_ptr_nonnull(strstr(warning, "nobody may use this pool"));
}
END_TEST

START_TEST(users_and_groups_entitle_and_nobody_else)
{
	g_autofree char *data = data_folder();
	g_autofree char *path = g_build_filename(data, "pass-full.pool", NULL);
	g_autoptr(GPtrArray) faults = NULL;
	g_autoptr(PoolFile) file = pool_file_read(path, &faults);
	const char *const staff[] = {"users", "staff", NULL}, *const lab[] = {"lab", NULL}, *const none[] = {NULL};
	const char *const it[] = {"it", NULL};

	ck_assert_ptr_nonnull(file);
	ck_assert(pool_file_entitles(file, "anna", none));
	ck_assert(pool_file_entitles(file, "bert", staff));
	ck_assert(pool_file_entitles(file, "bert", lab));
	ck_assert(!pool_file_entitles(file, "bert", none));
	ck_assert(!pool_file_entitles(file, "staff", none));
	ck_assert(!pool_file_entitles(file, "bert", it));
	ck_assert(!pool_file_entitles(file, "bert", NULL));
}
END_TEST

START_TEST(exceptions_go_by_user_before_group_and_in_file_order)
{
	g_autofree char *data = data_folder();
	g_autofree char *path = g_build_filename(data, "pass-limits.pool", NULL);
	g_autoptr(GPtrArray) faults = NULL;
	g_autoptr(PoolFile) file = pool_file_read(path, &faults);
	const char *const exam[] = {"staff", "exam", NULL}, *const staff[] = {"staff", NULL};

	ck_assert_ptr_nonnull(file);
	ck_assert(pool_file_policy_asks_groups(file));
	PoolPolicy bert = pool_file_policy(file, "bert", staff), unknown = pool_file_policy(file, "bert", NULL);

	ck_assert_int_eq(bert.session_limit, 8 * 3600);
	ck_assert_int_eq(bert.extend, 2 * 3600);
	ck_assert_int_eq(bert.idle_disconnect, 30 * 60);
	ck_assert_int_eq(unknown.session_limit, 8 * 3600);
	PoolPolicy examined = pool_file_policy(file, "bert", exam);

	ck_assert_int_eq(examined.session_limit, 90 * 60);
	ck_assert_int_eq(examined.extend, 0);
	ck_assert_int_eq(examined.idle_disconnect, 30 * 60);
	ck_assert_int_eq(examined.clipboard, POOL_CLIPBOARD_OFF);
	ck_assert(!examined.microphone);
	ck_assert(bert.microphone);
	ck_assert_int_eq(examined.file_transfer, POOL_FILES_FROM_DESKTOP);
	ck_assert_int_eq(examined.file_max, 0);
	ck_assert_int_eq(bert.file_transfer, POOL_FILES_OFF);
	ck_assert_int_eq(bert.file_max, G_GINT64_CONSTANT(1) << 30);
	/* Hers is further down, and takes nothing from that of a group. */
	PoolPolicy ada = pool_file_policy(file, "ada", exam);

	ck_assert_int_eq(ada.idle_disconnect, 0);
	ck_assert_int_eq(ada.session_limit, 8 * 3600);
	ck_assert_int_eq(ada.clipboard, POOL_CLIPBOARD_BOTH);
}
END_TEST

START_TEST(desktops_have_room_for_usb_where_anybody_may_bring_some)
{
	g_autofree char *data = data_folder();
	g_autofree char *path = g_build_filename(data, "pass-usb.pool", NULL), *without = g_build_filename(data, "pass-smallest.pool", NULL);
	g_autoptr(GPtrArray) faults = NULL;
	g_autoptr(PoolFile) file = pool_file_read(path, &faults), plain = pool_file_read(without, &faults);
	const char *const staff[] = {"staff", NULL};
	g_autofree char *hardware = pool_file_hardware(file), *less = NULL;

	ck_assert_uint_eq(pool_file_usb_slots(plain), 0);
	ck_assert_uint_eq(pool_file_usb_slots(file), 3);
	ck_assert(!pool_file_policy(file, "bert", NULL).usb);
	ck_assert(pool_file_policy(file, "bert", staff).usb);
	ck_assert_uint_eq(g_strv_length(file->usb_devices), 3);
	file->usb_slots = 1;
	less = pool_file_hardware(file);
	ck_assert_str_ne(hardware, less);
}
END_TEST

START_TEST(a_pools_name_is_short_lower_case_and_no_path)
{
	ck_assert(pool_name_is_valid("office"));
	ck_assert(pool_name_is_valid("2-b"));
	ck_assert(!pool_name_is_valid(""));
	ck_assert(!pool_name_is_valid("-a"));
	ck_assert(!pool_name_is_valid("Office"));
	ck_assert(!pool_name_is_valid("a/b"));
	ck_assert(!pool_name_is_valid(".."));
	ck_assert(!pool_name_is_valid("abcdefghijklmnopqrstuvwxyz0123456"));
}
END_TEST

static void
put_image(const char *name, const char *version, const char *created, const char *disk)
{
	g_autofree char *path = g_build_filename(folder, name, version, NULL);
	g_autofree char *file = g_build_filename(path, IMAGE_FILE, NULL);
	g_autofree char *disk_file = g_build_filename(path, "disk.qcow2", NULL);
	g_autofree char *text = g_strdup_printf("[Image]\nName=%s\nVersion=%s\nCreated=%s\nDisk=%s\n", name, version, created, disk);

	ck_assert_int_eq(g_mkdir_with_parents(path, 0755), 0);
	ck_assert(g_file_set_contents(file, text, -1, NULL));
	ck_assert(g_file_set_contents(disk_file, "x", -1, NULL));
}

START_TEST(the_newest_whole_version_of_an_image_is_chosen)
{
	g_autoptr(GError) error = NULL;

	put_image("desk", "20261120-9", "2026-11-20T08:00:00Z", "disk.qcow2");
	put_image("desk", "20261121-1", "2026-11-21T08:00:00Z", "disk.qcow2");
	put_image("desk", "20261122-1", "2026-11-22T08:00:00Z", "missing.qcow2");
	put_image("desk", ".tmp-abc", "2026-11-23T08:00:00Z", "disk.qcow2");
	g_autoptr(Image) newest = image_resolve(folder, "desk", &error);
	ck_assert_ptr_nonnull(newest);
	ck_assert_str_eq(newest->version, "20261121-1");
	g_autoptr(Image) pinned = image_resolve(folder, "desk@20261120-9", &error);
	ck_assert_ptr_nonnull(pinned);
	g_autoptr(Image) none = image_resolve(folder, "other", &error);
	ck_assert_ptr_null(none);
	ck_assert(g_error_matches(error, CARREL_ERROR, CARREL_ERROR_NOT_FOUND));
	g_autoptr(GPtrArray) faults = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GPtrArray) list = images_list(folder, faults, NULL);
	ck_assert_uint_eq(list->len, 2);
	ck_assert_uint_eq(faults->len, 1);
}
END_TEST

static const char *const outside[] = {"../disk.qcow2", "/etc/passwd", ".hidden", "a/b"};

START_TEST(an_image_names_no_file_outside_its_folder)
{
	g_autoptr(GError) error = NULL;

	put_image("desk", "1", "2026-11-20T08:00:00Z", outside[_i]);
	g_autoptr(Image) image = image_resolve(folder, "desk@1", &error);
	ck_assert_ptr_null(image);
	ck_assert(g_error_matches(error, CARREL_ERROR, CARREL_ERROR_CONFIG));
}
END_TEST

START_TEST(a_reference_that_leaves_the_catalogue_is_refused)
{
	ck_assert(image_reference_is_valid("desk"));
	ck_assert(image_reference_is_valid("desk@1.2_3-4"));
	ck_assert(!image_reference_is_valid("../desk"));
	ck_assert(!image_reference_is_valid("desk@.."));
	ck_assert(!image_reference_is_valid("desk@"));
	ck_assert(!image_reference_is_valid("@1"));
	ck_assert(!image_reference_is_valid("a@b@c"));
	ck_assert(!image_reference_is_valid(""));
}
END_TEST

static const struct {
	const char *json, *word;
} disks[] = {
	{"{\"format\":\"qcow2\",\"virtual-size\":1073741824}", NULL},
	{"{\"format\":\"raw\",\"virtual-size\":1073741824}", "qcow2"},
	{"{\"format\":\"qcow2\",\"virtual-size\":1073741824,\"backing-filename\":\"/etc/shadow\"}", "overlay"},
	{"{\"format\":\"qcow2\",\"virtual-size\":1073741824,\"format-specific\":{\"data\":{\"data-file\":\"/etc/shadow\"}}}",
		"another file"},
	{"{\"format\":\"qcow2\",\"virtual-size\":1073741824,\"encrypted\":true}", "encrypted"},
	{"{\"format\":\"qcow2\",\"virtual-size\":1073741824,\"format-specific\":{\"data\":{\"corrupt\":true}}}", "corrupt"},
	{"{\"format\":\"qcow2\",\"virtual-size\":0}", "virtual size"},
	{"{\"format\":\"qcow2\",\"virtual-size\":99999999999999999}", "virtual size"},
	{"[]", "nothing"},
	{"{\"format\":", "nothing"},
	{"", "nothing"},
};

START_TEST(a_disk_that_leans_on_others_is_refused)
{
	g_autoptr(GError) error = NULL;
	gboolean ok = qcow2_check_info("disk", disks[_i].json, &error);

	ck_assert_int_eq(ok, disks[_i].word == NULL);
	if (!ok)
		ck_assert_msg(strstr(error->message, disks[_i].word) != NULL, "%s", error->message);
}
END_TEST

static int
run(const char *format, const char *path)
{
	g_autofree char *command = g_strdup_printf(format, path);

	return system(command);
}

START_TEST(an_import_makes_a_version_and_leaves_nothing_when_it_fails)
{
	g_autofree char *disk = g_build_filename(folder, "made-elsewhere.qcow2", NULL);
	g_autofree char *overlay = g_build_filename(folder, "overlay.qcow2", NULL);
	g_autofree char *command = g_strdup_printf("qemu-img create -q -f qcow2 -b '%s' -F qcow2 '%s'", disk, overlay);
	g_autofree char *images = g_build_filename(folder, "images", NULL);
	g_autoptr(GError) error = NULL;

	if (run("qemu-img create -q -f qcow2 '%s' 64M 2>/dev/null", disk) != 0)
		return; /* no qemu-img here */
	ck_assert_int_eq(system(command), 0);
	g_autoptr(Image) image = image_import(images, disk, "mine", "My own", NULL, NULL, &error);
	ck_assert_msg(image != NULL, "%s", error ? error->message : "");
	ck_assert_str_eq(image->title, "My own");
	ck_assert_int_eq(image->boot, IMAGE_BOOT_DISK);
	g_autoptr(Image) second = image_import(images, disk, "mine", NULL, NULL, NULL, &error);
	ck_assert_ptr_nonnull(second);
	ck_assert_str_ne(second->version, image->version);
	ck_assert_ptr_null(image_import(images, overlay, "bad", NULL, NULL, NULL, &error));
	ck_assert(g_error_matches(error, CARREL_ERROR, CARREL_ERROR_INVALID));
	g_clear_error(&error);
	ck_assert_ptr_null(image_import(images, "/dev/zero", "bad", NULL, NULL, NULL, &error));
	g_clear_error(&error);
	ck_assert_int_eq(run("test -z \"$(ls -A '%s/bad')\"", images), 0);
	g_autofree char *reference = image_reference(image);
	ck_assert(image_remove(images, reference, NULL));
	ck_assert(!image_remove(images, reference, &error));
	ck_assert(g_error_matches(error, CARREL_ERROR, CARREL_ERROR_NOT_FOUND));
}
END_TEST

START_TEST(a_build_removes_what_a_killed_one_left_and_nothing_that_is_being_made)
{
	g_autofree char *images = g_build_filename(folder, "images", NULL);
	g_autofree char *dead = g_build_filename(images, "desk", ".tmp-dead", ".work", NULL);
	g_autofree char *log = g_build_filename(images, "desk", ".tmp-dead.log", NULL);
	g_autofree char *busy = g_build_filename(images, "desk", ".tmp-busy", NULL);
	g_autoptr(GError) error = NULL;
	int lock;

	ck_assert_int_eq(g_mkdir_with_parents(dead, 0700), 0);
	ck_assert_int_eq(g_mkdir_with_parents(busy, 0700), 0);
	ck_assert(g_file_set_contents(log, "why", -1, NULL));
	lock = open(busy, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_eq(flock(lock, LOCK_EX), 0);
	ck_assert_ptr_null(image_build(images, "/bin/false", "/nowhere", "desk", NULL, NULL, NULL, NULL, &error));
	ck_assert_ptr_nonnull(error);
	ck_assert_int_eq(run("test \"$(ls -A '%s/desk')\" = .tmp-busy", images), 0);
	close(lock);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("pool-files");
	TCase *tcase = tcase_create("pool-files");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, every_example_is_good_or_has_the_faults_beside_it);
	tcase_add_test(tcase, fallbacks_are_those_of_the_manual);
	tcase_add_test(tcase, users_and_groups_entitle_and_nobody_else);
	tcase_add_test(tcase, desktops_have_room_for_usb_where_anybody_may_bring_some);
	tcase_add_test(tcase, exceptions_go_by_user_before_group_and_in_file_order);
	tcase_add_test(tcase, a_pools_name_is_short_lower_case_and_no_path);
	tcase_add_test(tcase, the_newest_whole_version_of_an_image_is_chosen);
	tcase_add_loop_test(tcase, an_image_names_no_file_outside_its_folder, 0, G_N_ELEMENTS(outside));
	tcase_add_test(tcase, a_reference_that_leaves_the_catalogue_is_refused);
	tcase_add_loop_test(tcase, a_disk_that_leans_on_others_is_refused, 0, G_N_ELEMENTS(disks));
	tcase_add_test(tcase, an_import_makes_a_version_and_leaves_nothing_when_it_fails);
	tcase_add_test(tcase, a_build_removes_what_a_killed_one_left_and_nothing_that_is_being_made);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
