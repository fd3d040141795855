/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/capture-head.h"

#include <errno.h>
#include <gio/gunixfdlist.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/common/error.h"
#include "display/capture-check.h"
#include "display/dbus/qemu.h"

#define CONSOLE_PATH_FORMAT "/org/qemu/Display1/Console_%u"
#define LISTENER_PATH "/org/qemu/Display1/Listener"
#define MAP_INTERFACE "org.qemu.Display1.Listener.Unix.Map"
#define REGISTER_TIMEOUT_MS 5000

struct CaptureHead {
	const CaptureHeadEvents *events;
	void *data;
	guint index;
	GCancellable *cancellable;
	GDBusConnection *connection; /* QEMU calls our listener on it */
	QemuDisplay1Listener *listener;
	QemuDisplay1ListenerUnixMap *map;
	guint failed_id;
	int width, height;
	Cursor cursor;
	PixelSource memory; /* fd -1: pixels come in messages */
	Damage reported;    /* by UpdateMap, not yet read from memory */
};

void
capture_head_drop_memory(CaptureHead *head)
{
	if (head->memory.fd >= 0)
		close(head->memory.fd);
	head->memory.fd = -1;
	damage_clear(&head->reported);
}

static gboolean
take_picture(CaptureHead *head, const PixelSource *source, int width, int height)
{
	head->width = width;
	head->height = height;
	damage_clear(&head->reported);
	return head->events->on_scanout(head->index, source, width, height, head->data);
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
	CaptureHead *head = data;
	int fd = take_fd(fds, handle);
	PixelSource source = {.fd = fd, .offset = offset, .stride = stride};
	const char *why = "it came without memory";
	struct stat status;

	capture_head_drop_memory(head);
	if (fd >= 0 && (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode)))
		why = "its memory is not a file";
	else if (fd >= 0)
		why = capture_check_map(offset, width, height, stride, format, (guint64)status.st_size);
	if (why == NULL) {
		head->memory = source;
		if (!take_picture(head, &source, (int)width, (int)height))
			why = "it could not be read";
	} else if (fd >= 0) {
		close(fd);
	}
	if (why) {
		g_warning("head %u: a frame of %ux%u, stride %u, format %#x is not shown: %s", head->index, width, height, stride, format,
		        why);
		capture_head_drop_memory(head);
	}
	qemu_display1_listener_unix_map_complete_scanout_map(map, invocation, NULL);
	return TRUE;
}

static gboolean
on_update_map(QemuDisplay1ListenerUnixMap *map, GDBusMethodInvocation *invocation, int x, int y, int width, int height, gpointer data)
{
	CaptureHead *head = data;
	Rect rect = {x, y, width, height};

	rect_clip(&rect, head->width, head->height);
	if (head->memory.fd >= 0 && !rect_is_empty(&rect)) {
		damage_add(&head->reported, &rect);
		head->events->on_reported(head->index, head->data);
	}
	qemu_display1_listener_unix_map_complete_update_map(map, invocation);
	return TRUE;
}

static gboolean
on_scanout(QemuDisplay1Listener *listener, GDBusMethodInvocation *invocation, guint width, guint height, guint stride, guint format,
        GVariant *pixels, gpointer data)
{
	CaptureHead *head = data;
	gsize size;
	const guint8 *bytes = g_variant_get_fixed_array(pixels, &size, 1);
	PixelSource source = {.fd = -1, .data = bytes, .stride = stride};
	const char *why = capture_check_pixels(width, height, stride, format, size);

	capture_head_drop_memory(head);
	if (why == NULL && !take_picture(head, &source, (int)width, (int)height))
		why = "memory is short";
	if (why)
		g_warning("head %u: a frame of %ux%u, stride %u, format %#x is not shown: %s", head->index, width, height, stride, format,
		        why);
	qemu_display1_listener_complete_scanout(listener, invocation);
	return TRUE;
}

