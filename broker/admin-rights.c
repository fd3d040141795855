/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/admin-rights.h"

#include <grp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "broker/access.h"
#include "broker/common/error.h"
#include "broker/common/program.h"
#include "broker/record-keeper.h"

#define GROUPS_MAX 1024

/* Users and groups by number. */
typedef struct {
	GArray *uids, *gids;
} People;

struct AdminRights {
	Broker *broker;
	People *all;
	GHashTable *pools; /* name -> People, of those that have admins */
};

static People *
people_new(void)
{
	People *people = g_new0(People, 1);

	G_STATIC_ASSERT(sizeof(uid_t) == sizeof(guint32) && sizeof(gid_t) == sizeof(guint32));
	people->uids = g_array_new(FALSE, FALSE, sizeof(uid_t));
	people->gids = g_array_new(FALSE, FALSE, sizeof(gid_t));
	return people;
}

static void
people_free(void *data)
{
	People *people = data;

	g_array_unref(people->uids);
	g_array_unref(people->gids);
	g_free(people);
}

/* People whom only PAM knows cannot run a command here anyway. */
static void
add_user(People *people, const char *name)
{
	uid_t uid;
	gid_t gid;

	if (program_lookup_user(name, &uid, &gid, NULL))
		g_array_append_val(people->uids, uid);
}

static void
add_group(People *people, const char *name, const char *where)
{
	const struct group *group = getgrnam(name);

	if (group)
		g_array_append_val(people->gids, group->gr_gid);
	else
		g_message("%s: there is no group “%s” on this host", where, name);
}

static gboolean
has_id(const GArray *ids, guint32 id)
{
	for (guint i = 0; i < ids->len; i++) {
		if (g_array_index(ids, guint32, i) == id)
			return TRUE;
	}
	return FALSE;
}

static gboolean
names(const People *people, const AdminPeer *peer)
{
	if (has_id(people->uids, peer->uid))
		return TRUE;
	for (guint i = 0; i < peer->gids->len; i++) {
		if (has_id(people->gids, g_array_index(peer->gids, gid_t, i)))
			return TRUE;
	}
	return FALSE;
}

static void
add_pool(AdminRights *rights, const PoolFile *file)
{
	People *people = people_new();

	for (char **item = file->admins; *item != NULL; item++) {
		if (**item == '@')
			add_group(people, *item + 1, file->name);
		else
			add_user(people, *item);
	}
	g_hash_table_replace(rights->pools, g_strdup(file->name), people);
}

void
admin_rights_reload(AdminRights *rights)
{
	Engine *engine = rights->broker->engine;

	g_hash_table_remove_all(rights->pools);
	for (guint i = 0; i < engine_n_pools(engine); i++) {
		const PoolFile *file = engine_pool_at(engine, i)->file;

		if (file && file->admins && *file->admins)
			add_pool(rights, file);
	}
}

AdminRights *
admin_rights_new(Broker *broker)
{
	AdminRights *rights = g_new0(AdminRights, 1);

	rights->broker = broker;
	rights->all = people_new();
	rights->pools = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, people_free);
	for (char **name = broker->conf->admin_users; *name != NULL; name++)
		add_user(rights->all, *name);
	for (char **name = broker->conf->admin_groups; *name != NULL; name++)
		add_group(rights->all, *name, "[Broker] AdminGroups=");
	admin_rights_reload(rights);
	return rights;
}

void
admin_rights_free(AdminRights *rights)
{
	if (rights == NULL)
		return;
	people_free(rights->all);
	g_hash_table_unref(rights->pools);
	g_free(rights);
}

AdminPeer *
admin_peer_new(const AdminRights *rights, uid_t uid, int fd)
{
	AdminPeer *peer = g_new0(AdminPeer, 1);
	gid_t gids[GROUPS_MAX];
	struct ucred credentials;
	socklen_t size = sizeof credentials;

	peer->rights = rights;
	peer->uid = uid;
	peer->gids = g_array_new(FALSE, FALSE, sizeof(gid_t));
	if (fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0)
		g_array_append_val(peer->gids, credentials.gid);
	size = sizeof gids;
	if (fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, gids, &size) == 0)
		g_array_append_vals(peer->gids, gids, (guint)(size / sizeof *gids));
	return peer;
}

