/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "broker/common/error.h"
#include "display/rfb-clipboard.h"
#include "display/rfb-message.h"

#define BYTES(...) {(const guint8[]){__VA_ARGS__}, sizeof((const guint8[]){__VA_ARGS__})}

typedef struct {
	const guint8 *bytes;
	gsize size;
} Bytes;

static const struct {
	Bytes bytes;
	RfbMessageType type;
} good[] = {
	{BYTES(0, 0, 0, 0, 32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0), RFB_SET_PIXEL_FORMAT},
	{BYTES(2, 0, 0, 2, 0, 0, 0, 0, 255, 255, 254, 204), RFB_SET_ENCODINGS},
	{BYTES(3, 1, 0, 1, 0, 2, 0, 3, 0, 4), RFB_UPDATE_REQUEST},
	{BYTES(4, 1, 0, 0, 0, 0, 255, 13), RFB_KEY},
	{BYTES(5, 1, 0, 10, 0, 20), RFB_POINTER},
	{BYTES(5, 0x80, 0, 10, 0, 20, 1), RFB_POINTER},
	{BYTES(6, 0, 0, 0, 0, 0, 0, 2, 'h', 'i'), RFB_CUT_TEXT},
	{BYTES(6, 0, 0, 0, 255, 255, 255, 250, 0x10, 0, 0, 1, 1, 2), RFB_CLIPBOARD},
	{BYTES(150, 1, 0, 0, 0, 0, 4, 0, 3, 0), RFB_CONTINUOUS_UPDATES},
	{BYTES(248, 0, 0, 0, 128, 0, 0, 1, 2, 7, 8), RFB_FENCE},
	{BYTES(250, 0, 1, 2), RFB_IGNORED},
	{BYTES(251, 0, 4, 0, 3, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 3, 0, 0, 0, 0, 0), RFB_SET_DESKTOP_SIZE},
	{BYTES(255, 0, 0, 1, 0, 0, 255, 13, 0, 0, 0, 28), RFB_QEMU_KEY},
	{BYTES(255, 1, 0, 2, 3, 2, 0, 0, 172, 68), RFB_IGNORED},
};

static const Bytes bad[] = {
	BYTES(1),					       /* no such message */
	BYTES(7, 0),					       /* file transfer */
	BYTES(2, 0, 1, 1),				       /* 257 encodings */
	BYTES(6, 0, 0, 0, 1, 0, 0, 1),			       /* 16 MiB and a byte */
	BYTES(6, 0, 0, 0, 255, 255, 255, 253),		       /* extended, 3 bytes */
	BYTES(6, 0, 0, 0, 128, 0, 0, 0),		       /* extended, 2 GiB */
	BYTES(248, 0, 0, 0, 0, 0, 0, 0, 65),		       /* fence of 65 bytes */
	BYTES(251, 0, 4, 0, 3, 0, 17, 0),		       /* 17 screens */
	BYTES(255, 2, 0, 0),				       /* no such QEMU message */
	BYTES(255, 1, 0, 3),				       /* no such sound message */
	BYTES(0, 0, 0, 0, 24, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0), /* 24 bits a pixel */
	BYTES(0, 0, 0, 0, 8, 8, 0, 0, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0),   /* colour map */
	BYTES(0, 0, 0, 0, 32, 24, 0, 1, 0, 0, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0),   /* no red */
	BYTES(0, 0, 0, 0, 16, 16, 0, 1, 0, 31, 0, 63, 0, 31, 16, 5, 0, 0, 0, 0),    /* a shift out of the pixel */
};

START_TEST(a_message_is_more_until_its_last_byte_and_then_done)
{
	RfbMessage message;
	const char *why;
	gsize used;

	for (gsize size = 0; size < good[_i].bytes.size; size++) {
		g_autofree guint8 *cut = g_memdup2(good[_i].bytes.bytes, size);

		ck_assert_int_eq(rfb_message_parse(cut, size, TRUE, TRUE, &message, &used, &why), RFB_MORE);
	}
	g_autofree guint8 *whole = g_malloc(good[_i].bytes.size + 1);

	memcpy(whole, good[_i].bytes.bytes, good[_i].bytes.size);
	whole[good[_i].bytes.size] = 99; /* the next message is left alone */
	ck_assert_int_eq(rfb_message_parse(whole, good[_i].bytes.size + 1, TRUE, TRUE, &message, &used, &why), RFB_DONE);
	ck_assert_uint_eq(used, good[_i].bytes.size);
	ck_assert_int_eq(message.type, good[_i].type);
}
END_TEST

START_TEST(a_message_that_cannot_be_is_bad_before_its_body_has_come)
{
	RfbMessage message;
	const char *why = NULL;
	gsize used;

	ck_assert_int_eq(rfb_message_parse(bad[_i].bytes, bad[_i].size, TRUE, TRUE, &message, &used, &why), RFB_BAD);
	ck_assert_ptr_nonnull(why);
}
END_TEST

