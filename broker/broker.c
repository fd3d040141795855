/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/broker.h"

#include <string.h>
#include <unistd.h>

#include "broker/access.h"
#include "broker/admin-service.h"
#include "broker/common/program.h"
#include "broker/endings.h"
#include "broker/gateway-service.h"
#include "broker/record-keeper.h"
#include "broker/store/audit.h"
#include "broker/vnc-entry.h"
#include "broker/watches.h"

#define MINUTE_S 60

void
broker_audit(Broker *broker, const char *actor, const char *address, const char *action, const char *desktop,
	const char *pool, const char *detail)
{
	const AuditRow row = {broker->now(), actor, address, action, desktop, pool, detail};

	audit_add(broker->store, &row);
}

gboolean
broker_is_admin(const Broker *broker, const char *user, const char *const *groups)
{
	if (g_strv_contains((const char *const *)broker->conf->admin_users, user))
		return TRUE;
	for (; *groups != NULL; groups++) {
		if (g_strv_contains((const char *const *)broker->conf->admin_groups, *groups))
			return TRUE;
	}
	return FALSE;
}

static void
on_desktop_change(const DesktopView *desktop, void *data)
{
	Broker *broker = data;

	if (broker->timekeeper)
		timekeeper_on_change(broker->timekeeper, desktop);
	vnc_entries_on_change(broker->vnc_entries, desktop);
}

static void
on_end_clients(const char *desktop, guint16 code, void *data)
{
	endings_end_clients(data, desktop, code);
}

static void
on_guest_logout(const char *desktop, const char *user, void *data)
{
	Broker *broker = data;

	if (broker->engine)
		endings_on_guest_logout(broker, desktop, user);
}

static void
audit_viewer(Broker *broker, const char *desktop, const char *client, const char *action, const char *detail)
{
	g_autofree char *id = access_client_session(client);
	g_autoptr(SessionRow) session = sessions_by_id(broker->sessions, id);

	if (session && strcmp(session->kind, SESSION_WATCH) == 0)
		action = strcmp(action, "connect") == 0 ? "watch-began" : "watch-ended";
	/* A SPICE viewer's row was written with its ticket; each of its channels comes by here. */
	broker_audit(broker, session ? session->user : "carrel", session ? session->address : NULL, action, desktop, NULL,
		detail);
}

static void
visited(Broker *broker, const char *desktop)
{
	if (broker->timekeeper)
		timekeeper_on_visit(broker->timekeeper, desktop);
}

static void
on_viewer_joined(const char *desktop, const char *client, const char *protocol, void *data)
{
	audit_viewer(data, desktop, client, "connect", protocol);
	visited(data, desktop);
}

static void
on_viewer_left(const char *desktop, const char *client, const char *why, void *data)
{
	audit_viewer(data, desktop, client, "disconnect", why);
	visited(data, desktop);
}

static void
on_viewer_usb(const char *desktop, const char *client, const char *event, const char *device, void *data)
{
	g_autofree char *action = g_strconcat("usb-", event, NULL);

	audit_viewer(data, desktop, client, action, device);
}

static void
on_recording_started(const char *desktop, const char *id, void *data)
{
	record_keeper_on_started(data, desktop, id);
}

static void
on_recording_ended(const char *desktop, const char *id, const char *hash, const char *why, gboolean required, void *data)
{
	record_keeper_on_ended(data, desktop, id, hash, why, required);
}

static void
on_viewers_listed(void *data)
{
	Broker *broker = data;

	endings_on_viewers(broker);
	if (broker->timekeeper)
		timekeeper_on_viewers(broker->timekeeper);
}

static gboolean
on_minute(gpointer data)
{
	Broker *broker = data;

	endings_every_minute(broker);
	timekeeper_run(broker->timekeeper);
	if (broker->minutes++ % 60 == 0) {
		endings_every_hour(broker);
		record_keeper_prune(broker);
	}
	return G_SOURCE_CONTINUE;
}

static gboolean
start_engine(Broker *broker, GError **error)
{
	const EngineEvents events = {on_desktop_change, on_end_clients, on_guest_logout, broker};

	broker->engine = engine_new(broker->conf, broker->store, &events, error);
	return broker->engine != NULL;
}

