/* libvirt is the truth of what runs, the table of whose it is. A list, of everything or of the domains that libvirt has said something
 * of, is compared with the desktops about which no call ended and nothing was heard since it was asked for; for the others the next
 * one speaks. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "pools/engine-private.h"

#include <glib/gstdio.h>
#include <string.h>

#define LIST_DEADLINE_MS 30000
#define RETRY_MS 5000
/* What one event begins (a VM that ends is gone from libvirt's lists a little later) is over then, and several are one question. */
#define LOOK_DELAY_MS 150

typedef struct {
	VmPlace *place;
	char **uuids; /* of these domains alone; NULL: of everything */
	gboolean local, refresh, probe;
	guint64 clock;	   /* engine->clock when it was asked for */
	VmList *list;	   /* the worker's */
	HostFacts *facts;
	char *facts_trouble;
} Listing;

static void look_soon(Engine *engine);

static void
listing_free(void *data)
{
	Listing *listing = data;

	vm_place_free(listing->place);
	vm_list_free(listing->list);
	g_strfreev(listing->uuids);
	host_facts_free(listing->facts);
	g_free(listing->facts_trouble);
	g_free(listing);
}

static gboolean
list_in_worker(virConnectPtr connection, void *data, GError **error)
{
	Listing *listing = data;
	g_autoptr(GError) failure = NULL;

	if (listing->probe) {
		listing->facts = host_facts_probe(connection, listing->local, &failure);
		if (listing->facts == NULL)
			listing->facts_trouble = g_strdup(failure->message);
	}
	if (listing->uuids)
		listing->list = vm_look(connection, listing->place, listing->uuids, error);
	else
		listing->list = vm_list(connection, listing->place, listing->refresh, error);
	return listing->list != NULL;
}

static gboolean
is_settled(const Desktop *desktop, const Listing *listing)
{
	return !desktop->busy && desktop->touched <= listing->clock;
}

/* Its domain is there. */
static void
confirm(Desktop *desktop, const VmDomain *domain)
{
	if (domain->running)
		desktop->stop_detail = -1; /* that was of an earlier one with its UUID */
	else if (desktop->stop_detail >= 0)
		reconcile_domain(desktop->engine, domain->uuid); /* it is about to be gone */
	if (desktop->config == NULL)
		desktop->config = g_strdup(domain->config);
	if (desktop->template == NULL && domain->template && *domain->template != '\0')
		desktop->template = g_strdup(domain->template);
	desktop_apply(desktop, domain->stopped ? LIFE_SEEN_STOPPED : LIFE_SEEN,
		desktop->row->state == DESKTOP_PARKED ? "it ran while nobody looked" : NULL);
	/* It came up, and the table could not be written then. */
	if (desktop->row->state == DESKTOP_CLONING && desktop->row->user == NULL && desktop->running && !desktop->booting && !desktop->waking)
		desktop_came_up(desktop, desktop->said_ready ? NULL : "no agent");
}

static void
compare_domains(Engine *engine, const Listing *listing, GHashTable *seen, gboolean strays)
{
	for (guint i = 0; i < listing->list->domains->len; i++) {
		const VmDomain *domain = listing->list->domains->pdata[i];
		Desktop *desktop = desktops_by_uuid(engine, domain->uuid);

		if (desktop == NULL && templates_have(engine, domain->uuid))
			continue;
		if (desktop == NULL) {
			if (strays)
				effect_destroy_stray(engine, domain->id, domain->uuid);
			continue;
		}
		g_hash_table_add(seen, desktop);
		if (is_settled(desktop, listing))
			confirm(desktop, domain);
	}
}

static void
miss(Desktop *desktop, const Listing *listing, GHashTable *seen)
{
	if (!g_hash_table_contains(seen, desktop) && is_settled(desktop, listing))
		desktop_stopped(desktop);
}

static void
compare_rows(Engine *engine, const Listing *listing, GHashTable *seen)
{
	g_autoptr(GList) desktops = listing->uuids ? NULL : g_hash_table_get_values(engine->desktops);

	for (GList *item = desktops; item != NULL; item = item->next)
		miss(item->data, listing, seen);
	for (char **uuid = listing->uuids; uuid && *uuid != NULL; uuid++) {
		Desktop *desktop = desktops_by_uuid(engine, *uuid);

		if (desktop)
			miss(desktop, listing, seen);
	}
}

/* The desktops, known or not, that there are domains of. */
static GHashTable *
ids_of_domains(const VmList *list)
{
	GHashTable *ids = g_hash_table_new(g_str_hash, g_str_equal);

	for (guint i = 0; i < list->domains->len; i++) {
		const VmDomain *domain = list->domains->pdata[i];

		if (domain->id)
			g_hash_table_add(ids, domain->id);
	}
	return ids;
}

/* An overlay whose desktop has a row goes with that. */
static void
compare_overlays(Engine *engine, const Listing *listing, gboolean strays)
{
	g_autoptr(GHashTable) there = ids_of_domains(listing->list);

	for (guint i = 0; i < listing->list->overlays->len; i++) {
		const char *id = listing->list->overlays->pdata[i];

		/* Those of domains that nobody knows go with the domains. */
		if (strays && !g_hash_table_contains(engine->desktops, id) && !g_hash_table_contains(there, id))
			effect_destroy_stray(engine, id, NULL);
	}
}

