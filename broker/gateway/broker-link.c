/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/gateway/broker-link.h"

#include "broker/common/error.h"
#include "broker/common/peer.h"
#include "broker/dbus/broker-gateway.h"
#include "broker/dbus/gateway.h"

#include <string.h>

#define OBJECT "/org/carrel/Broker1"
#define OWN_OBJECT "/org/carrel/Gateway1"
#define CONNECT_MS 5000
#define HELLO_MS 10000
#define REQUEST_MS 40000  /* somebody may be asked something, which waits for 30 s */
#define GRANT_MS 20000    /* the broker waits up to 10 s for a screen to start */
#define SIGN_IN_MS 180000 /* may boot a desktop */
#define RETRY_FIRST_MS 200
#define RETRY_MAX_MS 5000

struct BrokerLink {
	char *path;
	uid_t uid;
	const BrokerLinkHandlers *handlers;
	void *data;
	CarrelGateway1 *own; /* exported on the connection */
	GVariant *facts;
	GCancellable *cancellable;
	GDBusConnection *connection;
	CarrelBroker1Gateway *proxy;
	gboolean up, complained;
	guint retry_ms, retry_id;
};

static void try_to_connect(BrokerLink *link);

static gboolean
on_retry(gpointer data)
{
	BrokerLink *link = data;

	link->retry_id = 0;
	try_to_connect(link);
	return G_SOURCE_REMOVE;
}

static void on_closed(GDBusConnection *connection, gboolean vanished, GError *error, gpointer data);

/* GDBus would first write what waits: to a broker that hangs, for ever, and keep all of it until then. */
static void
cut(GDBusConnection *connection)
{
	GIOStream *stream = g_dbus_connection_get_stream(connection);

	if (G_IS_SOCKET_CONNECTION(stream))
		g_socket_shutdown(g_socket_connection_get_socket(G_SOCKET_CONNECTION(stream)), TRUE, TRUE, NULL);
	g_dbus_connection_close(connection, NULL, NULL, NULL);
}

static void
disconnect_from(BrokerLink *link)
{
	link->up = FALSE;
	g_clear_object(&link->proxy);
	if (link->connection) {
		if (g_dbus_interface_skeleton_has_connection(G_DBUS_INTERFACE_SKELETON(link->own), link->connection))
			g_dbus_interface_skeleton_unexport(G_DBUS_INTERFACE_SKELETON(link->own));
		g_signal_handlers_disconnect_by_func(link->connection, on_closed, link);
		cut(link->connection);
	}
	g_clear_object(&link->connection);
}

static void
try_later(BrokerLink *link, const char *why)
{
	/* Once an outage: a broker that is away for a night must not fill the log. */
	if (!link->complained)
		g_warning("the broker at %s is away: %s; trying again until it is back", link->path, why);
	link->complained = TRUE;
	disconnect_from(link);
	if (link->retry_id == 0)
		link->retry_id = g_timeout_add(link->retry_ms, on_retry, link);
	link->retry_ms = MIN(link->retry_ms * 2, RETRY_MAX_MS);
}

static void
on_closed(GDBusConnection *connection, gboolean vanished, GError *error, gpointer data)
{
	try_later(data, error ? error->message : "it closed the connection");
}

static void
on_end_streams(CarrelBroker1Gateway *proxy, const char *desktop, guint code, gpointer data)
{
	BrokerLink *link = data;

	link->handlers->end_streams(desktop, code, link->data);
}

static gboolean
on_get_status(CarrelGateway1 *own, GDBusMethodInvocation *call, gpointer data)
{
	BrokerLink *link = data;

	carrel_gateway1_complete_get_status(own, call, link->handlers->status(link->data));
	return TRUE;
}

static void
on_hello(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(GError) error = NULL;
	gboolean good = carrel_broker1_gateway_call_hello_finish(CARREL_BROKER1_GATEWAY(source), result, &error);

	if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
		return;
	BrokerLink *link = data;

	if (link->proxy != (CarrelBroker1Gateway *)source)
		return;
	if (!good) {
		try_later(link, error->message);
		return;
	}
	if (!link->up)
		g_message("the broker is there");
	link->up = TRUE;
	link->complained = FALSE;
	link->retry_ms = RETRY_FIRST_MS;
}

