/* What carrel connect decides: addresses, viewers' files, text for a terminal. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/common/error.h"
#include "broker/vv-file.h"
#include "connect/address.h"
#include "connect/answers.h"
#include "connect/terminal.h"
#include "connect/vv-check.h"

static const struct {
	const char *typed, *host;
	guint16 port;
	const char *url;
} addresses[] = {
	{"https://desk.example:8443", "desk.example", 8443, "https://desk.example:8443"},
	{"desk.example", "desk.example", 443, "https://desk.example:443"},
	{"desk.example:8443", "desk.example", 8443, "https://desk.example:8443"},
	{"https://Desk.Example/", "desk.example", 443, "https://desk.example:443"},
	{"127.0.0.1:8443", "127.0.0.1", 8443, "https://127.0.0.1:8443"},
	{"https://[2001:db8::1]:8443/", "[2001:db8::1]", 8443, "https://[2001:db8::1]:8443"},
	{"[::1]", "[::1]", 443, "https://[::1]:443"},
	{"b\xc3\xbcro.example", "xn--bro-hoa.example", 443, "https://xn--bro-hoa.example:443"},
};

START_TEST(an_address_is_what_a_person_types)
{
	g_autoptr(Address) address = address_parse(addresses[_i].typed, NULL);

	ck_assert_ptr_nonnull(address);
	ck_assert_str_eq(address->host, addresses[_i].host);
	ck_assert_uint_eq(address->port, addresses[_i].port);
	ck_assert_str_eq(address->url, addresses[_i].url);
}
END_TEST

static const char *const no_addresses[] = {"", "http://desk.example", "ftp://desk.example", "https://user@desk.example",
	"https://user:secret@desk.example", "https://desk.example/path", "https://desk.example?a=b", "https://desk.example#x",
	"https://desk.example:0", "https://desk.example:65536", "https://desk.example:x", "https://-desk.example", "https://",
	"https://de sk", "https://desk%2fexample", "https://[::1%25eth0]", "https://[::g]", "--help", "../..", "https://a/../b",
	"file:///etc/passwd"};

START_TEST(what_is_no_portals_address_is_refused)
{
	g_autoptr(GError) error = NULL;

	ck_assert_ptr_null(address_parse(no_addresses[_i], &error));
	ck_assert(g_error_matches(error, CARREL_ERROR, CARREL_ERROR_INVALID));
}
END_TEST

START_TEST(a_certificates_name_has_no_brackets)
{
	g_autoptr(Address) six = address_parse("[::1]:8443", NULL), name = address_parse("desk.example", NULL);
	g_autofree char *one = address_name(six), *two = address_name(name);

	ck_assert_str_eq(one, "::1");
	ck_assert_str_eq(two, "desk.example");
}
END_TEST

/* The broker's own file. */
static char *
portals_file(void)
{
	const VvFile file = {.title = "Büro №1", .name = "0123456789abcdef0123456789abcdef", .secret = "fedcba9876543210",
		.portal = "desk.example:8443", .port = 8443, .ca_pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
		.host_subject = "O=Example,CN=desk.example"};

	return vv_file_text(&file);
}

static char *
check_file(const char *text, GError **error)
{
	return vv_check(text, strlen(text), "desk.example", error);
}

START_TEST(the_portals_file_passes_as_it_is)
{
	g_autofree char *text = portals_file(), *checked = check_file(text, NULL);

	ck_assert_ptr_nonnull(checked);
	ck_assert_str_eq(checked, text);
	g_autofree char *again = check_file(checked, NULL);
	ck_assert_str_eq(again, checked);
}
END_TEST

static const struct {
	const char *key, *value; /* value NULL: taken away */
} spoiled[] = {
	{"type", "vnc"}, {"type", "ovirt"}, {"type", NULL}, {"proxy", NULL}, {"proxy", "http://evil.example:8443"},
	{"proxy", "http://desk.example.evil.example:8443"}, {"proxy", "http://desk.example:8443@evil.example:80"},
	{"proxy", "socks5://desk.example:8443"}, {"proxy", "http://desk.example"}, {"proxy", "http://desk.example:0"},
	{"host", "evil.example"}, {"host", "a b"}, {"host", ""}, {"host", NULL}, {"tls-port", "0"}, {"tls-port", "65536"}, {"tls-port", "x"},
	{"password", ""}, {"password", NULL}, {"password", "a;b"}, {"delete-this-file", "0"}, {"delete-this-file", NULL}, {"ca", "/etc/passwd"},
	{"ca", ""}, {"secure-channels", "$(touch x)"}, {"secure-channels", NULL}, {"title", "a\x1b[2J"}, {"host-subject", "a\nb"},
	{"toggle-fullscreen", "shift+f11 x"}, {"port", "5900"}, {"username", "x"}, {"newer-version-url", "https://evil.example"},
	{"enable-usb-autoshare", "1"}, {"usb-filter", "-1,-1,-1,-1,1"}, {"version", "99"}, {"foo", "bar"}, {"title[de]", "x"},
};

