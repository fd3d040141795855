/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "pools/engine-task.h"

#include "broker/common/error.h"
#include "broker/common/secret.h"
#include "broker/store/snapshots.h"

#include <string.h>

#define MINUTE_S 60
#define EVENT_DELAY_MS 150
#define SCREENSHOT_DEADLINE_MS 10000
#define NOTICE_S 15
#define CLOSE_STOPPED 4009
#define INSTANCE_BYTES 16

static void
on_connected(void *data)
{
	Engine *engine = data;

	engine->refresh_due = TRUE;
	reconcile_soon(engine, 0);
}

static void
on_lost(const char *why, void *data)
{
	Engine *engine = data;
	GHashTableIter iter;
	gpointer value;

	g_warning("libvirt is away: %s", why);
	engine->reconciled = FALSE;
	engine->listing = engine->list_again = FALSE;
	g_hash_table_remove_all(engine->to_look);
	g_hash_table_iter_init(&iter, engine->desktops);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		desktop_mark(value);
}

static void
on_domain(const char *uuid, int event, int detail, void *data)
{
	Engine *engine = data;
	Desktop *desktop = desktops_by_uuid(engine, uuid);

	if (event == HOST_DOMAIN_STOPPED && templates_have(engine, uuid))
		reconcile_soon(engine, EVENT_DELAY_MS);
	else if (event == HOST_DOMAIN_STARTED || (event == HOST_DOMAIN_STOPPED && desktop))
		reconcile_domain(engine, uuid); /* one that nobody knows may be ours */
	if (desktop == NULL)
		return;
	if (event == HOST_DOMAIN_STARTED || event == HOST_DOMAIN_STOPPED)
		desktop->touched = ++engine->clock;
	if (event == HOST_DOMAIN_REBOOTED) {
		g_clear_handle_id(&desktop->down_timer, g_source_remove);
		if (desktop->link)
			agent_link_expect_hello(desktop->link);
	} else if (event == HOST_DOMAIN_STOPPED) {
		desktop->stop_detail = detail;
	}
}

static gboolean
on_minute(gpointer data)
{
	Engine *engine = data;

	pools_resolve(engine);
	templates_check(engine);
	desktops_check_disks(engine);
	reconcile_soon(engine, 0);
	return G_SOURCE_CONTINUE;
}

static char *
ensure_instance(Store *store, GError **error)
{
	char *instance = store_get_meta(store, "instance-id");

	if (instance != NULL)
		return instance;
	g_autoptr(Secret) random = secret_new_random(INSTANCE_BYTES);

	return store_set_meta(store, "instance-id", secret_text(random), error) ? g_strdup(secret_text(random)) : NULL;
}

static gboolean
load_desktops(Engine *engine, GError **error)
{
	g_autoptr(GPtrArray) rows = desktops_list(engine->store, error);

	if (rows == NULL)
		return FALSE;
	for (guint i = 0; i < rows->len; i++)
		desktop_new(engine, rows->pdata[i]);
	g_ptr_array_set_free_func(rows, NULL); /* the desktops have them */
	return TRUE;
}

Engine *
engine_new(const Conf *conf, Store *store, const EngineEvents *events, GError **error)
{
	g_autofree char *instance = ensure_instance(store, error);
	g_autoptr(Engine) engine = NULL;
	const HostEvents host_events = {on_connected, on_lost, on_domain, NULL};
	HostEvents mine = host_events;

	if (instance == NULL)
		return NULL;
	engine = g_new0(Engine, 1);
	engine->images = g_strdup(conf->images);
	engine->pools_folder = g_strdup(conf->pools);
	/* "qemu:///system" and "qemu+unix:///system?socket=...": no host's name between the slashes. */
	engine->local = strstr(conf->libvirt_uri, ":///") != NULL;
	engine->store = store;
	engine->events = *events;
	engine->place = vm_place_new(instance, conf->state, conf->runtime);
	engine->pools = g_ptr_array_new_with_free_func(pool_free);
	engine->desktops = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, desktop_free);
	engine->by_uuid = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	engine->by_pool = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
	engine->aliases = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	engine->templates = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, template_free);
	engine->to_look = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_queue_init(&engine->changed);
	g_queue_init(&engine->to_destroy);
	engine->reactor = reactor_new(error);
	if (engine->reactor == NULL || !agent_folder_make(engine->place->agents, error) || !snapshot_rows_delete_broken(store, error) || !load_desktops(engine, error))
		return NULL;
	pools_load(engine, NULL, NULL);
	mine.data = engine;
	engine->host = host_new(conf->libvirt_uri, &mine);
	engine->minute_id = g_timeout_add_seconds(MINUTE_S, on_minute, engine);
	return g_steal_pointer(&engine);
}

