/* Files in the guest: those that come, and those that are offered. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <check.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <spice/vd_agent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/line-reader.h"
#include "agent/packet.h"
#include "agent/session/download.h"
#include "agent/session/files-in.h"
#include "agent/session/files-out.h"
#include "broker/common/agent-files.h"
#include "broker/common/error.h"

static char *folder;
static GString *said;
static GByteArray *bytes_out;
static gboolean details, is_open;
static gsize unread;

static guint32
number_at(const void *bytes, gsize at)
{
	guint32 value;

	memcpy(&value, (const guint8 *)bytes + at, 4);
	return GUINT32_FROM_LE(value);
}

static void
hear(guint32 type, const void *bytes, gsize size, void *data)
{
	if (type == VD_AGENT_FILE_XFER_STATUS)
		g_string_append_printf(said, "status %u %u +%zu;", number_at(bytes, 0), number_at(bytes, 4), size - 8);
	else if (type == AGENT_FILE_OFFER)
		g_string_append_printf(
		        said, "offer %u %u %.*s;", number_at(bytes, 0), number_at(bytes, 4), (int)size - 12, (const char *)bytes + 12);
	else if (type == AGENT_FILE_END)
		g_string_append_printf(said, "end %u %u;", number_at(bytes, 0), number_at(bytes, 4));
	else if (type == AGENT_FILE_BYTES) {
		ck_assert_uint_le(size, AGENT_FILE_PIECE + 4);
		g_string_append_printf(said, "bytes %u %zu;", number_at(bytes, 0), size - 4);
		g_byte_array_append(bytes_out, (const guint8 *)bytes + 4, (guint)size - 4);
	}
}

static gboolean
knows_details(void *data)
{
	return details;
}

static gboolean
host_is_open(void *data)
{
	return is_open;
}

static gsize
host_unread(void *data)
{
	return unread;
}

static const FilesInHost in_host = {hear, knows_details};
static const FilesOutHost out_host = {hear, host_is_open, host_unread};

static void
expect(const char *text)
{
	ck_assert_str_eq(said->str, text);
	g_string_truncate(said, 0);
}

static void
setup(void)
{
	g_autofree char *top = g_dir_make_tmp("carrel-files-XXXXXX", NULL);

	folder = g_build_filename(top, "Downloads", NULL);
	said = g_string_new(NULL);
	bytes_out = g_byte_array_new();
	details = is_open = TRUE;
	unread = 0;
}

static int
compare(gconstpointer a, gconstpointer b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names in the folder, sorted, with ",". */
static char *
listing(void)
{
	g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	const char *name;

	while (dir && (name = g_dir_read_name(dir)) != NULL)
		g_ptr_array_add(names, g_strdup(g_str_has_prefix(name, ".carrel-part-") ? "PART" : name));
	g_ptr_array_sort(names, compare);
	g_ptr_array_add(names, NULL);
	return g_strjoinv(",", (char **)names->pdata);
}

static void
teardown(void)
{
	g_autofree char *top = g_path_get_dirname(folder);
	g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
	const char *name;

	while (dir && (name = g_dir_read_name(dir)) != NULL) {
		g_autofree char *path = g_build_filename(folder, name, NULL);

		g_unlink(path);
	}
	g_rmdir(folder);
	g_rmdir(top);
	g_free(folder);
	g_string_free(said, TRUE);
	g_byte_array_unref(bytes_out);
}

static void
begin(FilesIn *in, guint32 id, const char *name, const char *size)
{
	g_autofree char *text = g_strdup_printf("[vdagent-file-xfer]\nname=%s\nsize=%s\n", name, size);
	g_autofree guint8 *message = g_malloc(4 + strlen(text) + 1);
	guint32 le = GUINT32_TO_LE(id);

	memcpy(message, &le, 4);
	memcpy(message + 4, text, strlen(text) + 1);
	files_in_take(in, VD_AGENT_FILE_XFER_START, message, 4 + strlen(text) + 1);
}

static void
add(FilesIn *in, guint32 id, const char *text)
{
	g_autofree guint8 *message = g_malloc0(12 + strlen(text));
	guint32 le = GUINT32_TO_LE(id);

	memcpy(message, &le, 4);
	memcpy(message + 12, text, strlen(text));
	files_in_take(in, VD_AGENT_FILE_XFER_DATA, message, 12 + strlen(text));
}

