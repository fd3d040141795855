/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "pools/agent-protocol.h"

static GString *heard;
static AgentParser *parser;

static void
on_message(const AgentMessage *message, void *data)
{
	g_string_append_printf(heard, "%d|%s|%s|%s|%s|%d;", message->type, message->version, message->hostname, message->user,
		message->text, (int)message->id);
}

static void
set_up(void)
{
	heard = g_string_new(NULL);
	parser = agent_parser_new(on_message, NULL);
}

static void
tear_down(void)
{
	agent_parser_free(parser);
	g_string_free(heard, TRUE);
}

static const char good[] = "{\"type\":\"hello\",\"version\":\"0.1.0\",\"protocol\":1}\n"
			   "{\"type\":\"ready\",\"hostname\":\"Büro\",\"machine-id\":\"x\",\"new\":[{}]}\n"
			   "{\"type\":\"logout\",\"user\":\"desk\"}\n"
			   "{\"type\":\"failed\",\"id\":7,\"message\":\"no\\nway\"}\n";
static const char good_heard[] = "0|0.1.0||||0;1||Büro|||0;3|||desk||0;5||||no way|7;";

START_TEST(lines_become_messages_and_control_characters_blanks)
{
	ck_assert_uint_eq(agent_parser_feed(parser, good, strlen(good)), 4);
	ck_assert_str_eq(heard->str, good_heard);
}
END_TEST

START_TEST(one_byte_at_a_time_is_the_same)
{
	for (gsize i = 0; i < strlen(good); i++)
		agent_parser_feed(parser, good + i, 1);
	ck_assert_str_eq(heard->str, good_heard);
}
END_TEST

START_TEST(a_text_cut_anywhere_says_no_more_than_its_whole_lines)
{
	for (gsize size = 0; size <= strlen(good); size++) {
		g_string_truncate(heard, 0);
		agent_parser_reset(parser);
		agent_parser_feed(parser, good, size);
		ck_assert(strncmp(good_heard, heard->str, heard->len) == 0);
	}
}
END_TEST

static const char *const bad[] = {
	"{\"type\":\"hello\"",
	"[]",
	"null",
	"17",
	"{}",
	"{\"type\":1}",
	"{\"type\":\"nonsense\"}",
	"{\"type\":\"logout\",\"user\":5}",
	"{\"type\":\"logout\",\"user\":{}}",
	"{\"type\":\"done\",\"id\":\"1\"}",
	"{\"type\":\"done\",\"id\":1.5}",
	"{\"type\":\"logout\",\"user\":\"\xff\xfe\"}",
	"[[[[[[[[[[[[[[[[[[[[",
	"{\"type\":\"hello\",\"x\":[[[[[[[[[[1]]]]]]]]]]}",
};

START_TEST(a_malformed_line_is_dropped_and_the_next_one_heard)
{
	agent_parser_feed(parser, bad[_i], strlen(bad[_i]));
	agent_parser_feed(parser, "\n{\"type\":\"ready\"}\n", 18);
	ck_assert_str_eq(heard->str, "1|||||0;");
}
END_TEST

START_TEST(a_line_that_is_too_long_is_dropped_whole)
{
	g_autofree char *filler = g_strnfill(3 * AGENT_LINE_MAX, 'x');

	agent_parser_feed(parser, filler, strlen(filler));
	agent_parser_feed(parser, "{\"type\":\"hello\"}", 16);
	agent_parser_feed(parser, "\n{\"type\":\"ready\"}\n", 18);
	ck_assert_str_eq(heard->str, "1|||||0;");
}
END_TEST

START_TEST(a_member_that_is_too_long_makes_its_line_bad)
{
	g_autofree char *filler = g_strnfill(AGENT_TEXT_MAX + 1, 'x');
	g_autofree char *line = g_strdup_printf("{\"type\":\"logout\",\"user\":\"%s\"}\n", filler);

	agent_parser_feed(parser, line, strlen(line));
	ck_assert_str_eq(heard->str, "");
}
END_TEST

START_TEST(what_the_host_says_is_escaped_and_bounded)
{
	g_autofree char *user = agent_line_user("a\"b\n", "é");
	g_autofree char *clock = agent_line_clock(1790000000123456);
	g_autofree char *identity = agent_line_identity(7, "office-1a2b3c4d", "0123", "\x00\x01", 2);
	g_autofree char *filler = g_strnfill(AGENT_LINE_MAX, 'x');

	ck_assert_str_eq(user, "{\"type\":\"user\",\"name\":\"a\\\"b\\n\",\"full-name\":\"é\"}\n");
	ck_assert_str_eq(clock, "{\"type\":\"clock\",\"time\":1790000000.123456}\n");
	ck_assert_str_eq(identity,
		"{\"type\":\"identity\",\"id\":7,\"hostname\":\"office-1a2b3c4d\",\"machine-id\":\"0123\",\"seed\":\"AAE=\"}\n");
	ck_assert_ptr_null(agent_line_notice(filler, 5));
	g_autofree char *home = agent_line_home(8, "carrel-home"), *release = agent_line_home_release(9);

	ck_assert_str_eq(home, "{\"type\":\"home\",\"id\":8,\"serial\":\"carrel-home\"}\n");
	ck_assert_str_eq(release, "{\"type\":\"home-release\",\"id\":9}\n");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("agent-protocol");
	TCase *tcase = tcase_create("agent-protocol");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, lines_become_messages_and_control_characters_blanks);
	tcase_add_test(tcase, one_byte_at_a_time_is_the_same);
	tcase_add_test(tcase, a_text_cut_anywhere_says_no_more_than_its_whole_lines);
	tcase_add_loop_test(tcase, a_malformed_line_is_dropped_and_the_next_one_heard, 0, G_N_ELEMENTS(bad));
	tcase_add_test(tcase, a_line_that_is_too_long_is_dropped_whole);
	tcase_add_test(tcase, a_member_that_is_too_long_makes_its_line_bad);
	tcase_add_test(tcase, what_the_host_says_is_escaped_and_bounded);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
