/* Damage, and the checks of what QEMU sends. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "display/capture-check.h"
#include "display/damage.h"

static gboolean
covers(const Damage *damage, int x, int y)
{
	for (guint i = 0; i < damage->n; i++) {
		const Rect *rect = &damage->rects[i];

		if (x >= rect->x && x < rect->x + rect->width && y >= rect->y && y < rect->y + rect->height)
			return TRUE;
	}
	return FALSE;
}

START_TEST(damage_covers_all_that_was_added_and_never_overflows)
{
	Damage damage = {.n = 0};
	Rect rects[200];
	guint32 random = 12345;

	for (guint i = 0; i < G_N_ELEMENTS(rects); i++) {
		random = random * 1103515245 + 12345;
		rects[i] = (Rect){(int)(random >> 8) % 500, (int)(random >> 16) % 500, 1 + (int)(random >> 4) % 20,
			1 + (int)(random >> 12) % 20};
		damage_add(&damage, &rects[i]);
		ck_assert_uint_le(damage.n, DAMAGE_RECTS_MAX);
	}
	for (guint i = 0; i < G_N_ELEMENTS(rects); i++) {
		ck_assert(covers(&damage, rects[i].x, rects[i].y));
		ck_assert(covers(&damage, rects[i].x + rects[i].width - 1, rects[i].y + rects[i].height - 1));
	}
}
END_TEST

START_TEST(neighbours_become_one_and_contained_ones_vanish)
{
	Damage damage = {.n = 0};

	damage_add(&damage, &(Rect){0, 0, 10, 10});
	damage_add(&damage, &(Rect){10, 0, 10, 10});
	damage_add(&damage, &(Rect){5, 5, 2, 2});
	damage_add(&damage, &(Rect){0, 0, 0, 7});
	ck_assert_uint_eq(damage.n, 1);
	ck_assert_int_eq(damage.rects[0].width, 20);
	damage_clip(&damage, 15, 5);
	ck_assert_int_eq(damage.rects[0].width, 15);
	ck_assert_int_eq(damage.rects[0].height, 5);
	damage_clip(&damage, 0, 0);
	ck_assert_uint_eq(damage.n, 0);
}
END_TEST

START_TEST(a_rectangle_of_a_peer_is_cut_to_the_frame)
{
	static const Rect rects[] = {{-5, -5, 10, 10}, {G_MAXINT, 0, G_MAXINT, 1}, {G_MININT, G_MININT, G_MAXINT, G_MAXINT},
		{0, 0, G_MAXINT, G_MAXINT}, {0, 0, -1, 5}, {99, 99, 1, 1}, {100, 0, 1, 1}};

	for (gsize i = 0; i < G_N_ELEMENTS(rects); i++) {
		Rect rect = rects[i];

		rect_clip(&rect, 100, 100);
		ck_assert(rect_is_empty(&rect) || (rect.x >= 0 && rect.y >= 0 && rect.x + rect.width <= 100 &&
							  rect.y + rect.height <= 100));
	}
}
END_TEST

START_TEST(a_frame_must_lie_in_its_memory)
{
	const guint32 x8 = PIXMAN_FORMAT_X8R8G8B8;

	ck_assert_ptr_null(capture_check_map(0, 640, 480, 2560, x8, 2560 * 480));
	ck_assert_ptr_null(capture_check_map(0, 640, 480, 4096, x8, 4096 * 479 + 2560));
	ck_assert_ptr_nonnull(capture_check_map(4, 640, 480, 2560, x8, 2560 * 480));
	ck_assert_ptr_nonnull(capture_check_map(2, 640, 480, 2560, x8, G_MAXUINT64));
	ck_assert_ptr_nonnull(capture_check_map(0xffffffff, 640, 480, 2560, x8, 2560 * 480));
	ck_assert_ptr_nonnull(capture_check_map(0, 0, 480, 2560, x8, G_MAXUINT64));
	ck_assert_ptr_nonnull(capture_check_map(0, 8193, 480, 8193 * 4, x8, G_MAXUINT64));
	ck_assert_ptr_nonnull(capture_check_map(0, 0x40000001, 1, 4, x8, G_MAXUINT64));
	ck_assert_ptr_nonnull(capture_check_map(0, 640, 480, 2559, x8, G_MAXUINT64));
	ck_assert_ptr_nonnull(capture_check_map(0, 640, 480, 0x7ffffffc, x8, G_MAXUINT64));
	ck_assert_ptr_nonnull(capture_check_map(0, 640, 480, 2560, 0x10020565, G_MAXUINT64));
	ck_assert_ptr_null(capture_check_pixels(2, 2, 8, x8, 16));
	ck_assert_ptr_nonnull(capture_check_pixels(2, 2, 8, x8, 15));
	ck_assert_ptr_null(capture_check_cursor(64, 64, 64 * 64 * 4));
	ck_assert_ptr_nonnull(capture_check_cursor(-1, -1, 4));
	ck_assert_ptr_nonnull(capture_check_cursor(0x10000, 0x10000, 0));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("frame");
	TCase *tcase = tcase_create("frame");

	tcase_add_test(tcase, damage_covers_all_that_was_added_and_never_overflows);
	tcase_add_test(tcase, neighbours_become_one_and_contained_ones_vanish);
	tcase_add_test(tcase, a_rectangle_of_a_peer_is_cut_to_the_frame);
	tcase_add_test(tcase, a_frame_must_lie_in_its_memory);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
