/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "broker/gateway/rfb-client.h"
#include "broker/gateway/vencrypt.h"

static void
assert_output(const Vencrypt *vencrypt, const char *bytes, gsize n)
{
	gsize size;
	const guint8 *output = vencrypt_output(vencrypt, &size);

	ck_assert_uint_eq(size, n);
	ck_assert_mem_eq(output, bytes, n);
}

static VencryptResult
feed(Vencrypt *vencrypt, const char *bytes, gsize n)
{
	ck_assert_uint_eq(vencrypt_wanted(vencrypt), n);
	return vencrypt_feed(vencrypt, (const guint8 *)bytes);
}

static Vencrypt *
until_tls(const char *version)
{
	Vencrypt *vencrypt = vencrypt_new(FALSE);

	ck_assert_int_eq(feed(vencrypt, version, 12), VENCRYPT_MORE);
	assert_output(vencrypt, "\1\23", 2);
	ck_assert_int_eq(feed(vencrypt, "\23", 1), VENCRYPT_MORE);
	assert_output(vencrypt, "\0\2", 2);
	ck_assert_int_eq(feed(vencrypt, "\0\2", 2), VENCRYPT_MORE);
	assert_output(vencrypt, "\0\1\0\0\1\6", 6);
	ck_assert_int_eq(feed(vencrypt, "\0\0\1\6", 4), VENCRYPT_START_TLS);
	assert_output(vencrypt, "\1", 1);
	return vencrypt;
}

START_TEST(a_viewer_signs_in_with_x509plain)
{
	g_autoptr(Vencrypt) vencrypt = until_tls("RFB 003.008\n");

	ck_assert_int_eq(feed(vencrypt, "\0\0\0\5\0\0\0\3", 8), VENCRYPT_MORE);
	ck_assert_int_eq(feed(vencrypt, "demo1p\0w", 8), VENCRYPT_SIGN_IN);
	ck_assert_str_eq(vencrypt_user(vencrypt), "demo1");
	ck_assert_uint_eq(secret_size(vencrypt_password(vencrypt)), 3);
	ck_assert_mem_eq(secret_text(vencrypt_password(vencrypt)), "p\0w", 3);
	vencrypt_result(vencrypt, NULL);
	assert_output(vencrypt, "\0\0\0\0", 4);
	ck_assert_uint_eq(vencrypt_wanted(vencrypt), 0);
	vencrypt_forget_password(vencrypt);
	ck_assert_ptr_null(vencrypt_password(vencrypt));
}
END_TEST

START_TEST(a_failure_has_its_reason_in_3_8_and_none_in_3_7)
{
	g_autoptr(Vencrypt) eight = until_tls("RFB 003.008\n"), seven = until_tls("RFB 003.007\n"),
			    apple = until_tls("RFB 003.889\n");

	vencrypt_result(eight, "no");
	assert_output(eight, "\0\0\0\1\0\0\0\2no", 10);
	vencrypt_result(seven, "no");
	assert_output(seven, "\0\0\0\1", 4);
	vencrypt_result(apple, "no");
	assert_output(apple, "\0\0\0\1\0\0\0\2no", 10);
}
END_TEST

/* What viewers say: RFC 6143's 3.3, and the 3.4, 3.5 and 3.6 that mean it. */
static const char *const old_versions[] = {"RFB 003.003\n", "RFB 003.004\n", "RFB 003.005\n", "RFB 003.006\n"};

