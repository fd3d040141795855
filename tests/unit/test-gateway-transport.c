/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <check.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "broker/gateway/cert.h"
#include "broker/gateway/transport.h"

#define MANY 300000

static Transport *server;
static int socket_of_client;
static gnutls_session_t client;
static gnutls_certificate_credentials_t credentials;
static guint8 pattern[MANY], got[MANY];

static Tls *
make_tls(void)
{
	static const char *const names[] = {"localhost", NULL};
	g_autofree char *folder = g_dir_make_tmp("gateway-XXXXXX", NULL);
	g_autoptr(GError) error = NULL;
	gboolean made;

	ck_assert(cert_ensure(folder, names, g_get_real_time() / G_USEC_PER_SEC, &made, &error));
	g_autofree char *certificate = g_build_filename(folder, CERT_SERVER, NULL), *key = g_build_filename(folder, CERT_SERVER_KEY, NULL);
	Tls *tls = tls_new(certificate, key, &error);
	static const char *const files[] = {CERT_CA, CERT_CA_KEY, CERT_SERVER, CERT_SERVER_KEY};

	ck_assert_ptr_nonnull(tls);
	for (gsize i = 0; i < G_N_ELEMENTS(files); i++) {
		g_autofree char *path = g_build_filename(folder, files[i], NULL);

		g_unlink(path);
	}
	g_rmdir(folder);
	return tls;
}

static void
set_up(void)
{
	g_autoptr(Tls) tls = make_tls();
	int pair[2], result = GNUTLS_E_AGAIN, done = TRANSPORT_AGAIN;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
	socket_of_client = pair[1];
	server = transport_new(pair[0]);
	transport_start_tls(server, tls, TRUE);
	gnutls_certificate_allocate_credentials(&credentials);
	gnutls_init(&client, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL);
	gnutls_set_default_priority(client);
	gnutls_credentials_set(client, GNUTLS_CRD_CERTIFICATE, credentials);
	gnutls_transport_set_int(client, pair[1]);
	while (result != GNUTLS_E_SUCCESS || done != 1) {
		if (result != GNUTLS_E_SUCCESS)
			result = gnutls_handshake(client);
		if (done != 1)
			done = transport_handshake(server);
		ck_assert(result == GNUTLS_E_SUCCESS || !gnutls_error_is_fatal(result));
		ck_assert_int_ne(done, TRANSPORT_BROKEN);
	}
	for (int i = 0; i < MANY; i++)
		pattern[i] = (guint8)(i * 7 + i / 251);
}

static void
tear_down(void)
{
	transport_free(server);
	gnutls_deinit(client);
	gnutls_certificate_free_credentials(credentials);
	close(socket_of_client);
}

/* How many of @size bytes the client gets now, behind @done. */
static gsize
receive(gsize done, gsize size)
{
	gssize n = gnutls_record_recv(client, got + done, size - done);

	ck_assert(n >= 0 || n == GNUTLS_E_AGAIN);
	return (gsize)MAX(n, 0);
}

static void
client_sends(gsize n)
{
	for (gsize done = 0; done < n;) {
		gssize sent = gnutls_record_send(client, pattern + done, n - done);

		ck_assert_int_gt(sent, 0);
		done += (gsize)sent;
	}
}

START_TEST(what_the_socket_does_not_take_waits_and_nothing_is_taken_behind_it)
{
	gsize sent = 0, received = 0;
	gssize n;

	while ((n = transport_send(server, pattern + sent, MANY - sent)) > 0)
		sent += (gsize)n;
	ck_assert_int_eq(n, TRANSPORT_AGAIN);
	ck_assert_uint_gt(transport_unsent(server), 0);
	ck_assert_uint_lt(transport_unsent(server), 65536 + 4096);
	while (received < sent) {
		received += receive(received, sent);
		ck_assert_int_ne(transport_flush(server), TRANSPORT_BROKEN);
	}
	ck_assert_uint_eq(transport_unsent(server), 0);
	ck_assert_mem_eq(got, pattern, sent);
	ck_assert_int_gt(transport_send(server, pattern, 1), 0);
}
END_TEST

