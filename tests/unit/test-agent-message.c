/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "agent/line-reader.h"
#include "agent/message.h"
#include "broker/common/error.h"

static GPtrArray *lines;

static void
keep(const char *line, gsize size, void *data)
{
	g_ptr_array_add(lines, g_strndup(line, size));
}

static void
set_up(void)
{
	lines = g_ptr_array_new_with_free_func(g_free);
}

static void
tear_down(void)
{
	g_ptr_array_unref(lines);
}

START_TEST(lines_come_whole_however_the_bytes_arrive)
{
	static const char stream[] = "one\n\ntwo\r\n{\"three\":3}\nhal";

	for (gsize step = 1; step < sizeof stream; step++) {
		g_autoptr(LineReader) reader = line_reader_new(keep, NULL);

		g_ptr_array_set_size(lines, 0);
		for (gsize at = 0; at < sizeof stream - 1; at += step)
			ck_assert_uint_eq(line_reader_feed(reader, stream + at, MIN(step, sizeof stream - 1 - at)), 0);
		ck_assert_uint_eq(lines->len, 3);
		ck_assert_str_eq(lines->pdata[0], "one");
		ck_assert_str_eq(lines->pdata[1], "two\r");
		ck_assert_str_eq(lines->pdata[2], "{\"three\":3}");
	}
}
END_TEST

START_TEST(a_line_that_is_too_long_is_dropped_whole_and_the_next_is_read)
{
	g_autofree char *largest = g_strnfill(LINE_MAX_BYTES - 1, 'x');
	g_autofree char *larger = g_strnfill(LINE_MAX_BYTES, 'y');
	g_autofree char *stream = g_strdup_printf("%s\n%s\n%s%s\nnext\n", largest, larger, larger, larger);
	g_autoptr(LineReader) whole = line_reader_new(keep, NULL), bytewise = line_reader_new(keep, NULL);
	guint dropped = 0;

	ck_assert_uint_eq(line_reader_feed(whole, stream, strlen(stream)), 2);
	for (const char *p = stream; *p != '\0'; p++)
		dropped += line_reader_feed(bytewise, p, 1);
	ck_assert_uint_eq(dropped, 2);
	ck_assert_uint_eq(lines->len, 4);
	ck_assert_str_eq(lines->pdata[0], largest);
	ck_assert_str_eq(lines->pdata[1], "next");
	ck_assert_str_eq(lines->pdata[3], "next");
}
END_TEST

START_TEST(half_a_line_is_forgotten_with_the_peer_that_began_it)
{
	g_autoptr(LineReader) reader = line_reader_new(keep, NULL);

	line_reader_feed(reader, "half", 4);
	line_reader_reset(reader);
	line_reader_feed(reader, "next\n", 5);
	ck_assert_uint_eq(lines->len, 1);
	ck_assert_str_eq(lines->pdata[0], "next");
}
END_TEST

static const char *const not_messages[] = {
	"",
	"x",
	"[]",
	"null",
	"{",
	"{}",
	"{\"type\":1}",
	"{\"type\":null}",
	"{\"type\":\"hello\",\"id\":\"1\"}",
	"{\"type\":\"hello\",\"id\":1.5}",
	"{\"type\":\"hello\"",
	"{\"type\":\"h\xff\"}",
	"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
	"{\"type\":\"hello\",\"a\":[[[[[[[[[[[[1]]]]]]]]]]]]}",
};

START_TEST(what_is_not_a_message_is_refused)
{
	g_autoptr(GError) error = NULL;

	ck_assert_ptr_null(message_parse(not_messages[_i], strlen(not_messages[_i]), &error));
	ck_assert(g_error_matches(error, CARREL_ERROR, CARREL_ERROR_PROTOCOL));
}
END_TEST

static Message *
parse(const char *text)
{
	Message *message = message_parse(text, strlen(text), NULL);

	ck_assert_ptr_nonnull(message);
	return message;
}

START_TEST(an_unknown_type_and_unknown_members_are_passed_over)
{
	g_autoptr(Message) future = parse("{\"type\":\"from the future\",\"id\":7,\"x\":{\"y\":[1,2]}}");
	g_autoptr(Message) hello = parse("{\"colour\":\"green\",\"type\":\"hello\"}");

	ck_assert_int_eq(future->kind, MESSAGE_UNKNOWN);
	ck_assert(future->has_id && future->id == 7);
	ck_assert_int_eq(hello->kind, MESSAGE_HELLO);
	ck_assert(!hello->has_id && hello->fault == NULL);
}
END_TEST

