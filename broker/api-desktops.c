/* Pools, desktops, and the file for virt-viewer. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/api-call.h"

#include <string.h>

#include "broker/access.h"
#include "broker/endings.h"
#include "broker/vnc-entry.h"
#include "broker/vv-file.h"

/* A page that is looked at asks now and then; screens tell of input each two seconds. */
#define LIST_AGE_MS 4000

static const char *const kinds[] = {"floating", "persistent", "lab"};
static const char *const resets[] = {"never", "logout", "disconnect", "schedule"};
static const char *const transfers[] = {"off", "both", "to-desktop", "from-desktop"};
static const char *const clipboards[] = {"both", "to-desktop", "from-desktop", "off"};

static void
add_truth(JsonBuilder *json, const char *name, gboolean truth)
{
	json_builder_set_member_name(json, name);
	json_builder_add_boolean_value(json, truth);
}

static void
add_policy(ApiCall *call, const PoolFile *file)
{
	JsonBuilder *json = call->json;
	PoolPolicy policy = {.clipboard = POOL_CLIPBOARD_OFF, .file_transfer = POOL_FILES_OFF};

	if (file)
		policy = pool_file_policy(file, call->session->user, (const char *const *)call->session->groups);
	json_builder_set_member_name(json, "policy");
	json_builder_begin_object(json);
	api_add_text(json, "clipboard", clipboards[policy.clipboard]);
	json_builder_set_member_name(json, "clipboard-max");
	json_builder_add_int_value(json, policy.clipboard_max);
	add_truth(json, "recorded", policy.record);
	add_truth(json, "sound", file && file->sound);
	add_truth(json, "microphone", file && file->sound && policy.microphone);
	api_add_text(json, "files", transfers[policy.file_transfer]);
	json_builder_set_member_name(json, "file-max");
	json_builder_add_int_value(json, policy.file_max);
	json_builder_end_object(json);
}

static gboolean
is_recorded(const ApiCall *call, const PoolFile *file)
{
	return file && pool_file_policy(file, call->session->user, (const char *const *)call->session->groups).record;
}

/* -1: null */
static void
add_number(JsonBuilder *json, const char *name, gint64 number)
{
	json_builder_set_member_name(json, name);
	if (number >= 0)
		json_builder_add_int_value(json, number);
	else
		json_builder_add_null_value(json);
}

static void
add_limit(JsonBuilder *json, const Remaining *remaining)
{
	gboolean limited = remaining->left >= 0;

	json_builder_begin_object(json);
	add_number(json, "ends", limited ? remaining->ends : -1);
	add_number(json, "left", remaining->left);
	add_number(json, "extend", remaining->extend);
	api_add_text(json, "why", !limited ? NULL : remaining->why == LIMIT_SESSION ? "session" : "schedule");
	json_builder_end_object(json);
}

static const char *
kind_of(const DesktopView *desktop, const PoolFile *file)
{
	return desktop->kept ? "persistent" : file && file->kind == POOL_LAB ? "lab" : "floating";
}

/* Their place, where they wait for others to leave. */
static void
add_queue(JsonBuilder *json, const DesktopView *desktop)
{
	json_builder_set_member_name(json, "queue");
	if (desktop->queue_place == 0) {
		json_builder_add_null_value(json);
		return;
	}
	json_builder_begin_object(json);
	json_builder_set_member_name(json, "place");
	json_builder_add_int_value(json, desktop->queue_place);
	json_builder_set_member_name(json, "waiting");
	json_builder_add_int_value(json, desktop->queue_length);
	json_builder_end_object(json);
}

/* Seconds that the person has waited for it. */
static gint64
elapsed(const Broker *broker, const DesktopView *desktop)
{
	if (desktop->started_us > 0)
		return MAX(0, (g_get_monotonic_time() - desktop->started_us) / G_USEC_PER_SEC);
	return MAX(0, broker->now() - desktop->changed);
}

static void
add_pool(ApiCall *call, const char *name)
{
	JsonBuilder *json = call->json;
	const PoolView *pool = engine_pool(call->broker->engine, name);
	const PoolFile *file = pool->file;
	const DesktopView *desktop;

	json_builder_begin_object(json);
	api_add_text(json, "name", name);
	api_add_text(json, "title", file && file->title ? file->title : name);
	api_add_text(json, "kind", file ? kinds[file->kind] : NULL);
	api_add_text(json, "reset", file ? resets[file->reset] : NULL);
	api_add_text(json, "state", pool->draining ? "draining" : pool->fault && file == NULL ? "broken" : "active");
	/* The faults themselves are the admin's. */
	api_add_text(json, "fault",
		pool->fault && file == NULL ? "This pool is out of order: tell the administrator."
		: pool->draining	    ? "This pool gives out no new desktops at the moment."
					    : NULL);
	add_policy(call, file);
	json_builder_set_member_name(json, "desktop");
	desktop = engine_desktop_of(call->broker->engine, name, call->session->user);
	if (desktop) {
		json_builder_begin_object(json);
		api_add_text(json, "id", desktop->id);
		api_add_text(json, "state", desktop->state);
		api_add_text(json, "step", desktop->step);
		api_add_text(json, "kind", kind_of(desktop, file));
		add_truth(json, "usable", desktop->usable);
		add_queue(json, desktop);
		json_builder_end_object(json);
	} else {
		json_builder_add_null_value(json);
	}
	json_builder_end_object(json);
}

