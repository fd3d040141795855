/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "tests/lib/fake-engine.h"

#include <stdlib.h>
#include <string.h>

#include "broker/common/error.h"

#define N_POOLS 3

typedef struct {
	Engine *engine;
	DesktopView view;
	char *id, *pool, *uuid, *domain, *user;
	guint timer_id;
} Desktop;

struct Engine {
	Store *store;
	EngineEvents events;
	PoolFile files[N_POOLS];
	PoolView pools[N_POOLS];
	char **users[N_POOLS];
	GPtrArray *desktops; /* Desktop */
	guint clone_ms, next, holds;
	char *notice;
	gint64 (*clock)(void);
};

static void
desktop_free(void *data)
{
	Desktop *desktop = data;

	g_clear_handle_id(&desktop->timer_id, g_source_remove);
	g_free(desktop->id);
	g_free(desktop->pool);
	g_free(desktop->uuid);
	g_free(desktop->domain);
	g_free(desktop->user);
	g_free(desktop);
}

static void
add_pool(Engine *engine, guint i, const char *name, const char *title, const char *users, PoolClipboard clipboard, int max)
{
	PoolFile *file = &engine->files[i];

	file->name = g_strdup(name);
	file->title = g_strdup(title);
	file->image = g_strdup("debian-desktop");
	file->spare = 1;
	file->max = max;
	file->reset = POOL_RESET_LOGOUT;
	file->grace = 15 * 60;
	file->clipboard = clipboard;
	file->clipboard_max = 16 * 1024 * 1024;
	file->shadow = POOL_SHADOW_ASK;
	file->watermark = (char *)"off";
	file->sound = i == 0;
	/* A pool that shares its clipboard carries files, too. */
	file->file_transfer = clipboard == POOL_CLIPBOARD_BOTH ? POOL_FILES_BOTH : POOL_FILES_OFF;
	file->file_max = 1000;
	engine->users[i] = g_strsplit(users, ",", -1);
	engine->pools[i] = (PoolView){.file = file, .name = file->name, .path = "/nowhere/x.pool"};
}

Engine *
engine_new(const Conf *conf, Store *store, const EngineEvents *events, GError **error)
{
	Engine *engine = g_new0(Engine, 1);
	const char *clone_ms = g_getenv("FAKE_CLONE_MS");

	engine->store = store;
	engine->events = *events;
	engine->desktops = g_ptr_array_new_with_free_func(desktop_free);
	engine->clone_ms = clone_ms ? (guint)atoi(clone_ms) : 50;
	add_pool(engine, 0, "office", "Office desktop", "demo1,demo2,@staff", POOL_CLIPBOARD_BOTH, 40);
	add_pool(engine, 1, "lab", "Lab", "demo2", POOL_CLIPBOARD_OFF, 1);
	add_pool(engine, 2, "broken", "", "demo1", POOL_CLIPBOARD_OFF, 0);
	engine->pools[2].file = NULL;
	engine->pools[2].fault = "broken.pool:2: Pool/Titel: there is no such key. Did you mean Title?";
	return engine;
}

void
engine_free(Engine *engine)
{
	if (engine == NULL)
		return;
	g_ptr_array_unref(engine->desktops);
	for (guint i = 0; i < N_POOLS; i++) {
		g_free(engine->files[i].name);
		g_free(engine->files[i].title);
		g_free(engine->files[i].image);
		g_strfreev(engine->users[i]);
	}
	g_free(engine->notice);
	g_free(engine);
}

gboolean
engine_is_connected(const Engine *engine)
{
	return TRUE;
}

guint
engine_n_pools(const Engine *engine)
{
	return N_POOLS;
}

const PoolView *
engine_pool_at(Engine *engine, guint i)
{
	return &engine->pools[i];
}

const PoolView *
engine_pool(Engine *engine, const char *name)
{
	for (guint i = 0; i < N_POOLS; i++) {
		if (strcmp(engine->pools[i].name, name) == 0)
			return &engine->pools[i];
	}
	return NULL;
}

const PoolFile *
engine_pool_file(Engine *engine, const char *name)
{
	const PoolView *pool = engine_pool(engine, name);

	return pool ? pool->file : NULL;
}

