/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/service.h"

#include <gio/gunixfdlist.h>
#include <unistd.h>

#include "broker/common/error.h"
#include "broker/common/peer.h"
#include "broker/dbus/display.h"

#define PEERS_MAX 16
#define RECORDINGS_LIST_MAX 10000u

struct Service {
	PeerServer *server;
	CarrelDisplay1 *skeleton; /* exported on each connection; its signals go to all of them */
	Desks *desks;
	Recordings *recordings;
};

static void
on_joined(const char *desktop, const char *client, const char *protocol, void *data)
{
	carrel_display1_emit_client_joined(((Service *)data)->skeleton, desktop, client, protocol);
}

static void
on_left(const char *desktop, const char *client, const char *why, void *data)
{
	carrel_display1_emit_client_left(((Service *)data)->skeleton, desktop, client, why);
}

static void
on_usb(const char *desktop, const char *client, const char *event, const char *device, void *data)
{
	carrel_display1_emit_usb_device(((Service *)data)->skeleton, desktop, client, event, device);
}

static void
on_gone(const char *desktop, const char *why, void *data)
{
	carrel_display1_emit_screen_gone(((Service *)data)->skeleton, desktop, why);
}

static void
on_recording_started(const char *desktop, const char *id, void *data)
{
	carrel_display1_emit_recording_started(((Service *)data)->skeleton, desktop, id);
}

static void
on_recording_ended(const char *desktop, const char *id, const char *hash, const char *why, gboolean required, void *data)
{
	carrel_display1_emit_recording_ended(((Service *)data)->skeleton, desktop, id, hash, why, required);
}

const DesksEvents service_events = {on_joined, on_left, on_usb, on_gone, on_recording_started, on_recording_ended};

static void
on_admitted(const guint8 *grant, const GError *error, void *data)
{
	GDBusMethodInvocation *invocation = data;

	if (error)
		g_dbus_method_invocation_return_gerror(invocation, error);
	else
		g_dbus_method_invocation_return_value(invocation,
			g_variant_new("(@ay)", g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, grant, GRANT_SIZE, 1)));
}

static gboolean
on_admit(CarrelDisplay1 *skeleton, GDBusMethodInvocation *invocation, const char *desktop, const char *uuid,
	GVariant *params, gpointer data)
{
	desks_admit(((Service *)data)->desks, desktop, uuid, params, on_admitted, invocation);
	return TRUE;
}

static gboolean
on_end_clients(CarrelDisplay1 *skeleton, GDBusMethodInvocation *invocation, const char *desktop, gpointer data)
{
	desks_end_clients(((Service *)data)->desks, desktop);
	carrel_display1_complete_end_clients(skeleton, invocation);
	return TRUE;
}

static gboolean
on_list_screens(CarrelDisplay1 *skeleton, GDBusMethodInvocation *invocation, gpointer data)
{
	carrel_display1_complete_list_screens(skeleton, invocation, desks_list(((Service *)data)->desks));
	return TRUE;
}

static gboolean
on_list_recordings(CarrelDisplay1 *skeleton, GDBusMethodInvocation *invocation, GVariant *filter, gpointer data)
{
	g_autofree const char **pools = NULL;
	const char *user = NULL;
	guint offset = 0, limit = RECORDINGS_LIST_MAX, total;
	GVariant *rows;

	g_variant_lookup(filter, "pools", "^a&s", &pools);
	g_variant_lookup(filter, "user", "&s", &user);
	g_variant_lookup(filter, "offset", "u", &offset);
	g_variant_lookup(filter, "limit", "u", &limit);
	rows = recordings_list(((Service *)data)->recordings, pools, user, offset, MIN(limit, RECORDINGS_LIST_MAX), &total);
	carrel_display1_complete_list_recordings(skeleton, invocation, rows, total);
	return TRUE;
}

static gboolean
on_open_recording(CarrelDisplay1 *skeleton, GDBusMethodInvocation *invocation, GUnixFDList *fds, const char *id, gpointer data)
{
	GError *error = NULL;
	int fd = recordings_open(((Service *)data)->recordings, id, &error);

	if (fd < 0) {
		g_dbus_method_invocation_take_error(invocation, error);
		return TRUE;
	}
	g_autoptr(GUnixFDList) list = g_unix_fd_list_new_from_array(&fd, 1);

	carrel_display1_complete_open_recording(skeleton, invocation, list, g_variant_new_handle(0));
	return TRUE;
}

static gboolean
on_remove_recording(CarrelDisplay1 *skeleton, GDBusMethodInvocation *invocation, const char *id, gpointer data)
{
	GError *error = NULL;

	if (recordings_remove(((Service *)data)->recordings, id, &error))
		carrel_display1_complete_remove_recording(skeleton, invocation);
	else
		g_dbus_method_invocation_take_error(invocation, error);
	return TRUE;
}