START_TEST(a_negative_length_is_too_long_for_who_did_not_name_the_extended_clipboard)
{
	RfbMessage message;
	const char *why;
	gsize used;

	ck_assert_int_eq(rfb_message_parse(good[7].bytes.bytes, 14, FALSE, FALSE, &message, &used, &why), RFB_BAD);
}
END_TEST

START_TEST(the_highest_button_bit_is_a_mark_only_for_who_named_extended_buttons)
{
	const guint8 *bytes = good[5].bytes.bytes;
	RfbMessage message;
	const char *why;
	gsize used;

	ck_assert_int_eq(rfb_message_parse(bytes, 7, FALSE, FALSE, &message, &used, &why), RFB_DONE);
	ck_assert_uint_eq(used, 6);
	ck_assert_uint_eq(message.pointer.buttons, 0x80);
	ck_assert_int_eq(rfb_message_parse(bytes, 7, FALSE, TRUE, &message, &used, &why), RFB_DONE);
	ck_assert_uint_eq(used, 7);
	ck_assert_uint_eq(message.pointer.buttons, 1 << 7);
}
END_TEST

static const struct {
	const char *text;
	int minor;
} versions[] = {{"RFB 003.003\n", 3}, {"RFB 003.005\n", 3}, {"RFB 003.007\n", 7}, {"RFB 003.008\n", 8},
	{"RFB 003.889\n", 8}, {"RFB 004.001\n", 8}, {"RFB 002.009\n", 0}, {"RFB 3.8\n\0\0\0", 0}, {"GET / HTTP/1", 0},
	{"RFB 003.008\r", 0}};

START_TEST(versions_mean_what_the_rfc_says)
{
	ck_assert_int_eq(rfb_parse_version((const guint8 *)versions[_i].text), versions[_i].minor);
}
END_TEST

START_TEST(provided_text_comes_back_with_other_line_ends_undone)
{
	static const char text[] = "grüße\n漢 €\n";
	g_autoptr(GByteArray) out = g_byte_array_new();
	g_autoptr(GError) error = NULL;
	RfbMessage message;
	const char *why;
	gsize used;

	rfb_clipboard_append_provide(out, text, strlen(text));
	out->data[0] = 6; /* what the server says has the client's form */
	ck_assert_int_eq(rfb_message_parse(out->data, out->len, TRUE, FALSE, &message, &used, &why), RFB_DONE);
	for (gsize size = 0; size < message.text.size; size++) {
		g_autofree guint8 *cut = g_memdup2(message.text.bytes, size);
		g_autofree char *part = rfb_clipboard_parse_provide(message.text.flags, cut, size, 1000, NULL);

		if (part)
			ck_assert_str_eq(part, text); /* zlib's checksum at the end is not needed */
	}
	g_autofree char *back =
		rfb_clipboard_parse_provide(message.text.flags, message.text.bytes, message.text.size, 1000, &error);

	ck_assert_ptr_null(error);
	ck_assert_str_eq(back, text);
}
END_TEST

START_TEST(text_that_inflates_beyond_the_limit_is_refused)
{
	g_autofree char *text = g_strnfill(1000000, 'a');
	g_autoptr(GByteArray) out = g_byte_array_new();
	g_autoptr(GError) error = NULL;

	rfb_clipboard_append_provide(out, text, strlen(text));
	ck_assert_uint_lt(out->len, 10000);
	ck_assert_ptr_null(
		rfb_clipboard_parse_provide(RFB_CLIPBOARD_TEXT, out->data + 12, out->len - 12, 999999, &error));
	ck_assert(g_error_matches(error, CARREL_ERROR, CARREL_ERROR_PROTOCOL));
}
END_TEST

START_TEST(plain_cut_text_is_latin_1_both_ways)
{
	g_autofree char *text = rfb_clipboard_parse_latin1((const guint8 *)"a\xe9\r\nb", 5);
	g_autoptr(GByteArray) out = g_byte_array_new();

	ck_assert_str_eq(text, "aé\nb");
	rfb_clipboard_append_latin1(out, "é€", strlen("é€"));
	ck_assert_uint_eq(out->len, 10);
	ck_assert_mem_eq(out->data, "\3\0\0\0\0\0\0\2\xe9?", 10);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("rfb");
	TCase *tcase = tcase_create("rfb");

	tcase_add_loop_test(tcase, a_message_is_more_until_its_last_byte_and_then_done, 0, G_N_ELEMENTS(good));
	tcase_add_loop_test(tcase, a_message_that_cannot_be_is_bad_before_its_body_has_come, 0, G_N_ELEMENTS(bad));
	tcase_add_test(tcase, a_negative_length_is_too_long_for_who_did_not_name_the_extended_clipboard);
	tcase_add_test(tcase, the_highest_button_bit_is_a_mark_only_for_who_named_extended_buttons);
	tcase_add_loop_test(tcase, versions_mean_what_the_rfc_says, 0, G_N_ELEMENTS(versions));
	tcase_add_test(tcase, provided_text_comes_back_with_other_line_ends_undone);
	tcase_add_test(tcase, text_that_inflates_beyond_the_limit_is_refused);
	tcase_add_test(tcase, plain_cut_text_is_latin_1_both_ways);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