START_TEST(an_identity_is_taken_apart)
{
	g_autoptr(Message) message = parse("{\"type\":\"identity\",\"id\":1,\"hostname\":\"office-1a2b.example\","
					   "\"machine-id\":\"0123456789abcdef0123456789abcdef\","
					   "\"seed\":\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\"}");
	g_autoptr(Message) empty = parse("{\"type\":\"identity\"}");
	const guint8 *seed = g_bytes_get_data(message->seed, NULL);

	ck_assert_ptr_null(message->fault);
	ck_assert_str_eq(message->hostname, "office-1a2b.example");
	ck_assert_str_eq(message->machine_id, "0123456789abcdef0123456789abcdef");
	ck_assert_uint_eq(g_bytes_get_size(message->seed), 32);
	ck_assert(seed[0] == 0 && seed[31] == 31);
	ck_assert(empty->fault == NULL && empty->hostname == NULL && empty->seed == NULL);
}
END_TEST

/* What stands in each is well-formed JSON, and must not be done. */
static const char *const faults[] = {
	"{\"type\":\"identity\",\"hostname\":\"\"}",
	"{\"type\":\"identity\",\"hostname\":\"-a\"}",
	"{\"type\":\"identity\",\"hostname\":\"a-\"}",
	"{\"type\":\"identity\",\"hostname\":\"a-.b\"}",
	"{\"type\":\"identity\",\"hostname\":\"a..b\"}",
	"{\"type\":\"identity\",\"hostname\":\"a b\"}",
	"{\"type\":\"identity\",\"hostname\":\"a\\nb\"}",
	"{\"type\":\"identity\",\"hostname\":\"b\xc3\xbcro\"}",
	"{\"type\":\"identity\",\"hostname\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}",
	"{\"type\":\"identity\",\"hostname\":[\"a\"]}",
	"{\"type\":\"identity\",\"machine-id\":\"0123456789ABCDEF0123456789abcdef\"}",
	"{\"type\":\"identity\",\"machine-id\":\"00000000000000000000000000000000\"}",
	"{\"type\":\"identity\",\"machine-id\":\"01\"}",
	"{\"type\":\"identity\",\"seed\":\"AAEC\"}",
	"{\"type\":\"identity\",\"seed\":\"!!!!AwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\"}",
	"{\"type\":\"clock\"}",
	"{\"type\":\"clock\",\"time\":\"now\"}",
	"{\"type\":\"clock\",\"time\":0}",
	"{\"type\":\"clock\",\"time\":1e300}",
	"{\"type\":\"user\"}",
	"{\"type\":\"user\",\"name\":7}",
	"{\"type\":\"user\",\"name\":\"a\\u0007b\"}",
	"{\"type\":\"notice\",\"text\":\"\"}",
	"{\"type\":\"notice\",\"timeout\":5}",
	"{\"type\":\"notice\",\"text\":\"x\",\"timeout\":\"5\"}",
	"{\"type\":\"home\"}",
	"{\"type\":\"home\",\"serial\":\"\"}",
	"{\"type\":\"home\",\"serial\":7}",
	"{\"type\":\"home\",\"serial\":\"a/b\"}",
	"{\"type\":\"home\",\"serial\":\"a b\"}",
	"{\"type\":\"home\",\"serial\":\"\xc3\xa9\"}",
	"{\"type\":\"home\",\"serial\":\"123456789012345678901\"}",
};

START_TEST(a_bad_member_is_a_fault_that_can_be_answered)
{
	g_autoptr(Message) message = parse(faults[_i]);

	ck_assert_ptr_nonnull(message->fault);
}
END_TEST