static gboolean
may_use(const ApiCall *call, const char *pool)
{
	return access_may_use_pool(call->broker, pool, call->session->user, (const char *const *)call->session->groups);
}

void
api_get_pools(ApiCall *call)
{
	Engine *engine = call->broker->engine;

	json_builder_begin_array(call->json);
	for (guint i = 0; i < engine_n_pools(engine); i++) {
		g_autofree char *name = g_strdup(engine_pool_at(engine, i)->name);

		if (may_use(call, name))
			add_pool(call, name);
	}
	json_builder_end_array(call->json);
	api_answer_json(call, 200);
}

static void
add_desktop(ApiCall *call, const char *id)
{
	JsonBuilder *json = call->json;
	const DesktopView *desktop = engine_desktop(call->broker->engine, id);
	g_autofree char *pool_name = g_strdup(desktop->pool);

	json_builder_begin_object(json);
	api_add_text(json, "id", desktop->id);
	api_add_text(json, "pool", desktop->pool);
	api_add_text(json, "state", desktop->state);
	api_add_text(json, "step", desktop->step);
	add_truth(json, "usable", desktop->usable);
	add_truth(json, "agent", desktop->agent);
	api_add_text(json, "note", desktop->note);
	add_queue(json, desktop);
	json_builder_set_member_name(json, "elapsed");
	json_builder_add_int_value(json, elapsed(call->broker, desktop));
	const PoolView *pool = engine_pool(call->broker->engine, pool_name);

	api_add_text(json, "kind", kind_of(desktop, pool ? pool->file : NULL));
	api_add_text(json, "title", pool && pool->file && pool->file->title ? pool->file->title : pool_name);
	api_add_snapshots(call, id, pool ? pool->file : NULL);
	add_policy(call, pool ? pool->file : NULL);
	const Remaining remaining = timekeeper_remaining(call->broker->timekeeper, id);

	json_builder_set_member_name(json, "limit");
	add_limit(json, &remaining);
	add_number(json, "idle-left", remaining.idle_left);
	json_builder_set_member_name(json, "monitors");
	json_builder_add_int_value(json, pool && pool->file ? pool->file->monitors : 1);
	api_add_watch(call, id);
	json_builder_end_object(json);
}

void
api_post_open(ApiCall *call)
{
	Broker *broker = call->broker;
	const char *pool = call->segments[1];
	GError *error = NULL;
	const DesktopView *desktop;

	if (engine_pool(broker->engine, pool) == NULL) {
		api_answer_error(call, 404, CARREL_ERROR_NOT_FOUND, "there is no such pool");
		return;
	}
	if (!may_use(call, pool)) {
		api_answer_error(call, 403, CARREL_ERROR_DENIED, "this pool is not for you");
		return;
	}
	desktop = access_claim(broker, pool, call->session->user, &error);
	if (desktop == NULL) {
		api_answer_gerror(call, error);
		return;
	}
	g_autofree char *id = g_strdup(desktop->id);

	broker_audit(broker, call->session->user, call->address, "open", id, pool, "portal");
	desktop = engine_desktop(broker->engine, id);
	if (desktop == NULL) {
		api_answer_error(call, 503, CARREL_ERROR_BUSY, "the desktop was lost again: try once more");
		return;
	}
	gboolean usable = desktop->usable;

	json_builder_begin_object(call->json);
	api_add_text(call->json, "desktop", id);
	api_add_text(call->json, "state", desktop->state);
	api_add_text(call->json, "step", desktop->step);
	add_truth(call->json, "usable", usable);
	add_queue(call->json, desktop);
	json_builder_end_object(call->json);
	api_answer_json(call, usable ? 200 : 202);
}

typedef struct {
	const ApiCall *call;
	GPtrArray *ids;
} Own;

static gboolean
collect_own(const DesktopView *desktop, void *data)
{
	Own *own = data;

	if (g_strcmp0(desktop->user, own->call->session->user) == 0)
		g_ptr_array_add(own->ids, g_strdup(desktop->id));
	return TRUE;
}

