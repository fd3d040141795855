/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <check.h>
#include <stdlib.h>

#include "display/heads.h"

static const Heads nothing_wished;

static void
assert_rect(const Rect *rect, int x, int y, int width, int height)
{
	ck_assert_msg(rect->x == x && rect->y == y && rect->width == width && rect->height == height, "%d,%d %dx%d", rect->x, rect->y,
	        rect->width, rect->height);
}

START_TEST(heads_of_other_sizes_than_wished_stand_in_a_row)
{
	Heads heads = {.rects = {{0, 0, 1280, 800}, {0}, {5, 5, 800, 1000}}};

	ck_assert_uint_eq(heads_place(&heads, &nothing_wished), 0);
	assert_rect(&heads.rects[0], 0, 0, 1280, 800);
	ck_assert(rect_is_empty(&heads.rects[1]));
	assert_rect(&heads.rects[2], 1280, 0, 800, 1000);
	ck_assert(heads.width == 2080 && heads.height == 1000);
	ck_assert_uint_eq(heads_count(&heads), 2);
}
END_TEST

START_TEST(heads_of_the_wished_sizes_stand_where_they_were_wished)
{
	Heads heads = {.rects = {{0, 0, 1280, 800}, {0, 0, 800, 600}}};
	const Heads wish = {.rects = {{0, 600, 1280, 800}, {240, 0, 800, 600}}, .width = 1280, .height = 1400};

	ck_assert_uint_eq(heads_place(&heads, &wish), 0);
	ck_assert(heads_equal(&heads, &wish));
}
END_TEST

START_TEST(a_head_that_a_frame_has_no_room_for_is_left_out)
{
	Heads heads = {.rects = {{0, 0, FRAME_SIDE_MAX - 100, 100}, {0, 0, 101, FRAME_SIDE_MAX}, {0, 0, 100, 100}, {0, 0, 1, 1}}};

	ck_assert_uint_eq(heads_place(&heads, &nothing_wished), 1u << 1 | 1u << 3);
	ck_assert_int_eq(heads.width, FRAME_SIDE_MAX);
	ck_assert_int_eq(heads.height, 100);
	ck_assert_uint_eq(heads_count(&heads), 2);
}
END_TEST

START_TEST(a_wish_keeps_its_places_and_begins_at_the_corner)
{
	const HeadWish wishes[] = {{0, {900, 50, 1024, 768}}, {1, {100, 70, 800, 600}}};
	Heads heads;

	ck_assert_int_eq(heads_from_wishes(&heads, wishes, 2, 2), HEADS_GOOD);
	assert_rect(&heads.rects[0], 800, 0, 1024, 768);
	assert_rect(&heads.rects[1], 0, 20, 800, 600);
	ck_assert(heads.width == 1824 && heads.height == 768);
}
END_TEST

START_TEST(an_id_names_its_head_and_others_get_the_free_ones)
{
	const HeadWish wishes[] = {{77, {0, 0, 300, 300}}, {1, {300, 0, 400, 400}}, {1, {700, 0, 500, 500}}};
	Heads heads;

	ck_assert_int_eq(heads_from_wishes(&heads, wishes, 3, 4), HEADS_GOOD);
	assert_rect(&heads.rects[0], 0, 0, 300, 300);
	assert_rect(&heads.rects[1], 300, 0, 400, 400);
	assert_rect(&heads.rects[2], 700, 0, 500, 500);
	ck_assert(rect_is_empty(&heads.rects[3]));
}
END_TEST

START_TEST(the_first_head_is_never_taken_away)
{
	const HeadWish wishes[] = {{2, {0, 0, 300, 300}}, {3, {300, 0, 400, 400}}};
	Heads heads;

	ck_assert_int_eq(heads_from_wishes(&heads, wishes, 2, 4), HEADS_GOOD);
	assert_rect(&heads.rects[0], 0, 0, 300, 300);
	ck_assert(rect_is_empty(&heads.rects[2]));
	assert_rect(&heads.rects[3], 300, 0, 400, 400);
}
END_TEST