START_TEST(a_message_cut_anywhere_is_refused)
{
	static const char text[] = "{\"type\":\"notice\",\"id\":-3,\"text\":\"\xe6\xbc\xa2 \\\"[{\\\\\",\"timeout\":99999}";
	g_autoptr(Message) message = NULL;

	for (gsize size = 0; size < sizeof text - 1; size++)
		ck_assert_ptr_null(message_parse(text, size, NULL));
	message = message_parse(text, sizeof text - 1, NULL);
	ck_assert_str_eq(message->text, "\xe6\xbc\xa2 \"[{\\");
	ck_assert_int_eq(message->timeout_s, 3600);
	ck_assert_int_eq(message->id, -3);
}
END_TEST

START_TEST(what_is_written_can_be_read)
{
	g_autofree char *notice = message_write_notice("a\n\"b\" \xe2\x82\xac", 5);
	g_autofree char *session = message_write_session(TRUE, FALSE);
	g_autofree char *user = message_write("user", "name", "demo1", "full-name", NULL, NULL);
	g_autoptr(Message) a = parse(notice), b = parse(session), c = parse(user);

	ck_assert_str_eq(a->text, "a\n\"b\" \xe2\x82\xac");
	ck_assert_int_eq(a->timeout_s, 5);
	ck_assert(b->kind == MESSAGE_SESSION && b->ready && !b->port);
	ck_assert_str_eq(c->name, "demo1");
	ck_assert_ptr_null(c->full_name);
}
END_TEST

START_TEST(a_home_is_named_by_its_disks_serial)
{
	g_autoptr(Message) home = parse("{\"type\":\"home\",\"id\":5,\"serial\":\"carrel-home\",\"label\":\"x\"}");
	g_autoptr(Message) longest = parse("{\"type\":\"home\",\"serial\":\"1234567890.a_b-C6789\"}");
	g_autoptr(Message) release = parse("{\"type\":\"home-release\",\"id\":6}");

	ck_assert(home->kind == MESSAGE_HOME && home->fault == NULL && home->id == 5);
	ck_assert_str_eq(home->serial, "carrel-home");
	ck_assert_ptr_null(longest->fault);
	ck_assert(release->kind == MESSAGE_HOME_RELEASE && release->fault == NULL && release->serial == NULL);
}
END_TEST

/* The host drops a line with a longer text: "failed" would never be heard. */
START_TEST(a_long_reason_is_cut_between_characters)
{
	g_autofree char *filler = g_strnfill(255, 'x'), *fault = g_strconcat(filler, "\xe2\x82\xac!", NULL);
	g_autofree char *expected = g_strdup_printf("{\"type\":\"failed\",\"id\":1,\"message\":\"%s\"}\n", filler);
	g_autofree char *line = message_write_answer(1, fault);
	g_autofree char *whole = g_strconcat(filler, "y", NULL), *other = message_write_answer(1, whole);

	ck_assert_str_eq(line, expected);
	ck_assert_ptr_nonnull(strstr(other, whole));
}
END_TEST

START_TEST(an_answer_is_one_line)
{
	g_autofree char *done = message_write_answer(7, NULL);
	g_autofree char *failed = message_write_answer(G_MININT64, "two\nlines");

	ck_assert_str_eq(done, "{\"type\":\"done\",\"id\":7}\n");
	ck_assert_str_eq(failed, "{\"type\":\"failed\",\"id\":-9223372036854775808,\"message\":\"two\\nlines\"}\n");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("agent-message");
	TCase *tcase = tcase_create("agent-message");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, lines_come_whole_however_the_bytes_arrive);
	tcase_add_test(tcase, a_line_that_is_too_long_is_dropped_whole_and_the_next_is_read);
	tcase_add_test(tcase, half_a_line_is_forgotten_with_the_peer_that_began_it);
	tcase_add_loop_test(tcase, what_is_not_a_message_is_refused, 0, G_N_ELEMENTS(not_messages));
	tcase_add_test(tcase, an_unknown_type_and_unknown_members_are_passed_over);
	tcase_add_test(tcase, an_identity_is_taken_apart);
	tcase_add_loop_test(tcase, a_bad_member_is_a_fault_that_can_be_answered, 0, G_N_ELEMENTS(faults));
	tcase_add_test(tcase, a_message_cut_anywhere_is_refused);
	tcase_add_test(tcase, what_is_written_can_be_read);
	tcase_add_test(tcase, a_home_is_named_by_its_disks_serial);
	tcase_add_test(tcase, a_long_reason_is_cut_between_characters);
	tcase_add_test(tcase, an_answer_is_one_line);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
