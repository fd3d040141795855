/* The broker's end of the control port, against a socket that stands for QEMU's. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <acl/libacl.h>
#include <check.h>
#include <gio/gunixsocketaddress.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/acl.h>

#include "pools/agent-link.h"

static Reactor *reactor;
static char *folder, *path;
static guint n_messages;
static AgentMessageType last;

static void
on_message(const AgentMessage *message, void *data)
{
	n_messages++;
	last = message->type;
}

static void
setup(void)
{
	folder = g_dir_make_tmp("carrel-XXXXXX", NULL);
	path = g_build_filename(folder, "office-1a2b3c4d", NULL);
	n_messages = 0;
	reactor = reactor_new(NULL);
	ck_assert_ptr_nonnull(reactor);
}

static void
teardown(void)
{
	g_clear_pointer(&reactor, reactor_free);
	g_unlink(path);
	g_rmdir(folder);
	g_clear_pointer(&folder, g_free);
	g_clear_pointer(&path, g_free);
}

static GSocket *
listen_as_qemu(void)
{
	g_autoptr(GSocketAddress) address = g_unix_socket_address_new(path);
	GSocket *listener = g_socket_new(G_SOCKET_FAMILY_UNIX, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_DEFAULT, NULL);

	g_unlink(path);
	ck_assert(g_socket_bind(listener, address, FALSE, NULL));
	ck_assert(g_socket_listen(listener, NULL));
	return listener;
}

/* Runs the main loop until @socket can be read. */
static void
run_until_readable(GSocket *socket)
{
	while (!(g_socket_condition_check(socket, G_IO_IN) & G_IO_IN))
		g_main_context_iteration(NULL, FALSE);
}

static GSocket *
accept_link(GSocket *listener)
{
	run_until_readable(listener);
	return g_socket_accept(listener, NULL, NULL);
}

static void
assert_hears(GSocket *port, const char *word)
{
	char buffer[4096] = "";

	run_until_readable(port);
	gssize n = g_socket_receive(port, buffer, sizeof buffer - 1, NULL, NULL);
	ck_assert_msg(n > 0 && strstr(buffer, word) != NULL, "%s", buffer);
}

static void
say(GSocket *port, const char *text)
{
	ck_assert_int_eq(g_socket_send(port, text, strlen(text), NULL, NULL), (gssize)strlen(text));
}

START_TEST(both_sides_are_heard)
{
	g_autoptr(GSocket) listener = listen_as_qemu();
	g_autoptr(AgentLink) link = agent_link_new(reactor, path, "office-1a2b3c4d", on_message, NULL);
	g_autoptr(GSocket) port = accept_link(listener);

	assert_hears(port, "\"hello\"");
	say(port, "{\"type\":\"hel");
	say(port, "lo\",\"version\":\"0.1.0\",\"protocol\":1}\n{\"type\":\"ready\",\"hostname\":\"h\",\"machine-id\":\"m\"}\n");
	while (n_messages < 2)
		g_main_context_iteration(NULL, TRUE);
	ck_assert_int_eq(last, AGENT_READY);
	ck_assert(agent_link_send(link, "{\"type\":\"clock\"}\n"));
	assert_hears(port, "\"clock\"");
}
END_TEST

START_TEST(a_port_that_is_not_there_yet_or_breaks_is_opened_again)
{
	g_autoptr(AgentLink) link = agent_link_new(reactor, path, "office-1a2b3c4d", on_message, NULL);

	ck_assert(!agent_link_send(link, "{}\n"));
	g_autoptr(GSocket) listener = listen_as_qemu();
	g_autoptr(GSocket) port = accept_link(listener);
	assert_hears(port, "\"hello\"");
	/* What came before the hang-up counts, and half a line is forgotten. */
	say(port, "{\"type\":\"hello\",\"version\":\"0.1.0\",\"protocol\":1}\n{\"type\":\"hel");
	g_socket_close(port, NULL);
	g_autoptr(GSocket) again = accept_link(listener);
	assert_hears(again, "\"hello\"");
	ck_assert_uint_eq(n_messages, 1);
	say(again, "{\"type\":\"hello\",\"version\":\"0.1.0\",\"protocol\":1}\n");
	while (n_messages < 2)
		g_main_context_iteration(NULL, TRUE);
}
END_TEST

