/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <check.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/holders.h"
#include "agent/home-disk.h"
#include "agent/home-move.h"
#include "agent/program.h"
#include "broker/common/error.h"

static char *root;

static void
set_up(void)
{
	root = g_dir_make_tmp("test-home-XXXXXX", NULL);
}

static void
tear_down(void)
{
	g_assert_true(program_succeeds((const char *[]){"rm", "-rf", root, NULL}, program_deadline(10), NULL));
	g_clear_pointer(&root, g_free);
}

/* A file below the folder that stands for /. */
static void
put(const char *path, const char *text)
{
	g_autofree char *file = g_build_filename(root, path, NULL), *folder = g_path_get_dirname(file);

	ck_assert_int_eq(g_mkdir_with_parents(folder, 0755), 0);
	ck_assert(g_file_set_contents(file, text, -1, NULL));
}

static int
find(HomeDisk *disk)
{
	g_autoptr(GError) error = NULL;

	return home_disk_find(root, "carrel-home", disk, &error) ? -1 : error->code;
}

START_TEST(the_disk_with_the_serial_is_found_whatever_its_name)
{
	g_auto(HomeDisk) disk = {0};

	ck_assert_int_eq(find(&disk), CARREL_ERROR_NOT_FOUND);
	put("sys/block/vda/dev", "254:0\n");
	put("sys/block/vda/serial", "carrel-home-2");
	ck_assert_int_eq(find(&disk), CARREL_ERROR_NOT_FOUND);
	put("sys/block/vdq/dev", "254:256\n");
	put("sys/block/vdq/serial", "carrel-home\n");
	put("sys/block/vdq/ro", "0\n");
	ck_assert_int_eq(find(&disk), -1);
	ck_assert_str_eq(disk.device, "/dev/vdq");
	ck_assert_uint_eq(disk.number, makedev(254, 256));
}
END_TEST

static const struct {
	const char *path, *text;
} shared[] = {
	{"sys/block/vdb/ro", "1\n"},
	{"sys/block/vdb/vdb1/partition", "1\n"},
	{"sys/block/vdb/holders/dm-0", ""},
	{"sys/block/vdb/dev", "none\n"},
	{"sys/block/vdc/serial", "carrel-home"},
};

START_TEST(a_disk_that_is_not_ones_own_is_refused)
{
	g_auto(HomeDisk) disk = {0};

	put("sys/block/vdb/serial", "carrel-home");
	put("sys/block/vdb/dev", "254:16\n");
	put(shared[_i].path, shared[_i].text);
	ck_assert_int_eq(find(&disk), CARREL_ERROR_INVALID);
	ck_assert_ptr_null(disk.device);
}
END_TEST

static const struct {
	int status;
	const char *output;
	gboolean is_zero;
	HomeDiskContent content;
	const char *words;
} contents[] = {
	{2, "", TRUE, HOME_DISK_EMPTY, NULL},
	{2, "", FALSE, HOME_DISK_FOREIGN, "data that is not known here"},
	{0, "DEVNAME=/dev/vdb\nLABEL=carrel-home\nUUID=1\nTYPE=ext4\n", FALSE, HOME_DISK_HOME, NULL},
	{0, "DEVNAME=/dev/vdb\nLABEL=carrel-new\nTYPE=ext4\n", FALSE, HOME_DISK_NEW, NULL},
	/* ext4 keeps its superblock behind the first KiB, and may keep no more than that of the first MiB. */
	{0, "LABEL=carrel-home\nTYPE=ext4\n", TRUE, HOME_DISK_HOME, NULL},
	{0, "LABEL=photos\nTYPE=ext4\n", TRUE, HOME_DISK_FOREIGN, "somebody else's file system (ext4, “photos”)"},
	{0, "TYPE=ext4\n", FALSE, HOME_DISK_FOREIGN, "somebody else's data (ext4)"},
	{0, "LABEL=carrel-home\nTYPE=ext3\n", FALSE, HOME_DISK_FOREIGN, "somebody else's file system (ext3, “carrel-home”)"},
	{0, "LABEL=carrel-home\nTYPE=ntfs\n", FALSE, HOME_DISK_FOREIGN, "somebody else's file system (ntfs, “carrel-home”)"},
	{0, "PTTYPE=gpt\n", FALSE, HOME_DISK_FOREIGN, "somebody else's data (partitions)"},
	{0, "", TRUE, HOME_DISK_FOREIGN, "somebody else's data (partitions)"},
	{8, "", TRUE, HOME_DISK_FOREIGN, "the marks of several file systems"},
	{8, "LABEL=carrel-home\nTYPE=ext4\n", FALSE, HOME_DISK_FOREIGN, "the marks of several file systems"},
	{4, "", TRUE, HOME_DISK_FOREIGN, "data that is not known here"},
	{2, "LABEL=carrel-home\nTYPE=ext4\n", FALSE, HOME_DISK_FOREIGN, "data that is not known here"},
	{0, "NOLABEL=carrel-home\nLABEL_FATBOOT=carrel-home\nTYPE=ext4", FALSE, HOME_DISK_FOREIGN, "somebody else's data (ext4)"},
};

