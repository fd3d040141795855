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
#include "display/bus-peer.h"
#include "display/capture-check.h"
#include "display/guest-memory.h"

#define CONSOLE_PATH_FORMAT "/org/qemu/Display1/Console_%u"
#define LISTENER "org.qemu.Display1.Listener"
/* Since QEMU 9.2: the picture is in a memfd. */
#define MAP_LISTENER "org.qemu.Display1.Listener.Unix.Map"
#define PROPERTIES "org.freedesktop.DBus.Properties"
#define REGISTER_TIMEOUT_MS 5000
#define AGAIN_MS 1000
/* A guest can bring about what is complained of with each of its frames. */
#define COMPLAIN_US (10 * G_USEC_PER_SEC)

struct CaptureHead {
	const CaptureHeadEvents *events;
	void *data;
	guint index;
	gboolean pixel_copy;
	GDBusConnection *qemu; /* the capture's */
	GCancellable *cancellable;
	BusPeer *peer;       /* QEMU calls us on it */
	gboolean registered; /* at least once */
	guint failed_id, again_id;
	int width, height;
	Cursor cursor;
	GuestMemory *memory; /* NULL: pixels come in messages */
	PixelSource source;  /* in memory */
	Damage reported;     /* by UpdateMap, not yet read from memory */
	gint64 complained_us;
};

void
capture_head_drop_memory(CaptureHead *head)
{
	g_clear_pointer(&head->memory, guest_memory_free);
	damage_clear(&head->reported);
}

void
capture_head_complain(CaptureHead *head, const char *format, ...)
{
	gint64 now = g_get_monotonic_time();
	g_autofree char *text = NULL;
	va_list args;

	if (head->complained_us != 0 && now - head->complained_us < COMPLAIN_US)
		return;
	head->complained_us = now;
	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	g_warning("head %u: %s", head->index, text);
}

static void
complain_of_frame(CaptureHead *head, guint width, guint height, guint stride, guint format, const char *why)
{
	capture_head_complain(head, "a frame of %ux%u, stride %u, format %#x is not shown: %s", width, height, stride, format, why);
}

static gboolean
take_picture(CaptureHead *head, const PixelSource *source, int width, int height)
{
	head->width = width;
	head->height = height;
	damage_clear(&head->reported);
	return head->events->on_scanout(head->index, source, width, height, head->data);
}

/* ---- what QEMU calls (its documentation: "D-Bus display", org.qemu.Display1.Listener) ---- */

/* The descriptor that a message names, ours to close; -1 when there is none. */
static int
take_fd(GUnixFDList *list, gint32 index)
{
	if (list == NULL || index < 0 || index >= g_unix_fd_list_get_length(list))
		return -1;
	return g_unix_fd_list_get(list, index, NULL);
}

static void
scanout_map(CaptureHead *head, GVariant *args, GUnixFDList *fds)
{
	guint offset, width, height, stride, format;
	const char *why = "it came without memory";
	struct stat status;
	gint32 handle;
	int fd;

	g_variant_get(args, "(huuuuu)", &handle, &offset, &width, &height, &stride, &format);
	fd = take_fd(fds, handle);
	capture_head_drop_memory(head);
	if (fd >= 0 && (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode)))
		why = "its memory is not a file";
	else if (fd >= 0)
		why = capture_check_map(offset, width, height, stride, format, (guint64)status.st_size);
	if (why == NULL) {
		head->memory = guest_memory_new(fd, offset, (gsize)(height - 1) * stride + (gsize)width * 4);
		why = head->memory ? NULL : "its memory cannot be mapped";
	}
	if (why == NULL) {
		head->source = (PixelSource){.pixels = guest_memory_bytes(head->memory), .stride = stride / 4};
		why = take_picture(head, &head->source, (int)width, (int)height) ? NULL : "it could not be taken";
	}
	if (fd >= 0)
		close(fd);
	if (why) {
		complain_of_frame(head, width, height, stride, format, why);
		capture_head_drop_memory(head);
	}
}

static void
update_map(CaptureHead *head, GVariant *args, GUnixFDList *fds)
{
	Rect rect;

	g_variant_get(args, "(iiii)", &rect.x, &rect.y, &rect.width, &rect.height);
	rect_clip(&rect, head->width, head->height);
	if (head->memory && !rect_is_empty(&rect)) {
		damage_add(&head->reported, &rect);
		head->events->on_reported(head->index, head->data);
	}
}