START_TEST(a_file_that_names_anything_else_is_not_used)
{
	g_autofree char *text = portals_file();
	g_autoptr(GKeyFile) keys = g_key_file_new();
	g_autoptr(GError) error = NULL;

	ck_assert(g_key_file_load_from_data(keys, text, (gsize)-1, G_KEY_FILE_KEEP_TRANSLATIONS, NULL));
	if (spoiled[_i].value)
		g_key_file_set_string(keys, "virt-viewer", spoiled[_i].key, spoiled[_i].value);
	else
		ck_assert(g_key_file_remove_key(keys, "virt-viewer", spoiled[_i].key, NULL));
	g_autofree char *bad = g_key_file_to_data(keys, NULL, NULL), *checked = check_file(bad, &error);
	ck_assert_ptr_null(checked);
	ck_assert(g_error_matches(error, CARREL_ERROR, CARREL_ERROR_PROTOCOL));
}
END_TEST

static const char *const no_files[] = {"", "\n", "[virt-viewer]\n", "[other]\ntype=spice\n", "type=spice\n", "<html>", "[virt-viewer]\ntype\n",
	"[virt-viewer]\ntype=spice\xff\n", "[virt-viewer]\n[ovirt]\nhost=x\n"};

START_TEST(what_is_no_viewers_file_is_not_used)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *checked = check_file(no_files[_i], &error);

	ck_assert_ptr_null(checked);
	ck_assert(g_error_matches(error, CARREL_ERROR, CARREL_ERROR_PROTOCOL));
}
END_TEST

START_TEST(comments_and_doubles_do_not_reach_the_viewer)
{
	g_autofree char *text = portals_file(), *more = g_strconcat("# a comment\n", text, "[virt-viewer]\ntitle=second\n", NULL);
	g_autofree char *checked = check_file(more, NULL);

	ck_assert_ptr_nonnull(checked);
	ck_assert_ptr_null(strchr(checked, '#'));
	ck_assert_ptr_nonnull(strstr(checked, "title=second\n"));
	ck_assert_ptr_null(strstr(checked, "Büro"));
}
END_TEST

static const struct {
	const char *text, *clean;
} texts[] = {{"plain", "plain"}, {"a\x1b[31mb\r\nc\td", "a [31mb  c d"}, {"\xc2\x9b" "31m", " 31m"}, {"", ""},
	{"0123456789012345678901234567890123456789", "01234567890123456789"}};

START_TEST(what_comes_from_the_network_cannot_steer_a_terminal)
{
	g_autofree char *clean = terminal_clean(texts[_i].text, 20);

	ck_assert_str_eq(clean, texts[_i].clean);
}
END_TEST

START_TEST(a_password_file_answers_line_by_line)
{
	g_autofree char *file = NULL;
	g_autoptr(GError) error = NULL;
	int fd = g_file_open_tmp("carrel-XXXXXX", &file, NULL);

	ck_assert_int_ge(fd, 0);
	close(fd);
	ck_assert(g_file_set_contents(file, "first\n\n 123 456\nlast", -1, NULL));
	g_autoptr(Answers) answers = answers_new(file, NULL);
	static const char *const lines[] = {"first", "", " 123 456", "last"};

	for (gsize i = 0; i < G_N_ELEMENTS(lines); i++) {
		g_autoptr(Secret) line = answers_ask("?", FALSE, answers, NULL);

		ck_assert_ptr_nonnull(line);
		ck_assert_str_eq(secret_text(line), lines[i]);
	}
	ck_assert_ptr_null(answers_ask("?", FALSE, answers, &error));
	ck_assert(g_error_matches(error, CARREL_ERROR, CARREL_ERROR_DENIED));
	unlink(file);
}
END_TEST

START_TEST(a_password_file_that_cannot_be_read_is_said)
{
	g_autoptr(GError) error = NULL;

	ck_assert_ptr_null(answers_new("/nonexistent/file", &error));
	ck_assert(strstr(error->message, "/nonexistent/file") != NULL);
	g_clear_error(&error);
	ck_assert_ptr_null(answers_new("/dev/zero", &error)); /* without an end */
	ck_assert(g_error_matches(error, CARREL_ERROR, CARREL_ERROR_INVALID));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("connect");
	TCase *tcase = tcase_create("connect");

	tcase_add_loop_test(tcase, an_address_is_what_a_person_types, 0, G_N_ELEMENTS(addresses));
	tcase_add_loop_test(tcase, what_is_no_portals_address_is_refused, 0, G_N_ELEMENTS(no_addresses));
	tcase_add_test(tcase, a_certificates_name_has_no_brackets);
	tcase_add_test(tcase, the_portals_file_passes_as_it_is);
	tcase_add_loop_test(tcase, a_file_that_names_anything_else_is_not_used, 0, G_N_ELEMENTS(spoiled));
	tcase_add_loop_test(tcase, what_is_no_viewers_file_is_not_used, 0, G_N_ELEMENTS(no_files));
	tcase_add_test(tcase, comments_and_doubles_do_not_reach_the_viewer);
	tcase_add_loop_test(tcase, what_comes_from_the_network_cannot_steer_a_terminal, 0, G_N_ELEMENTS(texts));
	tcase_add_test(tcase, a_password_file_answers_line_by_line);
	tcase_add_test(tcase, a_password_file_that_cannot_be_read_is_said);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
