/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <check.h>
#include <stdlib.h>

#include "display/activity.h"
#include "display/input.h"
#include "display/keymap.h"

static GString *seen;
static Input *input;

static void
key(void *data, guint qnum, gboolean down)
{
	g_string_append_printf(seen, "%c%02x ", down ? '+' : '-', qnum);
}

static void
motion(void *data, int x, int y)
{
	g_string_append_printf(seen, "@%d,%d ", x, y);
}

static void
button(void *data, guint number, gboolean down)
{
	g_string_append_printf(seen, "%cb%u ", down ? '+' : '-', number);
}

static gboolean caps;

static gboolean
caps_lock(void *data)
{
	return caps;
}

static const InputSink sink = {key, motion, button, caps_lock};

static void
set_up(void)
{
	seen = g_string_new(NULL);
	input = input_new(&sink, NULL);
	caps = FALSE;
}

static void
tear_down(void)
{
	input_free(input);
	g_string_free(seen, TRUE);
}

START_TEST(every_ascii_character_is_on_some_key)
{
	KeyShift shift;

	for (guint32 c = 0x20; c < 0x7f; c++)
		ck_assert_msg(keymap_lookup(c, &shift) > 0, "%c", (char)c);
	ck_assert_uint_eq(keymap_lookup('A', &shift), 0x1e);
	ck_assert_int_eq(shift, KEY_SHIFT_DOWN);
	ck_assert_uint_eq(keymap_lookup('/', &shift), 0x35);
	ck_assert_int_eq(shift, KEY_SHIFT_UP);
	ck_assert_uint_eq(keymap_lookup(0xff51, &shift), 0xcb);
	ck_assert_uint_eq(keymap_lookup(0xffc7, &shift), 0x44);
	ck_assert_uint_eq(keymap_lookup(0x20ac, &shift), 0);
}
END_TEST

START_TEST(shift_is_added_where_the_client_holds_none)
{
	input_keysym(input, '!', TRUE);
	input_keysym(input, '!', FALSE);
	ck_assert_str_eq(seen->str, "+2a +02 -2a -02 ");
}
END_TEST

static const struct {
	guint32 shift, keysym, qnum;
	gboolean caps;
	const char *expected;
} named[] = {
	{0, 'a', 0x1e, FALSE, "+1e -1e "},
	{0, 'A', 0x1e, FALSE, "+2a +1e -2a -1e "},
	{0, '&', 0x08, FALSE, "+2a +08 -2a -08 "},
	{0, 'A', 0x1e, TRUE, "+1e -1e "},           /* a capital by Caps Lock */
	{0x36, 'A', 0x1e, FALSE, "+36 +1e -1e "},   /* Shift is held */
	{0, 'A', 0x10, FALSE, "+10 -10 "},          /* A of a French keyboard: the place decides */
	{0, '&', 0x02, FALSE, "+02 -02 "},
	{0, 0xff0d, 0x1c, FALSE, "+1c -1c "},
};

START_TEST(a_key_named_twice_gets_the_shift_that_it_lacks)
{
	caps = named[_i].caps;
	if (named[_i].shift)
		input_key(input, named[_i].shift, TRUE);
	input_key_named(input, named[_i].qnum, named[_i].keysym, TRUE);
	input_key_named(input, named[_i].qnum, named[_i].keysym, FALSE);
	ck_assert_str_eq(seen->str, named[_i].expected);
}
END_TEST

START_TEST(shift_is_lifted_and_put_back_where_the_client_holds_one_too_many)
{
	input_keysym(input, 0xffe1, TRUE);
	input_keysym(input, '1', TRUE);
	input_keysym(input, '1', FALSE);
	ck_assert_str_eq(seen->str, "+2a -2a +02 +2a -02 ");
}
END_TEST

START_TEST(a_key_released_under_another_shift_is_the_key_that_was_pressed)
{
	input_keysym(input, 0xffe2, TRUE);
	input_keysym(input, 'A', TRUE);
	input_keysym(input, 0xffe2, FALSE);
	input_keysym(input, 'A', FALSE);
	ck_assert_str_eq(seen->str, "+36 +1e -36 -1e ");
}
END_TEST

