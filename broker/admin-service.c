/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/admin-service.h"

#include <string.h>

#include "broker/admin-lists.h"
#include "broker/admin-recordings.h"
#include "broker/admin-rights.h"
#include "broker/admin-watch.h"
#include "broker/auth/frame.h"
#include "broker/common/error.h"
#include "broker/common/peer.h"
#include "broker/dbus/broker-admin.h"
#include "broker/endings.h"
#include "broker/gateway-service.h"

#define OBJECT_PATH "/org/carrel/Broker1"
#define ADMINS_MAX 16
#define LIST_AGE_MS 2000
#define EXTEND_MAX_MIN 1440
#define NOTICE_MAX 1024 /* the agent's lines have 4096 bytes, escapes included */

struct AdminService {
	Broker *broker;
	PeerServer *server;
	GPtrArray *peers; /* CarrelBroker1Admin (skeletons), one a connection */
	AdminRights *rights;
};

/* One connected peer: the data of its skeleton. */
typedef struct {
	AdminService *service;
	AdminPeer *peer;
	char *name; /* "uid 1000", for the audit */
	GPtrArray *held; /* ids of desktops (char *), one a hold */
} Caller;

static gboolean
on_authorize(GDBusInterfaceSkeleton *skeleton, GDBusMethodInvocation *invocation, gpointer data)
{
	Caller *caller = data;
	GError *error = NULL;

	if (admin_peer_may_call(caller->peer, g_dbus_method_invocation_get_method_name(invocation),
		    g_dbus_method_invocation_get_parameters(invocation), &error))
		return TRUE;
	g_dbus_method_invocation_take_error(invocation, error);
	return FALSE;
}

typedef struct {
	CarrelBroker1Admin *skeleton;
	GDBusMethodInvocation *invocation;
	GVariant *facts; /* gathered when it was asked: the broker may be gone when the gateway answers */
} StatusCall;

static void
on_gateway_status(GObject *source, GAsyncResult *result, gpointer data)
{
	StatusCall *call = data;
	g_autoptr(GVariant) gateway = gateway_service_get_status_finish(result, NULL);

	carrel_broker1_admin_complete_status(call->skeleton, call->invocation, admin_status_add_gateway(call->facts, gateway));
	g_variant_unref(call->facts);
	g_object_unref(call->skeleton);
	g_free(call);
}

static gboolean
on_status(CarrelBroker1Admin *skeleton, GDBusMethodInvocation *invocation, gpointer data)
{
	Broker *broker = ((Caller *)data)->service->broker;
	StatusCall *call = g_new0(StatusCall, 1);

	call->skeleton = g_object_ref(skeleton);
	call->invocation = invocation;
	call->facts = g_variant_ref_sink(admin_status(broker));
	gateway_service_get_status(broker->gateway, on_gateway_status, call);
	return TRUE;
}

static gboolean
on_list_pools(CarrelBroker1Admin *skeleton, GDBusMethodInvocation *invocation, gpointer data)
{
	Caller *caller = data;

	carrel_broker1_admin_complete_list_pools(skeleton, invocation, admin_list_pools(caller->service->broker, caller->peer));
	return TRUE;
}

static gboolean
on_plan_pools(CarrelBroker1Admin *skeleton, GDBusMethodInvocation *invocation, gpointer data)
{
	g_auto(GStrv) lines = NULL, faults = NULL;

	engine_preview(((Caller *)data)->service->broker->engine, &lines, &faults);
	carrel_broker1_admin_complete_plan_pools(skeleton, invocation, (const char *const *)lines, (const char *const *)faults);
	return TRUE;
}

static gboolean
on_apply_pools(CarrelBroker1Admin *skeleton, GDBusMethodInvocation *invocation, gpointer data)
{
	Caller *caller = data;
	Broker *broker = caller->service->broker;
	g_auto(GStrv) changes = NULL, faults = NULL;

	broker_apply_pools(broker, &changes, &faults);
	broker_audit(broker, caller->name, NULL, "apply", NULL, NULL, NULL);
	carrel_broker1_admin_complete_apply_pools(skeleton, invocation, (const char *const *)changes,
		(const char *const *)faults);
	return TRUE;
}

