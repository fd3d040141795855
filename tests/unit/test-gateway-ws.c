/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "broker/gateway/ws.h"

static GByteArray *sent;

static void
on_send(const guint8 *bytes, gsize n, void *data)
{
	g_byte_array_append(sent, bytes, (guint)n);
}

static void
set_up(void)
{
	sent = g_byte_array_new();
}

static void
tear_down(void)
{
	g_byte_array_unref(sent);
}

static void
add_frame(GByteArray *bytes, guint8 first, const char *payload, gsize n)
{
	static const guint8 mask[] = {0x37, 0xfa, 0x21, 0x3d};
	guint8 head[4] = {first, (guint8)(0x80 | (n < 126 ? n : 126)), (guint8)(n >> 8), (guint8)n};

	g_byte_array_append(bytes, head, n < 126 ? 2 : 4);
	g_byte_array_append(bytes, mask, 4);
	for (gsize i = 0; i < n; i++) {
		guint8 byte = (guint8)payload[i] ^ mask[i % 4];

		g_byte_array_append(bytes, &byte, 1);
	}
}

/* What all of @bytes carries, fed @step at a time. */
static GByteArray *
feed(Ws *ws, const GByteArray *bytes, gsize step, gboolean *open)
{
	GByteArray *all = g_byte_array_new();

	*open = TRUE;
	for (gsize done = 0; done < bytes->len && *open; done += step) {
		gsize n = MIN(step, bytes->len - done), size = 0;
		g_autofree guint8 *payload = g_malloc(n);

		*open = ws_feed(ws, bytes->data + done, n, payload, &size);
		ck_assert_uint_le(size, n);
		g_byte_array_append(all, payload, (guint)size);
	}
	return all;
}

static const gsize steps[] = {1, 2, 3, 7, 100, 4096, 100000};

START_TEST(frames_carry_their_payload_however_they_are_cut)
{
	g_autoptr(Ws) ws = ws_new(on_send, NULL);
	g_autoptr(GByteArray) bytes = g_byte_array_new();
	g_autofree char *big = g_strnfill(5000, 'x');
	gboolean open;

	add_frame(bytes, 0x82, "ab", 2);
	add_frame(bytes, 0x02, "c", 1);
	add_frame(bytes, 0x89, "hi", 2);
	add_frame(bytes, 0x80, "d", 1);
	add_frame(bytes, 0x82, "", 0);
	add_frame(bytes, 0x82, big, 5000);
	g_autoptr(GByteArray) all = feed(ws, bytes, steps[_i], &open);

	ck_assert(open);
	ck_assert_uint_eq(all->len, 5004);
	ck_assert_mem_eq(all->data, "abcd", 4);
	ck_assert_mem_eq(all->data + 4, big, 5000);
	ck_assert_uint_eq(sent->len, 4);
	ck_assert_mem_eq(sent->data, "\x8a\x02hi", 4);
}
END_TEST

START_TEST(a_close_is_answered_and_ends_it)
{
	g_autoptr(Ws) ws = ws_new(on_send, NULL);
	g_autoptr(GByteArray) bytes = g_byte_array_new();
	gboolean open;

	add_frame(bytes, 0x82, "a", 1);
	add_frame(bytes, 0x88, "\x03\xe8", 2);
	add_frame(bytes, 0x82, "b", 1);
	g_autoptr(GByteArray) all = feed(ws, bytes, steps[_i], &open);

	ck_assert(!open);
	ck_assert_uint_eq(all->len, 1);
	ck_assert_mem_eq(sent->data, "\x88\x02\x03\xe8", 4);
}
END_TEST

