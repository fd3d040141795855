/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/admin-lists.h"

#include <string.h>

#include "broker/access.h"
#include "broker/gateway-service.h"
#include "broker/store/snapshots.h"

static void
add_text(GVariantDict *row, const char *key, const char *text)
{
	g_variant_dict_insert(row, key, "s", text ? text : "");
}

static gboolean
count_one(const DesktopView *desktop, void *data)
{
	(*(guint *)data)++;
	return TRUE;
}

static void
add_faults(Broker *broker, GVariantDict *facts)
{
	g_auto(GVariantBuilder) faults = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("as"));

	if (!engine_is_connected(broker->engine))
		g_variant_builder_add(&faults, "s", "libvirt is away: no desktop can be made (see carrel doctor)");
	if (!display_client_is_connected(broker->display))
		g_variant_builder_add(&faults, "s", "carrel-display is not running: no desktop can be seen");
	if (gateway_service_n_connected(broker->gateway) == 0)
		g_variant_builder_add(&faults, "s", "carrel-gateway is not running: nobody can reach the portal");
	for (guint i = 0; i < engine_n_pools(broker->engine); i++) {
		const PoolView *pool = engine_pool_at(broker->engine, i);

		if (pool->fault) {
			g_auto(GStrv) lines = g_strsplit(pool->fault, "\n", -1);

			for (char **line = lines; *line != NULL; line++)
				g_variant_builder_add(&faults, "s", *line);
		}
	}
	g_variant_dict_insert_value(facts, "faults", g_variant_builder_end(&faults));
}

GVariant *
admin_status(Broker *broker)
{
	GVariantDict facts = G_VARIANT_DICT_INIT(NULL);
	g_autofree char *instance = store_get_meta(broker->store, "instance-id");
	g_autoptr(GPtrArray) sessions = sessions_all(broker->sessions);
	guint desktops = 0;

	engine_each_desktop(broker->engine, count_one, &desktops);
	add_text(&facts, "instance", instance);
	add_text(&facts, "version", PACKAGE_VERSION);
	add_text(&facts, "libvirt", broker->conf->libvirt_uri);
	g_variant_dict_insert(&facts, "libvirt-connected", "b", engine_is_connected(broker->engine));
	g_variant_dict_insert(&facts, "pools", "u", engine_n_pools(broker->engine));
	g_variant_dict_insert(&facts, "desktops", "u", desktops);
	g_variant_dict_insert(&facts, "sessions", "u", sessions->len);
	g_variant_dict_insert(&facts, "uptime", "t", (guint64)MAX(0, broker->now() - broker->started));
	g_variant_dict_insert(&facts, "gateway-connected", "b", gateway_service_n_connected(broker->gateway) > 0);
	g_variant_dict_insert(&facts, "display-connected", "b", display_client_is_connected(broker->display));
	g_variant_dict_insert_value(&facts, "sign-ins", sign_ins_counts(broker->sign_ins));
	g_variant_dict_insert_value(&facts, "tickets", tickets_counts(broker->tickets));
	add_faults(broker, &facts);
	return g_variant_dict_end(&facts);
}

GVariant *
admin_status_add_gateway(GVariant *facts, GVariant *gateway)
{
	GVariantDict dict = G_VARIANT_DICT_INIT(facts);
	g_autofree const char **faults = NULL;
	gboolean connected = FALSE;

	g_variant_lookup(facts, "gateway-connected", "b", &connected);
	if (gateway) {
		g_variant_dict_insert_value(&dict, "gateway", gateway);
	} else if (connected && g_variant_lookup(facts, "faults", "^a&s", &faults)) {
		g_auto(GVariantBuilder) more = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("as"));

		for (const char **line = faults; *line != NULL; line++)
			g_variant_builder_add(&more, "s", *line);
		g_variant_builder_add(&more, "s", "carrel-gateway does not answer: its limits and counters are missing here");
		g_variant_dict_insert_value(&dict, "faults", g_variant_builder_end(&more));
	}
	return g_variant_dict_end(&dict);
}