gboolean
engine_is_entitled(Engine *engine, const char *pool, const char *user, const char *const *groups)
{
	const PoolView *view = engine_pool(engine, pool);
	const char *const *users = view ? (const char *const *)engine->users[view - engine->pools] : NULL;

	if (users == NULL)
		return FALSE;
	if (g_strv_contains(users, user))
		return TRUE;
	for (; *groups; groups++) {
		g_autofree char *item = g_strconcat("@", *groups, NULL);

		if (g_strv_contains(users, item))
			return TRUE;
	}
	return FALSE;
}

void
engine_apply(Engine *engine, char ***changes, char ***faults)
{
	*changes = g_new0(char *, 1);
	*faults = g_strsplit(engine->pools[2].fault, "\n", -1);
}

void
engine_preview(Engine *engine, char ***lines, char ***faults)
{
	*lines = g_strsplit("office: Spare 1 → 2", "|", -1);
	*faults = g_new0(char *, 1);
}

gboolean
engine_seal(Engine *engine, const char *image, guint *n, GError **error)
{
	*n = strcmp(image, "debian-desktop") == 0;
	if (*n == 0)
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_NOT_FOUND, "no pool uses %s", image);
	return *n > 0;
}

gboolean
engine_drain(Engine *engine, const char *pool, gboolean drain, GError **error)
{
	PoolView *view = (PoolView *)engine_pool(engine, pool);

	if (view == NULL) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_NOT_FOUND, "there is no pool “%s”", pool);
		return FALSE;
	}
	view->draining = drain;
	return TRUE;
}

static void
set_state(Desktop *desktop, const char *state, const char *step, gboolean usable)
{
	desktop->view.state = state;
	desktop->view.step = step;
	desktop->view.usable = usable;
	desktop->view.agent = usable;
	desktop->view.changed = g_get_real_time() / G_USEC_PER_SEC;
	if (strcmp(state, "assigned") == 0 && desktop->view.assigned == 0)
		desktop->view.assigned = desktop->engine->clock ? desktop->engine->clock() : desktop->view.changed;
	desktop->engine->events.on_change(&desktop->view, desktop->engine->events.data);
}

static gboolean
on_cloned(gpointer data)
{
	Desktop *desktop = data;

	desktop->timer_id = 0;
	set_state(desktop, "assigned", "Ready", TRUE);
	return G_SOURCE_REMOVE;
}

static Desktop *
find(Engine *engine, const char *id)
{
	for (guint i = 0; i < engine->desktops->len; i++) {
		Desktop *desktop = engine->desktops->pdata[i];

		if (strcmp(desktop->id, id) == 0)
			return desktop;
	}
	return NULL;
}

static guint
count_of_pool(Engine *engine, const char *pool)
{
	guint n = 0;

	for (guint i = 0; i < engine->desktops->len; i++)
		n += strcmp(((Desktop *)engine->desktops->pdata[i])->pool, pool) == 0;
	return n;
}

static Desktop *
make(Engine *engine, const char *pool, const char *user)
{
	Desktop *desktop = g_new0(Desktop, 1);

	desktop->engine = engine;
	desktop->id = g_strdup_printf("%s-%08x", pool, g_random_int() ^ ++engine->next);
	desktop->pool = g_strdup(pool);
	desktop->user = g_strdup(user);
	desktop->uuid = g_uuid_string_random();
	desktop->domain = g_strdup_printf("carrel-%s", desktop->id);
	desktop->view = (DesktopView){.id = desktop->id, .pool = desktop->pool, .uuid = desktop->uuid,
		.domain = desktop->domain, .image = "debian-desktop@1", .user = desktop->user,
		.created = g_get_real_time() / G_USEC_PER_SEC, .started_us = g_get_monotonic_time()};
	g_ptr_array_add(engine->desktops, desktop);
	/* Tickets refer to the row. */
	store_run(engine->store, NULL,
		"INSERT INTO desktops (id, pool, state, uuid, user, image, created, changed) VALUES (?, ?, 'assigned', ?, ?, ?, 0, 0)",
		"sssss", desktop->id, pool, desktop->uuid, user, "debian-desktop@1");
	return desktop;
}