START_TEST(a_vm_that_ends_while_it_is_written_to_harms_nothing)
{
	g_autoptr(GSocket) listener = listen_as_qemu();
	g_autoptr(AgentLink) link = agent_link_new(reactor, path, "office-1a2b3c4d", on_message, NULL);
	g_autoptr(GSocket) port = accept_link(listener);

	g_socket_close(port, NULL);
	agent_link_send(link, "{\"type\":\"clock\"}\n");
	agent_link_send(link, "{\"type\":\"clock\"}\n");
	g_autoptr(GSocket) again = accept_link(listener);
	assert_hears(again, "\"hello\"");
}
END_TEST

START_TEST(what_a_guest_does_not_read_is_bounded)
{
	g_autoptr(GSocket) listener = listen_as_qemu();
	g_autoptr(AgentLink) link = agent_link_new(reactor, path, "office-1a2b3c4d", on_message, NULL);
	g_autoptr(GSocket) port = accept_link(listener);
	g_autofree char *line = g_strnfill(4000, 'x');
	guint sent = 0;

	while (agent_link_send(link, line))
		ck_assert_uint_lt(++sent, 10000);
	for (guint i = 0; i < sent; i++) {
		char buffer[4000];

		run_until_readable(port);
		g_socket_receive(port, buffer, sizeof buffer, NULL, NULL);
	}
	while (!agent_link_send(link, "{}\n"))
		g_main_context_iteration(NULL, FALSE);
}
END_TEST

START_TEST(a_flood_closes_the_port)
{
	g_autoptr(GSocket) listener = listen_as_qemu();
	g_autoptr(AgentLink) link G_GNUC_UNUSED = agent_link_new(reactor, path, "office-1a2b3c4d", on_message, NULL);
	g_autoptr(GSocket) port = accept_link(listener);
	char lines[1000];

	memset(lines, '\n', sizeof lines);
	assert_hears(port, "\"hello\"");
	ck_assert_int_eq(g_socket_send(port, lines, sizeof lines, NULL, NULL), sizeof lines);
	run_until_readable(port);
	ck_assert_int_le(g_socket_receive(port, lines, sizeof lines, NULL, NULL), 0);
}
END_TEST

START_TEST(the_folder_is_ours_alone_and_lets_us_in)
{
	g_autofree char *agents = g_build_filename(folder, "agents", NULL);
	g_autofree char *too_long = g_strnfill(AGENT_FOLDER_MAX + 1, 'a');
	GError *error = NULL;
	GStatBuf info;

	ck_assert_msg(agent_folder_make(agents, &error), "%s", error ? error->message : "");
	ck_assert(agent_folder_make(agents, &error));
	ck_assert(g_stat(agents, &info) == 0 && (info.st_mode & 0077) == 0);
	acl_t acl = acl_get_file(agents, ACL_TYPE_DEFAULT);
	ck_assert(acl != NULL && acl_entries(acl) == 5);
	acl_free(acl);
	g_rmdir(agents);
	*too_long = '/';
	ck_assert(!agent_folder_make(too_long, &error));
	ck_assert(strstr(error->message, "Runtime=") != NULL);
	g_clear_error(&error);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("agent-link");
	TCase *tcase = tcase_create("all");
	SRunner *runner = srunner_create(suite);

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, both_sides_are_heard);
	tcase_add_test(tcase, a_port_that_is_not_there_yet_or_breaks_is_opened_again);
	tcase_add_test(tcase, a_vm_that_ends_while_it_is_written_to_harms_nothing);
	tcase_add_test(tcase, what_a_guest_does_not_read_is_bounded);
	tcase_add_test(tcase, a_flood_closes_the_port);
	tcase_add_test(tcase, the_folder_is_ours_alone_and_lets_us_in);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