static void
expect_listing(const char *text)
{
	g_autofree char *now = listing();

	ck_assert_str_eq(now, text);
}

START_TEST(a_file_has_its_name_when_it_is_whole)
{
	g_autoptr(FilesIn) in = files_in_new(folder, &in_host, NULL);
	g_autofree char *path = g_build_filename(folder, "a.txt", NULL), *content = NULL;
	struct stat about;

	begin(in, 1, "a.txt", "10");
	expect("status 1 0 +0;");
	add(in, 1, "hello");
	expect_listing("PART");
	add(in, 1, "world");
	expect("status 1 3 +0;");
	expect_listing("a.txt");
	ck_assert(g_file_get_contents(path, &content, NULL, NULL));
	ck_assert_str_eq(content, "helloworld");
	ck_assert_int_eq(stat(path, &about), 0);
	ck_assert_int_eq(about.st_mode & 0600, 0600);
	ck_assert_int_eq(about.st_mode & 0111, 0);
}
END_TEST

START_TEST(no_file_takes_the_place_of_another)
{
	g_autoptr(FilesIn) in = files_in_new(folder, &in_host, NULL);

	for (guint32 id = 1; id <= 3; id++) {
		begin(in, id, "a.tar", "1");
		add(in, id, "x");
	}
	expect_listing("a (1).tar,a (2).tar,a.tar");
}
END_TEST

START_TEST(a_hostile_name_lands_in_the_folder)
{
	g_autoptr(FilesIn) in = files_in_new(folder, &in_host, NULL);

	begin(in, 1, "../../evil", "1");
	add(in, 1, "x");
	begin(in, 2, "..", "1");
	add(in, 2, "x");
	begin(in, 3, "/etc/passwd", "1");
	add(in, 3, "x");
	expect_listing("_.,_._.._evil,_etc_passwd");
}
END_TEST

START_TEST(an_empty_file_is_whole_with_an_empty_piece)
{
	g_autoptr(FilesIn) in = files_in_new(folder, &in_host, NULL);

	begin(in, 1, "a", "0");
	add(in, 1, "");
	expect("status 1 0 +0;status 1 3 +0;");
	expect_listing("a");
}
END_TEST

START_TEST(what_is_not_whole_goes_away)
{
	g_autoptr(FilesIn) in = files_in_new(folder, &in_host, NULL);
	guint32 stop[2] = {GUINT32_TO_LE(1), GUINT32_TO_LE(VD_AGENT_FILE_XFER_STATUS_CANCELLED)};

	begin(in, 1, "a", "10");
	begin(in, 2, "b", "10");
	begin(in, 3, "c", "2");
	add(in, 1, "x");
	expect_listing("PART,PART,PART");
	files_in_take(in, VD_AGENT_FILE_XFER_STATUS, (guint8 *)stop, sizeof stop);
	expect_listing("PART,PART");
	g_string_truncate(said, 0);
	add(in, 3, "too much");
	expect("status 3 2 +0;");
	expect_listing("PART");
	files_in_reset(in);
	expect_listing("");
	ck_assert_uint_eq(files_in_count(in), 0);
	add(in, 2, "x");
	expect("");
}
END_TEST

START_TEST(what_a_crash_left_is_removed_by_the_next)
{
	g_autofree char *part = g_build_filename(folder, ".carrel-part-0123abcd", NULL), *kept = g_build_filename(folder, "kept", NULL);
	g_autoptr(FilesIn) in = NULL;

	g_mkdir(folder, 0700);
	g_file_set_contents(part, "half", -1, NULL);
	g_file_set_contents(kept, "whole", -1, NULL);
	in = files_in_new(folder, &in_host, NULL);
	expect_listing("kept");
}
END_TEST

START_TEST(a_file_that_cannot_fit_is_refused_before_it_comes)
{
	g_autoptr(FilesIn) in = files_in_new(folder, &in_host, NULL);

	begin(in, 1, "a", "18446744073709551615");
	expect("status 1 4 +8;");
	details = FALSE;
	begin(in, 1, "a", "9223372036854775807");
	expect("status 1 2 +0;");
	expect_listing("");
}
END_TEST

