/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "broker/auth/frame.h"

static const guint8 *
start_frame(FrameWriter *writer, gsize *size)
{
	ck_assert(frame_writer_add(writer, FIELD_USER, "demo1", 5));
	ck_assert(frame_writer_add(writer, FIELD_ADDRESS, "192.0.2.1", 9));
	ck_assert(frame_writer_add(writer, FIELD_ANSWER, "secret", 6));
	return frame_writer_finish(writer, size);
}

START_TEST(a_frame_comes_out_as_it_went_in)
{
	g_autoptr(FrameWriter) writer = frame_writer_new(FRAME_START);
	g_auto(Frame) frame = {0};
	gsize size, used = 0;
	const guint8 *bytes = start_frame(writer, &size);

	ck_assert_int_eq(frame_parse(bytes, size, FRAME_FROM_BROKER, &frame, &used), FRAME_DONE);
	ck_assert_uint_eq(used, size);
	ck_assert_int_eq(frame.kind, FRAME_START);
	ck_assert_uint_eq(frame.n, 3);
	g_autofree char *user = frame_dup_field(&frame, FIELD_USER);
	ck_assert_str_eq(user, "demo1");
	ck_assert_ptr_null(frame_dup_field(&frame, FIELD_GROUP));
}
END_TEST

START_TEST(a_frame_cut_anywhere_waits_for_more)
{
	g_autoptr(FrameWriter) writer = frame_writer_new(FRAME_START);
	gsize size, used = 99;
	const guint8 *bytes = start_frame(writer, &size);

	for (gsize cut = 0; cut < size; cut++) {
		g_autofree guint8 *copy = g_memdup2(bytes, cut); /* so that a sanitizer sees a read behind it */
		Frame frame = {0};

		ck_assert_int_eq(frame_parse(copy, cut, FRAME_FROM_BROKER, &frame, &used), FRAME_MORE);
		ck_assert_uint_eq(used, 99);
		ck_assert_ptr_null(frame.fields);
	}
}
END_TEST

START_TEST(what_follows_a_frame_is_left)
{
	g_autoptr(FrameWriter) writer = frame_writer_new(FRAME_DENIED);
	g_auto(Frame) frame = {0};
	gsize size, used;
	const guint8 *bytes = frame_writer_finish(writer, &size);
	guint8 two[2 * FRAME_HEAD_SIZE];

	memcpy(two, bytes, size);
	memcpy(two + size, bytes, size);
	ck_assert_int_eq(frame_parse(two, sizeof two, FRAME_FROM_AUTH, &frame, &used), FRAME_DONE);
	ck_assert_uint_eq(used, FRAME_HEAD_SIZE);
}
END_TEST

static const struct {
	const char *bytes;
	gsize size;
	FrameSender sender;
} bad[] = {
	{"X\0\0\0\0", 5, FRAME_FROM_BROKER},                           /* no such kind */
	{"Y\0\0\0\0", 5, FRAME_FROM_BROKER},                           /* the other side's */
	{"S\0\0\0\0", 5, FRAME_FROM_AUTH},
	{"S\0\0\0\0", 5, FRAME_FROM_BROKER},                           /* fields are missing */
	{"Y\0\0\0\0", 5, FRAME_FROM_AUTH},
	{"A\0\1\0\1", 5, FRAME_FROM_BROKER},                           /* too long, said before it comes */
	{"A\377\377\377\377", 5, FRAME_FROM_BROKER},
	{"A\0\0\0\5s\0\1ab", 10, FRAME_FROM_BROKER},                   /* half a field behind a whole one */
	{"A\0\0\0\4s\0\2a", 9, FRAME_FROM_BROKER},                     /* a field longer than its frame */
	{"A\0\0\0\4s\0\1\0", 9, FRAME_FROM_BROKER},                    /* a NUL */
	{"A\0\0\0\4u\0\1a", 9, FRAME_FROM_BROKER},                     /* a field of another frame */
	{"F\0\0\0\4m\0\1a", 9, FRAME_FROM_AUTH},                       /* a field where there is none */
	{"Y\0\0\0\10u\0\1au\0\1b", 13, FRAME_FROM_AUTH},               /* two of what there is one */
};

START_TEST(what_breaks_the_rules_is_refused)
{
	Frame frame = {0};
	gsize used = 99;

	ck_assert_int_eq(frame_parse((const guint8 *)bad[_i].bytes, bad[_i].size, bad[_i].sender, &frame, &used), FRAME_BAD);
	ck_assert_uint_eq(used, 99);
	ck_assert_ptr_null(frame.fields);
}
END_TEST

START_TEST(a_field_over_its_limit_is_refused)
{
	g_autoptr(FrameWriter) writer = frame_writer_new(FRAME_ANSWERS);
	char text[FRAME_ANSWER_MAX + 1];
	Frame frame = {0};
	gsize size, used;

	memset(text, 'x', sizeof text);
	ck_assert(frame_writer_add(writer, FIELD_ANSWER, text, sizeof text));
	const guint8 *bytes = frame_writer_finish(writer, &size);
	ck_assert_int_eq(frame_parse(bytes, size, FRAME_FROM_BROKER, &frame, &used), FRAME_BAD);
}
END_TEST

START_TEST(a_writer_takes_no_more_than_a_frame_holds)
{
	g_autoptr(FrameWriter) writer = frame_writer_new(FRAME_ACCEPTED);
	char name[200];
	guint n = 0;
	gsize size;

	memset(name, 'g', sizeof name);
	while (frame_writer_add(writer, FIELD_GROUP, name, sizeof name))
		n++;
	frame_writer_finish(writer, &size);
	ck_assert_uint_eq(n, FRAME_PAYLOAD_MAX / (3 + sizeof name));
	ck_assert_uint_le(size, FRAME_HEAD_SIZE + FRAME_PAYLOAD_MAX);
	ck_assert(!frame_writer_add(writer, FIELD_GROUP, "a\0b", 3));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("auth-frame");
	TCase *tcase = tcase_create("frame");

	tcase_add_test(tcase, a_frame_comes_out_as_it_went_in);
	tcase_add_test(tcase, a_frame_cut_anywhere_waits_for_more);
	tcase_add_test(tcase, what_follows_a_frame_is_left);
	tcase_add_loop_test(tcase, what_breaks_the_rules_is_refused, 0, G_N_ELEMENTS(bad));
	tcase_add_test(tcase, a_field_over_its_limit_is_refused);
	tcase_add_test(tcase, a_writer_takes_no_more_than_a_frame_holds);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
