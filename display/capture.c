/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/capture.h"

#include <errno.h>
#include <gio/gunixfdlist.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/common/error.h"
#include "display/capture-check.h"
#include "display/dbus/qemu.h"
#include "display/guest-memory.h"
#include "display/refine.h"

#define CONSOLE_PATH "/org/qemu/Display1/Console_0"
#define LISTENER_PATH "/org/qemu/Display1/Listener"
#define MAP_INTERFACE "org.qemu.Display1.Listener.Unix.Map"
#define REGISTER_TIMEOUT_MS 5000

struct Capture {
	const CaptureEvents *events;
	void *data;
	GCancellable *cancellable;
	GDBusConnection *connection; /* QEMU calls our listener on it */
	QemuDisplay1Listener *listener;
	QemuDisplay1ListenerUnixMap *map;
	Frame *frame;
	Cursor cursor;
	GuestMemory *memory; /* NULL: pixels come in messages */
	PixelSource source;  /* in memory */
	Damage reported;     /* by UpdateMap, not yet read from memory */
	Change changed;      /* in the frame, not yet told */
	guint flush_id;
	gboolean started;
};

static void
say_started(Capture *capture, const GError *error)
{
	if (capture->started)
		return;
	capture->started = TRUE;
	capture->events->on_started(error, capture->data);
}

static void
stop_mapping(Capture *capture)
{
	g_clear_pointer(&capture->memory, guest_memory_free);
	damage_clear(&capture->reported);
}

/* All messages that have come are read before the memory is: one reading then serves several of them. */
static gboolean
on_flush(gpointer data)
{
	Capture *capture = data;
	Change changed;

	capture->flush_id = 0;
	if (capture->memory)
		refine_update(capture->frame, &capture->source, &capture->reported, &capture->changed);
	damage_clear(&capture->reported);
	if (capture->memory && !guest_memory_is_whole(capture->memory)) {
		g_warning("QEMU's shared frame has shrunk under us: it is not read any more");
		stop_mapping(capture);
	}
	changed = capture->changed;
	change_clear(&capture->changed);
	if (!change_is_empty(&changed))
		capture->events->on_change(capture->frame, &changed, capture->data);
	return G_SOURCE_REMOVE;
}

static void
schedule_flush(Capture *capture)
{
	if (capture->flush_id == 0)
		capture->flush_id = g_idle_add_full(G_PRIORITY_DEFAULT + 10, on_flush, capture, NULL);
}

/* FALSE where memory is short: the old frame stays. The new frame is filled before anybody sees it. */
static gboolean
take_frame(Capture *capture, const PixelSource *source, int width, int height)
{
	Damage all = {{{0, 0, width, height}}, 1};
	Frame *old = capture->frame;
	gboolean is_new = old->width != width || old->height != height;

	if (is_new) {
		capture->frame = frame_new(width, height);
		if (capture->frame == NULL) {
			capture->frame = old;
			return FALSE;
		}
		change_clear(&capture->changed);
	}
	damage_clear(&capture->reported);
	refine_update(capture->frame, source, &all, &capture->changed);
	if (is_new) {
		change_clear(&capture->changed);
		capture->events->on_resized(capture->frame, capture->data);
		frame_free(old);
	} else {
		schedule_flush(capture);
	}
	say_started(capture, NULL);
	return TRUE;
}

/* The descriptor that a message names, ours to close; -1 when there is none. */
static int
take_fd(GUnixFDList *list, GVariant *handle)
{
	gint32 index = g_variant_get_handle(handle);

	if (list == NULL || index < 0 || index >= g_unix_fd_list_get_length(list))
		return -1;
	return g_unix_fd_list_get(list, index, NULL);
}

static gboolean
on_scanout_map(QemuDisplay1ListenerUnixMap *map, GDBusMethodInvocation *invocation, GUnixFDList *fds, GVariant *handle, guint offset,
        guint width, guint height, guint stride, guint format, gpointer data)
{
	Capture *capture = data;
	int fd = take_fd(fds, handle);
	const char *why = "it came without memory";
	struct stat status;

	stop_mapping(capture);
	if (fd >= 0 && (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode)))
		why = "its memory is not a file";
	else if (fd >= 0)
		why = capture_check_map(offset, width, height, stride, format, (guint64)status.st_size);
	if (why == NULL) {
		capture->memory = guest_memory_new(fd, offset, (gsize)(height - 1) * stride + (gsize)width * 4);
		why = capture->memory ? NULL : "its memory cannot be mapped";
	}
	if (why == NULL) {
		capture->source = (PixelSource){.pixels = guest_memory_bytes(capture->memory), .stride = stride / 4};
		why = take_frame(capture, &capture->source, (int)width, (int)height) ? NULL : "memory is short";
	}
	if (fd >= 0)
		close(fd);
	if (why) {
		g_warning("a frame of %ux%u, stride %u, format %#x is not shown: %s", width, height, stride, format, why);
		stop_mapping(capture);
	}
	qemu_display1_listener_unix_map_complete_scanout_map(map, invocation, NULL);
	return TRUE;
}