const DesktopView *
engine_claim(Engine *engine, const char *pool, const char *user, GError **error)
{
	const DesktopView *held = engine_desktop_of(engine, pool, user);
	const PoolView *view = engine_pool(engine, pool);
	Desktop *desktop;

	if (held)
		return held;
	if (view->file == NULL) {
		g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_CONFIG, view->fault);
		return NULL;
	}
	if (view->draining || count_of_pool(engine, pool) >= view->file->max) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_EXHAUSTED, "all desktops of “%s” are taken", pool);
		return NULL;
	}
	desktop = make(engine, pool, user);
	if (engine->clone_ms == 0) {
		set_state(desktop, "assigned", "Ready", TRUE);
	} else {
		set_state(desktop, "cloning", "Cloning", FALSE);
		desktop->timer_id = g_timeout_add(engine->clone_ms, on_cloned, desktop);
	}
	return &desktop->view;
}

static gboolean
throw_away(Engine *engine, Desktop *desktop, guint16 code)
{
	engine->events.on_end_clients(desktop->id, code, engine->events.data);
	desktop->view.user = NULL;
	set_state(desktop, "resetting", "", FALSE);
	store_run(engine->store, NULL, "DELETE FROM desktops WHERE id = ?", "s", desktop->id);
	g_ptr_array_remove(engine->desktops, desktop);
	return TRUE;
}

gboolean
engine_reset(Engine *engine, const char *id, guint16 code, const char *why, GError **error)
{
	Desktop *desktop = find(engine, id);

	if (desktop)
		return throw_away(engine, desktop, code);
	g_set_error(error, CARREL_ERROR, CARREL_ERROR_NOT_FOUND, "there is no desktop “%s”", id);
	return FALSE;
}

guint
engine_release_user(Engine *engine, const char *user, guint16 code, const char *why)
{
	guint n = 0;

	for (guint i = engine->desktops->len; i > 0; i--) {
		Desktop *desktop = engine->desktops->pdata[i - 1];

		if (g_strcmp0(desktop->view.user, user) == 0)
			n += (guint)throw_away(engine, desktop, code);
	}
	return n;
}

gboolean
engine_discard(Engine *engine, const char *desktop, guint16 code, const char *why, GError **error)
{
	return engine_reset(engine, desktop, code, why, error);
}

const DesktopView *
engine_hold(Engine *engine, const char *id, char **disk, GError **error)
{
	Desktop *desktop = find(engine, id);

	if (desktop == NULL) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_NOT_FOUND, "there is no desktop “%s”", id);
		return NULL;
	}
	engine->holds++;
	*disk = g_strdup("/nowhere/disk.qcow2");
	return &desktop->view;
}

void
engine_release_hold(Engine *engine, const char *id)
{
	engine->holds--;
}

guint
fake_engine_holds(Engine *engine)
{
	return engine->holds;
}

gboolean
engine_may_import(Engine *engine, const char *pool, const char *user, const char *image, GError **error)
{
	if (engine_desktop_of(engine, pool, user) == NULL)
		return TRUE;
	g_set_error(error, CARREL_ERROR, CARREL_ERROR_BUSY, "“%s” has a desktop in the pool %s already", user, pool);
	return FALSE;
}

const DesktopView *
engine_import(Engine *engine, const char *pool, const char *user, const char *image, GError **error)
{
	return engine_may_import(engine, pool, user, image, error) ? engine_claim(engine, pool, user, error) : NULL;
}

gboolean
engine_restart(Engine *engine, const char *desktop, GError **error)
{
	if (find(engine, desktop))
		return TRUE;
	g_set_error(error, CARREL_ERROR, CARREL_ERROR_NOT_FOUND, "there is no desktop “%s”", desktop);
	return FALSE;
}

gboolean
snapshot_name_is_valid(const char *name)
{
	return g_ascii_isalnum(*name) && strchr(name, '/') == NULL;
}

static void
snapshot(Engine *engine, const char *desktop, const char *sql, const char *name, GAsyncReadyCallback callback, void *data)
{
	g_autoptr(GTask) task = g_task_new(NULL, NULL, callback, data);

	if (find(engine, desktop) == NULL || store_run(engine->store, NULL, sql, "ss", desktop, name) == 0)
		g_task_return_new_error(task, CARREL_ERROR, CARREL_ERROR_NOT_FOUND, "there is no snapshot “%s”", name);
	else
		g_task_return_boolean(task, TRUE);
}

