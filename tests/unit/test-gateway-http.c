/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "broker/gateway/http-check.h"
#include "broker/gateway/http-head.h"

#define H "Host: desk.example:8443\r\n"

static const struct {
	const char *text;
	HttpMethod method;
	const char *target;
	gsize length;
	gboolean close;
} good[] = {
	{"GET / HTTP/1.1\r\n" H "\r\n", HTTP_GET, "/", 0, FALSE},
	{"HEAD /a?b=c&d HTTP/1.1\r\n" H "Connection: close\r\n\r\n", HTTP_HEAD, "/a?b=c&d", 0, TRUE},
	{"POST /x HTTP/1.1\r\nhost:h\r\nContent-Length:  17 \t\r\n\r\n", HTTP_POST, "/x", 17, FALSE},
	{"POST /x HTTP/1.1\r\nHOST: [::1]:1\r\nContent-Length: 0\r\nConnection: foo, CLOSE\r\n\r\n", HTTP_POST, "/x", 0, TRUE},
	{"PATCH /x HTTP/1.1\r\n" H "Empty:\r\nX: a\tb \xff\r\n\r\n", HTTP_OTHER, "/x", 0, FALSE},
	{"DELETE /x HTTP/1.1\r\n" H "\r\n", HTTP_DELETE, "/x", 0, FALSE},
	{"CONNECT t-1.a:5900 HTTP/1.0\r\n\r\n", HTTP_CONNECT, "t-1.a:5900", 0, TRUE},
	{"CONNECT t:1 HTTP/1.1\r\nHost: t:1\r\n\r\n", HTTP_CONNECT, "t:1", 0, FALSE},
	{"POST /x HTTP/1.1\r\n" H "Expect: 100-Continue\r\nContent-Length: 1048576\r\n\r\n", HTTP_POST, "/x", 1048576, FALSE},
};

static void
assert_good(const HttpHead *head, const char *text, int i)
{
	g_autofree char *target = http_head_dup((const guint8 *)text, head->target);

	ck_assert_int_eq(head->method, good[i].method);
	ck_assert_str_eq(target, good[i].target);
	ck_assert_uint_eq(head->content_length, good[i].length);
	ck_assert_int_eq(head->close, good[i].close);
	ck_assert_uint_eq(head->size, strlen(good[i].text));
}

START_TEST(a_good_head_is_read_whatever_follows_it)
{
	HttpHead head = {0};
	g_autofree char *text = g_strconcat(good[_i].text, "GET /next\n\r", NULL);

	ck_assert_int_eq(http_head_parse(&head, (const guint8 *)text, strlen(text)), HTTP_DONE);
	assert_good(&head, text, _i);
}
END_TEST

START_TEST(a_good_head_may_come_a_byte_at_a_time_and_is_more_at_every_length)
{
	HttpHead head = {0};
	const char *text = good[_i].text;
	gsize size = strlen(text);

	for (gsize n = 0; n < size; n++) {
		HttpHead cut = {0};

		ck_assert_int_eq(http_head_parse(&head, (const guint8 *)text, n), HTTP_MORE);
		ck_assert_int_eq(http_head_parse(&cut, (const guint8 *)text, n), HTTP_MORE);
	}
	ck_assert_int_eq(http_head_parse(&head, (const guint8 *)text, size), HTTP_DONE);
	assert_good(&head, text, _i);
}
END_TEST

