/* The capture against a QEMU of the test's own: its D-Bus display over a socketpair, with two heads whose pixels are in memory files.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <check.h>
#include <gio/gunixfdlist.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "display/capture-check.h"
#include "display/capture.h"

#define HEADS 2
#define RED 0xff0000u
#define GREEN 0x00ff00u
#define BLUE 0x0000ffu
#define WHITE 0xffffffu

static GDBusConnection *qemu, *ours; /* the two ends */
static GDBusConnection *listeners[HEADS];
static Capture *capture;
static Heads heads; /* as last told */
static guint heads_max, n_resized, n_changes, calls;
static const Cursor *cursor;
static int pointer_x, pointer_y;
static gboolean pointer_visible, started;

static void
on_resized(const Frame *frame, const Heads *now, void *data)
{
	heads = *now;
	n_resized++;
}

static void
on_change(const Frame *frame, const Change *change, void *data)
{
	n_changes++;
}

static void
on_cursor(const Cursor *now, void *data)
{
	cursor = now;
}

static void
on_pointer(int x, int y, gboolean visible, void *data)
{
	pointer_x = x;
	pointer_y = y;
	pointer_visible = visible;
}

static void
on_heads_max(guint max, void *data)
{
	heads_max = max;
}

static void
on_started(const GError *error, void *data)
{
	ck_assert_ptr_null(error);
	started = TRUE;
}

static const CaptureEvents events = {on_resized, on_change, on_cursor, on_pointer, on_heads_max, on_started};

static gboolean
on_too_long(gpointer data)
{
	ck_abort_msg("it takes for ever");
	return G_SOURCE_REMOVE;
}

/* Until the condition holds; once more around, so that what was scheduled then is done too. */
#define WAIT(condition)                                       \
	do {                                                  \
		while (!(condition))                          \
			g_main_context_iteration(NULL, TRUE); \
		while (g_main_context_iteration(NULL, FALSE)) \
			;                                     \
	} while (0)

static void
on_listener(GObject *source, GAsyncResult *result, gpointer data)
{
	listeners[GPOINTER_TO_UINT(data)] = g_dbus_connection_new_finish(result, NULL);
	ck_assert_ptr_nonnull(listeners[GPOINTER_TO_UINT(data)]);
}

static void
on_register(GDBusConnection *connection, const char *sender, const char *path, const char *interface, const char *method, GVariant *args,
        GDBusMethodInvocation *invocation, gpointer data)
{
	GUnixFDList *fds = g_dbus_message_get_unix_fd_list(g_dbus_method_invocation_get_message(invocation));
	g_autoptr(GSocket) socket = g_socket_new_from_fd(g_unix_fd_list_get(fds, 0, NULL), NULL);
	g_autoptr(GSocketConnection) stream = g_socket_connection_factory_create_connection(socket);
	g_autofree char *guid = g_dbus_generate_guid();

	g_dbus_connection_new(G_IO_STREAM(stream), guid, G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_SERVER, NULL, NULL, on_listener, data);
	g_dbus_method_invocation_return_value(invocation, NULL);
}

static GVariant *
get_console_ids(GDBusConnection *connection, const char *sender, const char *path, const char *interface, const char *property,
        GError **error, gpointer data)
{
	const guint32 ids[HEADS] = {0, 1};

	return g_variant_new_fixed_array(G_VARIANT_TYPE_UINT32, ids, HEADS, sizeof *ids);
}

static void
export_qemu(void)
{
	static const GDBusInterfaceVTable console = {.method_call = on_register}, vm = {.get_property = get_console_ids};
	static GDBusNodeInfo *info;

	if (info == NULL)
		info = g_dbus_node_info_new_for_xml(
		        "<node><interface name='org.qemu.Display1.Console'><method name='RegisterListener'>"
		        "<arg type='h' direction='in'/></method></interface>"
		        "<interface name='org.qemu.Display1.VM'><property name='ConsoleIDs' type='au' access='read'/>"
		        "</interface></node>",
		        NULL);
	for (guint i = 0; i < HEADS; i++) {
		g_autofree char *path = g_strdup_printf("/org/qemu/Display1/Console_%u", i);

		ck_assert(
		        g_dbus_connection_register_object(qemu, path, info->interfaces[0], &console, GUINT_TO_POINTER(i), NULL, NULL) > 0);
	}
	ck_assert(g_dbus_connection_register_object(qemu, "/org/qemu/Display1/VM", info->interfaces[1], &vm, NULL, NULL, NULL) > 0);
}