static void
scanout(CaptureHead *head, GVariant *args, GUnixFDList *fds)
{
	guint width, height, stride, format;
	g_autoptr(GVariant) pixels = NULL;
	PixelSource source = {.x = 0};
	const char *why;
	gsize size;

	g_variant_get(args, "(uuuu@ay)", &width, &height, &stride, &format, &pixels);
	source.pixels = g_variant_get_fixed_array(pixels, &size, 1);
	source.stride = stride / 4;
	why = capture_check_pixels(width, height, stride, format, size);
	capture_head_drop_memory(head);
	if (why == NULL && !take_picture(head, &source, (int)width, (int)height))
		why = "memory is short";
	if (why)
		complain_of_frame(head, width, height, stride, format, why);
}

static void
update(CaptureHead *head, GVariant *args, GUnixFDList *fds)
{
	g_autoptr(GVariant) pixels = NULL;
	PixelSource source = {.x = 0};
	guint stride, format;
	Rect rect, clipped;
	gsize size;

	g_variant_get(args, "(iiiiuu@ay)", &rect.x, &rect.y, &rect.width, &rect.height, &stride, &format, &pixels);
	clipped = rect;
	rect_clip(&clipped, head->width, head->height);
	/* One that reaches out of the frame is not QEMU's: it is dropped whole rather than cut. */
	if (memcmp(&rect, &clipped, sizeof rect) != 0 || rect_is_empty(&rect))
		return;
	source = (PixelSource){g_variant_get_fixed_array(pixels, &size, 1), rect.x, rect.y, stride / 4};
	if (capture_check_pixels((guint)rect.width, (guint)rect.height, stride, format, size) == NULL)
		head->events->on_pixels(head->index, &source, &rect, head->data);
}

static void
disable(CaptureHead *head, GVariant *args, GUnixFDList *fds)
{
	capture_head_drop_memory(head);
	head->events->on_disabled(head->index, head->data);
}

static void
mouse_set(CaptureHead *head, GVariant *args, GUnixFDList *fds)
{
	int x, y, on;

	g_variant_get(args, "(iii)", &x, &y, &on);
	head->events->on_pointer(head->index, CLAMP(x, 0, FRAME_SIDE_MAX), CLAMP(y, 0, FRAME_SIDE_MAX), on != 0, head->data);
}

static void
cursor_define(CaptureHead *head, GVariant *args, GUnixFDList *fds)
{
	g_autoptr(GVariant) pixels = NULL;
	int width, height, hot_x, hot_y;
	const guint8 *bytes;
	const char *why;
	gsize size;

	g_variant_get(args, "(iiii@ay)", &width, &height, &hot_x, &hot_y, &pixels);
	bytes = g_variant_get_fixed_array(pixels, &size, 1);
	why = capture_check_cursor(width, height, size);
	if (why) {
		g_debug("a cursor of %dx%d is not shown: %s", width, height, why);
		return;
	}
	g_free(head->cursor.pixels);
	head->cursor = (Cursor){width, height, CLAMP(hot_x, 0, width - 1), CLAMP(hot_y, 0, height - 1), g_memdup2(bytes, size)};
	head->events->on_cursor(head->index, &head->cursor, head->data);
}

static const struct {
	const char *interface, *method, *args;
	void (*call)(CaptureHead *head, GVariant *args, GUnixFDList *fds);
} methods[] = {
        {MAP_LISTENER, "UpdateMap", "(iiii)", update_map},
        {MAP_LISTENER, "ScanoutMap", "(huuuuu)", scanout_map},
        {LISTENER, "Update", "(iiiiuuay)", update},
        {LISTENER, "Scanout", "(uuuuay)", scanout},
        {LISTENER, "Disable", "()", disable},
        {LISTENER, "MouseSet", "(iii)", mouse_set},
        {LISTENER, "CursorDefine", "(iiiiay)", cursor_define},
};

/* Which further interfaces this listener has. */
static GVariant *
interfaces(const CaptureHead *head)
{
	static const char *const names[] = {MAP_LISTENER};

	return g_variant_new_strv(names, head->pixel_copy ? 0 : 1);
}

