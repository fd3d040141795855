/* What the host draws over a picture: watermarks and plates. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "display/overlay.h"
#include "display/watermark.h"

/* One who looks, and has only what it is told. */
typedef struct {
	Frame *seen;
	guint frames, changes;
	gint64 damaged; /* pixels, of the last change */
} Viewer;

static void
take_rect(Viewer *viewer, const Frame *frame, const Rect *rect)
{
	for (int y = rect->y; y < rect->y + rect->height; y++)
		memcpy(frame_at(viewer->seen, rect->x, y), frame_at(frame, rect->x, y), (gsize)rect->width * 4);
}

static void
on_frame(const Frame *frame, void *data)
{
	Viewer *viewer = data;
	Rect all = {0, 0, frame->width, frame->height};

	frame_free(viewer->seen);
	viewer->seen = frame_new(frame->width, frame->height);
	take_rect(viewer, frame, &all);
	viewer->frames++;
}

static void
do_copy(Frame *frame, const Copy *copy)
{
	g_autofree guint32 *pixels = g_new(guint32, (gsize)rect_area(&copy->to));
	Rect from = copy_source(copy);

	for (int y = 0; y < from.height; y++)
		memcpy(pixels + (gsize)y * (gsize)from.width, frame_at(frame, from.x, from.y + y), (gsize)from.width * 4);
	for (int y = 0; y < from.height; y++)
		memcpy(frame_at(frame, copy->to.x, copy->to.y + y), pixels + (gsize)y * (gsize)from.width, (gsize)from.width * 4);
}

static void
on_change(const Frame *frame, const Change *change, void *data)
{
	Viewer *viewer = data;

	viewer->damaged = 0;
	for (guint i = 0; i < change->n_copies; i++)
		do_copy(viewer->seen, &change->copies[i]);
	for (guint i = 0; i < change->damage.n; i++) {
		take_rect(viewer, frame, &change->damage.rects[i]);
		viewer->damaged += rect_area(&change->damage.rects[i]);
	}
	viewer->changes++;
}

static const OverlayEvents events = {on_frame, on_change};

static int
below(guint32 *random, int limit)
{
	*random = *random * 1664525 + 1013904223;
	return (int)((*random >> 8) % (guint32)limit);
}

static Rect
some_rect(guint32 *random, const Frame *frame)
{
	Rect rect = {below(random, frame->width), below(random, frame->height), 1 + below(random, frame->width),
	        1 + below(random, frame->height / 2)};

	rect_clip(&rect, frame->width, frame->height);
	return rect;
}

static void
paint(guint32 *random, Frame *frame, const Rect *rect)
{
	for (int y = rect->y; y < rect->y + rect->height; y++) {
		for (int x = rect->x; x < rect->x + rect->width; x++)
			*frame_at(frame, x, y) = (guint32)below(random, 0x1000000);
	}
}

static Copy
some_copy(guint32 *random, const Frame *frame)
{
	Rect to = some_rect(random, frame);
	int from_x = below(random, frame->width - to.width + 1), from_y = below(random, frame->height - to.height + 1);

	return (Copy){to, to.x - from_x, to.y - from_y};
}

static Change
change_source(guint32 *random, Frame *frame)
{
	Change change = {0};

	for (int n = below(random, 4); n > 0; n--) {
		Copy copy = some_copy(random, frame);

		do_copy(frame, &copy);
		change_add_copy(&change, &copy);
	}
	for (int n = below(random, 3); n > 0; n--) {
		Rect rect = some_rect(random, frame);

		paint(random, frame, &rect);
		change_add_damage(&change, &rect);
	}
	return change;
}

/* The words of a change are what a viewer goes by: they are right when it ends up with what a fresh overlay would compose. */
static void
compare(const Viewer *viewer, const Frame *source, const char *watermark, const char *plate, gboolean large)
{
	Viewer other = {0};
	g_autoptr(Overlay) fresh = overlay_new(source, &events, &other);
	const Frame *expected;

	overlay_set_watermark(fresh, watermark);
	overlay_set_plate(fresh, plate, large);
	expected = overlay_frame(fresh);
	ck_assert_int_eq(viewer->seen->width, expected->width);
	ck_assert_int_eq(memcmp(viewer->seen->pixels, expected->pixels, (gsize)expected->width * (gsize)expected->height * 4), 0);
	frame_free(other.seen);
}