START_TEST(all_that_is_held_is_let_go_at_the_end)
{
	input_key(input, 0x1d, TRUE);
	input_pointer(input, 3, 4, 1);
	g_string_truncate(seen, 0);
	input_free(input);
	ck_assert_str_eq(seen->str, "-1d -b0 ");
	input = NULL;
}
END_TEST

START_TEST(scan_codes_of_spice_become_key_numbers)
{
	static const guint8 codes[] = {0x1e, 0x9e, 0xe0, 0x4b, 0xe0, 0xcb, 0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5};

	for (gsize i = 0; i < G_N_ELEMENTS(codes); i++)
		input_scancode(input, codes[i]);
	ck_assert_str_eq(seen->str, "+1e -1e +cb -cb +c6 -c6 ");
}
END_TEST

START_TEST(numbers_beyond_the_keyboard_are_ignored)
{
	input_key(input, 0, TRUE);
	input_key(input, 256, TRUE);
	input_key(input, G_MAXUINT, TRUE);
	input_key(input, 0x1e, FALSE);
	ck_assert_str_eq(seen->str, "");
	for (guint32 keysym = 0xff08; keysym < 0xff60; keysym++)
		input_keysym(input, keysym, TRUE); /* more than a person has fingers */
	g_string_truncate(seen, 0);
	input_pointer(input, 0, 0, 0xffffffff);
	ck_assert(g_str_has_prefix(seen->str, "@0,0 +b0 "));
	input_buttons(input, 0);
}
END_TEST

START_TEST(a_wheel_click_goes_down_and_up_between_held_buttons)
{
	input_buttons(input, 1);
	input_wheel(input, 1 << 4);
	ck_assert_str_eq(seen->str, "+b0 +b4 -b4 ");
}
END_TEST

static void
count(void *data)
{
	++*(guint *)data;
}

/* Has the loop nothing to wait for? */
static gboolean
is_asleep(void)
{
	GMainContext *context = g_main_context_default();
	GPollFD fds[8];
	int priority, timeout = 0;

	ck_assert(g_main_context_acquire(context));
	g_main_context_prepare(context, &priority);
	g_main_context_query(context, priority, &timeout, fds, G_N_ELEMENTS(fds));
	g_main_context_release(context);
	return timeout < 0;
}

START_TEST(much_input_is_told_once_a_period_and_none_wakes_nobody)
{
	guint n = 0;
	g_autoptr(Activity) activity = activity_new(20, count, &n);

	ck_assert(is_asleep());
	for (int i = 0; i < 100; i++)
		activity_note(activity);
	ck_assert_uint_eq(n, 1);
	while (n == 1)
		g_main_context_iteration(NULL, TRUE);
	/* One period more, in which nothing comes. */
	while (!is_asleep())
		g_main_context_iteration(NULL, TRUE);
	ck_assert_uint_eq(n, 2);
	activity_note(activity);
	ck_assert_uint_eq(n, 3);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("input");
	TCase *tcase = tcase_create("input");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, every_ascii_character_is_on_some_key);
	tcase_add_test(tcase, shift_is_added_where_the_client_holds_none);
	tcase_add_loop_test(tcase, a_key_named_twice_gets_the_shift_that_it_lacks, 0, G_N_ELEMENTS(named));
	tcase_add_test(tcase, shift_is_lifted_and_put_back_where_the_client_holds_one_too_many);
	tcase_add_test(tcase, a_key_released_under_another_shift_is_the_key_that_was_pressed);
	tcase_add_test(tcase, all_that_is_held_is_let_go_at_the_end);
	tcase_add_test(tcase, scan_codes_of_spice_become_key_numbers);
	tcase_add_test(tcase, numbers_beyond_the_keyboard_are_ignored);
	tcase_add_test(tcase, a_wheel_click_goes_down_and_up_between_held_buttons);
	tcase_add_test(tcase, much_input_is_told_once_a_period_and_none_wakes_nobody);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
