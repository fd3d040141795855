/* A whole screen, from QEMU's D-Bus display to its VNC clients: what the host draws into the picture, and who may do what. QEMU's side is
 * a few lines here: it shows one grey frame, and notes the keys that it is sent. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <check.h>
#include <fcntl.h>
#include <gio/gunixfdlist.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "display/screen.h"
#include "display/thumbnail.h"

#define WIDTH 400
#define HEIGHT 300
#define GREY 0x808080u
#define SEAM 0xffb000u
#define X8R8G8B8 0x20020888u
#define WAIT_US (10 * G_USEC_PER_SEC)

/* ---- QEMU, on a thread of its own ---- */

static struct {
	int fd; /* of its end */
	GThread *thread;
	GAsyncQueue *listeners; /* descriptors + 1, of RegisterListener; then 1: the end */
	GMutex mutex;
	GString *keys; /* "+30 -30 " */
} qemu;

static void
note_key(GDBusMessage *message)
{
	guint qnum;

	g_variant_get(g_dbus_message_get_body(message), "(u)", &qnum);
	g_mutex_lock(&qemu.mutex);
	g_string_append_printf(qemu.keys, "%s%u ", strcmp(g_dbus_message_get_member(message), "Press") == 0 ? "+" : "-", qnum);
	g_mutex_unlock(&qemu.mutex);
}

static GDBusMessage *
on_message(GDBusConnection *connection, GDBusMessage *message, gboolean incoming, gpointer data)
{
	g_autoptr(GDBusMessage) reply = NULL;

	if (!incoming || g_dbus_message_get_message_type(message) != G_DBUS_MESSAGE_TYPE_METHOD_CALL)
		return message;
	if (strcmp(g_dbus_message_get_member(message), "RegisterListener") == 0)
		g_async_queue_push(
		        qemu.listeners, GINT_TO_POINTER(g_unix_fd_list_get(g_dbus_message_get_unix_fd_list(message), 0, NULL) + 1));
	if (strcmp(g_dbus_message_get_interface(message), "org.qemu.Display1.Keyboard") == 0)
		note_key(message);
	reply = g_dbus_message_new_method_reply(message);
	g_dbus_connection_send_message(connection, reply, G_DBUS_SEND_MESSAGE_FLAGS_NONE, NULL, NULL);
	g_object_unref(message);
	return NULL;
}

static GDBusConnection *
serve(int fd, gboolean filtered)
{
	g_autoptr(GSocket) socket = g_socket_new_from_fd(fd, NULL);
	g_autoptr(GSocketConnection) stream = g_socket_connection_factory_create_connection(socket);
	g_autofree char *guid = g_dbus_generate_guid();
	GDBusConnection *connection = g_dbus_connection_new_sync(G_IO_STREAM(stream), guid,
	        G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_SERVER | G_DBUS_CONNECTION_FLAGS_DELAY_MESSAGE_PROCESSING, NULL, NULL, NULL);

	g_assert_nonnull(connection);
	if (filtered)
		g_dbus_connection_add_filter(connection, on_message, NULL, NULL);
	g_dbus_connection_start_message_processing(connection);
	return connection;
}

static void
show_frame(GDBusConnection *listener)
{
	g_autofree guint32 *pixels = g_new(guint32, WIDTH * HEIGHT);

	for (int i = 0; i < WIDTH * HEIGHT; i++)
		pixels[i] = GREY;
	g_dbus_connection_call(listener, NULL, "/org/qemu/Display1/Listener", "org.qemu.Display1.Listener", "Scanout",
	        g_variant_new("(uuuu@ay)", WIDTH, HEIGHT, WIDTH * 4, X8R8G8B8,
	                g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, pixels, WIDTH * HEIGHT * 4, 1)),
	        NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, NULL, NULL);
}

static gpointer
run_qemu(gpointer data)
{
	g_autoptr(GMainContext) context = g_main_context_new();
	g_autoptr(GDBusConnection) display = NULL, listener = NULL;
	int fd;

	g_main_context_push_thread_default(context);
	display = serve(qemu.fd, TRUE);
	fd = GPOINTER_TO_INT(g_async_queue_pop(qemu.listeners)) - 1;
	if (fd > 0) {
		listener = serve(fd, FALSE);
		show_frame(listener);
		g_async_queue_pop(qemu.listeners);
	}
	g_main_context_pop_thread_default(context);
	return NULL;
}

