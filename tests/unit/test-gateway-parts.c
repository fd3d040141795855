/* The gateway's smaller parts: certificates, queue, the log's rate, the web client's files.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <check.h>
#include <glib/gstdio.h>
#include <gnutls/x509.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/common/log.h"
#include "broker/gateway/cert.h"
#include "broker/gateway/queue.h"
#include "broker/gateway/site.h"
#include "broker/gateway/tls.h"

#define NOW G_GINT64_CONSTANT(1800000000)
#define DAY 86400

static char *folder;
static const char *const names[] = {"desk.example", "192.0.2.1", "2001:db8::1", NULL};
static const char *const others[] = {"desk.example", "192.0.2.2", "2001:db8::1", NULL};

static void
set_up(void)
{
	folder = g_dir_make_tmp("gateway-XXXXXX", NULL);
}

static char *
path_of(const char *name)
{
	return g_build_filename(folder, name, NULL);
}

static void
tear_down(void)
{
	static const char *const files[] = {CERT_CA, CERT_CA_KEY, CERT_SERVER, CERT_SERVER_KEY, "index.html", ".hidden", "link"};

	for (gsize i = 0; i < G_N_ELEMENTS(files); i++) {
		g_autofree char *path = path_of(files[i]);

		g_unlink(path);
	}
	g_rmdir(folder);
	g_free(folder);
}

static char *
contents(const char *name)
{
	g_autofree char *path = path_of(name);
	char *text = NULL;

	g_file_get_contents(path, &text, NULL, NULL);
	return text;
}

static gboolean
ensure(const char *const *wanted, gint64 now)
{
	g_autoptr(GError) error = NULL;
	gboolean made = FALSE;

	ck_assert(cert_ensure(folder, wanted, now, &made, &error));
	return made;
}

START_TEST(a_certificate_is_made_once_and_kept)
{
	struct stat status;
	g_autofree char *key = path_of(CERT_SERVER_KEY), *ca_key = path_of(CERT_CA_KEY);

	ck_assert(ensure(names, NOW));
	ck_assert(!ensure(names, NOW + DAY));
	ck_assert_int_eq(stat(key, &status), 0);
	ck_assert_int_eq(status.st_mode & 0777, 0600);
	ck_assert_int_eq(stat(ca_key, &status), 0);
	ck_assert_int_eq(status.st_mode & 0777, 0600);
}
END_TEST

START_TEST(a_certificate_is_renewed_30_days_before_its_end_by_the_same_ca)
{
	ensure(names, NOW);
	g_autofree char *ca = contents(CERT_CA);

	ck_assert(!ensure(names, NOW + 366 * DAY));
	ck_assert(ensure(names, NOW + 368 * DAY));
	g_autofree char *same = contents(CERT_CA);
	ck_assert_str_eq(ca, same);
	ck_assert(ensure(names, NOW + (gint64)3300 * DAY)); /* the CA would end before what it signs */
	g_autofree char *next = contents(CERT_CA);
	ck_assert_str_ne(ca, next);
}
END_TEST

START_TEST(other_names_make_another_certificate)
{
	static const char *const fewer[] = {"desk.example", NULL};

	ensure(names, NOW);
	ck_assert(ensure(others, NOW));
	ck_assert(ensure(fewer, NOW));
	ck_assert(!ensure(fewer, NOW));
}
END_TEST

START_TEST(what_is_damaged_is_made_anew)
{
	g_autofree char *key = path_of(CERT_SERVER_KEY), *ca_key = path_of(CERT_CA_KEY);

	ensure(names, NOW);
	g_file_set_contents(key, "-----BEGIN", -1, NULL);
	ck_assert(ensure(names, NOW));
	g_autofree char *ca = contents(CERT_CA);
	g_unlink(ca_key);
	ck_assert(ensure(names, NOW));
	g_autofree char *next = contents(CERT_CA);
	ck_assert_str_ne(ca, next);
}
END_TEST

START_TEST(gnutls_verifies_the_certificate_for_each_name)
{
	gint64 now = g_get_real_time() / G_USEC_PER_SEC;
	gnutls_x509_trust_list_t list;
	gnutls_x509_crt_t *chain, *ca;
	unsigned n = 0, n_ca = 0, result = 0;

	ensure(names, now);
	g_autofree char *server = contents(CERT_SERVER), *root = contents(CERT_CA);
	gnutls_datum_t chain_pem = {(guint8 *)server, (unsigned)strlen(server)}, ca_pem = {(guint8 *)root, (unsigned)strlen(root)};

	ck_assert_int_ge(gnutls_x509_crt_list_import2(&chain, &n, &chain_pem, GNUTLS_X509_FMT_PEM, 0), 0);
	ck_assert_int_ge(gnutls_x509_crt_list_import2(&ca, &n_ca, &ca_pem, GNUTLS_X509_FMT_PEM, 0), 0);
	ck_assert_uint_eq(n, 2);
	gnutls_x509_trust_list_init(&list, 0);
	gnutls_x509_trust_list_add_cas(list, ca, n_ca, 0);
	ck_assert_int_ge(gnutls_x509_trust_list_verify_crt(list, chain, n, 0, &result, NULL), 0);
	ck_assert_uint_eq(result, 0);
	ck_assert(gnutls_x509_crt_check_hostname(chain[0], "desk.example"));
	ck_assert(gnutls_x509_crt_check_hostname(chain[0], "192.0.2.1"));
	ck_assert(gnutls_x509_crt_check_hostname(chain[0], "2001:db8::1"));
	ck_assert(!gnutls_x509_crt_check_hostname(chain[0], "evil.example"));
	for (unsigned i = 0; i < n; i++)
		gnutls_x509_crt_deinit(chain[i]);
	gnutls_free(chain);
	gnutls_free(ca);
	gnutls_x509_trust_list_deinit(list, 1);
}
END_TEST