START_TEST(vencrypt_is_dictated_to_rfb_3_3)
{
	g_autoptr(Vencrypt) vencrypt = vencrypt_new(FALSE);

	ck_assert_int_eq(feed(vencrypt, old_versions[_i], 12), VENCRYPT_MORE);
	assert_output(vencrypt, "\0\0\0\23\0\2", 6);
	ck_assert_int_eq(feed(vencrypt, "\0\2", 2), VENCRYPT_MORE);
	assert_output(vencrypt, "\0\1\0\0\1\6", 6);
	ck_assert_int_eq(feed(vencrypt, "\0\0\1\6", 4), VENCRYPT_START_TLS);
	ck_assert_int_eq(feed(vencrypt, "\0\0\0\5\0\0\0\0", 8), VENCRYPT_MORE);
	ck_assert_int_eq(feed(vencrypt, "demo1", 5), VENCRYPT_SIGN_IN);
	vencrypt_result(vencrypt, "no");
	assert_output(vencrypt, "\0\0\0\1", 4);
}
END_TEST

/* Apple's, RealVNC's since 4.1 and 5.0, UltraVNC's single click. */
static const char *const new_versions[] = {"RFB 003.889\n", "RFB 004.001\n", "RFB 005.000\n", "RFB 003.016\n", "RFB 999.999\n"};

START_TEST(what_is_later_than_3_8_is_spoken_to_in_3_8)
{
	g_autoptr(Vencrypt) vencrypt = until_tls(new_versions[_i]);

	vencrypt_result(vencrypt, "no");
	assert_output(vencrypt, "\0\0\0\1\0\0\0\2no", 10);
}
END_TEST

static const char *const versions[] = {"RFB 002.009\n", "RFB 000.000\n", "RFB 003.002\n"};

START_TEST(what_is_before_3_3_is_refused_with_a_reason)
{
	g_autoptr(Vencrypt) vencrypt = vencrypt_new(FALSE);
	gsize n;

	ck_assert_int_eq(feed(vencrypt, versions[_i], 12), VENCRYPT_BAD);
	const guint8 *output = vencrypt_output(vencrypt, &n);

	ck_assert_mem_eq(output, "\0\0\0\0\0\0\0", 7);
	ck_assert_uint_eq(n, 8u + output[7]);
	ck_assert(memmem(output, n, "VeNCrypt", 8) != NULL);
}
END_TEST

static const char *const strangers[] = {"GET / HTTP/1", "RFB 003.008 ", "RFB 003,008\n", "RFB 0x3.008\n", "\26\3\1\0\0\0\0\0\0\0\0"};

START_TEST(what_is_no_vnc_client_gets_no_word)
{
	g_autoptr(Vencrypt) vencrypt = vencrypt_new(FALSE);

	ck_assert_int_eq(feed(vencrypt, strangers[_i], 12), VENCRYPT_BAD);
	assert_output(vencrypt, "", 0);
}
END_TEST

START_TEST(nothing_but_what_was_offered_can_be_chosen)
{
	g_autoptr(Vencrypt) none = vencrypt_new(FALSE), old = vencrypt_new(FALSE), plain = vencrypt_new(FALSE);
	gsize n;

	feed(none, "RFB 003.008\n", 12);
	ck_assert_int_eq(feed(none, "\1", 1), VENCRYPT_BAD);
	ck_assert_int_eq(vencrypt_output(none, &n)[3], 1);

	feed(old, "RFB 003.008\n", 12);
	feed(old, "\23", 1);
	ck_assert_int_eq(feed(old, "\0\1", 2), VENCRYPT_BAD);
	assert_output(old, "\377", 1);

	feed(plain, "RFB 003.008\n", 12);
	feed(plain, "\23", 1);
	feed(plain, "\0\2", 2);
	ck_assert_int_eq(feed(plain, "\0\0\1\0", 4), VENCRYPT_BAD); /* Plain, without TLS */
	assert_output(plain, "\0", 1);
}
END_TEST

/* Plain, TLSNone, TLSVnc, TLSPlain, X509None, X509Vnc, and what is no subtype */
static const char *const subtypes[] = {"\0\0\1\0", "\0\0\1\1", "\0\0\1\2", "\0\0\1\3", "\0\0\1\4", "\0\0\1\5", "\0\0\0\1",
	"\0\0\0\0", "\1\0\1\6", "\377\377\377\377"};