static gboolean
on_update_map(QemuDisplay1ListenerUnixMap *map, GDBusMethodInvocation *invocation, int x, int y, int width, int height, gpointer data)
{
	Capture *capture = data;
	Rect rect = {x, y, width, height};

	rect_clip(&rect, capture->frame->width, capture->frame->height);
	if (capture->memory && !rect_is_empty(&rect)) {
		damage_add(&capture->reported, &rect);
		schedule_flush(capture);
	}
	qemu_display1_listener_unix_map_complete_update_map(map, invocation);
	return TRUE;
}

static gboolean
on_scanout(QemuDisplay1Listener *listener, GDBusMethodInvocation *invocation, guint width, guint height, guint stride, guint format,
        GVariant *pixels, gpointer data)
{
	Capture *capture = data;
	gsize size;
	PixelSource source = {.pixels = g_variant_get_fixed_array(pixels, &size, 1), .stride = stride / 4};
	const char *why = capture_check_pixels(width, height, stride, format, size);

	stop_mapping(capture);
	if (why == NULL && !take_frame(capture, &source, (int)width, (int)height))
		why = "memory is short";
	if (why)
		g_warning("a frame of %ux%u, stride %u, format %#x is not shown: %s", width, height, stride, format, why);
	qemu_display1_listener_complete_scanout(listener, invocation);
	return TRUE;
}

static gboolean
on_update(QemuDisplay1Listener *listener, GDBusMethodInvocation *invocation, int x, int y, int width, int height, guint stride,
        guint format, GVariant *pixels, gpointer data)
{
	Capture *capture = data;
	gsize size;
	PixelSource source = {g_variant_get_fixed_array(pixels, &size, 1), x, y, stride / 4};
	Rect rect = {x, y, width, height}, clipped = rect;

	rect_clip(&clipped, capture->frame->width, capture->frame->height);
	/* One that reaches out of the frame is not QEMU's: it is dropped whole rather than cut. */
	if (memcmp(&rect, &clipped, sizeof rect) == 0 && !rect_is_empty(&rect) &&
	        capture_check_pixels((guint)width, (guint)height, stride, format, size) == NULL) {
		Damage reported = {{rect}, 1};

		refine_update(capture->frame, &source, &reported, &capture->changed);
		schedule_flush(capture);
	}
	qemu_display1_listener_complete_update(listener, invocation);
	return TRUE;
}

static gboolean
on_disable(QemuDisplay1Listener *listener, GDBusMethodInvocation *invocation, gpointer data)
{
	Capture *capture = data;
	Rect all = {0, 0, capture->frame->width, capture->frame->height};

	stop_mapping(capture);
	memset(capture->frame->pixels, 0, (gsize)all.width * (gsize)all.height * 4);
	change_add_damage(&capture->changed, &all);
	schedule_flush(capture);
	say_started(capture, NULL);
	qemu_display1_listener_complete_disable(listener, invocation);
	return TRUE;
}

static gboolean
on_mouse_set(QemuDisplay1Listener *listener, GDBusMethodInvocation *invocation, int x, int y, int on, gpointer data)
{
	Capture *capture = data;

	capture->events->on_pointer(CLAMP(x, 0, FRAME_SIDE_MAX), CLAMP(y, 0, FRAME_SIDE_MAX), on != 0, capture->data);
	qemu_display1_listener_complete_mouse_set(listener, invocation);
	return TRUE;
}

static gboolean
on_cursor_define(QemuDisplay1Listener *listener, GDBusMethodInvocation *invocation, int width, int height, int hot_x, int hot_y,
        GVariant *pixels, gpointer data)
{
	Capture *capture = data;
	gsize size;
	const guint8 *bytes = g_variant_get_fixed_array(pixels, &size, 1);
	const char *why = capture_check_cursor(width, height, size);

	if (why) {
		g_debug("a cursor of %dx%d is not shown: %s", width, height, why);
	} else {
		g_free(capture->cursor.pixels);
		capture->cursor = (Cursor){width, height, CLAMP(hot_x, 0, width - 1), CLAMP(hot_y, 0, height - 1), g_memdup2(bytes, size)};
		capture->events->on_cursor(&capture->cursor, capture->data);
	}
	qemu_display1_listener_complete_cursor_define(listener, invocation);
	return TRUE;
}