START_TEST(the_facts_for_spice_clients_come_from_the_certificate)
{
	g_autofree char *certificate = path_of(CERT_SERVER), *key = path_of(CERT_SERVER_KEY), *ca = NULL;
	g_autoptr(GError) error = NULL;

	ensure(names, NOW);
	ca = contents(CERT_CA);
	g_autoptr(Tls) tls = tls_new(certificate, key, &error);

	ck_assert_ptr_nonnull(tls);
	ck_assert_str_eq(tls_subject(tls), "CN=desk.example");
	ck_assert_str_eq(tls_ca_pem(tls), ca);
	ck_assert_ptr_null(tls_new(key, key, &error));
	ck_assert_ptr_nonnull(strstr(error->message, CERT_SERVER_KEY));
}
END_TEST

START_TEST(a_queue_gives_back_what_came_and_holds_nothing_when_empty)
{
	Queue queue = {0};
	guint8 next_in = 0, next_out = 0;

	for (int round = 0; round < 2000; round++) {
		guint8 bytes[97];
		gsize n = (gsize)(round * 31 % 97), m;

		for (gsize i = 0; i < n; i++)
			bytes[i] = next_in++;
		queue_append(&queue, bytes, n);
		m = MIN((gsize)(round * 17 % 101), queue_length(&queue));
		for (gsize i = 0; i < m; i++)
			ck_assert_uint_eq(queue_bytes(&queue)[i], next_out++);
		queue_consume(&queue, m);
	}
	queue_consume(&queue, queue_length(&queue));
	ck_assert_ptr_null(queue.bytes);
}
END_TEST

START_TEST(the_log_is_bounded_and_says_what_it_left_out)
{
	LogRate rate = {0};
	guint left_out = 0, written = 0;
	gint64 now = 1000000;

	for (int i = 0; i < 1000; i++)
		written += log_rate_take(&rate, now, &left_out) ? 1 : 0;
	ck_assert_uint_eq(written, 20);
	ck_assert(log_rate_take(&rate, now + G_USEC_PER_SEC, &left_out));
	ck_assert_uint_eq(left_out, 980);
}
END_TEST

START_TEST(only_real_files_of_the_folder_are_served)
{
	g_autofree char *index = path_of("index.html"), *hidden = path_of(".hidden"), *link_path = path_of("link");
	g_autoptr(GError) error = NULL;

	g_file_set_contents(index, "hello", -1, NULL);
	g_file_set_contents(hidden, "secret", -1, NULL);
	ck_assert_int_eq(symlink("/etc/passwd", link_path), 0);
	g_autoptr(Site) site = site_load(folder, &error);

	ck_assert_ptr_nonnull(site);
	ck_assert_ptr_nonnull(site_find(site, "/"));
	ck_assert_ptr_eq(site_find(site, "/"), site_find(site, "/index.html"));
	ck_assert_ptr_null(site_find(site, "/.hidden"));
	ck_assert_ptr_null(site_find(site, "/link"));
	ck_assert_ptr_null(site_find(site, "index.html"));
	const SiteFile *file = site_find(site, "/");

	ck_assert_str_eq(site_file_type(file), "text/html; charset=utf-8");
	ck_assert(site_etag_matches(site_file_etag(file), strlen(site_file_etag(file)), site_file_etag(file)));
	ck_assert(!site_etag_matches("\"x\"", 3, site_file_etag(file)));
	ck_assert_ptr_null(site_load("/nonexistent", &error));
	ck_assert_ptr_nonnull(strstr(error->message, "WebRoot"));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("gateway-parts");
	TCase *tcase = tcase_create("parts");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, a_certificate_is_made_once_and_kept);
	tcase_add_test(tcase, a_certificate_is_renewed_30_days_before_its_end_by_the_same_ca);
	tcase_add_test(tcase, other_names_make_another_certificate);
	tcase_add_test(tcase, what_is_damaged_is_made_anew);
	tcase_add_test(tcase, gnutls_verifies_the_certificate_for_each_name);
	tcase_add_test(tcase, the_facts_for_spice_clients_come_from_the_certificate);
	tcase_add_test(tcase, a_queue_gives_back_what_came_and_holds_nothing_when_empty);
	tcase_add_test(tcase, the_log_is_bounded_and_says_what_it_left_out);
	tcase_add_test(tcase, only_real_files_of_the_folder_are_served);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