/* ---- a VNC client of raw pixels ---- */

typedef struct {
	int fd;
	GByteArray *in;
	gboolean greeted, closed;
	guint32 *pixels; /* WIDTH x HEIGHT */
} Viewer;

static Screen *screen;
static gboolean attached;
static int answer; /* -1: none yet */

static void
say(Viewer *viewer, const void *bytes, gsize size)
{
	ck_assert_int_eq(write(viewer->fd, bytes, size), (ssize_t)size);
}

static void
request(Viewer *viewer, gboolean incremental)
{
	const guint8 message[] = {3, (guint8)incremental, 0, 0, 0, 0, WIDTH >> 8, WIDTH & 0xff, HEIGHT >> 8, HEIGHT & 0xff};

	say(viewer, message, sizeof message);
}

static guint
number(const guint8 *bytes)
{
	return (guint)bytes[0] << 8 | bytes[1];
}

/* The bytes of an update that is whole, or 0. */
static gsize
take_update(Viewer *viewer, const guint8 *bytes, gsize size)
{
	gsize at = 4;

	if (size < 4)
		return 0;
	for (guint i = 0; i < number(bytes + 2); i++) {
		const guint8 *head = bytes + at;
		guint width, height;

		if (size < at + 12)
			return 0;
		width = number(head + 4);
		height = number(head + 6);
		at += 12 + (gsize)width * height * 4;
		if (size < at)
			return 0;
		for (guint y = 0; y < height; y++)
			memcpy(viewer->pixels + (number(head + 2) + y) * WIDTH + number(head), head + 12 + (gsize)y * width * 4,
			        (gsize)width * 4);
	}
	return at;
}

/* Version, security types, result, ServerInit and the name. */
static gsize
take_greeting(Viewer *viewer, const guint8 *bytes, gsize size)
{
	static const guint8 raw_only[] = {2, 0, 0, 1, 0, 0, 0, 0};
	const gsize fixed = 12 + 2 + 4 + 24;

	if (size < fixed || size < fixed + bytes[fixed - 1])
		return 0;
	viewer->greeted = TRUE;
	say(viewer, raw_only, sizeof raw_only);
	request(viewer, FALSE);
	return fixed + bytes[fixed - 1];
}

static void
take(Viewer *viewer)
{
	while (viewer->in->len > 0) {
		gsize used;

		if (!viewer->greeted) {
			used = take_greeting(viewer, viewer->in->data, viewer->in->len);
		} else {
			ck_assert_uint_eq(viewer->in->data[0], 0);
			used = take_update(viewer, viewer->in->data, viewer->in->len);
			if (used > 0)
				request(viewer, TRUE);
		}
		if (used == 0)
			return;
		g_byte_array_remove_range(viewer->in, 0, (guint)used);
	}
}

static void
read_all(Viewer *viewer)
{
	guint8 buffer[65536];
	ssize_t n;

	while (!viewer->closed && (n = read(viewer->fd, buffer, sizeof buffer)) >= 0) {
		if (n == 0)
			viewer->closed = TRUE;
		g_byte_array_append(viewer->in, buffer, (guint)n);
		if (!viewer->closed)
			take(viewer);
	}
}