static void
say_hello(BrokerLink *link)
{
	carrel_broker1_gateway_call_hello(link->proxy, link->facts, G_DBUS_CALL_FLAGS_NONE, HELLO_MS, link->cancellable,
		on_hello, link);
}

static void
on_proxy(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(GError) error = NULL;
	CarrelBroker1Gateway *proxy = carrel_broker1_gateway_proxy_new_finish(result, &error);

	if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
		return;
	BrokerLink *link = data;

	if (proxy == NULL) {
		try_later(link, error->message);
		return;
	}
	link->proxy = proxy;
	g_signal_connect(proxy, "end-streams", G_CALLBACK(on_end_streams), link);
	g_dbus_connection_start_message_processing(link->connection);
	say_hello(link);
}

static void
on_connected(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(GError) error = NULL;
	GDBusConnection *connection = peer_connect_finish(result, &error);
	BrokerLink *link = data;

	/* The deadline of connecting cancels as well; only ours means that the link is gone. */
	if (connection == NULL) {
		if (!g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED) || !g_cancellable_is_cancelled(g_task_get_cancellable(G_TASK(result))))
			try_later(link, error->message);
		return;
	}
	link->connection = connection;
	if (!g_dbus_interface_skeleton_export(G_DBUS_INTERFACE_SKELETON(link->own), connection, OWN_OBJECT, &error))
		g_warning("%s: %s", OWN_OBJECT, error->message);
	g_signal_connect(connection, "closed", G_CALLBACK(on_closed), link);
	carrel_broker1_gateway_proxy_new(connection, G_DBUS_PROXY_FLAGS_DO_NOT_LOAD_PROPERTIES, NULL, OBJECT,
		link->cancellable, on_proxy, link);
}

static void
try_to_connect(BrokerLink *link)
{
	peer_connect_async(link->path, link->uid, CONNECT_MS, link->cancellable, on_connected, link);
}

BrokerLink *
broker_link_new(const char *path, uid_t uid, const BrokerLinkHandlers *handlers, void *data)
{
	BrokerLink *link = g_new0(BrokerLink, 1);

	carrel_error_quark(); /* registers the errors' names with GDBus */
	link->path = g_strdup(path);
	link->uid = uid;
	link->handlers = handlers;
	link->data = data;
	link->own = carrel_gateway1_skeleton_new();
	g_signal_connect(link->own, "handle-get-status", G_CALLBACK(on_get_status), link);
	link->cancellable = g_cancellable_new();
	link->retry_ms = RETRY_FIRST_MS;
	link->facts = g_variant_ref_sink(g_variant_new("a{sv}", NULL));
	try_to_connect(link);
	return link;
}

void
broker_link_free(BrokerLink *link)
{
	if (link == NULL)
		return;
	g_cancellable_cancel(link->cancellable);
	g_clear_handle_id(&link->retry_id, g_source_remove);
	disconnect_from(link);
	g_object_unref(link->own);
	g_object_unref(link->cancellable);
	g_variant_unref(link->facts);
	g_free(link->path);
	g_free(link);
}

void
broker_link_set_facts(BrokerLink *link, GVariant *facts)
{
	g_variant_unref(link->facts);
	link->facts = g_variant_ref_sink(facts);
	if (link->proxy)
		say_hello(link);
}

gboolean
broker_link_is_up(const BrokerLink *link)
{
	return link->up;
}

/* A task that ends as the D-Bus call does, so that callers see neither the proxy nor its names. */
static GTask *
begin(BrokerLink *link, GCancellable *cancellable, GAsyncReadyCallback callback, void *data)
{
	GTask *task = g_task_new(NULL, cancellable, callback, data);

	/* The cancellable is the client's: what was granted to one that has left is dropped with the answer. */
	if (link->up)
		return task;
	g_task_return_new_error(task, CARREL_ERROR, CARREL_ERROR_BUSY, "the broker is away");
	g_object_unref(task);
	return NULL;
}

typedef struct {
	guint16 status;
	GVariant *fields, *answer;
} Answer;

static void
answer_free(void *data)
{
	Answer *answer = data;

	g_variant_unref(answer->fields);
	g_variant_unref(answer->answer);
	g_free(answer);
}

