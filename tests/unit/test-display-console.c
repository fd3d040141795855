/* What a guest is told of its monitors, and how often. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "display/console.h"

#define WAIT_US (20 * G_USEC_PER_SEC)

static struct {
	GDBusConnection *ours, *qemu;
	Console *console;
	GMutex mutex;
	GString *told; /* "HEAD:WIDTHxHEIGHT " of each SetUIInfo */
	guint width_mm[HEADS_MAX]; /* as last told */
	guint repeated; /* told the very same as just before, which QEMU keeps to itself */
} fixture;

static void
on_leds(guint leds, void *data)
{
}

static void
note(GDBusMessage *message)
{
	const char *path = g_dbus_message_get_path(message);
	guint head = (guint)(path[strlen(path) - 1] - '0');
	guint16 width_mm, height_mm;
	guint width, height;
	int x, y;

	g_variant_get(g_dbus_message_get_body(message), "(qqiiuu)", &width_mm, &height_mm, &x, &y, &width, &height);
	g_mutex_lock(&fixture.mutex);
	g_string_append_printf(fixture.told, "%u:%ux%u ", head, width, height);
	fixture.repeated += fixture.width_mm[head] == width_mm;
	fixture.width_mm[head] = width_mm;
	g_mutex_unlock(&fixture.mutex);
}

static GDBusMessage *
on_message(GDBusConnection *connection, GDBusMessage *message, gboolean incoming, gpointer data)
{
	g_autoptr(GDBusMessage) reply = NULL;

	if (!incoming || g_dbus_message_get_message_type(message) != G_DBUS_MESSAGE_TYPE_METHOD_CALL)
		return message;
	if (strcmp(g_dbus_message_get_member(message), "SetUIInfo") == 0)
		note(message);
	reply = g_dbus_message_new_method_reply(message);
	g_dbus_connection_send_message(connection, reply, G_DBUS_SEND_MESSAGE_FLAGS_NONE, NULL, NULL);
	g_object_unref(message);
	return NULL;
}

static GDBusConnection *
connect_end(int fd, GDBusConnectionFlags flags)
{
	g_autoptr(GSocket) socket = g_socket_new_from_fd(fd, NULL);
	g_autoptr(GSocketConnection) stream = g_socket_connection_factory_create_connection(socket);
	g_autofree char *guid = g_dbus_generate_guid();

	return g_dbus_connection_new_sync(
	        G_IO_STREAM(stream), flags & G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_SERVER ? guid : NULL, flags, NULL, NULL, NULL);
}

static gpointer
run_qemu(gpointer fd)
{
	fixture.qemu = connect_end(GPOINTER_TO_INT(fd),
	        G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_SERVER | G_DBUS_CONNECTION_FLAGS_DELAY_MESSAGE_PROCESSING);
	g_dbus_connection_add_filter(fixture.qemu, on_message, NULL, NULL);
	g_dbus_connection_start_message_processing(fixture.qemu);
	return NULL;
}

static void
set_up(void)
{
	GThread *thread;
	int ends[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	fixture.told = g_string_new(NULL);
	thread = g_thread_new("qemu", run_qemu, GINT_TO_POINTER(ends[1]));
	fixture.ours = connect_end(ends[0], G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT);
	g_thread_join(thread);
	fixture.console = console_new(fixture.ours, on_leds, NULL);
}

static void
tear_down(void)
{
	console_free(fixture.console);
	g_clear_object(&fixture.ours);
	g_clear_object(&fixture.qemu);
	g_string_free(fixture.told, TRUE);
}

static gboolean
is_told(const char *text)
{
	gboolean found;

	g_mutex_lock(&fixture.mutex);
	found = strcmp(fixture.told->str, text) == 0;
	g_mutex_unlock(&fixture.mutex);
	return found;
}

static void
wait_told(const char *text)
{
	for (gint64 end = g_get_monotonic_time() + WAIT_US; !is_told(text) && g_get_monotonic_time() < end;) {
		g_main_context_iteration(NULL, FALSE);
		g_usleep(1000);
	}
	ck_assert_str_eq(fixture.told->str, text);
}

START_TEST(of_quick_wishes_the_last_is_told)
{
	Heads wish = heads_single(800, 600), other = heads_single(1024, 768);

	console_arrange(fixture.console, &wish, 1);
	console_arrange(fixture.console, &other, 1);
	wait_told("0:1024x768 ");
}
END_TEST

START_TEST(a_guest_that_does_not_follow_is_told_again_in_a_way_that_qemu_passes_on)
{
	Heads wish = heads_single(1024, 768), shown = wish;

	console_saw(fixture.console, &shown);
	wish.rects[1] = (Rect){1024, 0, 800, 600};
	wish.width = 1824;
	console_arrange(fixture.console, &wish, 2);
	wait_told("0:1024x768 1:800x600 0:1024x768 1:800x600 ");
	ck_assert_uint_eq(fixture.repeated, 0);
	console_saw(fixture.console, &wish);
	/* It follows, and hears no more of this. */
	wish = heads_single(640, 480);
	console_arrange(fixture.console, &wish, 1);
	wait_told("0:1024x768 1:800x600 0:1024x768 1:800x600 0:640x480 ");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("display-console");
	TCase *tcase = tcase_create("monitors");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, of_quick_wishes_the_last_is_told);
	tcase_add_test(tcase, a_guest_that_does_not_follow_is_told_again_in_a_way_that_qemu_passes_on);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