START_TEST(only_an_empty_disk_is_formatted_and_only_ours_is_mounted)
{
	g_autofree char *words = NULL;

	ck_assert_int_eq(home_disk_judge(contents[_i].status, contents[_i].output, contents[_i].is_zero, &words), contents[_i].content);
	ck_assert_pstr_eq(words, contents[_i].words);
}
END_TEST

/* What blkid and mkfs.ext4 of this machine say is what is expected of them. */
START_TEST(a_file_system_is_known_again_by_its_label)
{
	static const char *const labels[] = {HOME_LABEL_NEW, HOME_LABEL, "photos"};
	static const HomeDiskContent expected[] = {HOME_DISK_NEW, HOME_DISK_HOME, HOME_DISK_FOREIGN};
	g_autofree char *file = g_build_filename(root, "disk", NULL), *output = NULL, *words = NULL;
	int status;

	put("disk", "");
	ck_assert_int_eq(truncate(file, 64 * 1024 * 1024), 0);
	status = program_run((const char *[]){"blkid", "-p", "-o", "export", file, NULL}, program_deadline(10), &output, NULL);
	ck_assert_int_eq(home_disk_judge(status, output, TRUE, &words), HOME_DISK_EMPTY);
	g_clear_pointer(&output, g_free);
	ck_assert(program_succeeds((const char *[]){"mkfs.ext4", "-q", "-F", "-L", labels[_i], file, NULL}, program_deadline(60), NULL));
	status = program_run((const char *[]){"blkid", "-p", "-o", "export", file, NULL}, program_deadline(10), &output, NULL);
	ck_assert_int_eq(home_disk_judge(status, output, FALSE, &words), expected[_i]);
}
END_TEST

START_TEST(a_mount_is_found_at_exactly_its_path_and_the_last_one_counts)
{
	static const char mountinfo[] = "23 1 254:0 / / rw,noatime shared:1 - ext4 /dev/vda rw\n"
					"24 23 0:21 / /home rw - tmpfs tmpfs rw\n"
					"25 24 254:16 / /home/desk rw,nosuid,nodev shared:9 - ext4 /dev/vdb rw\n"
					"26 24 254:32 / /home/with\\040blank rw - ext4 /dev/vdc rw\n"
					"27 25 254:48 / /home/desk rw - ext4 /dev/vdd rw\n"
					"short line\n"
					"28 25 x:y / /home/desk rw - ext4 /dev/vdd rw\n";

	ck_assert_uint_eq(home_find_mount(mountinfo, "/home/desk"), makedev(254, 48));
	ck_assert_uint_eq(home_find_mount(mountinfo, "/home/with blank"), makedev(254, 32));
	ck_assert_uint_eq(home_find_mount(mountinfo, "/home/des"), 0);
	ck_assert_uint_eq(home_find_mount(mountinfo, "/home/desk/Mail"), 0);
	ck_assert_uint_eq(home_find_mount("", "/"), 0);
	ck_assert_uint_ne(home_get_mount("/proc"), 0);
}
END_TEST