START_TEST(the_last_byte_of_all_that_is_sent_comes_by_itself)
{
	static const gsize sizes[] = {2, 100, 16384, 16385, 65536};

	transport_set_last_byte_apart(server);
	for (gsize i = 0; i < G_N_ELEMENTS(sizes); i++) {
		gsize done = 0, last = 0;

		ck_assert_int_eq(transport_send(server, pattern, sizes[i]), (gssize)sizes[i]);
		while (done < sizes[i])
			done += last = receive(done, sizeof got);
		ck_assert_uint_eq(last, 1);
		ck_assert_mem_eq(got, pattern, sizes[i]);
	}
}
END_TEST

START_TEST(many_records_come_in_one_call)
{
	for (int i = 0; i < 20; i++)
		client_sends(100);
	ck_assert_int_eq(transport_recv(server, got, sizeof got), 2000);
	ck_assert(!transport_is_pending(server));
	ck_assert_int_eq(transport_recv(server, got, sizeof got), TRANSPORT_AGAIN);
}
END_TEST

START_TEST(what_does_not_fit_is_pending_until_it_is_read)
{
	static const gsize sizes[] = {1, 100, 4096, 16383, 50000};
	gsize done = 0;

	client_sends(60000);
	while (done < 60000) {
		guint8 byte;

		/* Else epoll would be silent, and the rest be read when more comes. */
		ck_assert(transport_is_pending(server) || recv(transport_fd(server), &byte, 1, MSG_PEEK) == 1);
		gssize n = transport_recv(server, got + done, MIN(sizes[_i], sizeof got - done));

		ck_assert_int_gt(n, 0);
		done += (gsize)n;
	}
	ck_assert_mem_eq(got, pattern, 60000);
	ck_assert(!transport_is_pending(server));
}
END_TEST

START_TEST(an_end_is_told_behind_the_bytes_before_it)
{
	client_sends(10);
	gnutls_bye(client, GNUTLS_SHUT_WR);
	ck_assert_int_eq(transport_recv(server, got, sizeof got), 10);
	ck_assert(transport_is_pending(server));
	ck_assert_int_eq(transport_recv(server, got, sizeof got), TRANSPORT_END);
	ck_assert_int_eq(transport_recv(server, got, sizeof got), TRANSPORT_END);
	ck_assert_ptr_null(transport_breach(server));
}
END_TEST

START_TEST(a_broken_record_is_told_behind_the_bytes_before_it)
{
	static const guint8 forged[30] = {23, 3, 3, 0, 25};

	client_sends(10);
	ck_assert_int_eq(send(socket_of_client, forged, sizeof forged, 0), sizeof forged);
	ck_assert_int_eq(transport_recv(server, got, sizeof got), 10);
	ck_assert_int_eq(transport_recv(server, got, sizeof got), TRANSPORT_BROKEN);
	ck_assert_int_eq(transport_recv(server, got, sizeof got), TRANSPORT_BROKEN);
	ck_assert_ptr_nonnull(transport_breach(server));
}
END_TEST

START_TEST(a_record_may_come_byte_by_byte)
{
	int between[2];
	guint8 record[200];
	gssize n, result = TRANSPORT_AGAIN;

	/* The client's record is caught on its way. */
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, between), 0);
	gnutls_transport_set_int(client, between[0]);
	client_sends(50);
	n = recv(between[1], record, sizeof record, 0);
	for (gssize i = 0; i < n; i++) {
		ck_assert_int_eq(result, TRANSPORT_AGAIN);
		ck_assert(!transport_is_pending(server));
		ck_assert_int_eq(send(socket_of_client, record + i, 1, 0), 1);
		result = transport_recv(server, got, sizeof got);
	}
	ck_assert_int_eq(result, 50);
	ck_assert_mem_eq(got, pattern, 50);
	close(between[0]);
	close(between[1]);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("gateway-transport");
	TCase *tcase = tcase_create("transport");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, what_the_socket_does_not_take_waits_and_nothing_is_taken_behind_it);
	tcase_add_test(tcase, the_last_byte_of_all_that_is_sent_comes_by_itself);
	tcase_add_test(tcase, many_records_come_in_one_call);
	tcase_add_loop_test(tcase, what_does_not_fit_is_pending_until_it_is_read, 0, 5);
	tcase_add_test(tcase, an_end_is_told_behind_the_bytes_before_it);
	tcase_add_test(tcase, a_broken_record_is_told_behind_the_bytes_before_it);
	tcase_add_test(tcase, a_record_may_come_byte_by_byte);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