static gboolean
on_seal_image(CarrelBroker1Admin *skeleton, GDBusMethodInvocation *invocation, const char *image, gpointer data)
{
	Caller *caller = data;
	Broker *broker = caller->service->broker;
	GError *error = NULL;
	guint pools = 0;

	if (!engine_seal(broker->engine, image, &pools, &error)) {
		g_dbus_method_invocation_take_error(invocation, error);
		return TRUE;
	}
	broker_audit(broker, caller->name, NULL, "seal", NULL, NULL, image);
	carrel_broker1_admin_complete_seal_image(skeleton, invocation, pools);
	return TRUE;
}

static gboolean
on_drain_pool(CarrelBroker1Admin *skeleton, GDBusMethodInvocation *invocation, const char *pool, gboolean drain,
	gpointer data)
{
	Caller *caller = data;
	Broker *broker = caller->service->broker;
	GError *error = NULL;

	if (!engine_drain(broker->engine, pool, drain, &error)) {
		g_dbus_method_invocation_take_error(invocation, error);
		return TRUE;
	}
	broker_audit(broker, caller->name, NULL, "drain", NULL, pool, drain ? "begun" : "ended");
	carrel_broker1_admin_complete_drain_pool(skeleton, invocation);
	return TRUE;
}

static gboolean
on_list_desktops(CarrelBroker1Admin *skeleton, GDBusMethodInvocation *invocation, gpointer data)
{
	Caller *caller = data;

	carrel_broker1_admin_complete_list_desktops(skeleton, invocation,
		admin_list_desktops(caller->service->broker, caller->peer));
	return TRUE;
}

static gboolean
on_reset_desktop(CarrelBroker1Admin *skeleton, GDBusMethodInvocation *invocation, const char *desktop, gboolean discard, gpointer data)
{
	Caller *caller = data;
	Broker *broker = caller->service->broker;
	GError *error = NULL;

	if (!(discard ? engine_discard : engine_reset)(broker->engine, desktop, END_BY_ADMIN, "reset by an admin", &error)) {
		g_dbus_method_invocation_take_error(invocation, error);
		return TRUE;
	}
	broker_audit(broker, caller->name, NULL, "reset", desktop, NULL, NULL);
	carrel_broker1_admin_complete_reset_desktop(skeleton, invocation);
	return TRUE;
}

static void
on_snapshot_done(GObject *source, GAsyncResult *result, gpointer data)
{
	GDBusMethodInvocation *invocation = data;
	GError *error = NULL;

	if (!engine_snapshot_finish(result, &error))
		g_dbus_method_invocation_take_error(invocation, error);
	else
		g_dbus_method_invocation_return_value(invocation, NULL);
}

static gboolean
on_snapshot_desktop(CarrelBroker1Admin *skeleton, GDBusMethodInvocation *invocation, const char *desktop, const char *what,
	const char *name, gpointer data)
{
	Caller *caller = data;
	Broker *broker = caller->service->broker;

	if (strcmp(what, "save") != 0 && strcmp(what, "revert") != 0 && strcmp(what, "delete") != 0) {
		g_dbus_method_invocation_return_error(invocation, CARREL_ERROR, CARREL_ERROR_INVALID, "“%s” is not save, revert or delete", what);
		return TRUE;
	}
	broker_audit(broker, caller->name, NULL,
		*what == 's'   ? "snapshot"
		: *what == 'r' ? "revert"
			       : "delete-snapshot",
		desktop, NULL, name);
	(*what == 's'	? engine_snapshot_async
	 : *what == 'r' ? engine_revert_async
			: engine_delete_snapshot_async)(broker->engine, desktop, name, on_snapshot_done, invocation);
	return TRUE;
}

