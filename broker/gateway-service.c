/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/gateway-service.h"

#include <string.h>
#include <unistd.h>

#include "broker/access.h"
#include "broker/api.h"
#include "broker/common/error.h"
#include "broker/common/peer.h"
#include "broker/common/program.h"
#include "broker/dbus/broker-gateway.h"
#include "broker/vnc-entry.h"
#include "broker/watches.h"

#define OBJECT_PATH "/org/carrel/Broker1"
#define STATUS_MS 2000
#define STATUS_MAX (64 * 1024)
#define GATEWAYS_MAX 4
/* Of Hello's facts; a PEM of a CA is about 1 KiB. */
#define FACT_MAX (32 * 1024)

struct GatewayService {
	Broker *broker;
	PeerServer *server;
	GPtrArray *peers; /* CarrelBroker1Gateway (skeletons), one a connection */
};

static gboolean
on_hello(CarrelBroker1Gateway *skeleton, GDBusMethodInvocation *invocation, GVariant *facts, gpointer data)
{
	GatewayFacts *known = &((GatewayService *)data)->broker->facts;
	const char *ca = "", *subject = "";

	g_variant_lookup(facts, "ca-pem", "&s", &ca);
	g_variant_lookup(facts, "host-subject", "&s", &subject);
	if (strlen(ca) > FACT_MAX || strlen(subject) > FACT_MAX) {
		g_dbus_method_invocation_return_error(invocation, CARREL_ERROR, CARREL_ERROR_INVALID, "a fact is too long");
		return TRUE;
	}
	g_free(known->ca_pem);
	g_free(known->host_subject);
	known->ca_pem = g_strdup(ca);
	known->host_subject = g_strdup(subject);
	known->port = known->vnc_port = 0;
	g_variant_lookup(facts, "port", "q", &known->port);
	g_variant_lookup(facts, "vnc-port", "q", &known->vnc_port);
	carrel_broker1_gateway_complete_hello(skeleton, invocation);
	return TRUE;
}

static void
on_api_done(const ApiAnswer *answer, void *data)
{
	GDBusMethodInvocation *invocation = data;
	CarrelBroker1Gateway *skeleton = g_object_get_data(G_OBJECT(invocation), "skeleton");
	g_autoptr(GDBusConnection) connection = g_object_ref(g_dbus_method_invocation_get_connection(invocation));

	carrel_broker1_gateway_complete_request(skeleton, invocation, answer->status, answer->fields, answer->body);
	if (answer->secret)
		peer_cover(connection, g_variant_get_size(answer->fields) + g_variant_get_size(answer->body));
}

/* The message holds a password in the clear; GDBus would free it as it is. */
static void
wipe(GVariant *bytes)
{
	gsize size;
	const void *start = g_variant_get_fixed_array(bytes, &size, 1);

	if (size > 0)
		explicit_bzero((void *)start, size);
}

static gboolean
on_request(CarrelBroker1Gateway *skeleton, GDBusMethodInvocation *invocation, const char *method, const char *path,
	const char *query, GVariant *context, GVariant *body, gpointer data)
{
	GatewayService *service = data;
	g_autofree char *address = NULL;
	const char *text = "";
	ApiRequest request = {.method = method, .path = path, .query = query};

	g_variant_lookup(context, "address", "&s", &text);
	address = access_address(text);
	if (address == NULL) {
		g_dbus_method_invocation_return_error(invocation, CARREL_ERROR, CARREL_ERROR_INVALID,
			"the client's address is missing");
		return TRUE;
	}
	request.address = address;
	g_variant_lookup(context, "host", "&s", &request.host);
	g_variant_lookup(context, "origin", "&s", &request.origin);
	g_variant_lookup(context, "session", "&s", &request.session);
	g_variant_lookup(context, "range", "&s", &request.range);
	request.body = g_variant_get_fixed_array(body, &request.body_size, 1);
	g_object_set_data_full(G_OBJECT(invocation), "skeleton", g_object_ref(skeleton), g_object_unref);
	api_handle(service->broker, &request, on_api_done, invocation);
	wipe(body);
	return TRUE;
}