START_TEST(what_announces_no_file_is_refused)
{
	g_autoptr(FilesIn) in = files_in_new(folder, &in_host, NULL);

	begin(in, 1, "a", "");
	expect("status 1 2 +0;");
	begin(in, 1, "a", "-1");
	expect("status 1 4 +8;");
	begin(in, 1, "\xff", "1");
	expect("status 1 2 +0;");
	begin(in, 1, "a", "5");
	begin(in, 1, "b", "5");
	expect("status 1 0 +0;status 1 2 +0;");
	for (guint32 id = 10; id < 200; id++)
		begin(in, id, "a", "5");
	ck_assert_uint_le(files_in_count(in), 64);
}
END_TEST

/* ---- offers ---- */

static int command; /* carrel-send's end */

static void
turn(void)
{
	for (int i = 0; i < 20; i++)
		g_main_context_iteration(NULL, FALSE);
}

static void
connect_command(FilesOut *out)
{
	int ends[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends), 0);
	files_out_connect(out, ends[0]);
	command = ends[1];
}

static void
offer_file(const char *name, gsize size)
{
	g_autofree char *path = NULL;
	g_autofree char *content = g_malloc(size + 1);
	int fd;

	g_mkdir(folder, 0700);
	path = g_build_filename(folder, "source", NULL);
	for (gsize i = 0; i < size; i++)
		content[i] = (char)(i * 7);
	ck_assert(g_file_set_contents(path, content, (gssize)size, NULL));
	fd = open(path, O_RDONLY);
	ck_assert(packet_send(command, name, fd, NULL));
	close(fd);
	turn();
}

static void
expect_command(const char *text)
{
	g_autoptr(GString) all = g_string_new(NULL);
	char buffer[LINE_MAX_BYTES];
	gsize size;
	int fd;

	turn();
	while (packet_receive(command, buffer, &size, &fd) == PACKET_GOT)
		g_string_append_printf(all, "%.*s;", (int)size, buffer);
	ck_assert_str_eq(all->str, text);
}

static void
host_says(FilesOut *out, guint32 type, guint32 id, guint32 number)
{
	guint32 message[2] = {GUINT32_TO_LE(id), GUINT32_TO_LE(number)};

	files_out_take(out, type, (guint8 *)message, sizeof message);
}

START_TEST(an_offer_sends_what_it_has_credit_for_and_no_more)
{
	g_autoptr(FilesOut) out = files_out_new(NULL, &out_host, NULL);

	connect_command(out);
	offer_file("report.pdf", 100000);
	expect("offer 1 100000 report.pdf;");
	expect_command("offered;");
	host_says(out, AGENT_FILE_ANSWER, 1, AGENT_FILE_TAKEN);
	expect("");
	host_says(out, AGENT_FILE_CREDIT, 1, 40000);
	expect("bytes 1 32768;bytes 1 7232;");
	unread = 1024 * 1024;
	host_says(out, AGENT_FILE_CREDIT, 1, 60000);
	expect("");
	unread = 0;
	files_out_room(out);
	expect("bytes 1 32768;bytes 1 27232;end 1 0;");
	for (gsize i = 0; i < 100000; i++)
		ck_assert_uint_eq(bytes_out->data[i], (guint8)(i * 7));
	host_says(out, AGENT_FILE_ANSWER, 1, AGENT_FILE_SAVED);
	expect_command("taken;saved;");
	close(command);
}
END_TEST

START_TEST(an_empty_file_ends_when_it_is_taken)
{
	g_autoptr(FilesOut) out = files_out_new(NULL, &out_host, NULL);

	connect_command(out);
	offer_file("a", 0);
	host_says(out, AGENT_FILE_ANSWER, 1, AGENT_FILE_TAKEN);
	expect("offer 1 0 a;end 1 0;");
	close(command);
}
END_TEST