void
engine_free(Engine *engine)
{
	Desktop *desktop;

	if (engine == NULL)
		return;
	g_clear_handle_id(&engine->changed_id, g_source_remove);
	g_clear_handle_id(&engine->plan_id, g_source_remove);
	g_clear_handle_id(&engine->plan_later_id, g_source_remove);
	g_clear_handle_id(&engine->list_id, g_source_remove);
	g_clear_handle_id(&engine->look_id, g_source_remove);
	g_clear_handle_id(&engine->minute_id, g_source_remove);
	while ((desktop = g_queue_pop_head(&engine->changed)) != NULL) {
		if (desktop->gone)
			desktop_free(desktop);
	}
	g_queue_clear_full(&engine->to_destroy, task_free);
	g_hash_table_unref(engine->desktops);
	g_hash_table_unref(engine->by_uuid);
	g_hash_table_unref(engine->by_pool);
	g_hash_table_unref(engine->aliases);
	g_hash_table_unref(engine->to_look);
	g_hash_table_unref(engine->templates);
	reactor_free(engine->reactor);
	host_free(engine->host);
	g_ptr_array_unref(engine->pools);
	vm_place_free(engine->place);
	host_facts_free(engine->facts);
	g_free(engine->facts_trouble);
	g_free(engine->contradiction);
	g_free(engine->images);
	g_free(engine->pools_folder);
	g_free(engine);
}

gboolean
engine_is_connected(const Engine *engine)
{
	return host_is_connected(engine->host) && engine->reconciled;
}

guint
engine_n_pools(const Engine *engine)
{
	guint n = 0;

	for (guint i = 0; i < engine->pools->len; i++)
		n += ((Pool *)engine->pools->pdata[i])->present;
	return n;
}

const PoolView *
engine_pool_at(Engine *engine, guint i)
{
	for (guint j = 0; j < engine->pools->len; j++) {
		Pool *pool = engine->pools->pdata[j];

		if (pool->present && i-- == 0)
			return pool_view(engine, pool);
	}
	return NULL;
}

const PoolView *
engine_pool(Engine *engine, const char *name)
{
	Pool *pool = pools_find(engine, name);

	return pool && pool->present ? pool_view(engine, pool) : NULL;
}

const PoolFile *
engine_pool_file(Engine *engine, const char *name)
{
	const Pool *pool = pools_find(engine, name);

	return pool ? pool->file : NULL;
}

gboolean
engine_is_entitled(Engine *engine, const char *pool_name, const char *user, const char *const *groups)
{
	Pool *pool = pools_find(engine, pool_name);

	return pool && pool->present && pool->file && pool_file_entitles(pool->file, user, groups);
}

void
engine_apply(Engine *engine, char ***changes, char ***faults)
{
	g_autoptr(GStrvBuilder) change_lines = g_strv_builder_new();
	g_autoptr(GStrvBuilder) fault_lines = g_strv_builder_new();

	pools_load(engine, change_lines, fault_lines);
	*changes = g_strv_builder_end(change_lines);
	*faults = g_strv_builder_end(fault_lines);
	plan_soon(engine);
	templates_check(engine);
	desktops_check_disks(engine);
	/* What the host lacked may have been installed. */
	engine->facts_due = TRUE;
	reconcile_soon(engine, 0);
}

gboolean
engine_seal(Engine *engine, const char *image, guint *n, GError **error)
{
	return templates_again(engine, image, n, error);
}

gboolean
engine_drain(Engine *engine, const char *name, gboolean drain, GError **error)
{
	Pool *pool = pools_find(engine, name);
	g_autofree char *meta = g_strconcat("drain:", name, NULL);

	if (pool == NULL) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_NOT_FOUND, "there is no pool %s", name);
		return FALSE;
	}
	if (!store_set_meta(engine->store, meta, drain ? "yes" : "no", error))
		return FALSE;
	pool->draining = drain;
	plan_soon(engine);
	return TRUE;
}

static Desktop *
find_desktop(Engine *engine, const char *id, GError **error)
{
	Desktop *desktop = people_find(engine, id);

	if (desktop == NULL)
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_NOT_FOUND, "there is no desktop %s", id);
	return desktop;
}

static gboolean
check_changed(gboolean changed, const char *id, GError **error)
{
	if (!changed)
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_BUSY, "the desktop %s could not be changed; the log says why", id);
	return changed;
}

gboolean
engine_reset(Engine *engine, const char *id, guint16 code, const char *why, GError **error)
{
	Desktop *desktop = find_desktop(engine, id, error);

	if (desktop == NULL)
		return FALSE;
	if (desktop->row->kept && desktop_is_held(desktop) && desktop->row->state != DESKTOP_CLONING) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_DENIED,
			"the desktop %s is kept for %s: only carrel desktop reset --discard throws away what is in it", id, desktop->row->user);
		return FALSE;
	}
	return check_changed(desktop_throw_away(desktop, code, why), id, error);
}

gboolean
engine_discard(Engine *engine, const char *id, guint16 code, const char *why, GError **error)
{
	Desktop *desktop = find_desktop(engine, id, error);

	if (desktop && desktop->hold) {
		people_say_held(desktop, error);
		return FALSE;
	}
	return desktop && check_changed(desktop_discard(desktop, code, why), id, error);
}