/* Agents' sockets that an earlier process left of desktops of which nothing else is left. Before this one makes any. */
static void
remove_dead_ports(Engine *engine, const VmList *list)
{
	g_autoptr(GHashTable) there = ids_of_domains(list);
	g_autoptr(GDir) dir = g_dir_open(engine->place->agents, 0, NULL);
	const char *id;

	while (dir && (id = g_dir_read_name(dir)) != NULL) {
		g_autofree char *path = vm_agent_path(engine->place, id);

		if (!g_hash_table_contains(engine->desktops, id) && !g_hash_table_contains(there, id))
			g_unlink(path);
	}
}

static void
take_facts(Engine *engine, Listing *listing)
{
	gboolean knew = engine->facts != NULL;

	if (!listing->probe)
		return;
	engine->facts_due = FALSE;
	host_facts_free(engine->facts);
	g_free(engine->facts_trouble);
	engine->facts = g_steal_pointer(&listing->facts);
	engine->facts_trouble = g_steal_pointer(&listing->facts_trouble);
	if (engine->facts && !engine->facts->kvm && !knew)
		g_message("desktops are emulated in software: %s", engine->facts->why_no_kvm);
	pools_resolve(engine);
}

/* Of everything: the connection is of use from now on. */
static void
take_connection(Engine *engine, Listing *listing)
{
	if (listing->refresh)
		engine->refresh_due = FALSE;
	if (!engine->began)
		remove_dead_ports(engine, listing->list);
	engine->began = TRUE;
	take_facts(engine, listing);
	if (!engine->reconciled)
		g_message("connected to libvirt: %u of its domains are this instance's", listing->list->domains->len);
	engine->reconciled = TRUE;
}

static void
on_listed(void *data, const GError *error, void *engine_data)
{
	Engine *engine = engine_data;
	Listing *listing = data;
	g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);
	/* Those that wait for their turn nobody knows either: the next list finds what is left then. */
	gboolean strays = listing->uuids || g_queue_is_empty(&engine->to_destroy);

	engine->listing = FALSE;
	if (error != NULL) {
		g_warning("libvirt could not be asked what runs: %s", error->message);
		if (host_is_connected(engine->host))
			reconcile_soon(engine, RETRY_MS);
		return;
	}
	if (listing->uuids == NULL)
		take_connection(engine, listing);
	compare_domains(engine, listing, seen, strays);
	compare_rows(engine, listing, seen);
	if (listing->uuids == NULL) {
		compare_overlays(engine, listing, strays);
		templates_compare(engine, listing->list, listing->clock);
		plan_soon(engine);
	}
	if (engine->list_again)
		reconcile_soon(engine, 0);
	else if (g_hash_table_size(engine->to_look) > 0)
		look_soon(engine);
}

/* @uuids: of those domains; NULL: of everything. */
static void
ask(Engine *engine, char **uuids)
{
	Listing *listing = g_new0(Listing, 1);

	engine->listing = TRUE;
	listing->place = vm_place_copy(engine->place);
	listing->uuids = uuids;
	listing->local = engine->local;
	listing->refresh = engine->refresh_due;
	listing->probe = uuids == NULL && (engine->facts == NULL || !engine->reconciled || engine->facts_due);
	listing->clock = engine->clock;
	host_run(engine->host, LIST_DEADLINE_MS, list_in_worker, listing, listing_free, on_listed, engine);
}

static gboolean
list_now(gpointer data)
{
	Engine *engine = data;

	engine->list_id = 0;
	if (!host_is_connected(engine->host))
		return G_SOURCE_REMOVE;
	engine->list_again = engine->listing;
	if (engine->listing)
		return G_SOURCE_REMOVE;
	g_hash_table_remove_all(engine->to_look);
	ask(engine, NULL);
	return G_SOURCE_REMOVE;
}

void
reconcile_soon(Engine *engine, guint delay_ms)
{
	/* One that is due later comes sooner then, and is not replaced by one that is due later still. */
	if (engine->list_id != 0 && delay_ms >= engine->list_delay_ms)
		return;
	g_clear_handle_id(&engine->list_id, g_source_remove);
	engine->list_delay_ms = delay_ms;
	engine->list_id = g_timeout_add(delay_ms, list_now, engine);
}

static gboolean
look_now(gpointer data)
{
	Engine *engine = data;
	GHashTableIter iter;
	gpointer uuid;
	g_autoptr(GStrvBuilder) uuids = NULL;

	engine->look_id = 0;
	/* What is asked next when a list is under way, and asked for anew with a connection. */
	if (!engine->reconciled || engine->listing || g_hash_table_size(engine->to_look) == 0)
		return G_SOURCE_REMOVE;
	uuids = g_strv_builder_new();
	g_hash_table_iter_init(&iter, engine->to_look);
	while (g_hash_table_iter_next(&iter, &uuid, NULL))
		g_strv_builder_add(uuids, uuid);
	g_hash_table_remove_all(engine->to_look);
	ask(engine, g_strv_builder_end(uuids));
	return G_SOURCE_REMOVE;
}

static void
look_soon(Engine *engine)
{
	if (engine->look_id == 0)
		engine->look_id = g_timeout_add(LOOK_DELAY_MS, look_now, engine);
}

void
reconcile_domain(Engine *engine, const char *uuid)
{
	g_hash_table_add(engine->to_look, g_ascii_strdown(uuid, -1));
	look_soon(engine);
}
