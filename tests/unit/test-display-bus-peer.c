/* The called side of a D-Bus connection, with GLib's as the caller, as QEMU's is. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <check.h>
#include <gio/gunixfdmessage.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "display/bus-peer.h"

static int ends[2];
static BusPeer *peer;
static GDBusConnection *caller;
static guint calls;
static char *closed;
static char last[64];
static int last_fd;

static GVariant *
on_call(const char *interface, const char *method, GVariant *args, GUnixFDList *fds, GError **error, void *data)
{
	g_autofree char *text = g_variant_print(args, FALSE);

	calls++;
	g_snprintf(last, sizeof last, "%s.%s%s", interface, method, text);
	last_fd = fds ? g_unix_fd_list_get(fds, 0, NULL) : -1;
	if (strcmp(method, "Fail") == 0)
		g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_FAILED, "no");
	return strcmp(method, "Twice") == 0 ? g_variant_new("(u)", 2 * g_variant_get_uint32(g_variant_get_child_value(args, 0))) : NULL;
}

static void
on_closed(const GError *error, void *data)
{
	ck_assert_ptr_null(closed);
	closed = g_strdup(error->message);
}

static const BusPeerEvents events = {on_call, on_closed};

static void
on_caller(GObject *source, GAsyncResult *result, gpointer data)
{
	caller = g_dbus_connection_new_finish(result, NULL);
	ck_assert_ptr_nonnull(caller);
}

static void
set_up(void)
{
	calls = 0;
	g_clear_pointer(&closed, g_free);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	peer = bus_peer_new(ends[1], &events, NULL);
}

/* QEMU's side. */
static void
begin(void)
{
	g_autoptr(GSocket) socket = g_socket_new_from_fd(ends[0], NULL);
	g_autoptr(GSocketConnection) stream = g_socket_connection_factory_create_connection(socket);
	g_autofree char *guid = g_dbus_generate_guid();

	g_dbus_connection_new(G_IO_STREAM(stream), guid, G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_SERVER, NULL, NULL, on_caller, NULL);
	while (caller == NULL)
		g_main_context_iteration(NULL, TRUE);
}

static void
tear_down(void)
{
	bus_peer_free(peer);
	g_clear_object(&caller);
	g_clear_pointer(&closed, g_free);
}

static void
on_answer(GObject *source, GAsyncResult *result, gpointer data)
{
	GVariant **answer = data;
	g_autoptr(GError) error = NULL;

	*answer = g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, &error);
	if (*answer == NULL)
		*answer = g_variant_ref_sink(g_variant_new_string(error->message));
}

static GVariant *
call(const char *method, GVariant *args)
{
	GVariant *answer = NULL;

	g_dbus_connection_call(caller, NULL, "/org/qemu/Display1/Listener", "org.example.Listener", method, args, NULL,
	        G_DBUS_CALL_FLAGS_NONE, 5000, NULL, on_answer, &answer);
	while (answer == NULL)
		g_main_context_iteration(NULL, TRUE);
	return answer;
}

START_TEST(calls_arrive_and_are_answered)
{
	guint result;

	begin();
	g_autoptr(GVariant) answer = call("Twice", g_variant_new("(u)", 21));
	g_variant_get(answer, "(u)", &result);
	ck_assert_uint_eq(result, 42);
	g_autoptr(GVariant) empty = call("Nothing", NULL);
	ck_assert_str_eq(g_variant_get_type_string(empty), "()");
	ck_assert_str_eq(last, "org.example.Listener.Nothing()");
	g_autoptr(GVariant) failure = call("Fail", NULL);
	ck_assert_ptr_nonnull(strstr(g_variant_get_string(failure, NULL), "no"));
	ck_assert_uint_eq(calls, 3);
}
END_TEST

START_TEST(messages_of_any_size_arrive_in_their_order)
{
	gsize size = 3 * 1000 * 1000;
	g_autofree guint8 *bytes = g_malloc0(size);

	begin();
	for (guint i = 0; i < 500; i++)
		g_dbus_connection_call(caller, NULL, "/a", "org.example.Listener", "Update", g_variant_new("(u)", i), NULL,
		        G_DBUS_CALL_FLAGS_NONE, -1, NULL, NULL, NULL);
	g_autoptr(GVariant) answer = call("Large", g_variant_new("(@ay)", g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, bytes, size, 1)));
	ck_assert_uint_eq(calls, 501);
	g_dbus_connection_call(caller, NULL, "/a", "org.example.Listener", "Update", g_variant_new("(u)", 7), NULL, G_DBUS_CALL_FLAGS_NONE,
	        -1, NULL, NULL, NULL);
	while (calls < 502)
		g_main_context_iteration(NULL, TRUE);
	ck_assert_str_eq(last, "org.example.Listener.Update(7,)");
}
END_TEST

