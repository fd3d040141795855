/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "broker/common/error.h"
#include "display/client.h"
#include "display/grants.h"

static gint64 now;

static gint64
clock_now(void)
{
	return now;
}

static GVariant *
params(const char *text)
{
	return g_variant_parse(G_VARIANT_TYPE_VARDICT, text, NULL, NULL, NULL);
}

START_TEST(a_grant_is_good_once_and_only_whole)
{
	g_autoptr(Grants) grants = grants_new(2, clock_now);
	g_autofree char *desktop = NULL;
	g_autoptr(GVariant) got = NULL;
	guint8 grant[GRANT_SIZE], other[GRANT_SIZE];

	ck_assert(grants_issue(grants, "d1", params("{'client': <'c'>}"), grant, NULL));
	memcpy(other, grant, sizeof grant);
	other[31] ^= 1;
	ck_assert(!grants_redeem(grants, other, &desktop, &got));
	ck_assert(grants_redeem(grants, grant, &desktop, &got));
	ck_assert_str_eq(desktop, "d1");
	ck_assert(!grants_redeem(grants, grant, &desktop, &got));
}
END_TEST

START_TEST(a_grant_dies_after_ten_seconds_or_when_revoked)
{
	g_autoptr(Grants) grants = grants_new(2, clock_now);
	char *desktop;
	GVariant *got;
	guint8 grant[GRANT_SIZE];

	ck_assert(grants_issue(grants, "d1", params("{}"), grant, NULL));
	now += GRANT_LIFETIME_S * G_USEC_PER_SEC;
	ck_assert(!grants_redeem(grants, grant, &desktop, &got));
	ck_assert(grants_issue(grants, "d1", params("{}"), grant, NULL));
	ck_assert_uint_eq(grants_count(grants, "d1"), 1);
	grants_revoke(grants, "d1");
	ck_assert(!grants_redeem(grants, grant, &desktop, &got));
}
END_TEST

START_TEST(no_more_grants_are_out_than_may_be)
{
	g_autoptr(Grants) grants = grants_new(1, clock_now);
	g_autoptr(GError) error = NULL;
	g_autoptr(GVariant) refused = g_variant_ref_sink(params("{}"));
	guint8 grant[GRANT_SIZE];

	ck_assert(grants_issue(grants, "d1", params("{}"), grant, NULL));
	ck_assert(!grants_issue(grants, "d2", refused, grant, &error));
	ck_assert(g_error_matches(error, CARREL_ERROR, CARREL_ERROR_EXHAUSTED));
	now += GRANT_LIFETIME_S * G_USEC_PER_SEC;
	ck_assert(grants_issue(grants, "d2", refused, grant, NULL));
}
END_TEST

static const char *const no_clients[] = {"{}", "{'protocol': <'vnc'>}", "{'protocol': <'rdp'>, 'client': <'c'>}",
	"{'protocol': <'spice'>, 'client': <'c'>}", "{'protocol': <1>, 'client': <'c'>}",
	"{'protocol': <'spice'>, 'client': <'c'>, 'secret': <'1234567890123456789012345678901234567890123456789012345678901'>}"};

START_TEST(params_that_make_no_client_are_refused)
{
	g_autoptr(GVariant) variant = g_variant_ref_sink(params(no_clients[_i]));
	g_autoptr(GError) error = NULL;

	ck_assert_ptr_null(client_new(variant, &error));
	ck_assert(g_error_matches(error, CARREL_ERROR, CARREL_ERROR_INVALID));
}
END_TEST

START_TEST(who_may_only_view_has_no_clipboard_either)
{
	g_autoptr(GVariant) variant =
		g_variant_ref_sink(params("{'protocol': <'vnc'>, 'client': <'c'>, 'view-only': <true>}"));
	g_autoptr(Client) client = client_new(variant, NULL);

	ck_assert(client->view_only);
	ck_assert(!client->clipboard_to_desktop);
	ck_assert(!client->clipboard_from_desktop);
}
END_TEST

static const struct {
	const char *params;
	gboolean may;
} usb[] = {{"{'protocol': <'spice'>, 'client': <'c'>, 'secret': <'s'>}", FALSE},
	{"{'protocol': <'spice'>, 'client': <'c'>, 'secret': <'s'>, 'usb': <['allow hid']>}", TRUE},
	{"{'protocol': <'spice'>, 'client': <'c'>, 'secret': <'s'>, 'usb': <['allow hid']>, 'view-only': <true>}", FALSE},
	{"{'protocol': <'spice'>, 'client': <'c'>, 'secret': <'s'>, 'usb': <['allow hid', 'allow nonsense']>}", FALSE},
	{"{'protocol': <'spice'>, 'client': <'c'>, 'secret': <'s'>, 'usb': <'allow hid'>}", FALSE}};

START_TEST(who_may_bring_usb_devices_controls_and_has_rules)
{
	g_autoptr(GVariant) variant = g_variant_ref_sink(params(usb[_i].params));
	g_autoptr(Client) client = client_new(variant, NULL);

	ck_assert_int_eq(client->usb != NULL, usb[_i].may);
	ck_assert_int_eq(usb_rules_allow(client->usb, 3, 1, 1), usb[_i].may);
}
END_TEST

START_TEST(who_may_only_view_hears_and_is_not_heard)
{
	static const struct {
		const char *params;
		gboolean sound, microphone;
	} clients[] = {
		{"{'protocol': <'sound'>, 'client': <'c'>}", TRUE, FALSE},
		{"{'protocol': <'sound'>, 'client': <'c'>, 'microphone': <true>}", TRUE, TRUE},
		{"{'protocol': <'sound'>, 'client': <'c'>, 'microphone': <true>, 'view-only': <true>}", TRUE, FALSE},
		{"{'protocol': <'sound'>, 'client': <'c'>, 'microphone': <true>, 'sound': <false>}", FALSE, FALSE},
	};
	g_autoptr(GVariant) variant = g_variant_ref_sink(params(clients[_i].params));
	g_autoptr(Client) client = client_new(variant, NULL);

	ck_assert_int_eq(client->protocol, CLIENT_SOUND);
	ck_assert_int_eq(client->sound, clients[_i].sound);
	ck_assert_int_eq(client->microphone, clients[_i].microphone);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("grants");
	TCase *tcase = tcase_create("grants");

	tcase_add_test(tcase, a_grant_is_good_once_and_only_whole);
	tcase_add_test(tcase, a_grant_dies_after_ten_seconds_or_when_revoked);
	tcase_add_test(tcase, no_more_grants_are_out_than_may_be);
	tcase_add_loop_test(tcase, params_that_make_no_client_are_refused, 0, G_N_ELEMENTS(no_clients));
	tcase_add_test(tcase, who_may_only_view_has_no_clipboard_either);
	tcase_add_loop_test(tcase, who_may_bring_usb_devices_controls_and_has_rules, 0, G_N_ELEMENTS(usb));
	tcase_add_loop_test(tcase, who_may_only_view_hears_and_is_not_heard, 0, 4);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