static gboolean
on_restart_desktop(CarrelBroker1Admin *skeleton, GDBusMethodInvocation *invocation, const char *desktop, gpointer data)
{
	Caller *caller = data;
	Broker *broker = caller->service->broker;
	GError *error = NULL;

	if (!engine_restart(broker->engine, desktop, &error)) {
		g_dbus_method_invocation_take_error(invocation, error);
		return TRUE;
	}
	broker_audit(broker, caller->name, NULL, "restart", desktop, NULL, NULL);
	carrel_broker1_admin_complete_restart_desktop(skeleton, invocation);
	return TRUE;
}

static gboolean
on_stop_desktop(CarrelBroker1Admin *skeleton, GDBusMethodInvocation *invocation, const char *desktop, gpointer data)
{
	Caller *caller = data;
	Broker *broker = caller->service->broker;
	GError *error = NULL;

	if (!engine_stop(broker->engine, desktop, &error)) {
		g_dbus_method_invocation_take_error(invocation, error);
		return TRUE;
	}
	broker_audit(broker, caller->name, NULL, "stop", desktop, NULL, NULL);
	carrel_broker1_admin_complete_stop_desktop(skeleton, invocation);
	return TRUE;
}

/* Until the connection ends, in whatever way: on_admin_closed. */
static gboolean
on_hold_desktop(CarrelBroker1Admin *skeleton, GDBusMethodInvocation *invocation, const char *desktop, gpointer data)
{
	Caller *caller = data;
	Broker *broker = caller->service->broker;
	GError *error = NULL;
	g_autofree char *disk = NULL;
	const DesktopView *view = NULL;

	if (g_dbus_connection_is_closed(g_dbus_method_invocation_get_connection(invocation)))
		g_set_error_literal(&error, CARREL_ERROR, CARREL_ERROR_BUSY, "the connection is closed");
	else
		view = engine_hold(broker->engine, desktop, &disk, &error);
	if (view == NULL) {
		g_dbus_method_invocation_take_error(invocation, error);
		return TRUE;
	}
	g_ptr_array_add(caller->held, g_strdup(view->id));
	broker_audit(broker, caller->name, NULL, "export", view->id, view->pool, view->user);
	carrel_broker1_admin_complete_hold_desktop(skeleton, invocation, disk, view->image, view->user, view->pool);
	return TRUE;
}

static void
release_holds(Caller *caller)
{
	for (guint i = 0; i < caller->held->len; i++)
		engine_release_hold(caller->service->broker->engine, caller->held->pdata[i]);
	g_ptr_array_set_size(caller->held, 0);
}

static gboolean
is_name_of_user(const char *user)
{
	gsize size = strlen(user);

	for (const char *c = user; *c != '\0'; c++) {
		if (g_ascii_iscntrl(*c))
			return FALSE;
	}
	return size > 0 && size <= FRAME_USER_MAX;
}

static gboolean
on_import_desktop(CarrelBroker1Admin *skeleton, GDBusMethodInvocation *invocation, const char *pool, const char *user, const char *image,
	gpointer data)
{
	Caller *caller = data;
	Broker *broker = caller->service->broker;
	GError *error = NULL;
	const DesktopView *view = NULL;
	gboolean made = strchr(image, '@') != NULL;

	if (!is_name_of_user(user))
		g_set_error(&error, CARREL_ERROR, CARREL_ERROR_INVALID, "a person's name has 1 to %d bytes, and no control characters", FRAME_USER_MAX);
	else if (made)
		view = engine_import(broker->engine, pool, user, image, &error);
	else
		engine_may_import(broker->engine, pool, user, image, &error);
	if (error) {
		g_dbus_method_invocation_take_error(invocation, error);
		return TRUE;
	}
	if (view)
		broker_audit(broker, caller->name, NULL, "import", view->id, view->pool, user);
	carrel_broker1_admin_complete_import_desktop(skeleton, invocation, view ? view->id : "");
	return TRUE;
}