START_TEST(a_program_that_fails_is_told_of_by_its_last_words)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *output = NULL;

	ck_assert(program_succeeds((const char *[]){"true", NULL}, program_deadline(10), NULL));
	ck_assert(!program_succeeds(
		(const char *[]){"sh", "-c", "echo so; echo it is >&2; echo; exit 3", NULL}, program_deadline(10), &error));
	ck_assert_str_eq(error->message, "sh ended with 3: it is");
	ck_assert_int_eq(
		program_run((const char *[]){"sh", "-c", "yes | head -c 100000; exit 7", NULL}, program_deadline(10), &output, NULL), 7);
	ck_assert_uint_eq(strlen(output), 4096);
	g_clear_error(&error);
	ck_assert(!program_succeeds((const char *[]){"/no/such/program", NULL}, program_deadline(10), &error));
	ck_assert_ptr_nonnull(strstr(error->message, "/no/such/program"));
}
END_TEST

START_TEST(a_program_that_takes_too_long_is_killed)
{
	g_autoptr(GError) error = NULL;

	ck_assert(!program_succeeds((const char *[]){"sleep", "1000", NULL}, g_get_monotonic_time() + 50000, &error));
	ck_assert_int_eq(error->code, CARREL_ERROR_TIMEOUT);
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1); /* nothing of it is left */
}
END_TEST

/* A child that works in a folder or has its file open, until it is killed. */
static pid_t
hold(char how, const char *folder)
{
	g_autofree char *file = g_build_filename(folder, "file", NULL);
	int ready[2];
	char byte;
	pid_t pid;

	ck_assert_int_eq(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		close(ready[0]);
		if (how == 'd' && chdir(folder) < 0)
			_exit(1);
		if (how == 'o' && open(file, O_RDONLY) < 0)
			_exit(1);
		signal(SIGTERM, SIG_IGN);
		if (write(ready[1], "", 1) == 1)
			pause();
		_exit(1);
	}
	close(ready[1]);
	ck_assert_int_eq(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

START_TEST(who_holds_a_file_system_is_found)
{
	struct stat here;
	pid_t pid;

	put("file", "text");
	ck_assert_int_eq(stat(root, &here), 0);
	pid = hold("do"[_i], root);
	ck_assert(holders_is_one(pid, geteuid(), 0));
	ck_assert(holders_is_one(pid, 12345678, here.st_dev));
	ck_assert(!holders_is_one(pid, 12345678, 0));
	ck_assert(!holders_is_one(pid, 12345678, makedev(4000, 4000)));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	ck_assert(!holders_is_one(pid, geteuid(), here.st_dev));
}
END_TEST

START_TEST(a_program_counts_as_a_holder_of_what_it_was_started_from)
{
	struct stat self;

	ck_assert_int_eq(stat("/proc/self/exe", &self), 0);
	ck_assert(holders_is_one(getpid(), 12345678, self.st_dev));
}
END_TEST

/* Needs root: the child becomes a user that nobody else is. */
START_TEST(a_process_that_does_not_heed_is_killed)
{
	pid_t pid;

	if (geteuid() != 0)
		return;
	pid = fork();
	if (pid == 0) {
		if (setuid(12345678) == 0)
			signal(SIGTERM, SIG_IGN);
		for (;;)
			pause();
	}
	while (!holders_is_one(pid, 12345678, 0))
		g_usleep(1000);
	ck_assert(!holders_end(12345678, 0, g_get_monotonic_time())); /* no time: asked, and there */
	ck_assert(holders_end(12345678, 0, program_deadline(30)));
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	ck_assert(holders_end(12345678, 0, g_get_monotonic_time()));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("agent-home");
	TCase *tcase = tcase_create("agent-home");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, the_disk_with_the_serial_is_found_whatever_its_name);
	tcase_add_loop_test(tcase, a_disk_that_is_not_ones_own_is_refused, 0, G_N_ELEMENTS(shared));
	tcase_add_loop_test(tcase, only_an_empty_disk_is_formatted_and_only_ours_is_mounted, 0, G_N_ELEMENTS(contents));
	tcase_add_loop_test(tcase, a_file_system_is_known_again_by_its_label, 0, 3);
	tcase_add_test(tcase, a_mount_is_found_at_exactly_its_path_and_the_last_one_counts);
	tcase_add_test(tcase, a_program_that_fails_is_told_of_by_its_last_words);
	tcase_add_test(tcase, a_program_that_takes_too_long_is_killed);
	tcase_add_loop_test(tcase, who_holds_a_file_system_is_found, 0, 2);
	tcase_add_test(tcase, a_program_counts_as_a_holder_of_what_it_was_started_from);
	tcase_add_test(tcase, a_process_that_does_not_heed_is_killed);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