void
api_get_desktops(ApiCall *call)
{
	g_autoptr(GPtrArray) ids = g_ptr_array_new_with_free_func(g_free);
	Own own = {call, ids};

	engine_each_desktop(call->broker->engine, collect_own, &own);
	json_builder_begin_array(call->json);
	for (guint i = 0; i < ids->len; i++) {
		if (access_own_desktop(call->broker, call->session->user, ids->pdata[i], NULL))
			add_desktop(call, ids->pdata[i]);
	}
	json_builder_end_array(call->json);
	api_answer_json(call, 200);
}

/* The desktop that the path names when it is this person's; else the call was answered. */
static const DesktopView *
own_desktop(ApiCall *call)
{
	GError *error = NULL;
	const DesktopView *desktop = access_own_desktop(call->broker, call->session->user, call->segments[1], &error);

	if (desktop == NULL) {
		api_answer_gerror(call, error);
	} else if (strcmp(desktop->id, call->segments[1]) != 0) {
		/* What they waited with: from here on it is about what they were given. */
		g_free(call->segments[1]);
		call->segments[1] = g_strdup(desktop->id);
	}
	return desktop;
}

static void
answer_desktop(void *data)
{
	ApiCall *call = data;

	if (own_desktop(call) == NULL)
		return;
	engine_ask(call->broker->engine, call->segments[1]);
	add_desktop(call, call->segments[1]);
	api_answer_json(call, 200);
}

void
api_get_desktop(ApiCall *call)
{
	Broker *broker = call->broker;

	if (own_desktop(call) == NULL)
		return;
	/* Only who is to be disconnected for being idle has to know when input last came. */
	if (timekeeper_remaining(broker->timekeeper, call->segments[1]).idle_left >= 0)
		display_client_fresh(broker->display, LIST_AGE_MS, answer_desktop, call);
	else
		answer_desktop(call);
}

void
api_post_extend(ApiCall *call)
{
	const DesktopView *desktop = own_desktop(call);
	Timekeeper *keeper = call->broker->timekeeper;
	const char *id = call->segments[1];
	GError *error = NULL;
	gint64 before;

	if (desktop == NULL)
		return;
	g_autofree char *pool = g_strdup(desktop->pool);

	before = timekeeper_remaining(keeper, id).ends;
	if (!timekeeper_extend(keeper, id, 0, &error)) {
		if (g_error_matches(error, CARREL_ERROR, CARREL_ERROR_EXHAUSTED)) {
			api_answer_error(call, 409, CARREL_ERROR_EXHAUSTED, error->message);
			g_error_free(error);
		} else {
			api_answer_gerror(call, error);
		}
		return;
	}
	const Remaining remaining = timekeeper_remaining(keeper, id);
	g_autofree char *detail = g_strdup_printf("by %" G_GINT64_FORMAT " s", remaining.ends - before);

	broker_audit(call->broker, call->session->user, call->address, "extend", id, pool, detail);
	add_limit(call->json, &remaining);
	api_answer_json(call, 200);
}

void
api_post_reset(ApiCall *call)
{
	const DesktopView *desktop = own_desktop(call);
	GError *error = NULL;

	if (desktop == NULL)
		return;
	g_autofree char *pool = g_strdup(desktop->pool);

	if (!engine_reset(call->broker->engine, call->segments[1], END_SIGNED_OUT, "reset by its person", &error)) {
		api_answer_gerror(call, error);
		return;
	}
	broker_audit(call->broker, call->session->user, call->address, "reset", call->segments[1], pool, "portal");
	json_builder_begin_object(call->json);
	api_add_text(call->json, "desktop", call->segments[1]);
	api_add_text(call->json, "state", "resetting");
	json_builder_end_object(call->json);
	api_answer_json(call, 202);
}

typedef gboolean (*EngineCall)(Engine *engine, const char *desktop, GError **error);

/* @state: what it is on its way to. */
static void
ask_engine(ApiCall *call, EngineCall ask, const char *action, const char *state)
{
	const DesktopView *desktop = own_desktop(call);
	GError *error = NULL;

	if (desktop == NULL)
		return;
	g_autofree char *pool = g_strdup(desktop->pool);

	if (!ask(call->broker->engine, call->segments[1], &error)) {
		api_answer_gerror(call, error);
		return;
	}
	broker_audit(call->broker, call->session->user, call->address, action, call->segments[1], pool, "portal");
	json_builder_begin_object(call->json);
	api_add_text(call->json, "desktop", call->segments[1]);
	api_add_text(call->json, "state", state);
	json_builder_end_object(call->json);
	api_answer_json(call, 202);
}

void
api_post_restart(ApiCall *call)
{
	ask_engine(call, engine_restart, "restart", "assigned");
}

void
api_post_stop(ApiCall *call)
{
	const DesktopView *desktop = own_desktop(call);

	if (desktop == NULL)
		return;
	if (!desktop->kept)
		api_answer_error(call, 409, CARREL_ERROR_INVALID, "this desktop is thrown away when it is turned off: reset it instead");
	else
		ask_engine(call, engine_stop, "stop", "off");
}