static void
on_request(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(GTask) task = data;
	BrokerLink *link = g_task_get_task_data(task);
	Answer *answer = g_new0(Answer, 1);
	GError *error = NULL;

	if (carrel_broker1_gateway_call_request_finish(CARREL_BROKER1_GATEWAY(source), &answer->status, &answer->fields,
		    &answer->answer, result, &error)) {
		g_task_return_pointer(task, answer, answer_free);
	} else {
		g_free(answer);
		/* It answers each of these at once: what it is asked now would only wait behind the others, in our memory. */
		if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT) && link && link->proxy == (CarrelBroker1Gateway *)source)
			try_later(link, "it does not answer");
		g_task_return_error(task, error);
	}
}

void
broker_link_request(BrokerLink *link, const char *method, const char *path, const char *query, GVariant *context,
	GVariant *body, GCancellable *cancellable, GAsyncReadyCallback callback, void *data)
{
	GTask *task = begin(link, cancellable, callback, data);
	/* PAM may wait for somebody's telephone, and a guest's memory takes its time to be written. */
	gboolean patient = g_str_has_prefix(path, "/api/v1/sign-in") || strstr(path, "/snapshots") != NULL;

	if (task && !patient)
		g_task_set_task_data(task, link, NULL);
	g_variant_ref_sink(context);
	g_variant_ref_sink(body);
	if (task) {
		carrel_broker1_gateway_call_request(link->proxy, method, path, query, context, body, G_DBUS_CALL_FLAGS_NONE,
			patient ? SIGN_IN_MS : REQUEST_MS, cancellable, on_request, task);
		/* A password, or the cookie of a session that ends. */
		if (strcmp(method, "GET") != 0)
			peer_cover(link->connection, g_variant_get_size(context) + g_variant_get_size(body));
	}
	g_variant_unref(context);
	g_variant_unref(body);
}

gboolean
broker_link_request_finish(GAsyncResult *result, guint16 *status, GVariant **fields, GVariant **answer, GError **error)
{
	Answer *got = g_task_propagate_pointer(G_TASK(result), error);

	if (got == NULL)
		return FALSE;
	*status = got->status;
	*fields = g_steal_pointer(&got->fields);
	*answer = g_steal_pointer(&got->answer);
	g_free(got);
	return TRUE;
}

void
grant_free(Grant *grant)
{
	if (grant == NULL)
		return;
	explicit_bzero(grant->grant, sizeof grant->grant);
	g_free(grant->stream);
	g_free(grant->desktop);
	g_free(grant);
}

/* Takes @stream and @desktop, and a reference of @bytes. */
static void
return_grant(GTask *task, gboolean good, GVariant *bytes, char *stream, char *desktop, GError *error)
{
	g_autoptr(Grant) grant = g_new0(Grant, 1);

	grant->stream = stream;
	grant->desktop = desktop;
	if (!good) {
		g_task_return_error(task, error);
	} else if (g_variant_n_children(bytes) != sizeof grant->grant) {
		g_task_return_new_error(task, CARREL_ERROR, CARREL_ERROR_PROTOCOL, "the broker's grant has %zu bytes",
			g_variant_n_children(bytes));
	} else {
		memcpy(grant->grant, g_variant_get_data(bytes), sizeof grant->grant);
		g_task_return_pointer(task, g_steal_pointer(&grant), (GDestroyNotify)grant_free);
	}
	g_clear_pointer(&bytes, g_variant_unref);
	g_object_unref(task);
}

static void
on_opened(GObject *source, GAsyncResult *result, gpointer data)
{
	GVariant *bytes = NULL;
	char *stream = NULL;
	GError *error = NULL;
	g_autoptr(GVariant) answer = g_dbus_proxy_call_finish(G_DBUS_PROXY(source), result, &error);

	if (answer)
		g_variant_get(answer, "(@ays)", &bytes, &stream);
	return_grant(data, answer != NULL, bytes, stream, g_strdup(g_task_get_task_data(data)), error);
}

/* @method: one of those that take what OpenScreen takes, and answer as it does. */
static void
open_stream(BrokerLink *link, const char *method, const char *session, const char *desktop, const char *address,
	GCancellable *cancellable, GAsyncReadyCallback callback, void *data)
{
	GTask *task = begin(link, cancellable, callback, data);

	if (task == NULL)
		return;
	g_task_set_task_data(task, g_strdup(desktop), g_free);
	g_dbus_proxy_call(G_DBUS_PROXY(link->proxy), method, g_variant_new("(sss)", session, desktop, address), G_DBUS_CALL_FLAGS_NONE,
		GRANT_MS, cancellable, on_opened, task);
}