void
engine_snapshot_async(Engine *engine, const char *desktop, const char *name, GAsyncReadyCallback callback, void *data)
{
	snapshot(engine, desktop, "INSERT OR REPLACE INTO snapshots VALUES (?, ?, 1700000000)", name, callback, data);
}

void
engine_revert_async(Engine *engine, const char *desktop, const char *name, GAsyncReadyCallback callback, void *data)
{
	snapshot(engine, desktop, "UPDATE snapshots SET created = created WHERE desktop = ? AND name = ?", name, callback, data);
}

void
engine_delete_snapshot_async(Engine *engine, const char *desktop, const char *name, GAsyncReadyCallback callback, void *data)
{
	snapshot(engine, desktop, "DELETE FROM snapshots WHERE desktop = ? AND name = ?", name, callback, data);
}

gboolean
engine_snapshot_finish(GAsyncResult *result, GError **error)
{
	return g_task_propagate_boolean(G_TASK(result), error);
}

void
engine_ask(Engine *engine, const char *desktop)
{
}

gboolean
engine_stop(Engine *engine, const char *desktop, GError **error)
{
	return engine_reset(engine, desktop, 4009, "stop", error);
}

const DesktopView *
engine_desktop(Engine *engine, const char *id)
{
	Desktop *desktop = find(engine, id);

	return desktop ? &desktop->view : NULL;
}

const DesktopView *
engine_desktop_of(Engine *engine, const char *pool, const char *user)
{
	for (guint i = 0; i < engine->desktops->len; i++) {
		Desktop *desktop = engine->desktops->pdata[i];

		if (strcmp(desktop->pool, pool) == 0 && g_strcmp0(desktop->view.user, user) == 0)
			return &desktop->view;
	}
	return NULL;
}

void
engine_each_desktop(Engine *engine, gboolean (*visit)(const DesktopView *desktop, void *data), void *data)
{
	for (guint i = 0; i < engine->desktops->len; i++) {
		if (!visit(&((Desktop *)engine->desktops->pdata[i])->view, data))
			return;
	}
}

void
engine_screenshot_async(Engine *engine, const char *desktop, GAsyncReadyCallback callback, void *data)
{
	g_autoptr(GTask) task = g_task_new(NULL, NULL, callback, data);

	if (find(engine, desktop) == NULL)
		g_task_return_new_error(task, CARREL_ERROR, CARREL_ERROR_NOT_FOUND, "there is no desktop “%s”", desktop);
	else
		g_task_return_pointer(task, g_bytes_new_static("P6 1 1 255 abc", 14), (GDestroyNotify)g_bytes_unref);
}

GBytes *
engine_screenshot_finish(GAsyncResult *result, const char **mime, GError **error)
{
	*mime = "image/x-portable-pixmap";
	return g_task_propagate_pointer(G_TASK(result), error);
}

gboolean
engine_notify(Engine *engine, const char *desktop, const char *text, GError **error)
{
	g_free(engine->notice);
	engine->notice = g_strdup(text);
	return TRUE;
}

PoolFile *
fake_engine_file(Engine *engine, const char *pool)
{
	return (PoolFile *)engine_pool_file(engine, pool);
}

void
fake_engine_set_clock(Engine *engine, gint64 (*clock)(void))
{
	engine->clock = clock;
}

void
fake_engine_set_clone_ms(Engine *engine, guint clone_ms)
{
	engine->clone_ms = clone_ms;
}

void
fake_engine_fail(Engine *engine, const char *id)
{
	Desktop *desktop = find(engine, id);

	g_clear_handle_id(&desktop->timer_id, g_source_remove);
	desktop->view.note = "the clone failed";
	set_state(desktop, "failed", "", FALSE);
}

void
fake_engine_log_out(Engine *engine, const char *desktop)
{
	engine->events.on_guest_logout(desktop, "desk", engine->events.data);
}

const char *
fake_engine_last_notice(const Engine *engine)
{
	return engine->notice;
}