static gboolean
on_update(QemuDisplay1Listener *listener, GDBusMethodInvocation *invocation, int x, int y, int width, int height, guint stride,
        guint format, GVariant *pixels, gpointer data)
{
	CaptureHead *head = data;
	gsize size;
	const guint8 *bytes = g_variant_get_fixed_array(pixels, &size, 1);
	PixelSource source = {.fd = -1, .data = bytes, .stride = stride};
	Rect rect = {x, y, width, height}, clipped = rect;

	rect_clip(&clipped, head->width, head->height);
	/* One that reaches out of the frame is not QEMU's: it is dropped whole rather than cut. */
	if (memcmp(&rect, &clipped, sizeof rect) == 0 && !rect_is_empty(&rect) &&
	        capture_check_pixels((guint)width, (guint)height, stride, format, size) == NULL)
		head->events->on_pixels(head->index, &source, &rect, head->data);
	qemu_display1_listener_complete_update(listener, invocation);
	return TRUE;
}

static gboolean
on_disable(QemuDisplay1Listener *listener, GDBusMethodInvocation *invocation, gpointer data)
{
	CaptureHead *head = data;

	capture_head_drop_memory(head);
	head->events->on_disabled(head->index, head->data);
	qemu_display1_listener_complete_disable(listener, invocation);
	return TRUE;
}

static gboolean
on_mouse_set(QemuDisplay1Listener *listener, GDBusMethodInvocation *invocation, int x, int y, int on, gpointer data)
{
	CaptureHead *head = data;

	head->events->on_pointer(head->index, CLAMP(x, 0, FRAME_SIDE_MAX), CLAMP(y, 0, FRAME_SIDE_MAX), on != 0, head->data);
	qemu_display1_listener_complete_mouse_set(listener, invocation);
	return TRUE;
}

static gboolean
on_cursor_define(QemuDisplay1Listener *listener, GDBusMethodInvocation *invocation, int width, int height, int hot_x, int hot_y,
        GVariant *pixels, gpointer data)
{
	CaptureHead *head = data;
	gsize size;
	const guint8 *bytes = g_variant_get_fixed_array(pixels, &size, 1);
	const char *why = capture_check_cursor(width, height, size);

	if (why) {
		g_debug("a cursor of %dx%d is not shown: %s", width, height, why);
	} else {
		g_free(head->cursor.pixels);
		head->cursor = (Cursor){width, height, CLAMP(hot_x, 0, width - 1), CLAMP(hot_y, 0, height - 1), g_memdup2(bytes, size)};
		head->events->on_cursor(head->index, &head->cursor, head->data);
	}
	qemu_display1_listener_complete_cursor_define(listener, invocation);
	return TRUE;
}

static void
export_listener(CaptureHead *head, gboolean pixel_copy)
{
	static const char *const with_map[] = {MAP_INTERFACE, NULL};
	static const char *const without_map[] = {NULL};
	GDBusInterfaceSkeleton *listener = G_DBUS_INTERFACE_SKELETON(head->listener);
	GDBusInterfaceSkeleton *map = G_DBUS_INTERFACE_SKELETON(head->map);
	g_autoptr(GError) error = NULL;

	qemu_display1_listener_set_interfaces(head->listener, pixel_copy ? without_map : with_map);
	g_signal_connect(head->listener, "handle-scanout", G_CALLBACK(on_scanout), head);
	g_signal_connect(head->listener, "handle-update", G_CALLBACK(on_update), head);
	g_signal_connect(head->listener, "handle-disable", G_CALLBACK(on_disable), head);
	g_signal_connect(head->listener, "handle-mouse-set", G_CALLBACK(on_mouse_set), head);
	g_signal_connect(head->listener, "handle-cursor-define", G_CALLBACK(on_cursor_define), head);
	g_signal_connect(head->map, "handle-scanout-map", G_CALLBACK(on_scanout_map), head);
	g_signal_connect(head->map, "handle-update-map", G_CALLBACK(on_update_map), head);
	if (!g_dbus_interface_skeleton_export(listener, head->connection, LISTENER_PATH, &error) ||
	        (!pixel_copy && !g_dbus_interface_skeleton_export(map, head->connection, LISTENER_PATH, &error)))
		g_warning("cannot export the display listener: %s", error->message);
}

