/* libvirt is the truth of what runs, the table of whose it is. A list is compared with the desktops about which no call was made
 * since it was asked for; for the others the next one speaks. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "pools/engine-private.h"

#include <string.h>

#define LIST_DEADLINE_MS 30000
#define RETRY_MS 5000

typedef struct {
	VmPlace *place;
	gboolean local, refresh, probe;
	guint64 clock;	   /* engine->clock when it was asked for */
	VmList *list;	   /* the worker's */
	HostFacts *facts;
	char *facts_trouble;
} Listing;

static void
listing_free(void *data)
{
	Listing *listing = data;

	vm_place_free(listing->place);
	vm_list_free(listing->list);
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
compare_domains(Engine *engine, const Listing *listing, GHashTable *seen)
{
	for (guint i = 0; i < listing->list->domains->len; i++) {
		const VmDomain *domain = listing->list->domains->pdata[i];
		Desktop *desktop = desktops_by_uuid(engine, domain->uuid);

		if (desktop == NULL && templates_have(engine, domain->uuid))
			continue;
		if (desktop == NULL) {
			effect_destroy_stray(engine, domain->id, domain->uuid);
			continue;
		}
		g_hash_table_add(seen, desktop);
		if (is_settled(desktop, listing))
			confirm(desktop, domain);
	}
}

static void
compare_rows(Engine *engine, const Listing *listing, GHashTable *seen)
{
	g_autoptr(GList) desktops = g_hash_table_get_values(engine->desktops);

	for (GList *item = desktops; item != NULL; item = item->next) {
		if (!g_hash_table_contains(seen, item->data) && is_settled(item->data, listing))
			desktop_stopped(item->data);
	}
}

/* An overlay whose desktop has a row goes with that. */
static void
compare_overlays(Engine *engine, const Listing *listing)
{
	for (guint i = 0; i < listing->list->overlays->len; i++) {
		const char *id = listing->list->overlays->pdata[i];
		gboolean stray = !g_hash_table_contains(engine->desktops, id);

		/* Those of domains that nobody knows go with the domains. */
		for (guint j = 0; stray && j < listing->list->domains->len; j++)
			stray = g_strcmp0(((VmDomain *)listing->list->domains->pdata[j])->id, id) != 0;
		if (stray)
			effect_destroy_stray(engine, id, NULL);
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

static void
on_listed(void *data, const GError *error, void *engine_data)
{
	Engine *engine = engine_data;
	Listing *listing = data;
	g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);
	gboolean first = !engine->reconciled;

	engine->listing = FALSE;
	if (error != NULL) {
		g_warning("libvirt could not be asked what runs: %s", error->message);
		if (host_is_connected(engine->host))
			reconcile_soon(engine, RETRY_MS);
		return;
	}
	if (listing->refresh)
		engine->refresh_due = FALSE;
	take_facts(engine, listing);
	engine->reconciled = TRUE;
	compare_domains(engine, listing, seen);
	compare_rows(engine, listing, seen);
	compare_overlays(engine, listing);
	templates_compare(engine, listing->list, listing->clock);
	if (first)
		g_message("connected to libvirt: %u of its domains are this instance's", listing->list->domains->len);
	if (engine->list_again)
		reconcile_soon(engine, 0);
	plan_soon(engine);
}

static gboolean
list_now(gpointer data)
{
	Engine *engine = data;
	Listing *listing;

	engine->list_id = 0;
	if (!host_is_connected(engine->host))
		return G_SOURCE_REMOVE;
	engine->list_again = engine->listing;
	if (engine->listing)
		return G_SOURCE_REMOVE;
	engine->listing = TRUE;
	listing = g_new0(Listing, 1);
	listing->place = vm_place_copy(engine->place);
	listing->local = engine->local;
	listing->refresh = engine->refresh_due;
	listing->probe = engine->facts == NULL || !engine->reconciled || engine->facts_due;
	listing->clock = engine->clock;
	host_run(engine->host, LIST_DEADLINE_MS, list_in_worker, listing, listing_free, on_listed, engine);
	return G_SOURCE_REMOVE;
}

void
reconcile_soon(Engine *engine, guint delay_ms)
{
	if (engine->list_id == 0)
		engine->list_id = g_timeout_add(delay_ms, list_now, engine);
}