static void
on_screen_admitted(GObject *source, GAsyncResult *result, gpointer data)
{
	GDBusMethodInvocation *invocation = data;
	Broker *broker = g_object_get_data(G_OBJECT(invocation), "broker");
	CarrelBroker1Gateway *skeleton = g_object_get_data(G_OBJECT(invocation), "skeleton");
	const char *desktop = g_object_get_data(G_OBJECT(invocation), "desktop");
	GError *error = NULL;
	g_autoptr(GVariant) grant = access_admit_finish(result, &error);

	if (grant == NULL)
		g_dbus_method_invocation_take_error(invocation, error);
	else if (desktop)
		carrel_broker1_gateway_complete_redeem_ticket(skeleton, invocation, grant, broker->stream_path, desktop);
	else
		carrel_broker1_gateway_complete_open_screen(skeleton, invocation, grant, broker->stream_path);
}

static void
remember(GDBusMethodInvocation *invocation, CarrelBroker1Gateway *skeleton, Broker *broker)
{
	g_object_set_data_full(G_OBJECT(invocation), "skeleton", g_object_ref(skeleton), g_object_unref);
	g_object_set_data(G_OBJECT(invocation), "broker", broker);
}

static gboolean
open_stream(Broker *broker, CarrelBroker1Gateway *skeleton, GDBusMethodInvocation *invocation, const char *protocol, const char *token,
	const char *desktop, const char *from)
{
	g_autoptr(SessionRow) session = sessions_find(broker->sessions, token), watching = NULL;
	g_autofree char *address = access_address(from), *client = NULL;

	if (session == NULL || address == NULL) {
		g_dbus_method_invocation_return_error(invocation, CARREL_ERROR, CARREL_ERROR_DENIED, "sign in first");
		return TRUE;
	}
	/* Not their own, but one that they may watch. */
	watching = watches_of(broker->watches, session->id, desktop);
	if (watching && access_own_desktop(broker, session->user, desktop, NULL) == NULL) {
		session_row_free(session);
		session = g_steal_pointer(&watching);
	}
	client = access_client_name(session->id, NULL);
	remember(invocation, skeleton, broker);
	access_admit_async(broker, session, desktop, protocol, client, address, NULL, on_screen_admitted, invocation);
	return TRUE;
}

static gboolean
on_open_screen(CarrelBroker1Gateway *skeleton, GDBusMethodInvocation *invocation, const char *token, const char *desktop,
	const char *from, gpointer data)
{
	return open_stream(((GatewayService *)data)->broker, skeleton, invocation, "vnc", token, desktop, from);
}

/* Its answer, like that of OpenFiles, is like OpenScreen's, and completes as that one's does. */
static gboolean
on_open_sound(CarrelBroker1Gateway *skeleton, GDBusMethodInvocation *invocation, const char *token, const char *desktop,
	const char *from, gpointer data)
{
	return open_stream(((GatewayService *)data)->broker, skeleton, invocation, "sound", token, desktop, from);
}

static gboolean
on_open_files(CarrelBroker1Gateway *skeleton, GDBusMethodInvocation *invocation, const char *token, const char *desktop,
	const char *from, gpointer data)
{
	return open_stream(((GatewayService *)data)->broker, skeleton, invocation, "files", token, desktop, from);
}