typedef struct {
	CaptureHead *head;
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
		joining->head->events->on_failed(joining->head->index, error, joining->head->data);
		return;
	}
	g_dbus_connection_set_exit_on_close(connection, FALSE);
	joining->head->connection = g_steal_pointer(&connection);
	export_listener(joining->head, joining->pixel_copy);
	g_dbus_connection_start_message_processing(joining->head->connection);
}

static void
on_registered(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GVariant) answer = g_dbus_connection_call_with_unix_fd_list_finish(G_DBUS_CONNECTION(source), NULL, result, &error);

	if (answer == NULL && !g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED)) {
		CaptureHead *head = data;

		head->events->on_failed(head->index, error, head->data);
	}
}

/* QEMU authenticates on the new connection while it answers the call: both must be under way at once. */
static gboolean
register_listener(CaptureHead *head, GDBusConnection *qemu, gboolean pixel_copy, GError **error)
{
	g_autofree char *path = g_strdup_printf(CONSOLE_PATH_FORMAT, head->index);
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

	g_dbus_connection_call_with_unix_fd_list(qemu, NULL, path, "org.qemu.Display1.Console", "RegisterListener", g_variant_new("(h)", 0),
	        NULL, G_DBUS_CALL_FLAGS_NONE, REGISTER_TIMEOUT_MS, fds, head->cancellable, on_registered, head);
	joining = g_new0(Joining, 1);
	joining->head = head;
	joining->pixel_copy = pixel_copy;
	g_dbus_connection_new(G_IO_STREAM(stream), NULL,
	        G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT | G_DBUS_CONNECTION_FLAGS_DELAY_MESSAGE_PROCESSING, NULL, head->cancellable,
	        on_listener_connected, joining);
	return TRUE;
}

/* Not from within capture_head_new: its owner does not have it yet. */
static gboolean
on_not_registered(gpointer data)
{
	CaptureHead *head = data;
	g_autoptr(GError) error = g_error_new_literal(CARREL_ERROR, CARREL_ERROR_FAILED, "no socket for QEMU's display");

	head->failed_id = 0;
	head->events->on_failed(head->index, error, head->data);
	return G_SOURCE_REMOVE;
}

CaptureHead *
capture_head_new(GDBusConnection *qemu, guint index, gboolean pixel_copy, const CaptureHeadEvents *events, void *data)
{
	CaptureHead *head = g_new0(CaptureHead, 1);
	g_autoptr(GError) error = NULL;

	head->events = events;
	head->data = data;
	head->index = index;
	head->memory.fd = -1;
	head->cancellable = g_cancellable_new();
	head->listener = qemu_display1_listener_skeleton_new();
	head->map = qemu_display1_listener_unix_map_skeleton_new();
	if (!register_listener(head, qemu, pixel_copy, &error)) {
		g_warning("%s", error->message);
		head->failed_id = g_idle_add(on_not_registered, head);
	}
	return head;
}

void
capture_head_free(CaptureHead *head)
{
	if (head == NULL)
		return;
	g_cancellable_cancel(head->cancellable);
	g_object_unref(head->cancellable);
	g_clear_handle_id(&head->failed_id, g_source_remove);
	g_signal_handlers_disconnect_by_data(head->listener, head);
	g_signal_handlers_disconnect_by_data(head->map, head);
	g_object_unref(head->listener);
	g_object_unref(head->map);
	g_clear_object(&head->connection);
	capture_head_drop_memory(head);
	g_free(head->cursor.pixels);
	g_free(head);
}

int
capture_head_width(const CaptureHead *head)
{
	return head->width;
}

int
capture_head_height(const CaptureHead *head)
{
	return head->height;
}

const PixelSource *
capture_head_memory(const CaptureHead *head)
{
	return head->memory.fd >= 0 ? &head->memory : NULL;
}

Damage
capture_head_take_damage(CaptureHead *head)
{
	Damage damage = head->reported;

	damage_clear(&head->reported);
	return damage;
}

const Cursor *
capture_head_cursor(const CaptureHead *head)
{
	return head->cursor.pixels ? &head->cursor : NULL;
}