static gboolean
on_prune_recordings(CarrelDisplay1 *skeleton, GDBusMethodInvocation *invocation, const char *pool, gint64 keep, gint64 max,
	gpointer data)
{
	g_auto(GStrv) removed = recordings_prune(((Service *)data)->recordings, pool, keep, max);

	carrel_display1_complete_prune_recordings(skeleton, invocation, (const char *const *)removed);
	return TRUE;
}

static void
on_watch_answered(GObject *source, GAsyncResult *result, gpointer data)
{
	GError *error = NULL;
	g_autofree char *answer = desk_ask_watch_finish(result, &error);

	if (answer)
		g_dbus_method_invocation_return_value(data, g_variant_new("(s)", answer));
	else
		g_dbus_method_invocation_take_error(data, error);
}

static gboolean
on_ask_watch(CarrelDisplay1 *skeleton, GDBusMethodInvocation *invocation, const char *desktop, const char *who, gpointer data)
{
	GError *error = NULL;
	Desk *desk = desks_find(((Service *)data)->desks, desktop, &error);

	if (desk)
		desk_ask_watch(desk, who, on_watch_answered, invocation);
	else
		g_dbus_method_invocation_take_error(invocation, error);
	return TRUE;
}

static gboolean
on_answer_watch(CarrelDisplay1 *skeleton, GDBusMethodInvocation *invocation, const char *desktop, gboolean yes, gpointer data)
{
	Desk *desk = desks_find(((Service *)data)->desks, desktop, NULL);

	if (desk)
		desk_answer_watch(desk, yes);
	carrel_display1_complete_answer_watch(skeleton, invocation);
	return TRUE;
}

static void
on_thumbnail_made(GObject *source, GAsyncResult *result, gpointer data)
{
	GError *error = NULL;
	g_autoptr(GVariant) jpeg = desk_thumbnail_finish(result, &error);

	if (jpeg)
		g_dbus_method_invocation_return_value(data, g_variant_new("(@ay)", jpeg));
	else
		g_dbus_method_invocation_take_error(data, error);
}

static gboolean
on_thumbnail(CarrelDisplay1 *skeleton, GDBusMethodInvocation *invocation, const char *desktop, guint width, gpointer data)
{
	GError *error = NULL;
	Desk *desk = desks_find(((Service *)data)->desks, desktop, &error);

	if (desk)
		desk_thumbnail(desk, width, on_thumbnail_made, invocation);
	else
		g_dbus_method_invocation_take_error(invocation, error);
	return TRUE;
}

static void
on_peer(GDBusConnection *connection, uid_t uid, pid_t pid, void *data)
{
	Service *service = data;
	g_autoptr(GError) error = NULL;

	if (!g_dbus_interface_skeleton_export(G_DBUS_INTERFACE_SKELETON(service->skeleton), connection,
		    "/org/carrel/Display1", &error))
		g_warning("cannot serve process %d: %s", pid, error->message);
}

Service *
service_new(void)
{
	Service *service = g_new0(Service, 1);

	service->skeleton = carrel_display1_skeleton_new();
	return service;
}

void
service_free(Service *service)
{
	if (service == NULL)
		return;
	g_dbus_interface_skeleton_unexport(G_DBUS_INTERFACE_SKELETON(service->skeleton));
	peer_server_free(service->server);
	g_object_unref(service->skeleton);
	g_free(service);
}

gboolean
service_listen(Service *service, const char *path, uid_t uid, Desks *desks, Recordings *recordings, GError **error)
{
	const uid_t uids[] = {uid, (uid_t)-1};

	service->desks = desks;
	service->recordings = recordings;
	g_signal_connect(service->skeleton, "handle-admit", G_CALLBACK(on_admit), service);
	g_signal_connect(service->skeleton, "handle-end-clients", G_CALLBACK(on_end_clients), service);
	g_signal_connect(service->skeleton, "handle-list-recordings", G_CALLBACK(on_list_recordings), service);
	g_signal_connect(service->skeleton, "handle-open-recording", G_CALLBACK(on_open_recording), service);
	g_signal_connect(service->skeleton, "handle-remove-recording", G_CALLBACK(on_remove_recording), service);
	g_signal_connect(service->skeleton, "handle-prune-recordings", G_CALLBACK(on_prune_recordings), service);
	g_signal_connect(service->skeleton, "handle-list-screens", G_CALLBACK(on_list_screens), service);
	g_signal_connect(service->skeleton, "handle-ask-watch", G_CALLBACK(on_ask_watch), service);
	g_signal_connect(service->skeleton, "handle-answer-watch", G_CALLBACK(on_answer_watch), service);
	g_signal_connect(service->skeleton, "handle-thumbnail", G_CALLBACK(on_thumbnail), service);
	service->server = peer_server_new(path, uids, PEERS_MAX, on_peer, service, error);
	return service->server != NULL;
}