GVariant *
admin_list_pools(Broker *broker, const AdminPeer *peer)
{
	static const char *const kinds[] = {"floating", "persistent", "lab"};
	GVariantBuilder rows = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("aa{sv}"));

	for (guint i = 0; i < engine_n_pools(broker->engine); i++) {
		const PoolView *pool = engine_pool_at(broker->engine, i);
		const PoolFile *file = pool->file;
		GVariantDict row;

		if (!admin_peer_has_pool(peer, pool->name))
			continue;
		g_variant_dict_init(&row, NULL);
		add_text(&row, "name", pool->name);
		add_text(&row, "title", file ? file->title : NULL);
		add_text(&row, "file", pool->path);
		add_text(&row, "kind", file ? kinds[file->kind] : NULL);
		add_text(&row, "image", file ? file->image : NULL);
		add_text(&row, "state", pool->fault ? "broken" : pool->draining ? "draining" : "active");
		add_text(&row, "fault", pool->fault);
		g_variant_dict_insert(&row, "spare", "u", pool->spare);
		g_variant_dict_insert(&row, "wanted-parked", "u", file ? (guint)file->parked : 0);
		g_variant_dict_insert(&row, "parked", "u", pool->parked);
		g_variant_dict_insert(&row, "off", "u", pool->off);
		g_variant_dict_insert(&row, "outdated", "u", pool->outdated);
		g_variant_dict_insert_value(&row, "versions", g_variant_new_strv(pool->versions ? pool->versions : (const char *const[]){NULL}, -1));
		g_variant_dict_insert(&row, "waiting", "u", pool->waiting);
		add_text(&row, "instant", pool->instant);
		g_variant_dict_insert(&row, "max", "u", file ? (guint)file->max : 0);
		g_variant_dict_insert(&row, "ready", "u", pool->ready);
		g_variant_dict_insert(&row, "assigned", "u", pool->assigned);
		g_variant_dict_insert(&row, "cloning", "u", pool->cloning);
		g_variant_dict_insert(&row, "resetting", "u", pool->resetting);
		g_variant_dict_insert(&row, "failed", "u", pool->failed);
		g_variant_dict_insert(&row, "retry-in", "u", pool->retry_in_s);
		g_variant_builder_add_value(&rows, g_variant_dict_end(&row));
	}
	return g_variant_builder_end(&rows);
}

typedef struct {
	Broker *broker;
	const AdminPeer *peer;
	GVariantBuilder *rows;
} Listing;

/* A browser's connection for files is beside its screen, and no viewer of its own. */
static gboolean
is_beside(const Viewer *viewer)
{
	return strcmp(viewer->protocol, "files") == 0;
}

static void
add_viewers(Broker *broker, const char *desktop, GVariantDict *row)
{
	const GPtrArray *viewers = display_client_viewers(broker->display);
	gboolean spice = FALSE, vnc = FALSE;
	guint n = 0;

	for (guint i = 0; i < viewers->len; i++) {
		const Viewer *viewer = viewers->pdata[i];

		if (strcmp(viewer->desktop, desktop) != 0 || is_beside(viewer))
			continue;
		n++;
		spice = spice || strcmp(viewer->protocol, "spice") == 0;
		vnc = vnc || strcmp(viewer->protocol, "vnc") == 0;
	}
	g_variant_dict_insert(row, "clients", "u", n);
	add_text(row, "protocols", spice && vnc ? "spice vnc" : spice ? "spice" : vnc ? "vnc" : "");
}

static void
add_snapshots(Broker *broker, const char *desktop, GVariantDict *row)
{
	g_autoptr(GPtrArray) snapshots = snapshot_rows_of(broker->store, desktop, NULL);
	g_auto(GVariantBuilder) names = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("as"));

	for (guint i = 0; snapshots && i < snapshots->len; i++)
		g_variant_builder_add(&names, "s", ((SnapshotRow *)snapshots->pdata[i])->name);
	g_variant_dict_insert_value(row, "snapshots", g_variant_builder_end(&names));
}