static gboolean
on_list_recordings(CarrelBroker1Admin *skeleton, GDBusMethodInvocation *invocation, GVariant *filter, gpointer data)
{
	Caller *caller = data;

	admin_list_recordings(caller->service->broker, caller->peer, invocation, filter);
	return TRUE;
}

static gboolean
on_open_recording(CarrelBroker1Admin *skeleton, GDBusMethodInvocation *invocation, GUnixFDList *fds, const char *id, gpointer data)
{
	Caller *caller = data;

	admin_open_recording(caller->service->broker, caller->name, invocation, id);
	return TRUE;
}

static gboolean
on_remove_recording(CarrelBroker1Admin *skeleton, GDBusMethodInvocation *invocation, const char *id, gpointer data)
{
	Caller *caller = data;

	admin_remove_recording(caller->service->broker, caller->name, invocation, id);
	return TRUE;
}

static void
on_screenshot_taken(GObject *source, GAsyncResult *result, gpointer data)
{
	GDBusMethodInvocation *invocation = data;
	CarrelBroker1Admin *skeleton = g_object_get_data(G_OBJECT(invocation), "skeleton");
	const char *mime = NULL;
	GError *error = NULL;
	g_autoptr(GBytes) bytes = engine_screenshot_finish(result, &mime, &error);

	if (bytes == NULL)
		g_dbus_method_invocation_take_error(invocation, error);
	else
		carrel_broker1_admin_complete_screenshot(skeleton, invocation,
			g_variant_new_from_bytes(G_VARIANT_TYPE_BYTESTRING, bytes, TRUE), mime);
}

static gboolean
on_screenshot(CarrelBroker1Admin *skeleton, GDBusMethodInvocation *invocation, const char *desktop, gpointer data)
{
	Caller *caller = data;
	Broker *broker = caller->service->broker;

	broker_audit(broker, caller->name, NULL, "screenshot", desktop, NULL, NULL);
	g_object_set_data_full(G_OBJECT(invocation), "skeleton", g_object_ref(skeleton), g_object_unref);
	engine_screenshot_async(broker->engine, desktop, on_screenshot_taken, invocation);
	return TRUE;
}

typedef struct {
	CarrelBroker1Admin *skeleton;
	GDBusMethodInvocation *invocation;
	Caller *caller; /* the skeleton's */
} SessionsCall;

static void
answer_sessions(void *data)
{
	g_autofree SessionsCall *call = data;
	g_autoptr(CarrelBroker1Admin) skeleton = call->skeleton;

	carrel_broker1_admin_complete_list_sessions(skeleton, call->invocation,
		admin_list_sessions(call->caller->service->broker, call->caller->peer));
}

/* Who is idle for how long is asked of the display. */
static gboolean
on_list_sessions(CarrelBroker1Admin *skeleton, GDBusMethodInvocation *invocation, gpointer data)
{
	SessionsCall *call = g_new0(SessionsCall, 1);

	call->skeleton = g_object_ref(skeleton);
	call->invocation = invocation;
	call->caller = data;
	display_client_fresh(call->caller->service->broker->display, LIST_AGE_MS, answer_sessions, call);
	return TRUE;
}

static gboolean
on_end_session(CarrelBroker1Admin *skeleton, GDBusMethodInvocation *invocation, const char *id, gpointer data)
{
	Caller *caller = data;
	Broker *broker = caller->service->broker;
	g_autoptr(SessionRow) session = sessions_by_id(broker->sessions, id);
	GError *error = NULL;

	if (session == NULL)
		g_dbus_method_invocation_return_error(invocation, CARREL_ERROR, CARREL_ERROR_NOT_FOUND,
			"there is no session “%s”: see carrel session list", id);
	else if (!endings_end_session(broker, session, END_BY_ADMIN, TRUE, caller->name, "end-session", &error))
		g_dbus_method_invocation_take_error(invocation, error);
	else
		carrel_broker1_admin_complete_end_session(skeleton, invocation);
	return TRUE;
}