static void
start_display(Broker *broker)
{
	const DisplayEvents events = {on_viewer_joined, on_viewer_left, on_viewer_usb, on_viewers_listed, on_recording_started,
		on_recording_ended, broker};
	g_autofree char *path = conf_socket_path(broker->conf, CONF_SOCKET_CONTROL);
	uid_t uid;
	gid_t gid;

	/* Where that user does not exist, all programs of the instance run as one. */
	if (!program_lookup_user(broker->conf->display_user, &uid, &gid, NULL))
		uid = geteuid();
	broker->display = display_client_new(path, uid, &events);
}

static gboolean
start_parts(Broker *broker, const BrokerOptions *options, GError **error)
{
	const SessionRules rules = {broker->conf->session_idle, broker->conf->session_lifetime, options->now, options->steady};
	g_autofree char *auth = conf_socket_path(broker->conf, CONF_SOCKET_AUTH);
	g_autofree char *key_file = g_build_filename(broker->conf->runtime, "broker", "ticket-key", NULL);
	Secret *key = tickets_read_key(key_file, error);
	const SignInConfig sign_in = {.socket_path = auth, .failure_ms = options->failure_ms,
		.processes = (guint)broker->conf->sign_in_processes,
		.processes_per_origin = (guint)broker->conf->sign_in_processes_per_address,
		/* carrel-auth's own comes before. */
		.life_s = (guint)broker->conf->sign_in_deadline + 5,
		.free_failures = (guint)broker->conf->free_failures,
		.address_wait_max = broker->conf->address_wait_max,
		.user_delay_max = broker->conf->user_delay_max, .now = options->now};

	if (key == NULL)
		return FALSE;
	broker->sessions = sessions_new(broker->store, &rules);
	broker->tickets = tickets_new(broker->store, key, options->now);
	broker->sign_ins = sign_ins_new(broker->store, &sign_in);
	broker->vnc_entries = vnc_entries_new(broker);
	broker->watches = watches_new(broker);
	broker->stream_path = conf_socket_path(broker->conf, CONF_SOCKET_STREAM);
	return TRUE;
}

Broker *
broker_new(const Conf *conf, Store *store, const BrokerOptions *options, GError **error)
{
	g_autoptr(Broker) broker = g_new0(Broker, 1);

	broker->conf = conf;
	broker->store = store;
	broker->now = options->now;
	broker->steady = options->steady;
	broker->started = options->now();
	if (!start_parts(broker, options, error))
		return NULL;
	/* The engine may speak of its desktops from the start: whom it is told to is there before it. */
	start_display(broker);
	broker->gateway = gateway_service_new(broker, error);
	if (broker->gateway == NULL || !start_engine(broker, error))
		return NULL;
	broker->timekeeper = timekeeper_new(broker);
	broker->admin = admin_service_new(broker, error);
	if (broker->admin == NULL)
		return NULL;
	broker->minute_id = g_timeout_add_seconds(MINUTE_S, on_minute, broker);
	return g_steal_pointer(&broker);
}

void
broker_free(Broker *broker)
{
	if (broker == NULL)
		return;
	g_clear_handle_id(&broker->minute_id, g_source_remove);
	admin_service_free(broker->admin);
	sign_ins_free(broker->sign_ins);
	g_clear_pointer(&broker->timekeeper, timekeeper_free);
	engine_free(broker->engine);
	vnc_entries_free(broker->vnc_entries);
	gateway_service_free(broker->gateway);
	display_client_free(broker->display);
	watches_free(broker->watches);
	tickets_free(broker->tickets);
	sessions_free(broker->sessions);
	g_free(broker->facts.ca_pem);
	g_free(broker->facts.host_subject);
	g_free(broker->stream_path);
	g_free(broker);
}

void
broker_apply_pools(Broker *broker, char ***changes, char ***faults)
{
	engine_apply(broker->engine, changes, faults);
	timekeeper_on_rules(broker->timekeeper);
	admin_service_on_rules(broker->admin);
	record_keeper_prune(broker);
}

void
broker_reload(Broker *broker)
{
	g_auto(GStrv) changes = NULL, faults = NULL;

	broker_apply_pools(broker, &changes, &faults);
	for (char **change = changes; change && *change; change++)
		g_message("%s", *change);
	for (char **fault = faults; fault && *fault; fault++)
		g_warning("%s", *fault);
	if (changes && *changes == NULL && faults && *faults == NULL)
		g_message("the pool files were read again: nothing changed");
}
