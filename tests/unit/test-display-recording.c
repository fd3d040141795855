/* Recordings: the format of the file, who writes it, and which have to go. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "display/recorder.h"
#include "display/recording-writer.h"
#include "display/recording.h"

static char *path;
static const char *failure;

static void
on_failed(const char *why, void *data)
{
	failure = why;
}

static void
set_up(void)
{
	int fd = g_file_open_tmp("carrel-recording-XXXXXX", &path, NULL);

	ck_assert_int_ge(fd, 0);
	close(fd);
	failure = NULL;
}

static void
tear_down(void)
{
	unlink(path);
	g_clear_pointer(&path, g_free);
}

static int
open_append(void)
{
	return open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
}

static RecordingWriter *
new_writer(void)
{
	return recording_writer_new(
	        open_append(), "desktop=office-1\npool=office\nuser=anna\ntitle=Büro\nstarted=1764532800000\ninput=no\n", on_failed, NULL);
}

/* A complete one with two chunks. Free with g_free. */
static char *
write_small(gsize *size)
{
	RecordingWriter *writer = new_writer();
	g_autofree char *hash = NULL;
	char *bytes = NULL;

	recording_writer_put(writer, RECORDING_CHUNK, "init", 4);
	recording_writer_put(writer, RECORDING_SERVER, "picture", 7);
	recording_writer_put(writer, RECORDING_JOINED, "protocol=vnc\nuser=anna\n", 23);
	recording_writer_put(writer, RECORDING_CHUNK, "init", 4);
	recording_writer_put(writer, RECORDING_SERVER, "another", 7);
	hash = recording_writer_finish(writer, 5000);
	recording_writer_free(writer);
	ck_assert_ptr_nonnull(hash);
	ck_assert_uint_eq(strlen(hash), 64);
	ck_assert(g_file_get_contents(path, &bytes, size, NULL));
	return bytes;
}

static RecordingReport
verify(void)
{
	RecordingReport report = {0};
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	ck_assert(recording_verify(fd, NULL, NULL, &report, NULL));
	close(fd);
	return report;
}

static RecordingFacts *
facts(gboolean chunks)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	RecordingFacts *known = recording_facts(fd, chunks, NULL);

	close(fd);
	return known;
}

START_TEST(what_was_written_is_proved_and_told)
{
	gsize size;
	g_autofree char *bytes = write_small(&size);
	RecordingReport report = verify();
	g_autoptr(RecordingFacts) known = facts(FALSE);

	ck_assert_int_eq(report.state, RECORDING_COMPLETE);
	ck_assert_uint_eq(report.records, 7);
	ck_assert_uint_eq(report.size, size);
	ck_assert(known->complete);
	ck_assert_str_eq(known->desktop, "office-1");
	ck_assert_str_eq(known->pool, "office");
	ck_assert_str_eq(known->user, "anna");
	ck_assert_str_eq(known->title, "Büro");
	ck_assert_int_eq(known->started, G_GINT64_CONSTANT(1764532800000));
	ck_assert(!known->input);
	ck_assert_uint_eq(known->marks->len, 3);
	for (guint i = 0; i < 3; i++) {
		const RecordingMark *mark = &g_array_index(known->marks, RecordingMark, i);

		ck_assert_int_eq(mark->type, i == 1 ? RECORDING_JOINED : RECORDING_CHUNK);
		ck_assert_int_eq(bytes[mark->offset], mark->type);
	}
}
END_TEST

START_TEST(cut_anywhere_it_is_good_up_to_the_last_whole_record)
{
	gsize size;
	g_autofree char *bytes = write_small(&size);
	guint64 records = 0;

	for (gsize cut = RECORDING_MAGIC_SIZE; cut < size; cut++) {
		ck_assert(g_file_set_contents(path, bytes, (gssize)cut, NULL));
		const RecordingReport report = verify();

		ck_assert_int_eq(report.state, RECORDING_CUT);
		ck_assert_uint_le(report.size, cut);
		ck_assert_uint_ge(report.records, records);
		records = report.records;
		g_autoptr(RecordingFacts) known = facts(TRUE);

		ck_assert(known != NULL || records == 0);
		if (known)
			ck_assert(!known->complete);
	}
	ck_assert_uint_eq(records, 7);
}
END_TEST