static void
on_sent(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(GVariant) answer = g_dbus_connection_call_with_unix_fd_list_finish(G_DBUS_CONNECTION(source), NULL, result, NULL);

	ck_assert_ptr_nonnull(answer);
	*(gboolean *)data = TRUE;
}

START_TEST(a_descriptor_comes_with_its_message)
{
	int fd = memfd_create("test", MFD_CLOEXEC);
	g_autoptr(GUnixFDList) list = g_unix_fd_list_new_from_array(&fd, 1);
	gboolean done = FALSE;

	ck_assert_int_eq(ftruncate(fd, 12345), 0);
	begin();
	g_dbus_connection_call_with_unix_fd_list(caller, NULL, "/a", "org.example.Listener", "Map", g_variant_new("(h)", 0), NULL,
	        G_DBUS_CALL_FLAGS_NONE, 5000, list, NULL, on_sent, &done);
	while (!done)
		g_main_context_iteration(NULL, TRUE);
	ck_assert_int_ge(last_fd, 0);
	ck_assert_int_eq(lseek(last_fd, 0, SEEK_END), 12345);
	close(last_fd);
}
END_TEST

START_TEST(an_end_is_told_once)
{
	begin();
	g_dbus_connection_close(caller, NULL, NULL, NULL);
	while (closed == NULL)
		g_main_context_iteration(NULL, TRUE);
	ck_assert_ptr_nonnull(strstr(closed, "closed"));
}
END_TEST

/* Instead of the words, and instead of a message after them. */
START_TEST(garbage_ends_the_connection)
{
	static const char *const words[] = {"NO\r\n", "OK\0\r\n", "OK 1234\r\nERROR\r\n",
	        "OK 1234\r\nAGREE_UNIX_FD\r\nnot a message, surely",
	        "OK 1234\r\nAGREE_UNIX_FD\r\nl\1\0\1\xff\xff\xff\x7f\1\0\0\0\xff\xff\xff\x7f"};
	static const gsize sizes[] = {4, 5, 16, 47, 41};
	static char flood[4096];

	memset(flood, 'x', sizeof flood);
	ck_assert_int_gt(send(ends[0], _i < 5 ? words[_i] : flood, _i < 5 ? sizes[_i] : sizeof flood, 0), 0);
	while (closed == NULL)
		g_main_context_iteration(NULL, TRUE);
	ck_assert_uint_eq(calls, 0);
	close(ends[0]);
}
END_TEST

/* A message that comes later would be given it. */
START_TEST(a_descriptor_without_a_message_ends_the_connection)
{
	g_autoptr(GSocket) socket = g_socket_new_from_fd(ends[0], NULL);
	g_autoptr(GSocketControlMessage) control = g_unix_fd_message_new();
	GOutputVector vector = {"OK 1234\r\nAGREE_UNIX_FD\r\n", 24};

	ck_assert(g_unix_fd_message_append_fd(G_UNIX_FD_MESSAGE(control), STDOUT_FILENO, NULL));
	ck_assert_int_eq(g_socket_send_message(socket, NULL, &vector, 1, &control, 1, 0, NULL, NULL), 24);
	while (closed == NULL)
		g_main_context_iteration(NULL, TRUE);
	ck_assert_ptr_nonnull(strstr(closed, "descriptors"));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("display-bus-peer");
	TCase *tcase = tcase_create("bus-peer");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, calls_arrive_and_are_answered);
	tcase_add_test(tcase, messages_of_any_size_arrive_in_their_order);
	tcase_add_test(tcase, a_descriptor_comes_with_its_message);
	tcase_add_test(tcase, an_end_is_told_once);
	tcase_add_test(tcase, a_descriptor_without_a_message_ends_the_connection);
	tcase_add_loop_test(tcase, garbage_ends_the_connection, 0, 6);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