START_TEST(more_than_the_vm_has_is_told_apart_from_what_cannot_be)
{
	HeadWish wishes[16];
	Heads heads = {.width = 7};

	for (guint i = 0; i < G_N_ELEMENTS(wishes); i++)
		wishes[i] = (HeadWish){i, {(int)i, (int)i, 500, 500}};
	ck_assert_int_eq(heads_from_wishes(&heads, wishes, 16, 2), HEADS_TOO_MANY);
	ck_assert_int_eq(heads_in_a_row(&heads, wishes, 16, HEADS_MAX), HEADS_TOO_MANY);
	ck_assert_int_eq(heads_from_wishes(&heads, wishes, 2, 2), HEADS_BAD);
	ck_assert_int_eq(heads_from_wishes(&heads, wishes, 0, 2), HEADS_BAD);
	ck_assert_int_eq(heads.width, 7);
}
END_TEST

static const Rect impossible[] = {{0, 0, 0, 300}, {0, 0, 300, -1}, {-1, 0, 300, 300}, {0, G_MAXINT, 300, 300},
        {FRAME_SIDE_MAX - 299, 0, 300, 300}, {0, 0, G_MAXINT, G_MAXINT}, {G_MININT, G_MININT, G_MAXINT, G_MAXINT}};

START_TEST(a_head_that_is_empty_or_out_of_bounds_is_refused)
{
	const HeadWish wishes[] = {{0, {1000, 1000, 300, 300}}, {1, impossible[_i]}};
	Heads heads;

	ck_assert_int_eq(heads_from_wishes(&heads, wishes, 2, 2), HEADS_BAD);
}
END_TEST

START_TEST(sizes_that_no_guest_has_are_brought_into_range)
{
	const HeadWish tiny[] = {{0, {0, 0, 1, 1}}, {1, {1, 0, 800, 600}}};
	const HeadWish huge = {0, {0, 0, 65535, 65535}};
	Heads heads;

	ck_assert_int_eq(heads_from_wishes(&heads, tiny, 2, 2), HEADS_GOOD);
	assert_rect(&heads.rects[0], 0, 0, HEAD_SIDE_MIN, HEAD_SIDE_MIN);
	assert_rect(&heads.rects[1], HEAD_SIDE_MIN, 0, 800, 600);
	ck_assert_int_eq(heads_in_a_row(&heads, &huge, 1, 1), HEADS_GOOD);
	assert_rect(&heads.rects[0], 0, 0, FRAME_SIDE_MAX, FRAME_SIDE_MAX);
}
END_TEST

static const struct {
	int x, y;
	guint head;
	int in_x, in_y;
} points[] = {{0, 0, 0, 0, 0}, {799, 599, 0, 799, 599}, {800, 0, 1, 0, 0}, {1823, 767, 1, 1023, 767}, {10, 760, 0, 10, 599},
        {799, 700, 1, 0, 700}, {5000, 5000, 1, 1023, 767}};

START_TEST(a_pixel_of_the_frame_is_one_of_a_head_or_the_next_to_it)
{
	const Heads heads = {.rects = {{0, 0, 800, 600}, {800, 0, 1024, 768}}, .width = 1824, .height = 768};
	int x = points[_i].x, y = points[_i].y;

	ck_assert_uint_eq(heads_locate(&heads, &x, &y), points[_i].head);
	ck_assert_int_eq(x, points[_i].in_x);
	ck_assert_int_eq(y, points[_i].in_y);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("heads");
	TCase *tcase = tcase_create("heads");

	tcase_add_test(tcase, heads_of_other_sizes_than_wished_stand_in_a_row);
	tcase_add_test(tcase, heads_of_the_wished_sizes_stand_where_they_were_wished);
	tcase_add_test(tcase, a_head_that_a_frame_has_no_room_for_is_left_out);
	tcase_add_test(tcase, a_wish_keeps_its_places_and_begins_at_the_corner);
	tcase_add_test(tcase, an_id_names_its_head_and_others_get_the_free_ones);
	tcase_add_test(tcase, the_first_head_is_never_taken_away);
	tcase_add_test(tcase, more_than_the_vm_has_is_told_apart_from_what_cannot_be);
	tcase_add_loop_test(tcase, a_head_that_is_empty_or_out_of_bounds_is_refused, 0, G_N_ELEMENTS(impossible));
	tcase_add_test(tcase, sizes_that_no_guest_has_are_brought_into_range);
	tcase_add_loop_test(tcase, a_pixel_of_the_frame_is_one_of_a_head_or_the_next_to_it, 0, G_N_ELEMENTS(points));
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