static Viewer *
viewer_new(const char *name, const char *params)
{
	g_autofree char *text = g_strdup_printf("{'protocol': <'vnc'>, 'client': <'%s'>, 'user': <'%s'>, 'address': <'192.0.2.7'>, "
	                                        "'holder': <'anna'>%s}",
	        name, name, params);
	g_autoptr(GVariant) dict = g_variant_ref_sink(g_variant_new_parsed(text));
	Viewer *viewer = g_new0(Viewer, 1);
	int ends[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	viewer->fd = ends[0];
	fcntl(viewer->fd, F_SETFL, O_NONBLOCK);
	viewer->in = g_byte_array_new();
	viewer->pixels = g_new0(guint32, WIDTH * HEIGHT);
	ck_assert(screen_add_client(screen, ends[1], client_new(dict, NULL), NULL));
	say(viewer, "RFB 003.008\n\1\1", 14);
	return viewer;
}

static void
viewer_free(Viewer *viewer)
{
	close(viewer->fd);
	g_byte_array_unref(viewer->in);
	g_free(viewer->pixels);
	g_free(viewer);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Viewer, viewer_free)

/* QEMU's form of a key. */
static void
key(Viewer *viewer, guint8 qnum, gboolean down)
{
	const guint8 message[] = {255, 0, 0, (guint8)down, 0, 0, 0, 0, 0, 0, 0, qnum};

	say(viewer, message, sizeof message);
}

static void
chord(Viewer *viewer, guint8 qnum)
{
	key(viewer, 0x1d, TRUE);
	key(viewer, 0x38, TRUE);
	key(viewer, qnum, TRUE);
	key(viewer, qnum, FALSE);
	key(viewer, 0x38, FALSE);
	key(viewer, 0x1d, FALSE);
}

static guint
count(const Viewer *viewer, guint32 pixel)
{
	guint n = 0;

	for (int i = 0; i < WIDTH * HEIGHT; i++)
		n += (viewer->pixels[i] & 0xffffff) == pixel;
	return n;
}

/* Runs the screen and the viewers until @is_true; FALSE when that never came. */
static gboolean
until(gboolean (*is_true)(Viewer *), Viewer *one, Viewer *other)
{
	gint64 end = g_get_monotonic_time() + WAIT_US;

	while (!is_true(one)) {
		if (g_get_monotonic_time() > end)
			return FALSE;
		if (!g_main_context_iteration(NULL, FALSE))
			g_usleep(1000);
		read_all(one);
		if (other)
			read_all(other);
	}
	return TRUE;
}

static gboolean
is_attached(Viewer *viewer)
{
	return attached;
}

static gboolean
is_grey(Viewer *viewer)
{
	return count(viewer, GREY) == WIDTH * HEIGHT;
}

static gboolean
has_plate(Viewer *viewer)
{
	return count(viewer, SEAM) > 50;
}

static gboolean
has_watermark(Viewer *viewer)
{
	/* A quarter of black, and of white. */
	return count(viewer, 0x606060) > 500 && count(viewer, 0x9f9f9f) > 500 && count(viewer, GREY) > WIDTH * HEIGHT / 2;
}

static gboolean
is_closed(Viewer *viewer)
{
	return viewer->closed;
}

static gboolean
is_answered(Viewer *viewer)
{
	return answer >= 0;
}

static gboolean
heard_b(Viewer *viewer)
{
	gboolean heard;

	g_mutex_lock(&qemu.mutex);
	heard = strstr(qemu.keys->str, "+48 -48 ") != NULL;
	g_mutex_unlock(&qemu.mutex);
	return heard;
}

/* ---- */

static void
on_attached(const GError *error, void *data)
{
	ck_assert_ptr_null(error);
	attached = TRUE;
}

static void
on_state(int width, int height, gboolean shared_memory, gboolean agent, void *data)
{
}

static void
on_joined(const char *client, ClientProtocol protocol, void *data)
{
}

static void
on_left(const char *client, const char *why, void *data)
{
}

static void
on_nothing(void *data)
{
}

static void
on_answer(WatchAnswer word, void *data)
{
	answer = (int)word;
}

static const ScreenEvents events = {.on_attached = on_attached,
        .on_state = on_state,
        .on_joined = on_joined,
        .on_left = on_left,
        .on_input = on_nothing,
        .on_vm_gone = on_nothing};

static void
set_up(void)
{
	Viewer nobody = {.closed = TRUE};
	int ends[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	qemu.fd = ends[0];
	qemu.listeners = g_async_queue_new();
	qemu.keys = g_string_new(NULL);
	qemu.thread = g_thread_new("qemu", run_qemu, NULL);
	attached = FALSE;
	answer = -1;
	screen = screen_new(ends[1], "office-1", TRUE, &events, NULL, NULL);
	ck_assert_ptr_nonnull(screen);
	ck_assert(until(is_attached, &nobody, NULL));
}

static void
tear_down(void)
{
	screen_free(screen);
	g_async_queue_push(qemu.listeners, GINT_TO_POINTER(1));
	g_thread_join(qemu.thread);
	g_async_queue_unref(qemu.listeners);
	g_string_free(qemu.keys, TRUE);
}

START_TEST(a_client_sees_the_guests_pixels_and_a_watermark_where_the_pool_wants_one)
{
	g_autoptr(Viewer) plain = viewer_new("a", ""), marked = NULL;

	ck_assert(until(is_grey, plain, NULL));
	marked = viewer_new("b", ", 'watermark': <'%u %a %p'>");
	ck_assert(until(has_watermark, marked, plain));
	/* For all who look: it is one picture. */
	ck_assert(until(has_watermark, plain, marked));
}
END_TEST

START_TEST(the_question_is_in_the_picture_and_its_answer_does_not_reach_the_guest)
{
	g_autoptr(Viewer) person = viewer_new("a", "");

	ck_assert(until(is_grey, person, NULL));
	ck_assert(screen_ask(screen, "bert", on_answer, NULL, NULL));
	ck_assert(until(has_plate, person, NULL));
	chord(person, 0x02);
	ck_assert(until(is_answered, person, NULL));
	ck_assert_int_eq(answer, WATCH_GRANTED);
	ck_assert(until(is_grey, person, NULL));
	key(person, 48, TRUE);
	key(person, 48, FALSE);
	ck_assert(until(heard_b, person, NULL));
	ck_assert_str_eq(qemu.keys->str, "+29 +56 -56 -29 +48 -48 ");
}
END_TEST

START_TEST(who_watches_is_named_can_do_nothing_and_goes_when_told)
{
	g_autoptr(Viewer) person = viewer_new("a", ""), watcher = NULL;

	ck_assert(until(is_grey, person, NULL));
	watcher = viewer_new("w", ", 'watcher': <'bert'>, 'view-only': <false>");
	ck_assert(until(has_plate, person, watcher));
	ck_assert(until(has_plate, watcher, person));
	key(watcher, 30, TRUE);
	key(watcher, 30, FALSE);
	chord(watcher, 0x0b);
	key(person, 48, TRUE);
	key(person, 48, FALSE);
	ck_assert(until(heard_b, person, watcher));
	ck_assert_str_eq(qemu.keys->str, "+48 -48 ");
	ck_assert(!watcher->closed && has_plate(person));
	chord(person, 0x0b);
	ck_assert(until(is_closed, watcher, person));
	ck_assert(until(is_grey, person, NULL));
	ck_assert(!person->closed);
}
END_TEST

START_TEST(with_the_last_person_goes_who_watches)
{
	Viewer *person = viewer_new("a", "");
	g_autoptr(Viewer) watcher = NULL;

	ck_assert(until(is_grey, person, NULL));
	watcher = viewer_new("w", ", 'watcher': <'bert'>");
	ck_assert(until(has_plate, watcher, person));
	viewer_free(person);
	ck_assert(until(is_closed, watcher, NULL));
}
END_TEST

START_TEST(a_question_to_nobody_is_answered_at_once)
{
	ck_assert(screen_ask(screen, "bert", on_answer, NULL, NULL));
	ck_assert_int_eq(answer, WATCH_NOBODY);
	ck_assert_uint_gt(g_bytes_get_size(screen_thumbnail(screen, 320)), 200);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("screen");
	TCase *tcase = tcase_create("screen");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, a_client_sees_the_guests_pixels_and_a_watermark_where_the_pool_wants_one);
	tcase_add_test(tcase, the_question_is_in_the_picture_and_its_answer_does_not_reach_the_guest);
	tcase_add_test(tcase, who_watches_is_named_can_do_nothing_and_goes_when_told);
	tcase_add_test(tcase, with_the_last_person_goes_who_watches);
	tcase_add_test(tcase, a_question_to_nobody_is_answered_at_once);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
