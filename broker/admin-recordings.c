/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/admin-recordings.h"

#include <gio/gunixfdlist.h>

#include "broker/record-keeper.h"

static void
on_listed(GObject *source, GAsyncResult *result, gpointer data)
{
	GDBusMethodInvocation *invocation = data;
	GError *error = NULL;
	guint total;
	g_autoptr(GVariant) rows = record_keeper_list_finish(result, &total, &error);

	if (rows == NULL)
		g_dbus_method_invocation_take_error(invocation, error);
	else
		g_dbus_method_invocation_return_value(invocation, g_variant_new("(@aa{sv})", rows));
}

/* Of the pools that are theirs, those that @filter asks for; an admin of the instance also of pools that are no more. */
static GVariant *
pools_for(Broker *broker, const AdminPeer *peer, const char *asked)
{
	g_autoptr(GPtrArray) pools = g_ptr_array_new_with_free_func(g_free);

	if (asked)
		g_ptr_array_add(pools, g_strdup(admin_peer_has_pool(peer, asked) ? asked : ""));
	for (guint i = 0; asked == NULL && i < engine_n_pools(broker->engine); i++) {
		const char *name = engine_pool_at(broker->engine, i)->name;

		if (admin_peer_has_pool(peer, name))
			g_ptr_array_add(pools, g_strdup(name));
	}
	return g_variant_new_strv((const char *const *)pools->pdata, pools->len);
}

void
admin_list_recordings(Broker *broker, const AdminPeer *peer, GDBusMethodInvocation *invocation, GVariant *filter)
{
	g_auto(GVariantDict) dict = G_VARIANT_DICT_INIT(filter);
	const char *asked = NULL;

	g_variant_lookup(filter, "pool", "&s", &asked);
	g_variant_dict_remove(&dict, "pools");
	if (asked || !admin_peer_is_admin(peer))
		g_variant_dict_insert_value(&dict, "pools", pools_for(broker, peer, asked));
	record_keeper_list_async(broker, g_variant_dict_end(&dict), on_listed, invocation);
}

static void
on_opened(GObject *source, GAsyncResult *result, gpointer data)
{
	GDBusMethodInvocation *invocation = data;
	GError *error = NULL;
	int fd = record_keeper_open_finish(result, &error);

	if (fd < 0) {
		g_dbus_method_invocation_take_error(invocation, error);
		return;
	}
	g_autoptr(GUnixFDList) list = g_unix_fd_list_new_from_array(&fd, 1);

	g_dbus_method_invocation_return_value_with_unix_fd_list(invocation, g_variant_new("(h)", 0), list);
}

void
admin_open_recording(Broker *broker, const char *name, GDBusMethodInvocation *invocation, const char *id)
{
	g_autofree char *pool = record_keeper_pool_of(id);

	broker_audit(broker, name, NULL, "recording-read", NULL, pool, id);
	record_keeper_open_async(broker, id, on_opened, invocation);
}

static void
on_removed(GObject *source, GAsyncResult *result, gpointer data)
{
	GDBusMethodInvocation *invocation = data;
	GError *error = NULL;

	if (record_keeper_remove_finish(result, &error))
		g_dbus_method_invocation_return_value(invocation, NULL);
	else
		g_dbus_method_invocation_take_error(invocation, error);
}

void
admin_remove_recording(Broker *broker, const char *name, GDBusMethodInvocation *invocation, const char *id)
{
	record_keeper_remove_async(broker, id, name, NULL, on_removed, invocation);
}