/* A ticket for the desktop that the path names, and *@host, where its viewer is to come; else the call was answered.
 * @protocol: for the audit table. */
static TicketRow *
issue_ticket(ApiCall *call, const char *protocol, char **host)
{
	Broker *broker = call->broker;
	const DesktopView *desktop = own_desktop(call);
	g_autofree char *name = NULL, *pool = NULL;
	GError *error = NULL;
	TicketRow *ticket;

	if (desktop == NULL)
		return NULL;
	if (!desktop->usable || broker->facts.port == 0) {
		api_answer_error(call, 409, CARREL_ERROR_BUSY, "the desktop is not ready yet");
		return NULL;
	}
	name = api_host_name(call);
	if (name == NULL) {
		api_answer_error(call, 400, CARREL_ERROR_INVALID, "the Host field is missing");
		return NULL;
	}
	pool = g_strdup(desktop->pool);
	ticket = tickets_issue(broker->tickets, call->session->id, call->segments[1], call->address, &error);
	if (ticket == NULL) {
		api_answer_gerror(call, error);
		return NULL;
	}
	broker_audit(broker, call->session->user, call->address, "ticket", call->segments[1], pool, protocol);
	*host = g_steal_pointer(&name);
	call->secret = TRUE;
	return ticket;
}

void
api_get_console(ApiCall *call)
{
	Broker *broker = call->broker;
	g_autofree char *host = NULL;
	g_autoptr(TicketRow) ticket = issue_ticket(call, "spice", &host);

	if (ticket == NULL)
		return;
	g_autofree char *pool_name = g_strdup(engine_desktop(broker->engine, call->segments[1])->pool);
	const PoolView *pool = engine_pool(broker->engine, pool_name);
	const char *title = pool && pool->file && pool->file->title ? pool->file->title : pool_name;
	/* The window's title is the one place where a viewer shows something of ours for as long as it is open. */
	g_autofree char *recorded = is_recorded(call, pool ? pool->file : NULL) ? g_strdup_printf("%s (recorded)", title) : NULL;
	const VvFile file = {.title = recorded ? recorded : title,
		.name = ticket->name, .secret = ticket->secret, .portal = call->host, .port = broker->facts.port,
		.ca_pem = broker->facts.ca_pem, .host_subject = broker->facts.host_subject};
	g_autofree char *text = vv_file_text(&file);
	g_autofree char *disposition = g_strdup_printf("attachment; filename=\"%s.vv\"", pool_name);

	api_add_field(call, "Content-Disposition", disposition);
	api_answer_text(call, 200, "application/x-virt-viewer", text, strlen(text));
}

/* The parameters' names are RFC 7869's (section 2.1.1). */
static char *
vnc_uri(const char *host, guint16 port, const char *user, const char *secret)
{
	g_autofree char *escaped = g_uri_escape_string(user, NULL, FALSE);

	return g_strdup_printf("vnc://%s:%u?VncUsername=%s&VncPassword=%s", host, port, escaped, secret);
}

void
api_add_vnc(ApiCall *call, const char *host, const TicketRow *ticket)
{
	const GatewayFacts *facts = &call->broker->facts;
	g_autofree char *user = g_strconcat(VNC_ENTRY_TICKET, ticket->name, NULL);
	g_autofree char *uri = vnc_uri(host, facts->vnc_port, user, ticket->secret);

	json_builder_begin_object(call->json);
	api_add_text(call->json, "address", host);
	json_builder_set_member_name(call->json, "port");
	json_builder_add_int_value(call->json, facts->vnc_port);
	api_add_text(call->json, "user", user);
	api_add_text(call->json, "password", ticket->secret);
	api_add_text(call->json, "uri", uri);
	json_builder_set_member_name(call->json, "expires");
	json_builder_add_int_value(call->json, TICKETS_REDEEM_S);
	/* null: the certificate is of a CA that viewers know. */
	api_add_text(call->json, "ca", facts->ca_pem && *facts->ca_pem ? facts->ca_pem : NULL);
	json_builder_end_object(call->json);
}

void
api_post_vnc(ApiCall *call)
{
	const GatewayFacts *facts = &call->broker->facts;
	g_autofree char *host = NULL;
	g_autoptr(TicketRow) ticket = NULL;

	if (facts->vnc_port == 0) {
		api_answer_error(call, 404, CARREL_ERROR_NOT_FOUND, "VNC viewers are not let in here");
		return;
	}
	ticket = issue_ticket(call, "vnc", &host);
	if (ticket == NULL)
		return;
	api_add_vnc(call, host, ticket);
	api_answer_json(call, 200);
}