static gboolean
on_redeem_ticket(CarrelBroker1Gateway *skeleton, GDBusMethodInvocation *invocation, const char *name, const char *from,
	gpointer data)
{
	Broker *broker = ((GatewayService *)data)->broker;
	g_autofree char *address = access_address(from), *client = NULL, *suffix = NULL;
	g_autoptr(TicketRow) ticket = NULL;
	g_autoptr(SessionRow) session = NULL;
	GError *error = NULL;

	ticket = tickets_redeem(broker->tickets, name, address ? address : "", &error);
	if (ticket == NULL) {
		g_dbus_method_invocation_take_error(invocation, error);
		return TRUE;
	}
	session = sessions_by_id(broker->sessions, ticket->session);
	if (session == NULL) {
		g_dbus_method_invocation_return_error(invocation, CARREL_ERROR, CARREL_ERROR_DENIED, "the session is over");
		return TRUE;
	}
	/* All channels of a ticket are one client. */
	suffix = g_strndup(ticket->name, 8);
	client = access_client_name(session->id, suffix);
	remember(invocation, skeleton, broker);
	g_object_set_data_full(G_OBJECT(invocation), "desktop", g_strdup(ticket->desktop), g_free);
	access_admit_async(broker, session, ticket->desktop, "spice", client, address, ticket->secret, on_screen_admitted,
		invocation);
	return TRUE;
}

static void
on_vnc_entered(GObject *source, GAsyncResult *result, gpointer data)
{
	GDBusMethodInvocation *invocation = data;
	Broker *broker = g_object_get_data(G_OBJECT(invocation), "broker");
	CarrelBroker1Gateway *skeleton = g_object_get_data(G_OBJECT(invocation), "skeleton");
	g_autofree char *desktop = NULL;
	GError *error = NULL;
	g_autoptr(GVariant) grant = vnc_entry_finish(result, &desktop, &error);

	if (grant)
		carrel_broker1_gateway_complete_sign_in_vnc(skeleton, invocation, grant, broker->stream_path, desktop);
	else
		g_dbus_method_invocation_take_error(invocation, error);
}

static gboolean
on_sign_in_vnc(CarrelBroker1Gateway *skeleton, GDBusMethodInvocation *invocation, const char *user, GVariant *password,
	const char *from, gpointer data)
{
	Broker *broker = ((GatewayService *)data)->broker;
	g_autofree char *address = access_address(from);
	gsize size;
	const void *bytes = g_variant_get_fixed_array(password, &size, 1);
	g_autoptr(Secret) secret = secret_new(bytes, MIN(size, 4096));

	wipe(password);
	if (address == NULL) {
		g_dbus_method_invocation_return_error(invocation, CARREL_ERROR, CARREL_ERROR_INVALID,
			"the client's address is missing");
		return TRUE;
	}
	remember(invocation, skeleton, broker);
	vnc_entry_async(broker->vnc_entries, user, secret, address, on_vnc_entered, invocation);
	return TRUE;
}

static void
on_gateway_closed(GDBusConnection *connection, gboolean vanished, GError *error, gpointer data)
{
	GatewayService *service = data;

	for (guint i = 0; i < service->peers->len; i++) {
		GDBusInterfaceSkeleton *skeleton = service->peers->pdata[i];

		if (g_dbus_interface_skeleton_get_connection(skeleton) == connection) {
			g_signal_handlers_disconnect_by_data(connection, service);
			g_dbus_interface_skeleton_unexport(skeleton);
			g_ptr_array_remove_index(service->peers, i);
			break;
		}
	}
	g_message("a gateway left");
}

static void
on_joined(GDBusConnection *connection, uid_t uid, pid_t pid, void *data)
{
	GatewayService *service = data;
	CarrelBroker1Gateway *skeleton = carrel_broker1_gateway_skeleton_new();
	g_autoptr(GError) error = NULL;

	g_signal_connect(skeleton, "handle-hello", G_CALLBACK(on_hello), service);
	g_signal_connect(skeleton, "handle-request", G_CALLBACK(on_request), service);
	g_signal_connect(skeleton, "handle-open-screen", G_CALLBACK(on_open_screen), service);
	g_signal_connect(skeleton, "handle-open-sound", G_CALLBACK(on_open_sound), service);
	g_signal_connect(skeleton, "handle-open-files", G_CALLBACK(on_open_files), service);
	g_signal_connect(skeleton, "handle-redeem-ticket", G_CALLBACK(on_redeem_ticket), service);
	g_signal_connect(skeleton, "handle-sign-in-vnc", G_CALLBACK(on_sign_in_vnc), service);
	if (!g_dbus_interface_skeleton_export(G_DBUS_INTERFACE_SKELETON(skeleton), connection, OBJECT_PATH, &error)) {
		g_warning("gateway: %s", error->message);
		g_object_unref(skeleton);
		return;
	}
	g_signal_connect(connection, "closed", G_CALLBACK(on_gateway_closed), service);
	g_ptr_array_add(service->peers, skeleton);
	g_message("a gateway joined (process %d)", pid);
}