START_TEST(what_is_told_of_changes_always_leads_to_the_whole_picture_anew)
{
	static const char *const watermarks[] = {NULL, "anna 10.0.0.7 12:00", "anna 10.0.0.7 12:01", "bert"};
	static const char *const plates[] = {NULL, "Watched by bert", "May bert look?\nYes or no"};
	guint32 random = (guint32)_i * 7919 + 1;
	g_autoptr(Frame) source = frame_new(300, 200);
	Viewer viewer = {0};
	const char *watermark = NULL, *plate = NULL;
	gboolean large = FALSE;
	g_autoptr(Overlay) overlay = overlay_new(source, &events, &viewer);

	on_frame(source, &viewer);
	for (int step = 0; step < 60; step++) {
		int what = below(&random, 10);

		if (what == 0) {
			overlay_set_watermark(overlay, watermark = watermarks[below(&random, 4)]);
		} else if (what == 1) {
			large = below(&random, 2) == 1;
			overlay_set_plate(overlay, plate = plates[below(&random, 3)], large);
		} else if (what == 2) {
			Frame *old = source;

			source = frame_new(20 + below(&random, 500), 20 + below(&random, 700));
			overlay_set_source(overlay, source);
			frame_free(old);
		} else {
			Change change = change_source(&random, source);

			overlay_source_changed(overlay, &change);
		}
		compare(&viewer, source, watermark, plate, large);
	}
	frame_free(viewer.seen);
}
END_TEST

START_TEST(with_nothing_to_draw_the_source_passes_through_and_nothing_is_composed)
{
	g_autoptr(Frame) source = frame_new(640, 480);
	Viewer viewer = {0};
	g_autoptr(Overlay) overlay = overlay_new(source, &events, &viewer);
	Change change = {0};

	on_frame(source, &viewer);
	change_add_damage(&change, &(Rect){1, 2, 3, 4});
	overlay_source_changed(overlay, &change);
	ck_assert_ptr_eq(overlay_frame(overlay), source);
	ck_assert_int_eq(viewer.damaged, 12);
	overlay_set_watermark(overlay, "x");
	ck_assert_ptr_ne(overlay_frame(overlay), source);
	overlay_set_watermark(overlay, NULL);
	ck_assert_ptr_eq(overlay_frame(overlay), source);
	ck_assert_uint_eq(overlay_composed(overlay), 640 * 480);
	frame_free(viewer.seen);
}
END_TEST

START_TEST(a_change_costs_its_own_pixels_and_a_minute_the_columns_of_its_digits)
{
	g_autoptr(Frame) source = frame_new(1920, 1080);
	Viewer viewer = {0};
	g_autoptr(Overlay) overlay = overlay_new(source, &events, &viewer);
	guint64 before;
	Change change = {0};

	overlay_set_watermark(overlay, "anna 10.0.0.7 2026-11-30 12:00");
	before = overlay_composed(overlay);
	change_add_damage(&change, &(Rect){100, 100, 30, 20});
	overlay_source_changed(overlay, &change);
	ck_assert_uint_eq(overlay_composed(overlay) - before, 600);
	ck_assert_int_eq(viewer.damaged, 600);
	before = overlay_composed(overlay);
	overlay_set_watermark(overlay, "anna 10.0.0.7 2026-11-30 12:01");
	ck_assert_uint_lt(overlay_composed(overlay) - before, 1920 * 1080 / 50);
	ck_assert_int_gt(viewer.damaged, 0);
	before = overlay_composed(overlay);
	overlay_set_watermark(overlay, "anna 10.0.0.7 2026-11-30 12:01");
	ck_assert_uint_eq(overlay_composed(overlay), before);
	frame_free(viewer.seen);
}
END_TEST

START_TEST(a_scrolled_page_stays_a_copy_and_only_the_lines_of_marks_are_sent_again)
{
	g_autoptr(Frame) source = frame_new(1920, 1080);
	Viewer viewer = {0};
	g_autoptr(Overlay) overlay = overlay_new(source, &events, &viewer);
	Change change = {0};

	overlay_set_watermark(overlay, "anna 10.0.0.7 2026-11-30 12:00");
	change_add_copy(&change, &(Copy){{0, 100, 1920, 900}, 0, -7});
	overlay_source_changed(overlay, &change);
	ck_assert_int_lt(viewer.damaged, 1920 * 1080 / 3);
	frame_free(viewer.seen);
}
END_TEST

static guint
contrast(guint32 ground)
{
	g_autoptr(Watermark) watermark = watermark_new("HHHHHHHH", 1920, 1080);
	guint least = 255, most = 0;
	gboolean grey = TRUE;

	for (int y = 0; y < 1080; y++) {
		guint32 row[1920];

		for (int x = 0; x < 1920; x++)
			row[x] = ground;
		watermark_blend(watermark, row, 0, y, 1920);
		for (int x = 0; x < 1920; x++) {
			least = MIN(least, row[x] & 0xff);
			most = MAX(most, row[x] & 0xff);
			grey = grey && row[x] == (row[x] & 0xff) * 0x010101;
		}
	}
	ck_assert(grey);
	return most - least;
}