START_TEST(the_marks_of_one_that_is_cut_are_found_again)
{
	gsize size;
	g_autofree char *bytes = write_small(&size);
	g_autoptr(RecordingFacts) whole = facts(FALSE);
	g_autoptr(RecordingFacts) found = NULL;

	ck_assert(g_file_set_contents(path, bytes, (gssize)(size - 1), NULL));
	found = facts(TRUE);
	ck_assert_uint_eq(found->marks->len, 3);
	for (guint i = 0; i < 3; i++)
		ck_assert_uint_eq(
		        g_array_index(found->marks, RecordingMark, i).offset, g_array_index(whole->marks, RecordingMark, i).offset);
}
END_TEST

START_TEST(a_byte_that_is_changed_is_found_wherever_it_is)
{
	gsize size;
	g_autofree char *bytes = write_small(&size);
	guint64 records = 0;

	for (gsize at = RECORDING_MAGIC_SIZE; at < size; at++) {
		bytes[at] ^= 1;
		ck_assert(g_file_set_contents(path, bytes, (gssize)size, NULL));
		const RecordingReport report = verify();

		bytes[at] ^= 1;
		ck_assert_msg(report.state == RECORDING_BROKEN, "byte %zu of %zu: state %d", at, size, report.state);
		ck_assert_ptr_nonnull(report.why);
		/* It names the record in which the byte is. */
		ck_assert_uint_le(report.size, at);
		ck_assert_uint_ge(report.records, records);
		records = report.records;
	}
}
END_TEST

START_TEST(a_record_that_is_taken_out_or_put_twice_is_found)
{
	gsize size;
	g_autofree char *bytes = write_small(&size);
	g_autoptr(RecordingFacts) known = facts(FALSE);
	gsize first = g_array_index(known->marks, RecordingMark, 0).offset, second = g_array_index(known->marks, RecordingMark, 2).offset;
	g_autoptr(GByteArray) without = g_byte_array_new(), twice = g_byte_array_new();

	g_byte_array_append(without, (guint8 *)bytes, (guint)first);
	g_byte_array_append(without, (guint8 *)bytes + second, (guint)(size - second));
	ck_assert(g_file_set_contents(path, (char *)without->data, without->len, NULL));
	ck_assert_int_eq(verify().state, RECORDING_BROKEN);
	g_byte_array_append(twice, (guint8 *)bytes, (guint)second);
	g_byte_array_append(twice, (guint8 *)bytes + first, (guint)(size - first));
	ck_assert(g_file_set_contents(path, (char *)twice->data, twice->len, NULL));
	ck_assert_int_eq(verify().state, RECORDING_BROKEN);
}
END_TEST

START_TEST(what_is_no_recording_is_said_to_be_none)
{
	RecordingReport report;
	g_autoptr(GError) error = NULL;
	int fd;

	ck_assert(g_file_set_contents(path, "RFB 003.008\n and more of it", -1, NULL));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ck_assert(!recording_verify(fd, NULL, NULL, &report, &error));
	ck_assert_ptr_null(recording_facts(fd, TRUE, NULL));
	close(fd);
}
END_TEST

START_TEST(what_is_larger_than_a_record_is_divided)
{
	g_autofree guint8 *large = g_malloc0(3 * RECORDING_PAYLOAD_MAX);
	RecordingWriter *writer = new_writer();
	g_autofree char *hash = NULL;

	recording_writer_put(writer, RECORDING_SERVER, large, 2 * RECORDING_PAYLOAD_MAX + 5);
	recording_writer_put(writer, RECORDING_SERVER, large, 0);
	hash = recording_writer_finish(writer, 5000);
	recording_writer_free(writer);
	const RecordingReport report = verify();

	ck_assert_int_eq(report.state, RECORDING_COMPLETE);
	ck_assert_uint_eq(report.records, 1 + 3 + 1 + 1);
}
END_TEST