typedef struct {
	const Caller *caller;
	const SessionRow *session;
	GPtrArray *ids;
} Held;

static gboolean
collect_held(const DesktopView *desktop, void *data)
{
	Held *held = data;

	if (g_strcmp0(desktop->user, held->session->user) == 0 && strcmp(desktop->state, "assigned") == 0 &&
		admin_peer_has_pool(held->caller->peer, desktop->pool))
		g_ptr_array_add(held->ids, g_strdup(desktop->id));
	return TRUE;
}

/* Shows the text on each desktop of the session's person that the caller may look after; the first failure is told when none showed it. */
static gboolean
notify_all(const Caller *caller, const SessionRow *session, const char *text, GError **error)
{
	Broker *broker = caller->service->broker;
	g_autoptr(GPtrArray) ids = g_ptr_array_new_with_free_func(g_free);
	Held held = {caller, session, ids};
	GError *first = NULL;
	guint shown = 0;

	engine_each_desktop(broker->engine, collect_held, &held);
	for (guint i = 0; i < ids->len; i++)
		shown += engine_notify(broker->engine, ids->pdata[i], text, first ? NULL : &first);
	if (shown > 0) {
		g_clear_error(&first);
		return TRUE;
	}
	if (first == NULL)
		first = g_error_new(CARREL_ERROR, CARREL_ERROR_NOT_FOUND, "“%s” has no desktop to show it on", session->user);
	g_propagate_error(error, first);
	return FALSE;
}

/* Result: how many sessions were made longer; @error is of one that was not. */
static guint
extend_all(const Caller *caller, const SessionRow *session, guint minutes, GError **error)
{
	Broker *broker = caller->service->broker;
	g_autoptr(GPtrArray) ids = g_ptr_array_new_with_free_func(g_free);
	Held held = {caller, session, ids};
	guint n = 0;

	engine_each_desktop(broker->engine, collect_held, &held);
	for (guint i = 0; i < ids->len; i++)
		n += timekeeper_extend(broker->timekeeper, ids->pdata[i], (gint64)minutes * 60, error && *error ? NULL : error);
	if (ids->len == 0)
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_NOT_FOUND, "“%s” has no desktop", session->user);
	return n;
}

static gboolean
on_extend_session(CarrelBroker1Admin *skeleton, GDBusMethodInvocation *invocation, const char *id, guint minutes, gpointer data)
{
	Caller *caller = data;
	Broker *broker = caller->service->broker;
	g_autoptr(SessionRow) session = sessions_by_id(broker->sessions, id);
	g_autofree char *detail = NULL;
	GError *error = NULL;

	if (session == NULL) {
		g_dbus_method_invocation_return_error(invocation, CARREL_ERROR, CARREL_ERROR_NOT_FOUND,
			"there is no session “%s”: see carrel session list", id);
	} else if (minutes < 1 || minutes > EXTEND_MAX_MIN) {
		g_dbus_method_invocation_return_error(invocation, CARREL_ERROR, CARREL_ERROR_INVALID,
			"a session is made longer by 1 to %d minutes", EXTEND_MAX_MIN);
	} else if (extend_all(caller, session, minutes, &error) == 0) {
		g_dbus_method_invocation_take_error(invocation, error);
	} else {
		g_clear_error(&error);
		detail = g_strdup_printf("%s by %u min", session->user, minutes);
		broker_audit(broker, caller->name, NULL, "extend", NULL, NULL, detail);
		carrel_broker1_admin_complete_extend_session(skeleton, invocation, admin_left_of(broker, session->user));
	}
	return TRUE;
}