START_TEST(it_is_seen_on_black_white_and_grey)
{
	ck_assert_uint_ge(contrast(0x000000), 60);
	ck_assert_uint_ge(contrast(0xffffff), 60);
	ck_assert_uint_ge(contrast(0x808080), 60);
}
END_TEST

START_TEST(a_part_of_a_frame_is_blended_as_in_the_whole)
{
	g_autoptr(Watermark) watermark = watermark_new("anna 10.0.0.7", 700, 500);

	for (int y = 0; y < 500; y++) {
		guint32 whole[700] = {0}, parts[700] = {0};

		watermark_blend(watermark, whole, 0, y, 700);
		for (int x = 0; x < 700; x += 9)
			watermark_blend(watermark, parts + x, x, y, MIN(9, 700 - x));
		ck_assert_int_eq(memcmp(whole, parts, sizeof whole), 0);
	}
}
END_TEST

START_TEST(the_text_names_people_addresses_and_time)
{
	const struct tm now = {.tm_year = 126, .tm_mon = 10, .tm_mday = 30, .tm_hour = 9, .tm_min = 5};
	static const char *const one[] = {"10.0.0.7", NULL};
	static const char *const five[] = {"a", "b", "c", "d", "e", NULL};
	g_autofree char *all = watermark_text("%u %a %d %t %p 100%% %x%", "anna", "office-1", one, &now);
	g_autofree char *many = watermark_text("%a", "anna", "office-1", five, &now);
	g_autofree char *hostile = watermark_text("[%u]", "a\n\x1b\xff%t", "", (const char *const[]){NULL}, &now);

	ck_assert_str_eq(all, "anna 10.0.0.7 2026-11-30 09:05 office-1 100% x%");
	ck_assert_str_eq(many, "a, b, c +2");
	ck_assert_str_eq(hostile, "[a??\xef\xbf\xbd%t]");
	ck_assert(watermark_has_time("%u %t") && watermark_has_time("%d") && !watermark_has_time("%u %%t %a%"));
}
END_TEST

START_TEST(letters_that_are_not_in_the_font_are_boxes_and_no_text_is_too_long)
{
	g_autofree char *long_text = g_strnfill(5000, 'x');
	g_autoptr(Mask) mask = mask_new("A\xe6\xbc\xa2\x01", 1), most = mask_new(long_text, 2), none = mask_new("", 1);
	g_autoptr(Frame) plate = mark_plate_new(long_text, 4, 300);

	ck_assert_int_eq(mask->width, 3 * 10 + 2);
	ck_assert_int_eq(most->width, (MARK_CHARS_MAX * 10 + 2) * 2);
	ck_assert_int_eq(none->width, 2);
	ck_assert_int_eq(plate->width, 300);
}
END_TEST

START_TEST(what_it_costs_is_printed)
{
	g_autoptr(Frame) source = frame_new(1920, 1080);
	Viewer viewer = {0};
	g_autoptr(Overlay) overlay = overlay_new(source, &events, &viewer);
	Change change = {0};
	gint64 began;
	double plain, marked;

	change_add_damage(&change, &(Rect){0, 0, 1920, 1080});
	overlay_set_plate(overlay, "x", FALSE);
	began = g_get_monotonic_time();
	for (int i = 0; i < 20; i++)
		overlay_source_changed(overlay, &change);
	plain = (double)(g_get_monotonic_time() - began) / 20000;
	overlay_set_watermark(overlay, "anna 10.0.0.7 2026-11-30 12:00");
	began = g_get_monotonic_time();
	for (int i = 0; i < 20; i++)
		overlay_source_changed(overlay, &change);
	marked = (double)(g_get_monotonic_time() - began) / 20000;
	printf("# a full 1080p frame: %.2f ms with a plate, %.2f ms with a watermark too (a viewer's copy of the frame in both)\n", plain,
	        marked);
	frame_free(viewer.seen);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("overlay");
	TCase *tcase = tcase_create("overlay");

	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, what_is_told_of_changes_always_leads_to_the_whole_picture_anew, 0, 40);
	tcase_add_test(tcase, with_nothing_to_draw_the_source_passes_through_and_nothing_is_composed);
	tcase_add_test(tcase, a_change_costs_its_own_pixels_and_a_minute_the_columns_of_its_digits);
	tcase_add_test(tcase, a_scrolled_page_stays_a_copy_and_only_the_lines_of_marks_are_sent_again);
	tcase_add_test(tcase, it_is_seen_on_black_white_and_grey);
	tcase_add_test(tcase, a_part_of_a_frame_is_blended_as_in_the_whole);
	tcase_add_test(tcase, the_text_names_people_addresses_and_time);
	tcase_add_test(tcase, letters_that_are_not_in_the_font_are_boxes_and_no_text_is_too_long);
	tcase_add_test(tcase, what_it_costs_is_printed);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