static void
run_for(guint ms)
{
	gint64 deadline = g_get_monotonic_time() + ms * 1000;

	while (g_get_monotonic_time() < deadline) {
		g_usleep(1000);
		g_main_context_iteration(NULL, FALSE);
	}
}

static void
run_until_failed(void)
{
	gint64 deadline = g_get_monotonic_time() + 10 * G_USEC_PER_SEC;

	while (failure == NULL && g_get_monotonic_time() < deadline) {
		g_usleep(1000);
		g_main_context_iteration(NULL, FALSE);
	}
}

START_TEST(a_full_disk_ends_it_with_a_reason_and_what_is_there_is_good)
{
	g_autofree guint8 *bytes = g_malloc0(64 * 1024);
	RecordingWriter *writer;
	RecordingReport report;
	struct rlimit limit = {100 * 1024, 100 * 1024};

	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	writer = new_writer();
	for (int i = 0; i < 4; i++)
		recording_writer_put(writer, RECORDING_SERVER, bytes, 64 * 1024);
	run_until_failed();
	ck_assert_str_eq(failure, "the file cannot be larger");
	ck_assert_uint_eq(recording_writer_pending(writer), 0);
	ck_assert_ptr_null(recording_writer_finish(writer, 1000));
	recording_writer_free(writer);
	report = verify();
	ck_assert_int_eq(report.state, RECORDING_CUT);
	ck_assert_uint_eq(report.records, 2);
}
END_TEST

START_TEST(a_disk_that_takes_nothing_holds_nobody_up_and_ends_it)
{
	g_autofree guint8 *bytes = g_malloc0(RECORDING_PAYLOAD_MAX);
	int ends[2];
	RecordingWriter *writer;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	writer = recording_writer_new(ends[0], "desktop=x\n", on_failed, NULL);
	for (int i = 0; i < 70; i++)
		recording_writer_put(writer, RECORDING_SERVER, bytes, RECORDING_PAYLOAD_MAX);
	run_until_failed();
	ck_assert_str_eq(failure, "the disk is too slow");
	ck_assert_ptr_null(recording_writer_finish(writer, 10));
	recording_writer_free(writer);
	/* Lets the write that hangs return. */
	signal(SIGPIPE, SIG_IGN);
	close(ends[1]);
	run_for(50);
}
END_TEST

/* A screen of 64 x 48, recorded; and what is read of it. */

static Frame *frame;
static guint pictures, chunks;
static gsize server_bytes;

static void
count(const RecordingRecord *record, guint64 offset, void *data)
{
	chunks += record->type == RECORDING_CHUNK;
	if (record->type == RECORDING_CHUNK) {
		/* Size, and 32 bits a pixel. */
		ck_assert_mem_eq(record->bytes, "\0\100\0\60\40\30", 6);
	}
	if (record->type != RECORDING_SERVER)
		return;
	pictures++;
	server_bytes += record->size;
	ck_assert_int_eq(record->bytes[0], 0); /* FramebufferUpdate */
}

static VncView
new_view(void)
{
	frame = frame_new(64, 48);
	return (VncView){.frame = frame, .title = "", .screen = vnc_screen_new(frame), .share = tight_share_new()};
}

static void
free_view(const VncView *view)
{
	vnc_screen_free(view->screen);
	tight_share_free(view->share);
	g_clear_pointer(&frame, frame_free);
}

static void
on_recorder_failed(const char *why, void *data)
{
	ck_abort_msg("%s", why);
}