static gboolean
on_message_session(CarrelBroker1Admin *skeleton, GDBusMethodInvocation *invocation, const char *id, const char *text,
	gpointer data)
{
	Caller *caller = data;
	Broker *broker = caller->service->broker;
	g_autoptr(SessionRow) session = sessions_by_id(broker->sessions, id);
	GError *error = NULL;

	if (session == NULL) {
		g_dbus_method_invocation_return_error(invocation, CARREL_ERROR, CARREL_ERROR_NOT_FOUND,
			"there is no session “%s”: see carrel session list", id);
	} else if (strlen(text) > NOTICE_MAX || *text == '\0') {
		g_dbus_method_invocation_return_error(invocation, CARREL_ERROR, CARREL_ERROR_INVALID,
			"a notice has 1 to %d bytes", NOTICE_MAX);
	} else if (!notify_all(caller, session, text, &error)) {
		g_dbus_method_invocation_take_error(invocation, error);
	} else {
		broker_audit(broker, caller->name, NULL, "message", NULL, NULL, session->user);
		carrel_broker1_admin_complete_message_session(skeleton, invocation);
	}
	return TRUE;
}

static gboolean
on_watch_session(CarrelBroker1Admin *skeleton, GDBusMethodInvocation *invocation, const char *id, const char *desktop, const char *from,
	gpointer data)
{
	Caller *caller = data;

	admin_watch_session(caller->service->broker, caller->peer, caller->name, invocation, id, desktop, from);
	return TRUE;
}

/* Not audited: a list of desktops asks for one every few seconds. */
static gboolean
on_thumbnail(CarrelBroker1Admin *skeleton, GDBusMethodInvocation *invocation, const char *desktop, guint width, gpointer data)
{
	admin_thumbnail(((Caller *)data)->service->broker, invocation, desktop, width);
	return TRUE;
}

static gboolean
on_list_image_uses(CarrelBroker1Admin *skeleton, GDBusMethodInvocation *invocation, gpointer data)
{
	carrel_broker1_admin_complete_list_image_uses(skeleton, invocation,
		admin_list_image_uses(((Caller *)data)->service->broker));
	return TRUE;
}

static void
caller_free(gpointer data)
{
	Caller *caller = data;

	admin_peer_free(caller->peer);
	g_ptr_array_unref(caller->held);
	g_free(caller->name);
	g_free(caller);
}

static void
connect_handlers(CarrelBroker1Admin *skeleton, Caller *caller)
{
	const struct {
		const char *signal;
		GCallback handler;
	} handlers[] = {
		{"g-authorize-method", G_CALLBACK(on_authorize)},
		{"handle-status", G_CALLBACK(on_status)},
		{"handle-list-pools", G_CALLBACK(on_list_pools)},
		{"handle-plan-pools", G_CALLBACK(on_plan_pools)},
		{"handle-apply-pools", G_CALLBACK(on_apply_pools)},
		{"handle-seal-image", G_CALLBACK(on_seal_image)},
		{"handle-drain-pool", G_CALLBACK(on_drain_pool)},
		{"handle-list-desktops", G_CALLBACK(on_list_desktops)},
		{"handle-reset-desktop", G_CALLBACK(on_reset_desktop)},
		{"handle-snapshot-desktop", G_CALLBACK(on_snapshot_desktop)},
		{"handle-hold-desktop", G_CALLBACK(on_hold_desktop)},
		{"handle-import-desktop", G_CALLBACK(on_import_desktop)},
		{"handle-restart-desktop", G_CALLBACK(on_restart_desktop)},
		{"handle-stop-desktop", G_CALLBACK(on_stop_desktop)},
		{"handle-list-recordings", G_CALLBACK(on_list_recordings)},
		{"handle-open-recording", G_CALLBACK(on_open_recording)},
		{"handle-remove-recording", G_CALLBACK(on_remove_recording)},
		{"handle-screenshot", G_CALLBACK(on_screenshot)},
		{"handle-list-sessions", G_CALLBACK(on_list_sessions)},
		{"handle-end-session", G_CALLBACK(on_end_session)},
		{"handle-extend-session", G_CALLBACK(on_extend_session)},
		{"handle-message-session", G_CALLBACK(on_message_session)},
		{"handle-watch-session", G_CALLBACK(on_watch_session)},
		{"handle-thumbnail", G_CALLBACK(on_thumbnail)},
		{"handle-list-image-uses", G_CALLBACK(on_list_image_uses)},
	};

	for (gsize i = 0; i < G_N_ELEMENTS(handlers); i++)
		g_signal_connect(skeleton, handlers[i].signal, handlers[i].handler, caller);
}