static void
export_listener(Capture *capture, gboolean pixel_copy)
{
	static const char *const with_map[] = {MAP_INTERFACE, NULL};
	static const char *const without_map[] = {NULL};
	GDBusInterfaceSkeleton *listener = G_DBUS_INTERFACE_SKELETON(capture->listener);
	GDBusInterfaceSkeleton *map = G_DBUS_INTERFACE_SKELETON(capture->map);
	g_autoptr(GError) error = NULL;

	qemu_display1_listener_set_interfaces(capture->listener, pixel_copy ? without_map : with_map);
	g_signal_connect(capture->listener, "handle-scanout", G_CALLBACK(on_scanout), capture);
	g_signal_connect(capture->listener, "handle-update", G_CALLBACK(on_update), capture);
	g_signal_connect(capture->listener, "handle-disable", G_CALLBACK(on_disable), capture);
	g_signal_connect(capture->listener, "handle-mouse-set", G_CALLBACK(on_mouse_set), capture);
	g_signal_connect(capture->listener, "handle-cursor-define", G_CALLBACK(on_cursor_define), capture);
	g_signal_connect(capture->map, "handle-scanout-map", G_CALLBACK(on_scanout_map), capture);
	g_signal_connect(capture->map, "handle-update-map", G_CALLBACK(on_update_map), capture);
	if (!g_dbus_interface_skeleton_export(listener, capture->connection, LISTENER_PATH, &error) ||
	        (!pixel_copy && !g_dbus_interface_skeleton_export(map, capture->connection, LISTENER_PATH, &error)))
		g_warning("cannot export the display listener: %s", error->message);
}

typedef struct {
	Capture *capture;
	gboolean pixel_copy;
} Joining;

static void
on_listener_connected(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autofree Joining *joining = data;
	g_autoptr(GError) error = NULL;
	g_autoptr(GDBusConnection) connection = g_dbus_connection_new_finish(result, &error);

	if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
		return;
	if (connection == NULL) {
		say_started(joining->capture, error);
		return;
	}
	g_dbus_connection_set_exit_on_close(connection, FALSE);
	joining->capture->connection = g_steal_pointer(&connection);
	export_listener(joining->capture, joining->pixel_copy);
	g_dbus_connection_start_message_processing(joining->capture->connection);
}

static void
on_registered(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GVariant) answer = g_dbus_connection_call_with_unix_fd_list_finish(G_DBUS_CONNECTION(source), NULL, result, &error);

	if (answer == NULL && !g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
		say_started(data, error);
}

/* QEMU authenticates on the new connection while it answers the call: both must be under way at once. */
static gboolean
register_listener(Capture *capture, GDBusConnection *qemu, gboolean pixel_copy, GError **error)
{
	int ends[2];
	Joining *joining;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_FAILED, "socketpair: %s", g_strerror(errno));
		return FALSE;
	}
	g_autoptr(GUnixFDList) fds = g_unix_fd_list_new_from_array(&ends[1], 1);
	g_autoptr(GSocket) socket = g_socket_new_from_fd(ends[0], error);

	if (socket == NULL) {
		close(ends[0]);
		return FALSE;
	}
	g_autoptr(GSocketConnection) stream = g_socket_connection_factory_create_connection(socket);

	g_dbus_connection_call_with_unix_fd_list(qemu, NULL, CONSOLE_PATH, "org.qemu.Display1.Console", "RegisterListener",
	        g_variant_new("(h)", 0), NULL, G_DBUS_CALL_FLAGS_NONE, REGISTER_TIMEOUT_MS, fds, capture->cancellable, on_registered,
	        capture);
	joining = g_new0(Joining, 1);
	joining->capture = capture;
	joining->pixel_copy = pixel_copy;
	g_dbus_connection_new(G_IO_STREAM(stream), NULL,
	        G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT | G_DBUS_CONNECTION_FLAGS_DELAY_MESSAGE_PROCESSING, NULL,
	        capture->cancellable, on_listener_connected, joining);
	return TRUE;
}

Capture *
capture_new(GDBusConnection *qemu, gboolean pixel_copy, const CaptureEvents *events, void *data)
{
	Capture *capture = g_new0(Capture, 1);
	g_autoptr(GError) error = NULL;

	capture->events = events;
	capture->data = data;
	capture->frame = frame_new(640, 480);
	capture->cancellable = g_cancellable_new();
	capture->listener = qemu_display1_listener_skeleton_new();
	capture->map = qemu_display1_listener_unix_map_skeleton_new();
	if (!register_listener(capture, qemu, pixel_copy, &error))
		say_started(capture, error);
	return capture;
}

void
capture_free(Capture *capture)
{
	if (capture == NULL)
		return;
	g_cancellable_cancel(capture->cancellable);
	g_object_unref(capture->cancellable);
	g_clear_handle_id(&capture->flush_id, g_source_remove);
	g_signal_handlers_disconnect_by_data(capture->listener, capture);
	g_signal_handlers_disconnect_by_data(capture->map, capture);
	g_object_unref(capture->listener);
	g_object_unref(capture->map);
	g_clear_object(&capture->connection);
	stop_mapping(capture);
	frame_free(capture->frame);
	g_free(capture->cursor.pixels);
	g_free(capture);
}

const Frame *
capture_frame(const Capture *capture)
{
	return capture->frame;
}

const Cursor *
capture_cursor(const Capture *capture)
{
	return capture->cursor.pixels ? &capture->cursor : NULL;
}

gboolean
capture_is_shared(const Capture *capture)
{
	return capture->memory != NULL;
}
