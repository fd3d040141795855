/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/chardev.h"

#include <errno.h>
#include <gio/gunixfdlist.h>
#include <string.h>
#include <sys/socket.h>

#define PREFIX "/org/qemu/Display1"
#define CHARDEV "org.qemu.Display1.Chardev"
#define TIMEOUT_MS 5000

typedef struct {
	char *channel;
	ChardevFound found;
	ChardevRegistered registered;
	void *data;
} Call;

static void
call_free(Call *call)
{
	g_free(call->channel);
	g_free(call);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Call, call_free)

static int
compare_paths(gconstpointer a, gconstpointer b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static GPtrArray *
paths_of(GVariant *answer, const char *channel)
{
	GPtrArray *paths = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GVariant) objects = g_variant_get_child_value(answer, 0);
	GVariantIter iter;
	const char *path;
	GVariant *interfaces;

	g_variant_iter_init(&iter, objects);
	while (g_variant_iter_loop(&iter, "{&o@a{sa{sv}}}", &path, &interfaces)) {
		g_autoptr(GVariant) chardev = g_variant_lookup_value(interfaces, CHARDEV, G_VARIANT_TYPE_VARDICT);
		const char *name = "";

		if (chardev && g_variant_lookup(chardev, "Name", "&s", &name) && g_str_equal(name, channel))
			g_ptr_array_add(paths, g_strdup(path));
	}
	g_ptr_array_sort(paths, compare_paths);
	g_ptr_array_add(paths, NULL);
	return paths;
}

static void
on_objects(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GVariant) answer = g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, &error);
	g_autoptr(Call) call = data;
	g_autoptr(GPtrArray) paths = answer ? paths_of(answer, call->channel) : NULL;
	static const char *const none[] = {NULL};

	if (!g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
		call->found(paths ? (const char *const *)paths->pdata : none, error, call->data);
}

void
chardev_find(GDBusConnection *qemu, const char *channel, GCancellable *cancellable, ChardevFound found, void *data)
{
	Call *call = g_new0(Call, 1);

	call->channel = g_strdup(channel);
	call->found = found;
	call->data = data;
	g_dbus_connection_call(qemu, NULL, PREFIX, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", NULL,
		G_VARIANT_TYPE("(a{oa{sa{sv}}})"), G_DBUS_CALL_FLAGS_NONE, TIMEOUT_MS, cancellable, on_objects, call);
}

static void
on_registered(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GVariant) answer = g_dbus_connection_call_with_unix_fd_list_finish(G_DBUS_CONNECTION(source), NULL, result, &error);
	g_autoptr(Call) call = data;

	if (!g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
		call->registered(answer ? NULL : error, call->data);
}

int
chardev_register(GDBusConnection *qemu, const char *path, GCancellable *cancellable, ChardevRegistered registered, void *data)
{
	g_autoptr(GUnixFDList) fds = NULL;
	Call *call;
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
		g_warning("socketpair: %s", g_strerror(errno));
		return -1;
	}
	call = g_new0(Call, 1);
	call->registered = registered;
	call->data = data;
	fds = g_unix_fd_list_new_from_array(&ends[1], 1);
	g_dbus_connection_call_with_unix_fd_list(qemu, NULL, path, CHARDEV, "Register", g_variant_new("(h)", 0), NULL,
		G_DBUS_CALL_FLAGS_NONE, TIMEOUT_MS, fds, cancellable, on_registered, call);
	return ends[0];
}
