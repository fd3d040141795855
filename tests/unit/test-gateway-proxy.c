/* The PROXY header, version 2. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "broker/gateway/address.h"
#include "broker/gateway/proxy-header.h"

#define MAGIC "\r\n\r\n\0\r\nQUIT\n"
#define V4 "\xc6\x33\x64\x01\xc0\x00\x02\x02\xd4\x31\x20\xfb" /* 198.51.100.1:54321 to 192.0.2.2:8443 */
#define V6                                                                                                       \
	"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01" "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02" "\xd4\x31\x20\xfb"
#define TLVS "\x01\0\x02h2" "\x04\0\0" "\xea\0\x03vpc"

typedef struct {
	const char *bytes;
	gsize size;
	const char *address; /* NULL: LOCAL */
} Good;

#define BYTES(text) text, sizeof text - 1

static const Good good[] = {
	{BYTES(MAGIC "\x21\x11\0\x0c" V4), "198.51.100.1"},
	{BYTES(MAGIC "\x21\x21\0\x24" V6), "2001:db8::1"},
	{BYTES(MAGIC "\x21\x11\0\x1a" V4 TLVS), "198.51.100.1"},
	{BYTES(MAGIC "\x20\0\0\0"), NULL},
	{BYTES(MAGIC "\x20\x11\0\x0c" V4), NULL},
	{BYTES(MAGIC "\x20\xff\0\x01x"), NULL}, /* its family and the rest are to be ignored */
};

START_TEST(a_good_header_gives_the_address_and_takes_no_byte_more)
{
	const Good *one = &good[_i];

	for (gsize n = 0; n < one->size; n++) {
		ProxyHeader header = {0};

		ck_assert_int_eq(proxy_header_parse(&header, (const guint8 *)one->bytes, n), PROXY_HEADER_MORE);
		ck_assert_uint_gt(proxy_header_wanted((const guint8 *)one->bytes, n), n);
	}
	ProxyHeader header = {0};
	char text[ADDRESS_TEXT_MAX];

	ck_assert_uint_eq(proxy_header_wanted((const guint8 *)one->bytes, one->size), one->size);
	ck_assert_int_eq(proxy_header_parse(&header, (const guint8 *)one->bytes, one->size), PROXY_HEADER_DONE);
	ck_assert_int_eq(header.is_local, one->address == NULL);
	if (one->address) {
		address_print((const struct sockaddr *)&header.source, text);
		ck_assert_str_eq(text, one->address);
	}
}
END_TEST

typedef struct {
	const char *bytes;
	gsize size;
	gsize known_at; /* how many bytes say that it is bad */
	const char *fault;
} Bad;

static const Bad bad[] = {
	{BYTES("PROXY TCP4 198.51.100.1 192.0.2.2 54321 8443\r\n"), 1, "version 1"},
	{BYTES("\x16\x03\x01\x02\0\x01\0\x01"), 1, "does not begin"},
	{BYTES("\r\n\r\nGET / HTTP/1.1\r\n"), 5, "does not begin"},
	{BYTES(MAGIC "\x11\x11\0\x0c" V4), 13, "version or command"},
	{BYTES(MAGIC "\x22\x11\0\x0c" V4), 13, "version or command"},
	{BYTES(MAGIC "\x21\0\0\0"), 14, "not TCP"},
	{BYTES(MAGIC "\x21\x12\0\x0c" V4), 14, "not TCP"},
	{BYTES(MAGIC "\x21\x31\0\xd8"), 14, "not TCP"},
	{BYTES(MAGIC "\x21\x11\x08\x01"), 16, "too long"},
	{BYTES(MAGIC "\x20\0\xff\xff"), 16, "too long"},
	{BYTES(MAGIC "\x21\x11\0\x0b\xc6\x33\x64\x01\xc0\0\x02\x02\xd4\x31\x20"), 27, "lengths"},
	{BYTES(MAGIC "\x21\x21\0\x0c" V4), 28, "lengths"},
	{BYTES(MAGIC "\x21\x11\0\x0e" V4 "\x04\0"), 30, "lengths"},
	{BYTES(MAGIC "\x21\x11\0\x10" V4 "\x04\0\x02x"), 32, "lengths"},
	{BYTES(MAGIC "\x21\x11\0\x0c\0\0\0\0\xc0\0\x02\x02\xd4\x31\x20\xfb"), 28, "no host's"},
	{BYTES(MAGIC "\x21\x11\0\x0c\xe0\0\0\x01\xc0\0\x02\x02\xd4\x31\x20\xfb"), 28, "no host's"},
	{BYTES(MAGIC "\x21\x11\0\x0c\xff\xff\xff\xff\xc0\0\x02\x02\xd4\x31\x20\xfb"), 28, "no host's"},
};

START_TEST(a_bad_header_is_refused_at_the_first_byte_that_shows_it)
{
	const Bad *one = &bad[_i];
	gsize n = 0;
	ProxyHeader header = {0};

	while (n <= one->size && proxy_header_parse(&header, (const guint8 *)one->bytes, n) == PROXY_HEADER_MORE)
		n++;
	ck_assert_uint_eq(n, one->known_at);
	ck_assert_ptr_nonnull(strstr(header.fault, one->fault));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("gateway-proxy");
	TCase *tcase = tcase_create("proxy");

	tcase_add_loop_test(tcase, a_good_header_gives_the_address_and_takes_no_byte_more, 0, G_N_ELEMENTS(good));
	tcase_add_loop_test(tcase, a_bad_header_is_refused_at_the_first_byte_that_shows_it, 0, G_N_ELEMENTS(bad));
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