static const struct {
	const char *text;
	guint status;
} bad[] = {
	{"\r\nGET / HTTP/1.1\r\n" H "\r\n", 400},
	{"GET / HTTP/1.1\n" H "\r\n", 400},
	{"GET / HTTP/1.1\r\nHost: a\n\r\n", 400},
	{"GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n", 400},
	{"GET / HTTP/1.1\r\r\n" H "\r\n", 400},
	{"GET  / HTTP/1.1\r\n" H "\r\n", 400},
	{"GET / HTTP/1.1 \r\n" H "\r\n", 400},
	{"GET\t/ HTTP/1.1\r\n" H "\r\n", 400},
	{"GET / http/1.1\r\n" H "\r\n", 400},
	{"GET /\r\n" H "\r\n", 400},
	{"GET / HTTP/2.0\r\n" H "\r\n", 505},
	{"GET / HTTP/1.2\r\n" H "\r\n", 505},
	{"GET / HTTP/1.0\r\n" H "\r\n", 505},
	{"GET http://desk.example/ HTTP/1.1\r\n" H "\r\n", 400},
	{"GET * HTTP/1.1\r\n" H "\r\n", 400},
	{"OPTIONS * HTTP/1.1\r\n" H "\r\n", 400},
	{"GET /a#b HTTP/1.1\r\n" H "\r\n", 400},
	{"GET /\xc3\xa9 HTTP/1.1\r\n" H "\r\n", 400},
	{"GET /a\\b HTTP/1.1\r\n" H "\r\n", 400},
	{"G@T / HTTP/1.1\r\n" H "\r\n", 400},
	{"AVERYLONGMETHODNAME / HTTP/1.1\r\n" H "\r\n", 400},
	{"CONNECT /x HTTP/1.1\r\n" H "\r\n", 400},
	{"CONNECT a HTTP/1.1\r\n" H "\r\n", 400},
	{"CONNECT a:0 HTTP/1.1\r\n" H "\r\n", 400},
	{"CONNECT a:65536 HTTP/1.1\r\n" H "\r\n", 400},
	{"CONNECT a@b:1 HTTP/1.1\r\n" H "\r\n", 400},
	{"CONNECT :1 HTTP/1.1\r\n" H "\r\n", 400},
	{"CONNECT a:1 HTTP/1.1\r\n\r\n", 400},
	{"GET / HTTP/1.1\r\n\r\n", 400},
	{"GET / HTTP/1.1\r\n" H H "\r\n", 400},
	{"GET / HTTP/1.1\r\nHost:\r\n\r\n", 400},
	{"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
	{"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
	{"GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", 400},
	{"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400},
	{"GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400},
	{"GET / HTTP/1.1\r\n" H "A: b\r\n c\r\n\r\n", 400},
	{"GET / HTTP/1.1\r\n" H "A : b\r\n\r\n", 400},
	{"GET / HTTP/1.1\r\n" H ": b\r\n\r\n", 400},
	{"GET / HTTP/1.1\r\n" H "A\r\n\r\n", 400},
	{"GET / HTTP/1.1\r\n" H "A: \x7f\r\n\r\n", 400},
	{"GET / HTTP/1.1\r\n" H "A: \x1b[0m\r\n\r\n", 400},
	{"POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n", 400},
	{"POST / HTTP/1.1\r\n" H "transfer-encoding: identity\r\n\r\n", 400},
	{"POST / HTTP/1.1\r\n" H "Content-Length: 1\r\nContent-Length: 1\r\n\r\n", 400},
	{"POST / HTTP/1.1\r\n" H "Content-Length: 1, 1\r\n\r\n", 400},
	{"POST / HTTP/1.1\r\n" H "Content-Length: -1\r\n\r\n", 400},
	{"POST / HTTP/1.1\r\n" H "Content-Length: 0x1\r\n\r\n", 400},
	{"POST / HTTP/1.1\r\n" H "Content-Length:\r\n\r\n", 400},
	{"POST / HTTP/1.1\r\n" H "Content-Length: 1048577\r\n\r\n", 413},
	{"POST / HTTP/1.1\r\n" H "Content-Length: 18446744073709551617\r\n\r\n", 413},
	{"GET / HTTP/1.1\r\n" H "Content-Length: 1\r\n\r\n", 400},
	{"POST / HTTP/1.1\r\n" H "Expect: tea\r\n\r\n", 417},
};

START_TEST(an_ambiguous_head_is_bad_with_its_status)
{
	HttpHead head = {0}, slow = {0};
	gsize size = strlen(bad[_i].text);
	HttpResult result = HTTP_MORE;

	ck_assert_int_eq(http_head_parse(&head, (const guint8 *)bad[_i].text, size), HTTP_BAD);
	ck_assert_uint_eq(head.status, bad[_i].status);
	for (gsize n = 1; n <= size && result == HTTP_MORE; n++)
		result = http_head_parse(&slow, (const guint8 *)bad[_i].text, n);
	ck_assert_int_eq(result, HTTP_BAD);
	ck_assert_uint_eq(slow.status, bad[_i].status);
}
END_TEST

START_TEST(a_nul_anywhere_is_bad)
{
	static const char text[] = "GET /abc HTTP/1.1\r\nHost: a\r\nX: yz\r\n\r\n";

	for (gsize i = 0; i < sizeof text - 1; i++) {
		HttpHead head = {0};
		g_autofree char *copy = g_memdup2(text, sizeof text);

		copy[i] = '\0';
		ck_assert_int_ne(http_head_parse(&head, (const guint8 *)copy, sizeof text - 1), HTTP_DONE);
	}
}
END_TEST

START_TEST(a_head_ends_at_16_kib_and_at_64_lines)
{
	g_autoptr(GString) text = g_string_new("GET / HTTP/1.1\r\n" H "A: ");
	HttpHead head = {0};

	while (text->len < HTTP_HEAD_MAX - 4)
		g_string_append_c(text, 'a');
	g_string_append(text, "\r\n\r\n");
	ck_assert_int_eq(http_head_parse(&head, (const guint8 *)text->str, text->len), HTTP_DONE);
	g_string_insert_c(text, 60, 'a');
	g_string_append(text, "more");
	head = (HttpHead){0};
	ck_assert_int_eq(http_head_parse(&head, (const guint8 *)text->str, text->len), HTTP_BAD);
	ck_assert_uint_eq(head.status, 431);

	g_string_assign(text, "GET / HTTP/1.1\r\n" H);
	for (int i = 1; i < HTTP_FIELDS_MAX; i++)
		g_string_append(text, "A: b\r\n");
	head = (HttpHead){0};
	ck_assert_int_eq(http_head_parse(&head, (const guint8 *)text->str, text->len), HTTP_MORE);
	g_string_append(text, "A: b\r\n\r\n");
	head = (HttpHead){0};
	ck_assert_int_eq(http_head_parse(&head, (const guint8 *)text->str, text->len), HTTP_BAD);
	ck_assert_uint_eq(head.status, 431);
}
END_TEST

START_TEST(fields_are_found_in_any_case_and_tokens_in_any_list)
{
	static const char text[] = "GET / HTTP/1.1\r\n" H "UPGRADE: websocket\r\nConnection: keep-alive , Upgrade\r\nA: 1\r\na: 2\r\n\r\n";
	const guint8 *bytes = (const guint8 *)text;
	HttpHead head = {0};
	gsize size;
	guint n;

	ck_assert_int_eq(http_head_parse(&head, bytes, strlen(text)), HTTP_DONE);
	const char *value = http_head_find(&head, bytes, "a", &size, &n);

	ck_assert_uint_eq(n, 2);
	ck_assert_uint_eq(size, 1);
	ck_assert_int_eq(*value, '1');
	ck_assert_ptr_null(http_head_find(&head, bytes, "b", &size, &n));
	ck_assert(http_head_has_token(&head, bytes, "connection", "upgrade"));
	ck_assert(http_head_has_token(&head, bytes, "upgrade", "WebSocket"));
	ck_assert(!http_head_has_token(&head, bytes, "connection", "keep"));
	ck_assert(!http_head_has_token(&head, bytes, "connection", "close"));
}
END_TEST

static const struct {
	const char *text;
	HttpCookie result;
	const char *value;
} cookies[] = {
	{"__Host-carrel=abc", HTTP_COOKIE_ONE, "abc"},
	{"a=b; __Host-carrel=A1._~-; c=\"d e\"", HTTP_COOKIE_ONE, "A1._~-"},
	{"a=b;__Host-carrel=x", HTTP_COOKIE_ONE, "x"},
	{"", HTTP_COOKIE_NONE, NULL},
	{"x__Host-carrel=abc", HTTP_COOKIE_NONE, NULL},
	{"__host-carrel=abc", HTTP_COOKIE_NONE, NULL},
	{"__Host-carrel", HTTP_COOKIE_NONE, NULL},
	{"__Host-carrel=a; __Host-carrel=a", HTTP_COOKIE_BAD, NULL},
	{"__Host-carrel=", HTTP_COOKIE_BAD, NULL},
	{"__Host-carrel=a b", HTTP_COOKIE_BAD, NULL},
	{"__Host-carrel=\"a\"", HTTP_COOKIE_BAD, NULL},
	{"__Host-carrel=a,b", HTTP_COOKIE_BAD, NULL},
	{";;; ;", HTTP_COOKIE_NONE, NULL},
};

START_TEST(our_cookie_is_taken_once_and_only_when_well_formed)
{
	g_autofree char *value = NULL;

	ck_assert_int_eq(http_check_cookie(cookies[_i].text, strlen(cookies[_i].text), &value), cookies[_i].result);
	ck_assert_pstr_eq(value, cookies[_i].value);
}
END_TEST

static const struct {
	const char *origin, *host;
	gboolean same;
} origins[] = {
	{"https://desk.example:8443", "desk.example:8443", TRUE},
	{"https://Desk.Example", "desk.example", TRUE},
	{"https://desk.example", "desk.example:443", TRUE},
	{"https://[::1]:8443", "[::1]:8443", TRUE},
	{"http://desk.example:8443", "desk.example:8443", FALSE},
	{"https://desk.example:8444", "desk.example:8443", FALSE},
	{"https://desk.example", "desk.example:8443", FALSE},
	{"https://desk.example.evil", "desk.example", FALSE},
	{"https://evil@desk.example", "desk.example", FALSE},
	{"https://desk.example/", "desk.example", FALSE},
	{"null", "desk.example", FALSE},
	{"", "desk.example", FALSE},
	{"https://", "desk.example", FALSE},
};

START_TEST(an_origin_is_ours_only_when_scheme_host_and_port_agree)
{
	ck_assert_int_eq(http_check_origin(origins[_i].origin, strlen(origins[_i].origin), origins[_i].host, strlen(origins[_i].host)),
		origins[_i].same);
}
END_TEST

static const struct {
	const char *path;
	gboolean good;
	const char *desktop;
} paths[] = {
	{"/api/v1/me", TRUE, NULL},
	{"/api/v1/pools/B%C3%BCro/open", TRUE, NULL},
	{"/api/v1/desktops/office-0a1b2c3d/screen", TRUE, "office-0a1b2c3d"},
	{"/api/v1/desktops//screen", FALSE, NULL},
	{"/api/v1/desktops/a/b/screen", TRUE, NULL},
	{"/api/v1/desktops/a/screen/", FALSE, NULL},
	{"/api/v1/", FALSE, NULL},
	{"/api/v1", FALSE, NULL},
	{"/api/v1/..", FALSE, NULL},
	{"/api/v1/./a", FALSE, NULL},
	{"/api/v1/a/../b", FALSE, NULL},
	{"/api/v1/%2e%2e/b", FALSE, NULL},
	{"/api/v1/a%2Fb", FALSE, NULL},
	{"/api/v1/a%00", FALSE, NULL},
	{"/api/v1/a%", FALSE, NULL},
	{"/api/v1/a%4", FALSE, NULL},
};

START_TEST(only_plain_paths_go_to_the_broker)
{
	gsize size = strlen(paths[_i].path);
	g_autofree char *desktop = http_check_screen_path(paths[_i].path, size);

	ck_assert_int_eq(http_check_api_path(paths[_i].path, size), paths[_i].good);
	ck_assert_pstr_eq(desktop, paths[_i].desktop);
	ck_assert_ptr_null(http_check_files_path(paths[_i].path, size));
}
END_TEST

START_TEST(the_path_of_a_desktops_files_names_it)
{
	g_autofree char *desktop = http_check_files_path("/api/v1/desktops/office-0a1b2c3d/files", 38);

	ck_assert_pstr_eq(desktop, "office-0a1b2c3d");
	ck_assert_ptr_null(http_check_files_path("/api/v1/desktops//files", 23));
	ck_assert_ptr_null(http_check_files_path("/api/v1/desktops/a/b/files", 26));
}
END_TEST

START_TEST(a_routing_name_is_letters_digits_dots_and_hyphens)
{
	g_autofree char *long_name = g_strnfill(64, 'a'), *longest = g_strconcat(long_name, ":1", NULL),
			*too_long = g_strconcat("a", longest, NULL);
	g_autofree char *name = http_check_routing_name("t-1.x:5900", 10);

	ck_assert_str_eq(name, "t-1.x");
	ck_assert(http_check_authority(longest, 66));
	ck_assert(!http_check_authority(too_long, 67));
	ck_assert(!http_check_authority("[::1]:1", 7));
	ck_assert(!http_check_authority("a_b:1", 5));
	ck_assert(!http_check_authority("a:", 2));
	ck_assert(!http_check_authority("", 0));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("gateway-http");
	TCase *tcase = tcase_create("http");

	tcase_add_loop_test(tcase, a_good_head_is_read_whatever_follows_it, 0, G_N_ELEMENTS(good));
	tcase_add_loop_test(tcase, a_good_head_may_come_a_byte_at_a_time_and_is_more_at_every_length, 0, G_N_ELEMENTS(good));
	tcase_add_loop_test(tcase, an_ambiguous_head_is_bad_with_its_status, 0, G_N_ELEMENTS(bad));
	tcase_add_test(tcase, a_nul_anywhere_is_bad);
	tcase_add_test(tcase, a_head_ends_at_16_kib_and_at_64_lines);
	tcase_add_test(tcase, fields_are_found_in_any_case_and_tokens_in_any_list);
	tcase_add_loop_test(tcase, our_cookie_is_taken_once_and_only_when_well_formed, 0, G_N_ELEMENTS(cookies));
	tcase_add_loop_test(tcase, an_origin_is_ours_only_when_scheme_host_and_port_agree, 0, G_N_ELEMENTS(origins));
	tcase_add_loop_test(tcase, only_plain_paths_go_to_the_broker, 0, G_N_ELEMENTS(paths));
	tcase_add_test(tcase, the_path_of_a_desktops_files_names_it);
	tcase_add_test(tcase, a_routing_name_is_letters_digits_dots_and_hyphens);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
