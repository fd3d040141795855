/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <check.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/line-reader.h"
#include "agent/packet.h"
#include "agent/port.h"
#include "broker/common/error.h"

#define QUEUE_MAX (4 * 1024 * 1024)

static int host; /* the other end */
static Port *port;
static GString *events;
static gsize received;

static void
on_open(void *data)
{
	g_string_append(events, "open;");
}

static void
on_bytes(const guint8 *bytes, gsize size, void *data)
{
	received += size;
	if (size < 20)
		g_string_append_printf(events, "%.*s;", (int)size, (const char *)bytes);
}

static void
on_close(void *data)
{
	g_string_append(events, "close;");
}

static const PortHandlers handlers = {.on_open = on_open, .on_bytes = on_bytes, .on_close = on_close};

static void
turn(int times)
{
	while (times-- > 0)
		g_main_context_iteration(NULL, FALSE);
}

static void
set_up(void)
{
	int ends[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
	host = ends[0];
	events = g_string_new(NULL);
	received = 0;
	port = port_new(ends[1], QUEUE_MAX, &handlers, NULL, NULL);
	ck_assert_ptr_nonnull(port);
	turn(2);
}

static void
tear_down(void)
{
	port_free(port);
	g_string_free(events, TRUE);
	if (host >= 0)
		close(host);
}

START_TEST(an_open_port_carries_bytes_both_ways)
{
	char buffer[8];

	ck_assert(port_is_open(port));
	ck_assert_int_eq(write(host, "hello", 5), 5);
	turn(2);
	ck_assert_str_eq(events->str, "open;hello;");
	ck_assert(port_write(port, "there", 5));
	ck_assert_int_eq(read(host, buffer, sizeof buffer), 5);
}
END_TEST

START_TEST(a_closed_host_is_noticed_once_and_costs_nothing)
{
	close(host);
	host = -1;
	turn(3);
	ck_assert_str_eq(events->str, "open;close;");
	ck_assert(!port_is_open(port));
	ck_assert(!port_write(port, "x", 1));
	/* A port that is watched level-triggered would have something to dispatch for ever. */
	ck_assert(!g_main_context_iteration(NULL, FALSE));
	ck_assert_str_eq(events->str, "open;close;");
}
END_TEST

START_TEST(a_slow_host_gets_all_of_it_in_order_and_the_queue_is_bounded)
{
	g_autofree guint8 *bytes = g_malloc(QUEUE_MAX), *got = g_malloc(QUEUE_MAX);
	gsize have = 0;

	for (gsize i = 0; i < QUEUE_MAX; i++)
		bytes[i] = (guint8)(i * 31 + i / 251);
	ck_assert(port_write(port, bytes, QUEUE_MAX));
	ck_assert(port_room(port) < QUEUE_MAX);
	ck_assert(!port_write(port, bytes, QUEUE_MAX));
	while (have < QUEUE_MAX) {
		ssize_t n = read(host, got + have, MIN((gsize)100000, QUEUE_MAX - have));

		if (n > 0)
			have += (gsize)n;
		turn(1);
	}
	ck_assert_mem_eq(bytes, got, QUEUE_MAX);
	ck_assert_uint_eq(port_room(port), QUEUE_MAX);
}
END_TEST

START_TEST(more_than_one_turns_worth_is_read)
{
	g_autofree char *block = g_malloc0(100000);
	gsize sent = 0;

	while (sent < 3000000) {
		ssize_t n = write(host, block, 100000);

		if (n > 0)
			sent += (gsize)n;
		turn(1);
	}
	turn(20);
	ck_assert_uint_eq(received, sent);
}
END_TEST

START_TEST(a_missing_device_is_not_found)
{
	g_autoptr(GError) error = NULL;

	ck_assert_int_eq(port_open_device("/dev/virtio-ports/no.such.port", &error), -1);
	ck_assert(g_error_matches(error, CARREL_ERROR, CARREL_ERROR_NOT_FOUND));
}
END_TEST

START_TEST(a_packet_brings_its_descriptor)
{
	char buffer[LINE_MAX_BYTES];
	int ends[2], pipe_ends[2], fd = -1;
	gsize size = 0;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	ck_assert_int_eq(pipe(pipe_ends), 0);
	ck_assert(packet_send(ends[0], "{\"type\":\"port\"}", pipe_ends[1], NULL));
	ck_assert(packet_send(ends[0], "{}", -1, NULL));
	close(pipe_ends[1]);
	ck_assert_int_eq(packet_receive(ends[1], buffer, &size, &fd), PACKET_GOT);
	ck_assert_uint_eq(size, strlen("{\"type\":\"port\"}"));
	ck_assert_int_eq(write(fd, "x", 1), 1);
	close(fd);
	ck_assert_int_eq(packet_receive(ends[1], buffer, &size, &fd), PACKET_GOT);
	ck_assert(size == 2 && fd == -1);
	ck_assert_int_eq(packet_receive(ends[1], buffer, &size, &fd), PACKET_NONE);
	close(ends[0]);
	ck_assert_int_eq(packet_receive(ends[1], buffer, &size, &fd), PACKET_CLOSED);
	close(ends[1]);
	close(pipe_ends[0]);
}
END_TEST

START_TEST(a_packet_that_is_too_long_closes_its_peer)
{
	g_autofree char *text = g_strnfill(LINE_MAX_BYTES + 1, 'x');
	char buffer[LINE_MAX_BYTES];
	int ends[2], fd;
	gsize size;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	ck_assert(packet_send(ends[0], text, -1, NULL));
	ck_assert_int_eq(packet_receive(ends[1], buffer, &size, &fd), PACKET_CLOSED);
	close(ends[0]);
	close(ends[1]);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("agent-port");
	TCase *tcase = tcase_create("agent-port");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, an_open_port_carries_bytes_both_ways);
	tcase_add_test(tcase, a_closed_host_is_noticed_once_and_costs_nothing);
	tcase_add_test(tcase, a_slow_host_gets_all_of_it_in_order_and_the_queue_is_bounded);
	tcase_add_test(tcase, more_than_one_turns_worth_is_read);
	tcase_add_test(tcase, a_missing_device_is_not_found);
	tcase_add_test(tcase, a_packet_brings_its_descriptor);
	tcase_add_test(tcase, a_packet_that_is_too_long_closes_its_peer);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