static gboolean
add_desktop(const DesktopView *desktop, void *data)
{
	Listing *listing = data;
	GVariantDict row;

	if (!admin_peer_has_pool(listing->peer, desktop->pool))
		return TRUE;
	g_variant_dict_init(&row, NULL);
	add_text(&row, "id", desktop->id);
	add_text(&row, "pool", desktop->pool);
	add_text(&row, "state", desktop->state);
	add_text(&row, "user", desktop->user);
	add_text(&row, "image", desktop->image);
	g_variant_dict_insert(&row, "created", "x", desktop->created);
	g_variant_dict_insert(&row, "changed", "x", desktop->changed);
	g_variant_dict_insert(&row, "agent", "b", desktop->agent);
	add_text(&row, "domain", desktop->domain);
	add_text(&row, "uuid", desktop->uuid);
	add_text(&row, "note", desktop->note);
	g_variant_dict_insert(&row, "kept", "b", desktop->kept);
	g_variant_dict_insert(&row, "home", "b", desktop->home);
	add_snapshots(listing->broker, desktop->id, &row);
	add_viewers(listing->broker, desktop->id, &row);
	g_variant_builder_add_value(listing->rows, g_variant_dict_end(&row));
	return TRUE;
}

GVariant *
admin_list_desktops(Broker *broker, const AdminPeer *peer)
{
	GVariantBuilder rows = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("aa{sv}"));
	Listing listing = {broker, peer, &rows};

	engine_each_desktop(broker->engine, add_desktop, &listing);
	return g_variant_builder_end(&rows);
}

/* What a person holds. */
typedef struct {
	GPtrArray *ids; /* char * */
	gint64 left;    /* as admin_left_of */
} Holding;

/* What a session shows. */
typedef struct {
	guint clients;
	gint64 idle; /* since when nobody did anything at any of it; -1: it shows nothing */
} Showing;

static void
holding_free(gpointer data)
{
	Holding *holding = data;

	g_ptr_array_unref(holding->ids);
	g_free(holding);
}

typedef struct {
	Broker *broker;
	const AdminPeer *peer; /* NULL: of all */
	GHashTable *holdings; /* user -> Holding */
} Gathering;

static gint64
sooner(gint64 a, gint64 b)
{
	return a < 0 ? b : b < 0 ? a : MIN(a, b);
}

static gboolean
gather_holding(const DesktopView *desktop, void *data)
{
	Gathering *gathering = data;
	Holding *holding;

	if (desktop->user == NULL || !access_is_held(desktop) ||
		(gathering->peer && !admin_peer_has_pool(gathering->peer, desktop->pool)))
		return TRUE;
	holding = g_hash_table_lookup(gathering->holdings, desktop->user);
	if (holding == NULL) {
		holding = g_new0(Holding, 1);
		holding->ids = g_ptr_array_new_with_free_func(g_free);
		holding->left = -1;
		g_hash_table_insert(gathering->holdings, g_strdup(desktop->user), holding);
	}
	g_ptr_array_add(holding->ids, g_strdup(desktop->id));
	holding->left = sooner(holding->left, timekeeper_remaining(gathering->broker->timekeeper, desktop->id).left);
	return TRUE;
}

static GHashTable *
gather_holdings(Broker *broker, const AdminPeer *peer)
{
	Gathering gathering = {broker, peer, g_hash_table_new_full(g_str_hash, g_str_equal, g_free, holding_free)};

	engine_each_desktop(broker->engine, gather_holding, &gathering);
	return gathering.holdings;
}

static GHashTable *
gather_showings(Broker *broker)
{
	const GPtrArray *viewers = display_client_viewers(broker->display);
	GHashTable *showings = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);

	for (guint i = 0; i < viewers->len; i++) {
		const Viewer *viewer = viewers->pdata[i];
		Showing *showing, next = {0, -1};
		char *session;

		if (is_beside(viewer))
			continue;
		session = access_client_session(viewer->client);
		showing = g_hash_table_lookup(showings, session);
		if (showing)
			next = *showing;
		next.clients++;
		next.idle = sooner(next.idle, timekeeper_remaining(broker->timekeeper, viewer->desktop).idle);
		g_hash_table_replace(showings, session, g_memdup2(&next, sizeof next));
	}
	return showings;
}

