/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/service.h"

#include "broker/common/peer.h"
#include "broker/dbus/display.h"

#define PEERS_MAX 16

struct Service {
	PeerServer *server;
	CarrelDisplay1 *skeleton; /* exported on each connection; its signals go to all of them */
	Desks *desks;
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

const DesksEvents service_events = {on_joined, on_left, on_usb, on_gone};

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
service_listen(Service *service, const char *path, uid_t uid, Desks *desks, GError **error)
{
	const uid_t uids[] = {uid, (uid_t)-1};

	service->desks = desks;
	g_signal_connect(service->skeleton, "handle-admit", G_CALLBACK(on_admit), service);
	g_signal_connect(service->skeleton, "handle-end-clients", G_CALLBACK(on_end_clients), service);
	g_signal_connect(service->skeleton, "handle-list-screens", G_CALLBACK(on_list_screens), service);
	g_signal_connect(service->skeleton, "handle-ask-watch", G_CALLBACK(on_ask_watch), service);
	g_signal_connect(service->skeleton, "handle-answer-watch", G_CALLBACK(on_answer_watch), service);
	g_signal_connect(service->skeleton, "handle-thumbnail", G_CALLBACK(on_thumbnail), service);
	service->server = peer_server_new(path, uids, PEERS_MAX, on_peer, service, error);
	return service->server != NULL;
}