static GVariant *
get_property(const CaptureHead *head, const char *method, GVariant *args, GError **error)
{
	const char *interface = "", *name = "";

	if (strcmp(method, "Get") == 0 && g_variant_is_of_type(args, G_VARIANT_TYPE("(ss)"))) {
		g_variant_get(args, "(&s&s)", &interface, &name);
		if (strcmp(interface, LISTENER) == 0 && strcmp(name, "Interfaces") == 0)
			return g_variant_new("(v)", interfaces(head));
	}
	if (strcmp(method, "GetAll") == 0 && g_variant_is_of_type(args, G_VARIANT_TYPE("(s)"))) {
		GVariantDict dict;

		g_variant_get(args, "(&s)", &interface);
		g_variant_dict_init(&dict, NULL);
		if (strcmp(interface, LISTENER) == 0)
			g_variant_dict_insert_value(&dict, "Interfaces", interfaces(head));
		return g_variant_new("(@a{sv})", g_variant_dict_end(&dict));
	}
	g_set_error(error, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_PROPERTY, "there is no such property");
	return NULL;
}

static GVariant *
on_call(const char *interface, const char *method, GVariant *args, GUnixFDList *fds, GError **error, void *data)
{
	CaptureHead *head = data;

	for (gsize i = 0; i < G_N_ELEMENTS(methods); i++) {
		if (strcmp(methods[i].method, method) != 0 || strcmp(methods[i].interface, interface) != 0)
			continue;
		if (!g_variant_is_of_type(args, G_VARIANT_TYPE(methods[i].args)))
			g_set_error(error, G_DBUS_ERROR, G_DBUS_ERROR_INVALID_ARGS, "%s takes %s", method, methods[i].args);
		else
			methods[i].call(head, args, fds);
		return NULL;
	}
	if (strcmp(interface, PROPERTIES) == 0)
		return get_property(head, method, args, error);
	g_set_error(error, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_METHOD, "there is no method %s.%s", interface, method);
	return NULL;
}

static gboolean on_again(gpointer data);

/* One that has shown pictures is asked for them again. That a VM has ended is told by its other connection. */
static void
lose(CaptureHead *head, const GError *error)
{
	if (!head->registered) {
		head->events->on_failed(head->index, error, head->data);
		return;
	}
	capture_head_complain(head, "%s; it is asked again", error->message);
	if (head->again_id == 0)
		head->again_id = g_timeout_add(AGAIN_MS, on_again, head);
}

static void
on_closed(const GError *error, void *data)
{
	CaptureHead *head = data;

	capture_head_drop_memory(head);
	lose(head, error);
}

static const BusPeerEvents peer_events = {on_call, on_closed};

static void
on_registered(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GVariant) answer = g_dbus_connection_call_with_unix_fd_list_finish(G_DBUS_CONNECTION(source), NULL, result, &error);
	CaptureHead *head = data;

	if (answer)
		head->registered = TRUE;
	else if (!g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
		lose(head, error);
}

/* QEMU authenticates on the new connection while it answers the call: both must be under way at once. */
static gboolean
register_listener(CaptureHead *head, GError **error)
{
	g_autofree char *path = g_strdup_printf(CONSOLE_PATH_FORMAT, head->index);
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_FAILED, "socketpair: %s", g_strerror(errno));
		return FALSE;
	}
	g_autoptr(GUnixFDList) fds = g_unix_fd_list_new_from_array(&ends[1], 1);

	g_dbus_connection_call_with_unix_fd_list(head->qemu, NULL, path, "org.qemu.Display1.Console", "RegisterListener",
	        g_variant_new("(h)", 0), NULL, G_DBUS_CALL_FLAGS_NONE, REGISTER_TIMEOUT_MS, fds, head->cancellable, on_registered, head);
	head->peer = bus_peer_new(ends[0], &peer_events, head);
	return TRUE;
}

static gboolean
on_again(gpointer data)
{
	CaptureHead *head = data;
	g_autoptr(GError) error = NULL;

	head->again_id = 0;
	g_clear_pointer(&head->peer, bus_peer_free);
	if (!register_listener(head, &error))
		lose(head, error);
	return G_SOURCE_REMOVE;
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
	head->qemu = qemu;
	head->index = index;
	head->pixel_copy = pixel_copy;
	head->cancellable = g_cancellable_new();
	if (!register_listener(head, &error)) {
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
	g_clear_handle_id(&head->again_id, g_source_remove);
	bus_peer_free(head->peer);
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
	return head->memory ? &head->source : NULL;
}

gboolean
capture_head_memory_is_whole(const CaptureHead *head)
{
	return head->memory == NULL || guest_memory_is_whole(head->memory);
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
