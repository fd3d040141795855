/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <check.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/auth/conversation.h"
#include "tests/lib/pam-folder.h"

/* The broker's side, blocking; the other side is a process of its own, as in real life. */
static char *folder;
static int fd = -1;
static pid_t child;
static guint8 buffer[FRAME_HEAD_SIZE + FRAME_PAYLOAD_MAX];
static Frame frame;

static void
start_service(const char *service, const char *user, const char *password)
{
	g_autoptr(FrameWriter) writer = frame_writer_new(FRAME_START);
	int ends[2];
	gsize size;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	child = fork();
	if (child == 0) {
		close(ends[0]);
		g_autoptr(Channel) channel = channel_new(ends[1]);
		_exit(conversation_run(channel, service, folder) ? 0 : 1);
	}
	close(ends[1]);
	fd = ends[0];
	frame_writer_add(writer, FIELD_USER, user, strlen(user));
	frame_writer_add(writer, FIELD_ADDRESS, "192.0.2.1", 9);
	frame_writer_add(writer, FIELD_ANSWER, password, strlen(password));
	const guint8 *bytes = frame_writer_finish(writer, &size);
	ck_assert_int_eq(write(fd, bytes, size), (ssize_t)size);
}

static void
start(const char *user, const char *password)
{
	start_service("carrel", user, password);
}

static void
answer(const char *first, const char *second)
{
	g_autoptr(FrameWriter) writer = frame_writer_new(FRAME_ANSWERS);
	gsize size;

	frame_writer_add(writer, FIELD_ANSWER, first, strlen(first));
	if (second)
		frame_writer_add(writer, FIELD_ANSWER, second, strlen(second));
	const guint8 *bytes = frame_writer_finish(writer, &size);
	ck_assert_int_eq(write(fd, bytes, size), (ssize_t)size);
}

/* The next frame's kind, 0 at the end of the connection. */
static int
next_frame(void)
{
	gsize filled = 0, used;

	frame_clear(&frame);
	for (;;) {
		FrameStatus status = frame_parse(buffer, filled, FRAME_FROM_AUTH, &frame, &used);

		ck_assert_int_ne(status, FRAME_BAD);
		if (status == FRAME_DONE) {
			ck_assert_uint_eq(used, filled);
			return (int)frame.kind;
		}
		ssize_t n = read(fd, buffer + filled, sizeof buffer - filled);
		if (n <= 0)
			return 0;
		filled += (gsize)n;
	}
}

static void
assert_field(guint i, FieldTag tag, const char *text)
{
	ck_assert_uint_lt(i, frame.n);
	ck_assert_int_eq(frame.fields[i].tag, tag);
	g_autofree char *found = g_strndup(frame.fields[i].text, frame.fields[i].size);
	ck_assert_str_eq(found, text);
}

static void
set_up(void)
{
	folder = g_dir_make_tmp("carrel-pam-XXXXXX", NULL);
	pam_folder_write(folder);
}

static void
tear_down(void)
{
	g_autofree char *file = g_build_filename(folder, "carrel", NULL);

	close(fd);
	if (child > 0)
		waitpid(child, NULL, 0);
	g_unlink(file);
	g_rmdir(folder);
	g_free(folder);
	frame_clear(&frame);
}

START_TEST(a_right_password_is_accepted)
{
	start("good", "right");
	ck_assert_int_eq(next_frame(), FRAME_ACCEPTED);
	assert_field(0, FIELD_USER, "good");
	ck_assert_int_eq(next_frame(), 0);
}
END_TEST

START_TEST(the_accounts_own_name_is_told)
{
	start("mapped", "right");
	ck_assert_int_eq(next_frame(), FRAME_ACCEPTED);
	assert_field(0, FIELD_USER, "good");
}
END_TEST

static const struct {
	const char *user, *password, *reason;
} refused[] = {{"good", "wrong", REASON_PASSWORD}, {"good", "", REASON_PASSWORD}, {"nobody", "right", REASON_UNKNOWN},
	{"locked", "right", REASON_ACCOUNT}, {"locked", "wrong", REASON_PASSWORD}, {"a/b", "right", REASON_UNKNOWN},
	{"-x", "right", REASON_UNKNOWN}, {"g\x01od", "right", REASON_UNKNOWN}};

START_TEST(a_refusal_says_its_reason_and_no_module_delays_it)
{
	gint64 began_us = g_get_monotonic_time();

	start(refused[_i].user, refused[_i].password);
	ck_assert_int_eq(next_frame(), FRAME_DENIED);
	ck_assert_uint_eq(frame.n, 1);
	assert_field(0, FIELD_REASON, refused[_i].reason);
	ck_assert_int_lt(g_get_monotonic_time() - began_us, 4 * G_USEC_PER_SEC);
}
END_TEST