gint64
admin_left_of(Broker *broker, const char *user)
{
	g_autoptr(GHashTable) holdings = gather_holdings(broker, NULL);
	const Holding *holding = g_hash_table_lookup(holdings, user);

	return holding ? holding->left : -1;
}

GVariant *
admin_list_sessions(Broker *broker, const AdminPeer *peer)
{
	GVariantBuilder rows = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("aa{sv}"));
	g_autoptr(GPtrArray) sessions = sessions_all(broker->sessions);
	g_autoptr(GHashTable) holdings = gather_holdings(broker, peer), showings = gather_showings(broker);

	for (guint i = 0; i < sessions->len; i++) {
		const SessionRow *session = sessions->pdata[i];
		const Holding *holding = g_hash_table_lookup(holdings, session->user);
		const Showing *showing = g_hash_table_lookup(showings, session->id);
		GVariantDict row;

		if (holding == NULL && !admin_peer_is_admin(peer))
			continue;
		g_variant_dict_init(&row, NULL);

		add_text(&row, "id", session->id);
		add_text(&row, "user", session->user);
		add_text(&row, "kind", session->kind);
		add_text(&row, "address", session->address);
		g_variant_dict_insert(&row, "created", "x", session->created);
		g_variant_dict_insert(&row, "seen", "x", session->seen);
		g_variant_dict_insert(&row, "expires", "x", session->expires);
		g_variant_dict_insert_value(&row, "desktops",
			g_variant_new_strv(holding ? (const char *const *)holding->ids->pdata : NULL, holding ? holding->ids->len : 0));
		g_variant_dict_insert(&row, "clients", "u", showing ? showing->clients : 0);
		g_variant_dict_insert(&row, "idle", "x", showing ? showing->idle : G_GINT64_CONSTANT(-1));
		g_variant_dict_insert(&row, "left", "x", holding ? holding->left : G_GINT64_CONSTANT(-1));
		g_variant_builder_add_value(&rows, g_variant_dict_end(&row));
	}
	return g_variant_builder_end(&rows);
}

/* What one image is used by. */
typedef struct {
	GPtrArray *pools; /* char * */
	guint desktops;
} Use;

static void
use_free(gpointer data)
{
	Use *use = data;

	g_ptr_array_unref(use->pools);
	g_free(use);
}

static Use *
use_of(GHashTable *uses, const char *image)
{
	Use *use = g_hash_table_lookup(uses, image);

	if (use)
		return use;
	use = g_new0(Use, 1);
	use->pools = g_ptr_array_new_with_free_func(g_free);
	g_hash_table_insert(uses, g_strdup(image), use);
	return use;
}

static gboolean
count_use(const DesktopView *desktop, void *data)
{
	use_of(data, desktop->image)->desktops++;
	return TRUE;
}

GVariant *
admin_list_image_uses(Broker *broker)
{
	GVariantBuilder rows = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("aa{sv}"));
	g_autoptr(GHashTable) uses = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, use_free);
	GHashTableIter iter;
	gpointer image, value;

	engine_each_desktop(broker->engine, count_use, uses);
	for (guint i = 0; i < engine_n_pools(broker->engine); i++) {
		const PoolView *pool = engine_pool_at(broker->engine, i);

		if (pool->file)
			g_ptr_array_add(use_of(uses, pool->file->image)->pools, g_strdup(pool->name));
	}
	g_hash_table_iter_init(&iter, uses);
	while (g_hash_table_iter_next(&iter, &image, &value)) {
		GVariantDict row = G_VARIANT_DICT_INIT(NULL);
		Use *use = value;

		add_text(&row, "image", image);
		g_variant_dict_insert_value(&row, "pools",
			g_variant_new_strv((const char *const *)use->pools->pdata, use->pools->len));
		g_variant_dict_insert(&row, "desktops", "u", use->desktops);
		g_variant_builder_add_value(&rows, g_variant_dict_end(&row));
	}
	return g_variant_builder_end(&rows);
}