void
admin_peer_free(AdminPeer *peer)
{
	if (peer == NULL)
		return;
	g_array_unref(peer->gids);
	g_free(peer);
}

gboolean
admin_peer_is_admin(const AdminPeer *peer)
{
	return peer->uid == 0 || peer->uid == geteuid() || names(peer->rights->all, peer);
}

gboolean
admin_peer_has_pool(const AdminPeer *peer, const char *pool)
{
	const People *people;

	if (admin_peer_is_admin(peer))
		return TRUE;
	people = g_hash_table_lookup(peer->rights->pools, pool);
	return people && names(people, peer);
}

static gboolean
has_some_pool(const AdminPeer *peer)
{
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, peer->rights->pools);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		if (names(value, peer))
			return TRUE;
	}
	return FALSE;
}

static gboolean
has_pool(const AdminPeer *peer, const char *pool)
{
	return admin_peer_has_pool(peer, pool);
}

static gboolean
has_desktop(const AdminPeer *peer, const char *id)
{
	const DesktopView *desktop = engine_desktop(peer->rights->broker->engine, id);

	return desktop && admin_peer_has_pool(peer, desktop->pool);
}

static gboolean
has_recording(const AdminPeer *peer, const char *id)
{
	g_autofree char *pool = record_keeper_pool_of(id);

	return pool && admin_peer_has_pool(peer, pool);
}

typedef struct {
	const AdminPeer *peer;
	const char *user;
	gboolean found;
} Search;

static gboolean
is_held_in_their_pool(const DesktopView *desktop, void *data)
{
	Search *search = data;

	search->found = g_strcmp0(desktop->user, search->user) == 0 && access_is_held(desktop) &&
			admin_peer_has_pool(search->peer, desktop->pool);
	return !search->found;
}

/* Whose person holds a desktop of their pool. */
static gboolean
has_session(const AdminPeer *peer, const char *id)
{
	Broker *broker = peer->rights->broker;
	g_autoptr(SessionRow) session = sessions_by_id(broker->sessions, id);
	Search search = {peer, session ? session->user : NULL, FALSE};

	if (session)
		engine_each_desktop(broker->engine, is_held_in_their_pool, &search);
	return search.found;
}

/* What an admin of a pool may call, and what its first argument must be theirs as. Everything that is not here is for admins of the
 * instance. */
static const struct {
	const char *method;
	gboolean (*has)(const AdminPeer *peer, const char *name); /* NULL: the answer is only of what is theirs */
} for_pools[] = {
	{"ListPools", NULL},
	{"ListDesktops", NULL},
	{"ListSessions", NULL},
	{"ListRecordings", NULL},
	{"DrainPool", has_pool},
	{"ResetDesktop", has_desktop},
	{"RestartDesktop", has_desktop},
	{"SnapshotDesktop", has_desktop},
	{"StopDesktop", has_desktop},
	{"Screenshot", has_desktop},
	{"Thumbnail", has_desktop},
	{"OpenRecording", has_recording},
	{"RemoveRecording", has_recording},
	{"EndSession", has_session},
	{"ExtendSession", has_session},
	{"MessageSession", has_session},
	{"WatchSession", has_session},
};

gboolean
admin_peer_may_call(const AdminPeer *peer, const char *method, GVariant *parameters, GError **error)
{
	const char *name = NULL;

	if (admin_peer_is_admin(peer))
		return TRUE;
	if (!has_some_pool(peer)) {
		g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_DENIED,
			"you are no admin of this instance: run it as root, or be named in [Broker] AdminUsers= or AdminGroups=, or in Admins= "
			"of a pool");
		return FALSE;
	}
	if (parameters && g_variant_n_children(parameters) > 0) {
		g_autoptr(GVariant) first = g_variant_get_child_value(parameters, 0);

		name = g_variant_is_of_type(first, G_VARIANT_TYPE_STRING) ? g_variant_get_string(first, NULL) : NULL;
	}
	for (gsize i = 0; i < G_N_ELEMENTS(for_pools); i++) {
		if (strcmp(for_pools[i].method, method) == 0 &&
			(for_pools[i].has == NULL || (name && for_pools[i].has(peer, name))))
			return TRUE;
	}
	/* The same words for what is not there: what else there is, is not theirs to know. */
	g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_DENIED,
		"you look after some pools only, and this is of none of them: ask an admin of the instance");
	return FALSE;
}