static GVariant *
params(gboolean input)
{
	GVariantDict dict;

	g_variant_dict_init(&dict, NULL);
	g_variant_dict_insert(&dict, "desktop", "s", "office-1");
	g_variant_dict_insert(&dict, "pool", "s", "office");
	g_variant_dict_insert(&dict, "user", "s", "an\nna");
	g_variant_dict_insert(&dict, "title", "s", "office-1");
	g_variant_dict_insert(&dict, "input", "b", input);
	return g_variant_ref_sink(g_variant_dict_end(&dict));
}

START_TEST(nothing_is_recorded_while_nothing_changes)
{
	const VncView view = new_view();
	const RecorderHost host = {&view, on_recorder_failed, NULL};
	g_autoptr(GVariant) about = params(FALSE);
	Recorder *recorder = recorder_new(&host, open_append(), about, NULL);
	Change change = {.damage = {.n = 1, .rects = {{3, 3, 1, 1}}}};
	RecordingReport report;
	g_autofree char *hash = NULL;
	int fd;

	run_for(400);
	*frame_at(frame, 3, 3) = 0xff0000;
	recorder_change(recorder, &change);
	run_for(400);
	recorder_kick(recorder); /* and nothing changed */
	run_for(200);
	recorder_key(recorder, 30, TRUE);
	hash = recorder_finish(recorder);
	recorder_free(recorder);
	free_view(&view);
	pictures = chunks = 0;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ck_assert(recording_verify(fd, count, NULL, &report, NULL));
	g_autoptr(RecordingFacts) known = recording_facts(fd, FALSE, NULL);

	close(fd);
	ck_assert_int_eq(report.state, RECORDING_COMPLETE);
	ck_assert_uint_eq(chunks, 1);
	ck_assert_uint_eq(pictures, 2);
	ck_assert_uint_eq(report.records, 5); /* no key: that was not asked for */
	ck_assert_str_eq(known->user, "an na");
}
END_TEST

START_TEST(keys_and_pointer_are_recorded_where_they_shall_be)
{
	const VncView view = new_view();
	const RecorderHost host = {&view, on_recorder_failed, NULL};
	g_autoptr(GVariant) about = params(TRUE);
	Recorder *recorder = recorder_new(&host, open_append(), about, NULL);
	RecordingReport report;
	g_autofree char *hash = NULL;

	run_for(100);
	recorder_key(recorder, 30, TRUE);
	recorder_key(recorder, 30, FALSE);
	for (int x = 0; x < 50; x++)
		recorder_motion(recorder, x, 5);
	recorder_button(recorder, 1, TRUE);
	hash = recorder_finish(recorder);
	recorder_free(recorder);
	free_view(&view);
	report = verify();
	ck_assert_int_eq(report.state, RECORDING_COMPLETE);
	/* About, chunk, picture, two keys, the first place and the one of the button, the button, the end. */
	ck_assert_uint_eq(report.records, 9);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("recording");
	TCase *tcase = tcase_create("recording");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, what_was_written_is_proved_and_told);
	tcase_add_test(tcase, cut_anywhere_it_is_good_up_to_the_last_whole_record);
	tcase_add_test(tcase, the_marks_of_one_that_is_cut_are_found_again);
	tcase_add_test(tcase, a_byte_that_is_changed_is_found_wherever_it_is);
	tcase_add_test(tcase, a_record_that_is_taken_out_or_put_twice_is_found);
	tcase_add_test(tcase, what_is_no_recording_is_said_to_be_none);
	tcase_add_test(tcase, what_is_larger_than_a_record_is_divided);
	tcase_add_test(tcase, a_full_disk_ends_it_with_a_reason_and_what_is_there_is_good);
	tcase_add_test(tcase, a_disk_that_takes_nothing_holds_nobody_up_and_ends_it);
	tcase_add_test(tcase, nothing_is_recorded_while_nothing_changes);
	tcase_add_test(tcase, keys_and_pointer_are_recorded_where_they_shall_be);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