GatewayService *
gateway_service_new(Broker *broker, GError **error)
{
	g_autoptr(GatewayService) service = g_new0(GatewayService, 1);
	g_autofree char *path = conf_socket_path(broker->conf, CONF_SOCKET_GATEWAY);
	g_autoptr(GError) problem = NULL;
	uid_t uids[3] = {geteuid(), (uid_t)-1, (uid_t)-1};
	gid_t gid;

	service->broker = broker;
	service->peers = g_ptr_array_new_with_free_func(g_object_unref);
	if (!program_lookup_user(broker->conf->gateway_user, &uids[1], &gid, &problem)) {
		uids[1] = (uid_t)-1;
		g_message("%s; only root and this program's own user are let in as a gateway", problem->message);
	}
	service->server = peer_server_new(path, uids, GATEWAYS_MAX, on_joined, service, error);
	return service->server ? g_steal_pointer(&service) : NULL;
}

void
gateway_service_free(GatewayService *service)
{
	if (service == NULL)
		return;
	for (guint i = 0; i < service->peers->len; i++) {
		GDBusInterfaceSkeleton *skeleton = service->peers->pdata[i];

		g_signal_handlers_disconnect_by_data(g_dbus_interface_skeleton_get_connection(skeleton), service);
		g_signal_handlers_disconnect_by_data(skeleton, service);
		g_dbus_interface_skeleton_unexport(skeleton);
	}
	g_ptr_array_unref(service->peers);
	peer_server_free(service->server);
	g_free(service);
}

guint
gateway_service_n_connected(const GatewayService *service)
{
	return service->peers->len;
}

static void
on_status(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(GTask) task = data;
	GError *error = NULL;
	g_autoptr(GVariant) answer = g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, &error);

	if (answer == NULL)
		g_task_return_error(task, error);
	else if (g_variant_get_size(answer) > STATUS_MAX)
		g_task_return_new_error(task, CARREL_ERROR, CARREL_ERROR_PROTOCOL, "the gateway's status is too long");
	else
		g_task_return_pointer(task, g_variant_get_child_value(answer, 0), (GDestroyNotify)g_variant_unref);
}

void
gateway_service_get_status(GatewayService *service, GAsyncReadyCallback callback, void *data)
{
	GTask *task = g_task_new(NULL, NULL, callback, data);
	GDBusInterfaceSkeleton *last = service->peers->len > 0 ? service->peers->pdata[service->peers->len - 1] : NULL;

	if (last) {
		g_dbus_connection_call(g_dbus_interface_skeleton_get_connection(last), NULL, "/org/carrel/Gateway1",
			"org.carrel.Gateway1", "GetStatus", NULL, G_VARIANT_TYPE("(a{sv})"), G_DBUS_CALL_FLAGS_NONE, STATUS_MS, NULL,
			on_status, task);
		return;
	}
	g_task_return_new_error(task, CARREL_ERROR, CARREL_ERROR_BUSY, "no gateway is connected");
	g_object_unref(task);
}

GVariant *
gateway_service_get_status_finish(GAsyncResult *result, GError **error)
{
	return g_task_propagate_pointer(G_TASK(result), error);
}

void
gateway_service_end_streams(GatewayService *service, const char *desktop, guint16 code)
{
	for (guint i = 0; i < service->peers->len; i++)
		carrel_broker1_gateway_emit_end_streams(service->peers->pdata[i], desktop, code);
}