START_TEST(a_second_question_goes_to_the_person_with_its_message)
{
	start("code", "right");
	ck_assert_int_eq(next_frame(), FRAME_PROMPT);
	ck_assert_uint_eq(frame.n, 2);
	assert_field(0, FIELD_MESSAGE, "A code was sent to your telephone");
	assert_field(1, FIELD_SHOWN, "Code:");
	answer("123456", NULL);
	ck_assert_int_eq(next_frame(), FRAME_ACCEPTED);
}
END_TEST

START_TEST(a_wrong_second_answer_is_denied)
{
	start("code", "right");
	ck_assert_int_eq(next_frame(), FRAME_PROMPT);
	answer("654321", NULL);
	ck_assert_int_eq(next_frame(), FRAME_DENIED);
}
END_TEST

START_TEST(two_questions_at_once_are_asked_at_once)
{
	start("both", "right");
	ck_assert_int_eq(next_frame(), FRAME_PROMPT);
	ck_assert_uint_eq(frame.n, 2);
	assert_field(0, FIELD_HIDDEN, "First");
	assert_field(1, FIELD_SHOWN, "Second");
	answer("a", "b");
	ck_assert_int_eq(next_frame(), FRAME_ACCEPTED);
}
END_TEST

START_TEST(an_answer_too_few_ends_the_connection)
{
	start("both", "right");
	ck_assert_int_eq(next_frame(), FRAME_PROMPT);
	answer("a", NULL);
	ck_assert_int_eq(next_frame(), 0);
}
END_TEST

START_TEST(an_expired_password_is_changed_on_the_way_in)
{
	start("expired", "right");
	ck_assert_int_eq(next_frame(), FRAME_PROMPT);
	assert_field(0, FIELD_MESSAGE, "Your password has expired");
	assert_field(1, FIELD_HIDDEN, "New password:");
	answer("newer", NULL);
	ck_assert_int_eq(next_frame(), FRAME_PROMPT);
	assert_field(0, FIELD_HIDDEN, "Again:");
	answer("newer", NULL);
	ck_assert_int_eq(next_frame(), FRAME_ACCEPTED);
}
END_TEST

START_TEST(an_expired_password_that_is_not_changed_is_denied)
{
	start("expired", "right");
	ck_assert_int_eq(next_frame(), FRAME_PROMPT);
	answer("newer", NULL);
	ck_assert_int_eq(next_frame(), FRAME_PROMPT);
	answer("other", NULL);
	ck_assert_int_eq(next_frame(), FRAME_DENIED);
	assert_field(0, FIELD_REASON, REASON_CHANGE);
	assert_field(1, FIELD_MESSAGE, "The two differ");
}
END_TEST

START_TEST(a_module_that_asks_for_ever_is_stopped)
{
	int rounds = 0;

	start("endless", "right");
	while (next_frame() == FRAME_PROMPT && rounds < 100) {
		answer("more", NULL);
		rounds++;
	}
	ck_assert_int_eq(rounds, 16);
	ck_assert_int_eq(frame.kind, FRAME_DENIED);
	assert_field(0, FIELD_REASON, REASON_ROUNDS);
}
END_TEST

START_TEST(a_service_that_is_not_there_is_no_denial)
{
	g_autofree char *file = g_build_filename(folder, "carrel", NULL);

	g_unlink(file);
	start("good", "right");
	ck_assert_int_ne(next_frame(), FRAME_ACCEPTED);
}
END_TEST

START_TEST(garbage_ends_the_connection)
{
	start("code", "right");
	ck_assert_int_eq(next_frame(), FRAME_PROMPT);
	ck_assert_int_eq(write(fd, "garbage", 7), 7);
	ck_assert_int_eq(next_frame(), 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("auth-conversation");
	TCase *tcase = tcase_create("conversation");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 30);
	tcase_add_test(tcase, a_right_password_is_accepted);
	tcase_add_test(tcase, the_accounts_own_name_is_told);
	tcase_add_loop_test(tcase, a_refusal_says_its_reason_and_no_module_delays_it, 0, G_N_ELEMENTS(refused));
	tcase_add_test(tcase, a_second_question_goes_to_the_person_with_its_message);
	tcase_add_test(tcase, a_wrong_second_answer_is_denied);
	tcase_add_test(tcase, two_questions_at_once_are_asked_at_once);
	tcase_add_test(tcase, an_answer_too_few_ends_the_connection);
	tcase_add_test(tcase, an_expired_password_is_changed_on_the_way_in);
	tcase_add_test(tcase, an_expired_password_that_is_not_changed_is_denied);
	tcase_add_test(tcase, a_module_that_asks_for_ever_is_stopped);
	tcase_add_test(tcase, a_service_that_is_not_there_is_no_denial);
	tcase_add_test(tcase, garbage_ends_the_connection);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