static void
on_connected(GObject *source, GAsyncResult *result, gpointer data)
{
	*(GDBusConnection **)data = g_dbus_connection_new_finish(result, NULL);
}

static void
connect_end(int fd, GDBusConnectionFlags flags, GDBusConnection **end)
{
	g_autoptr(GSocket) socket = g_socket_new_from_fd(fd, NULL);
	g_autoptr(GSocketConnection) stream = g_socket_connection_factory_create_connection(socket);
	g_autofree char *guid = flags & G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_SERVER ? g_dbus_generate_guid() : NULL;

	g_dbus_connection_new(G_IO_STREAM(stream), guid, flags, NULL, NULL, on_connected, end);
}

static void
begin(gboolean pixel_copy)
{
	int ends[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	connect_end(ends[0], G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_SERVER, &qemu);
	connect_end(ends[1], G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT, &ours);
	WAIT(qemu && ours);
	export_qemu();
	capture = capture_new(ours, pixel_copy, &events, NULL);
	WAIT(listeners[0] && listeners[1] && heads_max > 0);
}

static void
set_up(void)
{
	g_timeout_add_seconds(30, on_too_long, NULL);
}

static void
tear_down(void)
{
	capture_free(capture);
}

static void
on_answered(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GVariant) answer = g_dbus_connection_call_with_unix_fd_list_finish(G_DBUS_CONNECTION(source), NULL, result, &error);

	ck_assert_msg(answer != NULL, "%s", error ? error->message : "");
	calls--;
}

/* Says it to a head's listener, and waits until that has been dealt with. */
static void
say(guint head, const char *interface, const char *method, GVariant *args, int fd)
{
	g_autoptr(GUnixFDList) fds = fd >= 0 ? g_unix_fd_list_new() : NULL;

	if (fds)
		ck_assert_int_eq(g_unix_fd_list_append(fds, fd, NULL), 0);
	calls++;
	g_dbus_connection_call_with_unix_fd_list(listeners[head], NULL, "/org/qemu/Display1/Listener", interface, method, args, NULL,
	        G_DBUS_CALL_FLAGS_NONE, 5000, fds, NULL, on_answered, NULL);
	WAIT(calls == 0);
}

/* A picture of one colour, @indent pixels into rows of @stride pixels: as two heads share one memory. Result: the file. */
static int
show(guint head, guint indent, guint width, guint height, guint stride, guint32 colour)
{
	gsize size = (gsize)stride * height * 4;
	int fd = memfd_create("head", MFD_CLOEXEC);
	guint32 *pixels;

	ck_assert_int_eq(ftruncate(fd, (off_t)size), 0);
	pixels = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	for (guint y = 0; y < height; y++) {
		for (guint x = 0; x < width; x++)
			pixels[y * stride + indent + x] = colour;
	}
	munmap(pixels, size);
	say(head, "org.qemu.Display1.Listener.Unix.Map", "ScanoutMap",
	        g_variant_new("(huuuuu)", 0, indent * 4, width, height, stride * 4, PIXMAN_FORMAT_X8R8G8B8), fd);
	return fd;
}

static guint32
at(int x, int y)
{
	return *frame_at(capture_frame(capture), x, y) & 0xffffff;
}

static void
wish_second_at(int x, int y, int width, int height)
{
	Heads wish = heads_single(64, 48);

	wish.rects[1] = (Rect){x, y, width, height};
	wish.width = MAX(64, x + width);
	wish.height = MAX(48, y + height);
	capture_wish(capture, &wish);
	while (g_main_context_iteration(NULL, FALSE))
		;
}

static void
begin_with_two(void)
{
	begin(FALSE);
	close(show(0, 0, 64, 48, 100, RED));
	wish_second_at(64, 0, 36, 30);
	close(show(1, 64, 36, 30, 100, GREEN));
}