static const struct {
	const char *bytes;
	gsize n;
	guint code;
} bad[] = {
	{"\x82\x01z", 3, WS_PROTOCOL},                                             /* not masked */
	{"\x81\x81\1\1\1\1z", 7, WS_UNSUPPORTED},                                  /* text */
	{"\x80\x81\1\1\1\1z", 7, WS_PROTOCOL},                                     /* continues nothing */
	{"\xc2\x81\1\1\1\1z", 7, WS_PROTOCOL},                                     /* a reserved bit */
	{"\x83\x81\1\1\1\1z", 7, WS_PROTOCOL},                                     /* a reserved type */
	{"\x8b\x81\1\1\1\1z", 7, WS_PROTOCOL},                                     /* a reserved control type */
	{"\x09\x81\1\1\1\1z", 7, WS_PROTOCOL},                                     /* a ping in pieces */
	{"\x89\xfe\0\x7e\1\1\1\1", 8, WS_PROTOCOL},                                /* a ping of 126 bytes, before they are there */
	{"\x88\x81\1\1\1\1z", 7, WS_PROTOCOL},                                     /* a close with half a code */
	{"\x82\xfe\0\x03\1\1\1\1zzz", 11, WS_PROTOCOL},                            /* a length that is longer than need be */
	{"\x02\xff\0\0\0\0\0\0\xff\xff\1\1\1\1", 14, WS_PROTOCOL},                 /* the same, of eight bytes */
	{"\x02\xff\0\0\0\0\0\x10\0\1\1\1\1\1", 14, WS_TOO_BIG},                    /* 1 MiB and a byte, none of them there */
	{"\x82\xff\0\0\0\0\0\x10\0\1\1\1\1\1z", 15, WS_TOO_BIG},                   /* 1 MiB and a byte */
	{"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff\1\1\1\1z", 15, WS_PROTOCOL},    /* a length of 2^64 - 1 */
};

START_TEST(what_breaks_the_protocol_is_told_and_ends_it)
{
	g_autoptr(Ws) ws = ws_new(on_send, NULL);
	g_autoptr(GByteArray) bytes = g_byte_array_new();
	gboolean open;

	g_byte_array_append(bytes, (const guint8 *)bad[_i].bytes, (guint)bad[_i].n);
	g_autoptr(GByteArray) all = feed(ws, bytes, 100, &open);

	ck_assert(!open);
	ck_assert_uint_eq(all->len, 0);
	const guint8 *close = memchr(sent->data, 0x88, sent->len);

	ck_assert_ptr_nonnull(close);
	ck_assert_uint_eq((guint)close[2] << 8 | close[3], bad[_i].code);
}
END_TEST

START_TEST(our_frames_have_the_shortest_header)
{
	static const struct {
		gsize n, header;
	} sizes[] = {{0, 2}, {125, 2}, {126, 4}, {65535, 4}, {65536, 10}};
	g_autofree guint8 *buffer = g_malloc0(WS_HEADER_MAX);

	for (gsize i = 0; i < G_N_ELEMENTS(sizes); i++) {
		guint8 *start = ws_wrap(buffer + WS_HEADER_MAX, sizes[i].n);

		ck_assert_uint_eq((gsize)(buffer + WS_HEADER_MAX - start), sizes[i].header);
		ck_assert_int_eq(start[0], 0x82);
	}
}
END_TEST

START_TEST(a_close_is_sent_once)
{
	g_autoptr(Ws) ws = ws_new(on_send, NULL);

	ws_close(ws, WS_STOPPED, "x");
	ws_close(ws, WS_RESTART, "y");
	ws_ping(ws);
	ck_assert_uint_eq(sent->len, 5);
	ck_assert_mem_eq(sent->data, "\x88\x03\x0f\xa9x", 5);
}
END_TEST

START_TEST(a_key_is_accepted_as_the_rfc_says)
{
	char accept[29];

	ck_assert(ws_accept_key("dGhlIHNhbXBsZSBub25jZQ==", 24, accept));
	ck_assert_str_eq(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="); /* RFC 6455, section 1.3 */
	ck_assert(!ws_accept_key("dGhlIHNhbXBsZSBub25jZQ=", 23, accept));
	ck_assert(!ws_accept_key("dGhlIHNhbXBsZSBub25jZQ=a", 24, accept));
	ck_assert(!ws_accept_key("dGhlIHNhbXBs ZSBub25jZQ=", 24, accept));
	ck_assert(!ws_accept_key("", 0, accept));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("gateway-ws");
	TCase *tcase = tcase_create("ws");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_loop_test(tcase, frames_carry_their_payload_however_they_are_cut, 0, G_N_ELEMENTS(steps));
	tcase_add_loop_test(tcase, a_close_is_answered_and_ends_it, 0, G_N_ELEMENTS(steps));
	tcase_add_loop_test(tcase, what_breaks_the_protocol_is_told_and_ends_it, 0, G_N_ELEMENTS(bad));
	tcase_add_test(tcase, our_frames_have_the_shortest_header);
	tcase_add_test(tcase, a_close_is_sent_once);
	tcase_add_test(tcase, a_key_is_accepted_as_the_rfc_says);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