START_TEST(the_command_is_told_in_a_sentence_why_not)
{
	g_autoptr(FilesOut) out = files_out_new(NULL, &out_host, NULL);

	for (guint32 answer = AGENT_FILE_REFUSED; answer <= AGENT_FILE_N_ANSWERS; answer++) {
		char buffer[LINE_MAX_BYTES];
		gsize size;
		int fd;

		connect_command(out);
		offer_file("a", 5);
		host_says(out, AGENT_FILE_ANSWER, answer - 1, answer);
		turn();
		ck_assert_int_eq(packet_receive(command, buffer, &size, &fd), PACKET_GOT);
		ck_assert_int_eq(packet_receive(command, buffer, &size, &fd), PACKET_GOT);
		ck_assert_int_eq(strncmp(buffer, "failed ", 7), 0);
		ck_assert_int_eq(buffer[size - 1], '.');
		ck_assert_int_eq(packet_receive(command, buffer, &size, &fd), PACKET_CLOSED);
		close(command);
	}
}
END_TEST

START_TEST(a_command_that_goes_takes_its_file_back)
{
	g_autoptr(FilesOut) out = files_out_new(NULL, &out_host, NULL);

	connect_command(out);
	offer_file("a", 5);
	close(command);
	turn();
	expect("offer 1 5 a;end 1 1;");
	host_says(out, AGENT_FILE_CREDIT, 1, 5);
	expect("");
}
END_TEST

START_TEST(only_files_are_offered_and_only_to_a_host_that_takes_them)
{
	g_autoptr(FilesOut) out = files_out_new(NULL, &out_host, NULL);
	int fd = open("/", O_RDONLY);

	connect_command(out);
	ck_assert(packet_send(command, "root", fd, NULL));
	expect_command("failed Only files can be sent: put a folder into an archive first.;");
	close(fd);
	close(command);
	connect_command(out);
	ck_assert(packet_send(command, "nothing", -1, NULL));
	expect_command("failed Only files can be sent: put a folder into an archive first.;");
	close(command);
	is_open = FALSE;
	connect_command(out);
	offer_file("a", 5);
	expect_command("failed Nobody is connected to this desktop who could take a file.;");
	expect("");
	close(command);
}
END_TEST

START_TEST(a_file_that_shrinks_is_taken_back_and_a_host_that_goes_ends_all)
{
	g_autoptr(FilesOut) out = files_out_new(NULL, &out_host, NULL);
	g_autofree char *path = g_build_filename(folder, "source", NULL);

	connect_command(out);
	offer_file("a", 50000);
	ck_assert_int_eq(truncate(path, 100), 0);
	host_says(out, AGENT_FILE_ANSWER, 1, AGENT_FILE_TAKEN);
	host_says(out, AGENT_FILE_CREDIT, 1, 50000);
	expect("offer 1 50000 a;bytes 1 100;end 1 1;");
	expect_command("offered;taken;failed It became shorter while it was sent.;");
	close(command);
	connect_command(out);
	offer_file("b", 5);
	files_out_reset(out);
	expect_command("offered;failed The connection to the browser was lost: send it again when it is back.;");
	close(command);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("agent-files");
	TCase *in = tcase_create("in"), *out = tcase_create("out");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(in, setup, teardown);
	tcase_add_test(in, a_file_has_its_name_when_it_is_whole);
	tcase_add_test(in, no_file_takes_the_place_of_another);
	tcase_add_test(in, a_hostile_name_lands_in_the_folder);
	tcase_add_test(in, an_empty_file_is_whole_with_an_empty_piece);
	tcase_add_test(in, what_is_not_whole_goes_away);
	tcase_add_test(in, what_a_crash_left_is_removed_by_the_next);
	tcase_add_test(in, a_file_that_cannot_fit_is_refused_before_it_comes);
	tcase_add_test(in, what_announces_no_file_is_refused);
	tcase_add_checked_fixture(out, setup, teardown);
	tcase_add_test(out, an_offer_sends_what_it_has_credit_for_and_no_more);
	tcase_add_test(out, an_empty_file_ends_when_it_is_taken);
	tcase_add_test(out, the_command_is_told_in_a_sentence_why_not);
	tcase_add_test(out, a_command_that_goes_takes_its_file_back);
	tcase_add_test(out, only_files_are_offered_and_only_to_a_host_that_takes_them);
	tcase_add_test(out, a_file_that_shrinks_is_taken_back_and_a_host_that_goes_ends_all);
	suite_add_tcase(suite, in);
	suite_add_tcase(suite, out);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