START_TEST(a_head_is_dark_until_it_is_wished_and_shows_what_was_wished)
{
	begin(FALSE);
	ck_assert_uint_eq(heads_max, HEADS);
	close(show(0, 0, 64, 48, 64, RED));
	ck_assert(started);
	/* QEMU's notice in the place of a picture. */
	close(show(1, 0, 36, 30, 36, WHITE));
	ck_assert_uint_eq(heads_count(&heads), 1);
	wish_second_at(64, 0, 36, 30);
	ck_assert_uint_eq(heads_count(&heads), 1);
	close(show(1, 0, 30, 20, 36, WHITE));
	ck_assert_uint_eq(heads_count(&heads), 1);
	close(show(1, 0, 36, 30, 36, GREEN));
	ck_assert_uint_eq(heads_count(&heads), 2);
	ck_assert(capture_frame(capture)->width == 100 && capture_frame(capture)->height == 48);
	ck_assert(at(0, 0) == RED && at(63, 47) == RED && at(64, 0) == GREEN && at(99, 29) == GREEN && at(99, 30) == 0);
}
END_TEST

START_TEST(what_changes_in_a_head_changes_in_its_place)
{
	guint32 pixel = BLUE;
	int fd;

	begin_with_two();
	fd = show(1, 64, 36, 30, 100, GREEN);
	n_changes = 0;
	ck_assert_int_eq(pwrite(fd, &pixel, 4, (10 * 100 + 64 + 5) * 4), 4);
	say(1, "org.qemu.Display1.Listener.Unix.Map", "UpdateMap", g_variant_new("(iiii)", 5, 10, 1, 1), -1);
	WAIT(n_changes > 0);
	ck_assert(at(64 + 5, 10) == BLUE && at(64 + 4, 10) == GREEN && at(64 + 6, 10) == GREEN && at(5, 10) == RED);
	/* Out of the head is not into the next one. */
	say(0, "org.qemu.Display1.Listener.Unix.Map", "UpdateMap", g_variant_new("(iiii)", 60, 0, 30, 48), -1);
	ck_assert_uint_eq(at(64, 0), GREEN);
	close(fd);
}
END_TEST

START_TEST(heads_keep_their_pixels_when_they_are_laid_out_anew)
{
	begin_with_two();
	/* The same sizes elsewhere. */
	wish_second_at(0, 48, 36, 30);
	WAIT(capture_frame(capture)->height == 78);
	ck_assert(at(63, 47) == RED && at(0, 48) == GREEN && at(35, 77) == GREEN && at(36, 48) == 0);
	/* One grows, as nobody wished: both stand in a row. */
	close(show(0, 0, 70, 50, 70, BLUE));
	ck_assert(capture_frame(capture)->width == 106 && capture_frame(capture)->height == 50);
	ck_assert(at(69, 49) == BLUE && at(70, 0) == GREEN && at(105, 29) == GREEN);
}
END_TEST

START_TEST(a_head_that_is_not_wished_any_more_is_gone_at_once)
{
	Heads one = heads_single(64, 48);

	begin_with_two();
	capture_wish(capture, &one);
	WAIT(heads_count(&heads) == 1);
	ck_assert(capture_frame(capture)->width == 64 && at(63, 47) == RED);
	close(show(1, 0, 36, 30, 36, WHITE));
	ck_assert_uint_eq(heads_count(&heads), 1);
}
END_TEST

START_TEST(a_head_that_no_frame_has_room_for_is_left_out)
{
	begin_with_two();
	close(show(1, 0, FRAME_SIDE_MAX - 63, 4, FRAME_SIDE_MAX, BLUE));
	ck_assert(capture_frame(capture)->width == 64 && at(63, 47) == RED);
	ck_assert_uint_eq(heads_count(&heads), 1);
	close(show(1, 0, 36, 30, 36, GREEN));
	ck_assert_uint_eq(heads_count(&heads), 2);
	ck_assert_uint_eq(at(64, 0), GREEN);
}
END_TEST