START_TEST(x509plain_alone_can_be_chosen_where_it_is_offered_alone)
{
	g_autoptr(Vencrypt) vencrypt = vencrypt_new(FALSE);

	feed(vencrypt, "RFB 003.008\n", 12);
	feed(vencrypt, "\23", 1);
	feed(vencrypt, "\0\2", 2);
	ck_assert_int_eq(feed(vencrypt, subtypes[_i], 4), VENCRYPT_BAD);
	assert_output(vencrypt, "\0", 1);
	ck_assert(!vencrypt_is_anonymous(vencrypt));
}
END_TEST

START_TEST(tlsplain_is_offered_behind_x509plain_where_the_admin_wants_it)
{
	for (int chosen = 0; chosen < 256; chosen++) {
		g_autoptr(Vencrypt) vencrypt = vencrypt_new(TRUE);
		const char subtype[] = {0, 0, 1, (char)chosen};
		gboolean offered = chosen == 3 || chosen == 6;

		feed(vencrypt, "RFB 003.008\n", 12);
		feed(vencrypt, "\23", 1);
		feed(vencrypt, "\0\2", 2);
		assert_output(vencrypt, "\0\2\0\0\1\6\0\0\1\3", 10);
		ck_assert_int_eq(feed(vencrypt, subtype, 4), offered ? VENCRYPT_START_TLS : VENCRYPT_BAD);
		ck_assert_int_eq(vencrypt_is_anonymous(vencrypt), chosen == 3);
	}
}
END_TEST

static const char *const sub_versions[] = {"\0\0", "\0\1", "\0\3", "\1\2", "\377\377"};

START_TEST(a_version_of_vencrypt_other_than_0_2_is_refused)
{
	g_autoptr(Vencrypt) vencrypt = vencrypt_new(FALSE);

	feed(vencrypt, "RFB 003.008\n", 12);
	feed(vencrypt, "\23", 1);
	ck_assert_int_eq(feed(vencrypt, sub_versions[_i], 2), VENCRYPT_BAD);
	assert_output(vencrypt, "\377", 1);
	ck_assert(strstr(vencrypt_fault(vencrypt), "0.2") != NULL);
}
END_TEST

static const struct {
	const char *lengths;
	VencryptResult result;
} lengths[] = {
	{"\0\0\0\377\0\0\3\377", VENCRYPT_MORE},
	{"\0\0\0\1\0\0\0\0", VENCRYPT_MORE},
	{"\0\0\1\0\0\0\0\1", VENCRYPT_BAD},
	{"\0\0\0\1\0\0\4\0", VENCRYPT_BAD},
	{"\0\0\0\0\0\0\0\1", VENCRYPT_BAD},
	{"\377\377\377\377\377\377\377\377", VENCRYPT_BAD},
	{"\0\0\0\1\200\0\0\0", VENCRYPT_BAD},
};

START_TEST(lengths_are_bounded_before_anything_is_read)
{
	g_autoptr(Vencrypt) vencrypt = until_tls("RFB 003.008\n");

	ck_assert_int_eq(feed(vencrypt, lengths[_i].lengths, 8), lengths[_i].result);
	ck_assert_uint_le(vencrypt_wanted(vencrypt), VENCRYPT_WANTED_MAX);
}
END_TEST

START_TEST(a_user_name_is_text)
{
	static const char *const names[] = {"\xff\xff\xff", "a\nb", "a\0b"};

	for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autoptr(Vencrypt) vencrypt = until_tls("RFB 003.008\n");

		feed(vencrypt, "\0\0\0\3\0\0\0\0", 8);
		ck_assert_int_eq(feed(vencrypt, names[i], 3), VENCRYPT_BAD);
	}
}
END_TEST

