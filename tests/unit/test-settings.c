/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "broker/common/settings.h"

typedef struct {
	char *title;
	char **users;
	gint64 memory, limit, spare;
	int kind;
	gboolean tpm;
	gint64 rate;
} Target;

static const char *const kinds[] = {"floating", "persistent", NULL};
static const Setting table[] = {
	{"Pool", "Title", SETTING_STRING, offsetof(Target, title), .required = TRUE},
	{"Pool", "Kind", SETTING_ENUM, offsetof(Target, kind), "floating", .words = kinds},
	{"Pool", "Spare", SETTING_INT, offsetof(Target, spare), "2", 0, 100},
	{"Desktop", "Memory", SETTING_SIZE, offsetof(Target, memory), "2G", 64 << 20, G_GINT64_CONSTANT(1) << 40},
	{"Desktop", "TPM", SETTING_BOOL, offsetof(Target, tpm), "no"},
	{"Network", "RateUp", SETTING_RATE, offsetof(Target, rate), "0", 0, G_GINT64_CONSTANT(1000000000)},
	{"Access", "Users", SETTING_LIST, offsetof(Target, users), "everyone"},
	{"Policy", "SessionLimit", SETTING_DURATION, offsetof(Target, limit), "8h"},
	{NULL},
};

static Target target;

static GPtrArray *
parse(const char *text)
{
	return settings_parse("x.pool", text, strlen(text), table, &target);
}

static void
assert_one_fault(const char *text, const char *expected)
{
	g_autoptr(GPtrArray) faults = parse(text);

	ck_assert_ptr_nonnull(faults);
	ck_assert_uint_eq(faults->len, 1);
	g_autofree char *line = settings_fault_to_string(faults->pdata[0]);
	ck_assert_str_eq(line, expected);
	settings_clear(table, &target);
}

START_TEST(a_good_file_fills_every_field)
{
	ck_assert_ptr_null(parse("# c\n[Pool]\nTitle = An office\nKind=persistent\n[Desktop]\nMemory=512M\nTPM=yes\n"
				 "[Access]\nUsers= demo1, demo2 ,\n[Policy]\nSessionLimit=30min\n[Network]\nRateUp=10M\n"));
	ck_assert_str_eq(target.title, "An office");
	ck_assert_int_eq(target.kind, 1);
	ck_assert_int_eq(target.spare, 2);
	ck_assert_int_eq(target.memory, 512 << 20);
	ck_assert_int_eq(target.tpm, TRUE);
	ck_assert_int_eq(target.limit, 1800);
	ck_assert_int_eq(target.rate, 10 * 1000 * 1000);
	ck_assert_uint_eq(g_strv_length(target.users), 2);
	ck_assert_str_eq(target.users[1], "demo2");
	settings_clear(table, &target);
}
END_TEST

START_TEST(an_empty_value_is_the_fallback_but_an_empty_list_is_empty)
{
	ck_assert_ptr_null(parse("[Pool]\nTitle=a\nSpare=\n"));
	ck_assert_int_eq(target.spare, 2);
	ck_assert_str_eq(target.users[0], "everyone");
	ck_assert_ptr_null(parse("[Pool]\nTitle=a\n[Access]\nUsers=\n"));
	ck_assert_ptr_nonnull(target.users);
	ck_assert_ptr_null(target.users[0]);
	settings_clear(table, &target);
}
END_TEST

static const struct {
	const char *text, *expected;
} bad[] = {
	{"[Pool]\nTitel=a\nTitle=b\n", "x.pool:2: Pool/Titel: there is no such key. Did you mean Title?"},
	{"[Pol]\n[Pool]\nTitle=b\n", "x.pool:1: [Pol]: there is no such group. Did you mean [Pool]?"},
	{"[Pool]\nTitle=b\nMemory=1G\n", "x.pool:3: Pool/Memory: there is no such key in [Pool]; it belongs in [Desktop]"},
	{"[Pool]\nTitle=b\nTitle=c\n", "x.pool:3: Pool/Title: stands here for the second time (first in line 2); keep one"},
	{"[Pool]\nKind=floating\n", "x.pool:1: Pool/Title: is missing, and there is no fallback for it"},
	{"[Pool]\nTitle=b\nSpare=101\n", "x.pool:3: Pool/Spare: 101 is out of range: 0 to 100"},
	{"[Pool]\nTitle=b\nKind=floatin\n",
		"x.pool:3: Pool/Kind: “floatin” is not one of: floating, persistent. Did you mean floating?"},
	{"[Pool]\nTitle=b\n[Desktop]\nMemory=4GB\n",
		"x.pool:4: Desktop/Memory: “4GB” is not a size such as 512M or 4G"},
	{"[Pool]\nTitle=b\n[Network]\nRateUp=10m\n",
		"x.pool:4: Network/RateUp: “10m” is not a rate such as 500k or 10M, in bits a second"},
	{"[Pool]\nTitle=b\n[Network]\nRateUp=2G\n", "x.pool:4: Network/RateUp: 2G is out of range: 0 to 1G"},
	{"[Pool]\nTitle=b\n[Desktop]\nMemory=99999999999T\n",
		"x.pool:4: Desktop/Memory: “99999999999T” is not a size such as 512M or 4G"},
	{"[Pool]\nTitle=b\n[Desktop]\nTPM=true\n", "x.pool:4: Desktop/TPM: “true” is neither yes nor no"},
};

START_TEST(a_fault_names_line_and_key_and_what_would_be_right)
{
	assert_one_fault(bad[_i].text, bad[_i].expected);
}
END_TEST

START_TEST(all_faults_come_at_once_in_file_order)
{
	g_autoptr(GPtrArray) faults = parse("[Pool]\nTitle=b\nSpare=x\n[Desktop]\nTPM=1\nCpus=2\n");

	ck_assert_uint_eq(faults->len, 3);
	ck_assert_int_eq(((SettingsFault *)faults->pdata[0])->line, 3);
	ck_assert_int_eq(((SettingsFault *)faults->pdata[2])->line, 6);
	settings_clear(table, &target);
}
END_TEST

START_TEST(a_file_cut_anywhere_never_crashes_and_keeps_fallbacks)
{
	static const char text[] = "[Pool]\nTitle=Büro\nKind=persistent\nSpare=4\n[Access]\nUsers=a,b\n";

	for (gsize size = 0; size < sizeof text; size++) {
		GPtrArray *faults = settings_parse("x", text, size, table, &target);
		g_clear_pointer(&faults, g_ptr_array_unref);
		ck_assert_int_eq(target.memory, G_GINT64_CONSTANT(2) << 30);
		ck_assert_ptr_nonnull(target.users);
		settings_clear(table, &target);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("settings");
	TCase *tcase = tcase_create("settings");

	tcase_add_test(tcase, a_good_file_fills_every_field);
	tcase_add_test(tcase, an_empty_value_is_the_fallback_but_an_empty_list_is_empty);
	tcase_add_loop_test(tcase, a_fault_names_line_and_key_and_what_would_be_right, 0, G_N_ELEMENTS(bad));
	tcase_add_test(tcase, all_faults_come_at_once_in_file_order);
	tcase_add_test(tcase, a_file_cut_anywhere_never_crashes_and_keeps_fallbacks);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
