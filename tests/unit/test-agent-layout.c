/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <check.h>
#include <stdlib.h>

#include "agent/session/layout.h"

static const LayoutLimits limits = {.min_width = 16, .min_height = 16, .max_width = 8192, .max_height = 8192};

START_TEST(any_odd_size_is_kept)
{
	const VdagentMonitor wish = {.width = 1033, .height = 777};
	Layout layout;

	ck_assert(layout_make(&layout, &wish, 1, 1, &limits));
	ck_assert_uint_eq(layout.outputs[0].width, 1033);
	ck_assert_uint_eq(layout.outputs[0].height, 777);
	ck_assert(layout.width == 1033 && layout.height == 777);
}
END_TEST

static const struct {
	VdagentMonitor wish;
	guint width, height;
} clamped[] = {
	{{.width = 1, .height = 1}, LAYOUT_WIDTH_MIN, LAYOUT_HEIGHT_MIN},
	{{.width = 320, .height = 199}, 320, 200},
	{{.width = G_MAXUINT, .height = G_MAXUINT}, 8192, 8192},
	{{.width = 8193, .height = 600}, 8192, 600},
};

START_TEST(a_size_is_brought_into_range)
{
	Layout layout;

	ck_assert(layout_make(&layout, &clamped[_i].wish, 1, 1, &limits));
	ck_assert_uint_eq(layout.width, clamped[_i].width);
	ck_assert_uint_eq(layout.height, clamped[_i].height);
}
END_TEST

START_TEST(positions_are_kept_and_begin_at_the_corner)
{
	const VdagentMonitor wish[] = {{.width = 800, .height = 600, .x = 100, .y = 50},
		{.width = 1024, .height = 768, .x = 900, .y = 50}};
	Layout layout;

	ck_assert(layout_make(&layout, wish, 2, 2, &limits));
	ck_assert(layout.outputs[0].x == 0 && layout.outputs[0].y == 0);
	ck_assert(layout.outputs[1].x == 800 && layout.outputs[1].y == 0);
	ck_assert(layout.width == 1824 && layout.height == 768);
}
END_TEST

START_TEST(monitors_that_overlap_or_reach_out_stand_side_by_side)
{
	const VdagentMonitor overlap[] = {{.width = 800, .height = 600}, {.width = 800, .height = 600, .x = 10}};
	const VdagentMonitor out[] = {{.width = 800, .height = 600, .x = -5}, {.width = 800, .height = 600, .x = G_MAXINT}};
	Layout layout;

	ck_assert(layout_make(&layout, overlap, 2, 2, &limits));
	ck_assert(layout.outputs[1].x == 800 && layout.width == 1600);
	ck_assert(layout_make(&layout, out, 2, 2, &limits));
	ck_assert(layout.outputs[1].x == 800 && layout.width == 1600);
}
END_TEST

START_TEST(a_monitor_that_finds_no_room_or_no_output_stays_dark)
{
	const VdagentMonitor wish[] = {{.width = 8000, .height = 600}, {.width = 800, .height = 600},
		{.width = 192, .height = 600}};
	Layout layout;

	ck_assert(layout_make(&layout, wish, 3, 2, &limits));
	ck_assert_uint_eq(layout.n, 2);
	ck_assert_uint_eq(layout.outputs[1].width, 0);
	ck_assert_uint_eq(layout.width, 8000);
}
END_TEST

START_TEST(no_monitor_at_all_is_refused)
{
	const VdagentMonitor off[] = {{.width = 0, .height = 600}, {.width = 600, .height = 0}};
	const LayoutLimits none = {0};
	Layout layout = {.n = 99};

	ck_assert(!layout_make(&layout, off, 2, 2, &limits));
	ck_assert(!layout_make(&layout, off, 0, 1, &limits));
	ck_assert(!layout_make(&layout, &(VdagentMonitor){.width = 800, .height = 600}, 1, 0, &limits));
	ck_assert(!layout_make(&layout, &(VdagentMonitor){.width = 800, .height = 600}, 1, 1, &none));
	ck_assert_uint_eq(layout.n, 99);
}
END_TEST

START_TEST(a_modes_timings_follow_each_other)
{
	static const guint sizes[][2] = {{320, 200}, {1033, 777}, {1920, 1080}, {3840, 2160}, {8192, 8192}, {32767, 32767}};
	LayoutMode mode = layout_mode(sizes[_i][0], sizes[_i][1]);

	ck_assert(mode.width == sizes[_i][0] && mode.height == sizes[_i][1]);
	ck_assert(mode.width < mode.hsync_start && mode.hsync_start < mode.hsync_end && mode.hsync_end < mode.htotal);
	ck_assert(mode.height < mode.vsync_start && mode.vsync_start < mode.vsync_end && mode.vsync_end < mode.vtotal);
	ck_assert(mode.htotal <= G_MAXUINT16 && mode.vtotal <= G_MAXUINT16);
	ck_assert_uint_gt(mode.dot_clock_hz, 0);
}
END_TEST

START_TEST(a_known_size_gets_the_timings_of_the_standard)
{
	LayoutMode mode = layout_mode(1920, 1080);

	/* "cvt -r 1920 1080": 2080 by 1111, 138.5 MHz (the standard rounds to 0.25 MHz). */
	ck_assert_uint_eq(mode.htotal, 2080);
	ck_assert_uint_eq(mode.vtotal, 1111);
	ck_assert(mode.dot_clock_hz > 138400000 && mode.dot_clock_hz < 138700000);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("agent-layout");
	TCase *tcase = tcase_create("agent-layout");

	tcase_add_test(tcase, any_odd_size_is_kept);
	tcase_add_loop_test(tcase, a_size_is_brought_into_range, 0, G_N_ELEMENTS(clamped));
	tcase_add_test(tcase, positions_are_kept_and_begin_at_the_corner);
	tcase_add_test(tcase, monitors_that_overlap_or_reach_out_stand_side_by_side);
	tcase_add_test(tcase, a_monitor_that_finds_no_room_or_no_output_stays_dark);
	tcase_add_test(tcase, no_monitor_at_all_is_refused);
	tcase_add_loop_test(tcase, a_modes_timings_follow_each_other, 0, 6);
	tcase_add_test(tcase, a_known_size_gets_the_timings_of_the_standard);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