guint
engine_release_user(Engine *engine, const char *user, guint16 code, const char *why)
{
	g_autoptr(GList) desktops = g_hash_table_get_values(engine->desktops);
	guint n = 0;

	for (GList *item = desktops; item != NULL; item = item->next) {
		Desktop *desktop = item->data;
		Pool *pool = pools_find(engine, desktop->row->pool);

		if (!desktop_is_held(desktop) || g_strcmp0(desktop->row->user, user) != 0)
			continue;
		/* A pool whose file never was good since may have said anything; a clean end is the safe one. */
		if (desktop->row->kept || (pool && pool->file && pool->file->reset != POOL_RESET_LOGOUT))
			continue;
		n += desktop_throw_away(desktop, code, why);
	}
	return n;
}

gboolean
engine_stop(Engine *engine, const char *id, GError **error)
{
	Desktop *desktop = find_desktop(engine, id, error);

	if (desktop == NULL)
		return FALSE;
	if (!desktop->row->kept || !desktop_is_held(desktop))
		return engine_reset(engine, id, CLOSE_STOPPED, "stopped by an admin", error);
	if (desktop->row->state == DESKTOP_OFF)
		return TRUE;
	if (!desktop->running) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_BUSY, "the desktop %s is not seen to run yet: try again in a moment", id);
		return FALSE;
	}
	effect_shut_down(desktop, FALSE);
	return TRUE;
}

gboolean
engine_restart(Engine *engine, const char *id, GError **error)
{
	Desktop *desktop = find_desktop(engine, id, error);

	if (desktop == NULL)
		return FALSE;
	if (desktop->row->state != DESKTOP_ASSIGNED || !desktop->running) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_BUSY, "the desktop %s does not run", id);
		return FALSE;
	}
	effect_shut_down(desktop, TRUE);
	return TRUE;
}

const DesktopView *
engine_desktop(Engine *engine, const char *id)
{
	Desktop *desktop = people_find(engine, id);

	return desktop ? desktop_view(desktop) : NULL;
}

static int
compare_age(gconstpointer a, gconstpointer b)
{
	return desktops_compare_age(&a, &b);
}

void
engine_each_desktop(Engine *engine, gboolean (*visit)(const DesktopView *desktop, void *data), void *data)
{
	g_autoptr(GList) desktops = g_list_sort(g_hash_table_get_values(engine->desktops), compare_age);

	for (GList *item = desktops; item != NULL; item = item->next) {
		if (!visit(desktop_view(item->data), data))
			return;
	}
}

typedef struct {
	char *uuid;
	GBytes *bytes; /* the worker's, with mime */
	const char *mime;
} Picture;

static void
picture_free(void *data)
{
	Picture *picture = data;

	g_clear_pointer(&picture->bytes, g_bytes_unref);
	g_free(picture->uuid);
	g_free(picture);
}

static gboolean
take_picture(virConnectPtr connection, void *data, GError **error)
{
	Picture *picture = data;

	picture->bytes = vm_screenshot(connection, picture->uuid, &picture->mime, error);
	return picture->bytes != NULL;
}

static void
on_picture(void *data, const GError *error, void *task_data)
{
	Picture *picture = data;
	g_autoptr(GTask) task = task_data;

	if (error != NULL) {
		g_task_return_error(task, g_error_copy(error));
		return;
	}
	g_task_set_task_data(task, (gpointer)picture->mime, NULL);
	g_task_return_pointer(task, g_steal_pointer(&picture->bytes), (GDestroyNotify)g_bytes_unref);
}

void
engine_screenshot_async(Engine *engine, const char *id, GAsyncReadyCallback callback, void *data)
{
	GTask *task = g_task_new(NULL, NULL, callback, data);
	GError *error = NULL;
	Desktop *desktop = find_desktop(engine, id, &error);
	Picture *picture;

	if (desktop == NULL) {
		g_task_return_error(task, error);
		g_object_unref(task);
		return;
	}
	picture = g_new0(Picture, 1);
	picture->uuid = g_strdup(desktop->row->uuid);
	host_run(engine->host, SCREENSHOT_DEADLINE_MS, take_picture, picture, picture_free, on_picture, task);
}

GBytes *
engine_screenshot_finish(GAsyncResult *result, const char **mime, GError **error)
{
	GBytes *bytes = g_task_propagate_pointer(G_TASK(result), error);

	if (bytes != NULL)
		*mime = g_task_get_task_data(G_TASK(result));
	return bytes;
}

gboolean
engine_notify(Engine *engine, const char *id, const char *text, GError **error)
{
	Desktop *desktop = find_desktop(engine, id, error);
	g_autofree char *line = NULL;

	if (desktop == NULL)
		return FALSE;
	line = agent_line_notice(text, NOTICE_S);
	if (line == NULL) {
		g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_INVALID, "the text is too long");
		return FALSE;
	}
	if (desktop->row->agent && desktop->link && agent_link_send(desktop->link, line))
		return TRUE;
	g_set_error(error, CARREL_ERROR, CARREL_ERROR_BUSY, "the agent of the desktop %s does not answer", id);
	return FALSE;
}