START_TEST(the_display_is_greeted_as_rfb_3_8_without_security)
{
	RfbClient client = {0};

	ck_assert_uint_eq(rfb_client_wanted(&client), 12);
	ck_assert_int_eq(rfb_client_feed(&client, (const guint8 *)"RFB 003.008\n"), RFB_CLIENT_MORE);
	ck_assert_uint_eq(client.output_size, 12);
	ck_assert_uint_eq(rfb_client_wanted(&client), 1);
	ck_assert_int_eq(rfb_client_feed(&client, (const guint8 *)"\2"), RFB_CLIENT_MORE);
	ck_assert_uint_eq(rfb_client_wanted(&client), 2);
	ck_assert_int_eq(rfb_client_feed(&client, (const guint8 *)"\2\1"), RFB_CLIENT_MORE);
	ck_assert_uint_eq(client.output_size, 1);
	ck_assert_int_eq(client.output[0], 1);
	ck_assert_uint_eq(rfb_client_wanted(&client), 4);
	ck_assert_int_eq(rfb_client_feed(&client, (const guint8 *)"\0\0\0\0"), RFB_CLIENT_DONE);
}
END_TEST

START_TEST(a_display_that_wants_something_else_is_bad)
{
	RfbClient version = {0}, none = {0}, other = {0}, failed = {0};

	ck_assert_int_eq(rfb_client_feed(&version, (const guint8 *)"RFB 003.003\n"), RFB_CLIENT_BAD);
	rfb_client_feed(&none, (const guint8 *)"RFB 003.008\n");
	ck_assert_int_eq(rfb_client_feed(&none, (const guint8 *)"\0"), RFB_CLIENT_BAD);
	rfb_client_feed(&other, (const guint8 *)"RFB 003.008\n");
	rfb_client_feed(&other, (const guint8 *)"\1");
	ck_assert_int_eq(rfb_client_feed(&other, (const guint8 *)"\2"), RFB_CLIENT_BAD);
	rfb_client_feed(&failed, (const guint8 *)"RFB 003.008\n");
	rfb_client_feed(&failed, (const guint8 *)"\1");
	rfb_client_feed(&failed, (const guint8 *)"\1");
	ck_assert_int_eq(rfb_client_feed(&failed, (const guint8 *)"\0\0\0\1"), RFB_CLIENT_BAD);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("gateway-vnc");
	TCase *tcase = tcase_create("vnc");

	tcase_add_test(tcase, a_viewer_signs_in_with_x509plain);
	tcase_add_test(tcase, a_failure_has_its_reason_in_3_8_and_none_in_3_7);
	tcase_add_loop_test(tcase, vencrypt_is_dictated_to_rfb_3_3, 0, G_N_ELEMENTS(old_versions));
	tcase_add_loop_test(tcase, what_is_later_than_3_8_is_spoken_to_in_3_8, 0, G_N_ELEMENTS(new_versions));
	tcase_add_loop_test(tcase, what_is_before_3_3_is_refused_with_a_reason, 0, G_N_ELEMENTS(versions));
	tcase_add_loop_test(tcase, x509plain_alone_can_be_chosen_where_it_is_offered_alone, 0, G_N_ELEMENTS(subtypes));
	tcase_add_test(tcase, tlsplain_is_offered_behind_x509plain_where_the_admin_wants_it);
	tcase_add_loop_test(tcase, a_version_of_vencrypt_other_than_0_2_is_refused, 0, G_N_ELEMENTS(sub_versions));
	tcase_add_loop_test(tcase, what_is_no_vnc_client_gets_no_word, 0, G_N_ELEMENTS(strangers));
	tcase_add_test(tcase, nothing_but_what_was_offered_can_be_chosen);
	tcase_add_loop_test(tcase, lengths_are_bounded_before_anything_is_read, 0, G_N_ELEMENTS(lengths));
	tcase_add_test(tcase, a_user_name_is_text);
	tcase_add_test(tcase, the_display_is_greeted_as_rfb_3_8_without_security);
	tcase_add_test(tcase, a_display_that_wants_something_else_is_bad);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