void
broker_link_open_screen(BrokerLink *link, const char *session, const char *desktop, const char *address,
	GCancellable *cancellable, GAsyncReadyCallback callback, void *data)
{
	open_stream(link, "OpenScreen", session, desktop, address, cancellable, callback, data);
}

void
broker_link_open_sound(BrokerLink *link, const char *session, const char *desktop, const char *address,
	GCancellable *cancellable, GAsyncReadyCallback callback, void *data)
{
	open_stream(link, "OpenSound", session, desktop, address, cancellable, callback, data);
}

void
broker_link_open_files(BrokerLink *link, const char *session, const char *desktop, const char *address,
	GCancellable *cancellable, GAsyncReadyCallback callback, void *data)
{
	open_stream(link, "OpenFiles", session, desktop, address, cancellable, callback, data);
}

static void
on_redeemed(GObject *source, GAsyncResult *result, gpointer data)
{
	GVariant *bytes = NULL;
	char *stream = NULL, *desktop = NULL;
	GError *error = NULL;
	gboolean good = carrel_broker1_gateway_call_redeem_ticket_finish(CARREL_BROKER1_GATEWAY(source), &bytes, &stream,
		&desktop, result, &error);

	return_grant(data, good, bytes, stream, desktop, error);
}

void
broker_link_redeem(BrokerLink *link, const char *name, const char *address, GCancellable *cancellable,
	GAsyncReadyCallback callback, void *data)
{
	GTask *task = begin(link, cancellable, callback, data);

	if (task)
		carrel_broker1_gateway_call_redeem_ticket(link->proxy, name, address, G_DBUS_CALL_FLAGS_NONE, GRANT_MS,
			cancellable, on_redeemed, task);
}

static void
on_signed_in(GObject *source, GAsyncResult *result, gpointer data)
{
	GVariant *bytes = NULL;
	char *stream = NULL, *desktop = NULL;
	GError *error = NULL;
	gboolean good = carrel_broker1_gateway_call_sign_in_vnc_finish(CARREL_BROKER1_GATEWAY(source), &bytes, &stream,
		&desktop, result, &error);

	return_grant(data, good, bytes, stream, desktop, error);
}

void
broker_link_sign_in_vnc(BrokerLink *link, const char *user, GVariant *password, const char *address,
	GCancellable *cancellable, GAsyncReadyCallback callback, void *data)
{
	GTask *task = begin(link, cancellable, callback, data);

	g_variant_ref_sink(password);
	if (task) {
		carrel_broker1_gateway_call_sign_in_vnc(link->proxy, user, password, address, G_DBUS_CALL_FLAGS_NONE, SIGN_IN_MS,
			cancellable, on_signed_in, task);
		peer_cover(link->connection, strlen(user) + g_variant_get_size(password));
	}
	g_variant_unref(password);
}

Grant *
broker_link_grant_finish(GAsyncResult *result, GError **error)
{
	return g_task_propagate_pointer(G_TASK(result), error);
}

static CarrelErrorCode
code_of(const GError *error)
{
	if (error->domain == CARREL_ERROR)
		return (CarrelErrorCode)error->code;
	if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT) || g_error_matches(error, G_DBUS_ERROR, G_DBUS_ERROR_NO_REPLY))
		return CARREL_ERROR_TIMEOUT;
	if (error->domain == G_IO_ERROR)
		return CARREL_ERROR_BUSY; /* the connection broke: it will be back */
	return CARREL_ERROR_FAILED;
}

guint
broker_link_status(const GError *error)
{
	static const guint statuses[CARREL_ERROR_N_CODES] = {
		[CARREL_ERROR_FAILED] = 500, [CARREL_ERROR_BUSY] = 503, [CARREL_ERROR_EXHAUSTED] = 503,
		[CARREL_ERROR_DENIED] = 403, [CARREL_ERROR_NOT_FOUND] = 404, [CARREL_ERROR_TIMEOUT] = 504,
		[CARREL_ERROR_CONFIG] = 500, [CARREL_ERROR_PROTOCOL] = 502, [CARREL_ERROR_INVALID] = 400};
	CarrelErrorCode code = code_of(error);

	return (guint)code < G_N_ELEMENTS(statuses) ? statuses[code] : 500;
}

const char *
broker_link_word(const GError *error)
{
	return carrel_error_word(code_of(error));
}