static void
define_cursor(guint head, int side)
{
	g_autofree guint8 *pixels = g_malloc0((gsize)side * (gsize)side * 4);

	say(head, "org.qemu.Display1.Listener", "CursorDefine",
	        g_variant_new("(iiii@ay)", side, side, 0, 0,
	                g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, pixels, (gsize)side * (gsize)side * 4, 1)),
	        -1);
}

START_TEST(the_pointer_is_where_its_head_is_with_the_cursor_of_that_head)
{
	begin_with_two();
	define_cursor(0, 8);
	say(0, "org.qemu.Display1.Listener", "MouseSet", g_variant_new("(iii)", 5, 6, 1), -1);
	ck_assert(pointer_x == 5 && pointer_y == 6 && pointer_visible && cursor->width == 8);
	/* It goes over: the order is the guest's. */
	define_cursor(0, 1);
	define_cursor(1, 9);
	say(1, "org.qemu.Display1.Listener", "MouseSet", g_variant_new("(iii)", 7, 8, 1), -1);
	say(0, "org.qemu.Display1.Listener", "MouseSet", g_variant_new("(iii)", 0, 0, 0), -1);
	ck_assert(pointer_x == 64 + 7 && pointer_y == 8 && pointer_visible && cursor->width == 9);
	ck_assert_ptr_eq(capture_cursor(capture), cursor);
}
END_TEST

START_TEST(pixels_that_come_in_messages_are_put_in_their_heads_place)
{
	guint32 pixels[36 * 30];
	GVariant *bytes;

	begin(TRUE);
	for (gsize i = 0; i < G_N_ELEMENTS(pixels); i++)
		pixels[i] = GREEN;
	wish_second_at(64, 0, 36, 30);
	bytes = g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, pixels, sizeof pixels, 1);
	say(0, "org.qemu.Display1.Listener", "Scanout", g_variant_new("(uuuu@ay)", 30, 36, 120, PIXMAN_FORMAT_X8R8G8B8, bytes), -1);
	bytes = g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, pixels, sizeof pixels, 1);
	say(1, "org.qemu.Display1.Listener", "Scanout", g_variant_new("(uuuu@ay)", 36, 30, 144, PIXMAN_FORMAT_X8R8G8B8, bytes), -1);
	ck_assert(capture_frame(capture)->width == 66 && at(30, 0) == GREEN && at(65, 29) == GREEN && at(65, 30) == 0);
	pixels[0] = BLUE;
	n_changes = 0;
	bytes = g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, pixels, 4, 1);
	say(1, "org.qemu.Display1.Listener", "Update", g_variant_new("(iiiiuu@ay)", 3, 4, 1, 1, 4, PIXMAN_FORMAT_X8R8G8B8, bytes), -1);
	WAIT(n_changes > 0);
	ck_assert(at(33, 4) == BLUE && at(3, 4) == GREEN);
}
END_TEST

START_TEST(a_listener_that_ends_is_asked_for_again)
{
	begin_with_two();
	g_dbus_connection_close_sync(listeners[0], NULL, NULL);
	g_clear_object(&listeners[0]);
	WAIT(listeners[0]);
	ck_assert_uint_eq(at(0, 0), RED);
	close(show(0, 0, 64, 48, 100, BLUE));
	WAIT(at(0, 0) == BLUE);
	ck_assert_uint_eq(at(64, 0), GREEN);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("capture");
	TCase *tcase = tcase_create("heads");

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, a_head_is_dark_until_it_is_wished_and_shows_what_was_wished);
	tcase_add_test(tcase, what_changes_in_a_head_changes_in_its_place);
	tcase_add_test(tcase, heads_keep_their_pixels_when_they_are_laid_out_anew);
	tcase_add_test(tcase, a_head_that_is_not_wished_any_more_is_gone_at_once);
	tcase_add_test(tcase, a_head_that_no_frame_has_room_for_is_left_out);
	tcase_add_test(tcase, the_pointer_is_where_its_head_is_with_the_cursor_of_that_head);
	tcase_add_test(tcase, pixels_that_come_in_messages_are_put_in_their_heads_place);
	tcase_add_test(tcase, a_listener_that_ends_is_asked_for_again);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