static void
on_admin_closed(GDBusConnection *connection, gboolean vanished, GError *error, gpointer data)
{
	AdminService *service = data;

	for (guint i = 0; i < service->peers->len; i++) {
		GDBusInterfaceSkeleton *skeleton = service->peers->pdata[i];

		if (g_dbus_interface_skeleton_get_connection(skeleton) == connection) {
			g_signal_handlers_disconnect_by_data(connection, service);
			g_dbus_interface_skeleton_unexport(skeleton);
			release_holds(g_object_get_data(G_OBJECT(skeleton), "caller"));
			g_ptr_array_remove_index_fast(service->peers, i);
			return;
		}
	}
}

static void
on_joined(GDBusConnection *connection, uid_t uid, pid_t pid, void *data)
{
	AdminService *service = data;
	g_autoptr(CarrelBroker1Admin) skeleton = carrel_broker1_admin_skeleton_new();
	GIOStream *stream = g_dbus_connection_get_stream(connection);
	g_autoptr(GError) error = NULL;
	Caller *caller = g_new0(Caller, 1);

	caller->service = service;
	caller->peer = admin_peer_new(service->rights, uid,
		G_IS_SOCKET_CONNECTION(stream) ? g_socket_get_fd(g_socket_connection_get_socket(G_SOCKET_CONNECTION(stream))) : -1);
	caller->held = g_ptr_array_new_with_free_func(g_free);
	caller->name = g_strdup_printf("uid %u", uid);
	g_object_set_data_full(G_OBJECT(skeleton), "caller", caller, caller_free);
	connect_handlers(skeleton, caller);
	if (!g_dbus_interface_skeleton_export(G_DBUS_INTERFACE_SKELETON(skeleton), connection, OBJECT_PATH, &error)) {
		g_warning("admin: %s", error->message);
		return;
	}
	g_signal_connect(connection, "closed", G_CALLBACK(on_admin_closed), service);
	g_ptr_array_add(service->peers, g_steal_pointer(&skeleton));
}

void
admin_service_on_rules(AdminService *service)
{
	admin_rights_reload(service->rights);
}

AdminService *
admin_service_new(Broker *broker, GError **error)
{
	g_autoptr(AdminService) service = g_new0(AdminService, 1);
	g_autofree char *path = conf_socket_path(broker->conf, CONF_SOCKET_ADMIN);

	service->broker = broker;
	service->peers = g_ptr_array_new_with_free_func(g_object_unref);
	service->rights = admin_rights_new(broker);
	service->server = peer_server_new(path, NULL, ADMINS_MAX, on_joined, service, error);
	return service->server ? g_steal_pointer(&service) : NULL;
}

void
admin_service_free(AdminService *service)
{
	if (service == NULL)
		return;
	for (guint i = 0; i < service->peers->len; i++) {
		GDBusInterfaceSkeleton *skeleton = service->peers->pdata[i];

		g_signal_handlers_disconnect_by_data(g_dbus_interface_skeleton_get_connection(skeleton), service);
		g_dbus_interface_skeleton_unexport(skeleton);
	}
	g_ptr_array_unref(service->peers);
	peer_server_free(service->server);
	admin_rights_free(service->rights);
	g_free(service);
}
