/* The calls to libvirt that change something, and what follows from their outcome. The intent is in the table before it is
 * made. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "pools/engine-task.h"

#include "broker/common/error.h"

#include <string.h>

#define CLONE_DEADLINE_MS   60000
#define DESTROY_DEADLINE_MS 60000
#define RESUME_DEADLINE_MS  30000
#define DESTROY_RETRY_S	    5
#define SHUT_DOWN_S	    30
/* A second apart: it may not have stopped altogether, or libvirt be busy with it. */
#define RESUME_TRIES	    3
#define PLUG_RETRY_S	    2
/* At once, of all pools: when a large one is drained, whoever comes waits for these alone, and the host's queue does not fill up. */
#define DESTROYING_MAX 8

static gboolean
clone_in_worker(virConnectPtr connection, void *data, GError **error)
{
	const Task *task = data;
	const DomainSpec spec = task_spec(task, FALSE);

	if (task->key == NULL)
		return vm_create(connection, task->place, &spec, error);
	return vm_create_parked(connection, task->place, &spec, task->state_file, error) &&
	       (!task->run || vm_resume(connection, task->uuid, error));
}

static gboolean
start_in_worker(virConnectPtr connection, void *data, GError **error)
{
	const Task *task = data;
	const DomainSpec spec = task_spec(task, FALSE);

	return vm_start(connection, task->place, &spec, error);
}

static gboolean
destroy_in_worker(virConnectPtr connection, void *data, GError **error)
{
	const Task *task = data;

	return vm_destroy(connection, task->place, task->id, task->uuid, task->kept, error);
}

/* The desktop that @task is about. A row is not deleted while a call about it is under way, so it is there. */
static Desktop *
finish(Engine *engine, const Task *task)
{
	Desktop *desktop = g_hash_table_lookup(engine->desktops, task->id);

	engine->clock++;
	if (desktop == NULL)
		return NULL;
	desktop->busy = FALSE;
	desktop->touched = engine->clock;
	return desktop;
}

/* The same of one that is still wanted; what was given up meanwhile is destroyed. */
Desktop *
effect_finish_wanted(Engine *engine, const void *task)
{
	Desktop *desktop = finish(engine, task);

	if (desktop && desktop_is_ours_to_end(desktop)) {
		effect_destroy(desktop);
		return NULL;
	}
	/* What its event led to passed over it, since this call was under way. */
	if (desktop && desktop->stop_detail >= 0)
		reconcile_domain(engine, desktop->row->uuid);
	return desktop;
}

static void
clone_succeeded(Desktop *desktop)
{
	desktop->begun = TRUE;
	templates_prove(desktop->engine, desktop->template);
	desktop_apply(desktop, desktop->parking ? LIFE_PARKED : LIFE_SEEN, NULL);
	desktop->parking = FALSE;
}

/* What cannot be woken can still boot. */
static void
boot_instead(Desktop *desktop, const char *why)
{
	Pool *pool = pools_find(desktop->engine, desktop->row->pool);
	g_autofree char *template = g_steal_pointer(&desktop->template);

	templates_blame(desktop->engine, template, why);
	desktop->parking = FALSE;
	if (pool && desktop->row->state == DESKTOP_CLONING && desktop->row->user != NULL)
		effect_clone(desktop, pool);
	else
		desktop_throw_away(desktop, 0, why);
}

/* Of a clone, and of a start. */
static void
on_made(void *data, const GError *error, void *engine_data)
{
	Engine *engine = engine_data;
	Desktop *desktop = effect_finish_wanted(engine, data);

	if (desktop == NULL) {
		plan_pool_soon(engine, ((Task *)data)->pool);
		return;
	}
	if (error == NULL) {
		clone_succeeded(desktop);
	} else if (g_error_matches(error, CARREL_ERROR, CARREL_ERROR_TIMEOUT) ||
		   g_error_matches(error, CARREL_ERROR, CARREL_ERROR_BUSY)) {
		/* Nobody knows what came of it: the next list will tell. */
		g_message("desktop %s: %s", desktop->row->id, error->message);
		reconcile_soon(engine, 1000);
	} else if (desktop->template) {
		boot_instead(desktop, error->message);
	} else {
		desktop_apply(desktop, LIFE_BROKEN, error->message);
	}
	plan_pool_soon(engine, desktop->row->pool);
}

/* NULL: it cannot be made, which was said. */
static Task *
begin(Desktop *desktop, Pool *pool)
{
	g_autoptr(GError) error = NULL;
	/* Not the pool's newest image: the one that the row names. */
	Task *task = task_new_of_desktop(desktop, pool, &error);

	if (task == NULL) {
		desktop_apply(desktop, LIFE_BROKEN, error->message);
		return NULL;
	}
	desktop->busy = desktop->begun = TRUE;
	desktop->stop_detail = -1;
	desktop->started_us = g_get_monotonic_time();
	g_free(desktop->config);
	desktop->config = g_strdup(pool->config);
	desktop_mark(desktop);
	return task;
}

void
effect_clone(Desktop *desktop, Pool *pool)
{
	const char *template = templates_whole(desktop->engine, pool, desktop->row->image);
	Task *task;

	if (desktop->parking && template == NULL) {
		desktop_throw_away(desktop, 0, "there is no template any more that it could be cloned from");
		return;
	}
	task = begin(desktop, pool);
	if (task == NULL)
		return;
	g_free(desktop->template);
	desktop->template = g_strdup(template);
	desktop->damaged = desktop->outlived = FALSE;
	if (desktop->template)
		task_set_template(task, desktop->template);
	task->run = !desktop->parking;
	host_run(desktop->engine->host, CLONE_DEADLINE_MS, clone_in_worker, task, task_free, on_made, desktop->engine);
}

void
effect_start(Desktop *desktop, Pool *pool)
{
	Task *task = begin(desktop, pool);

	if (task)
		host_run(desktop->engine->host, CLONE_DEADLINE_MS, start_in_worker, task, task_free, on_made, desktop->engine);
}

static gboolean
resume_in_worker(virConnectPtr connection, void *data, GError **error)
{
	const Task *task = data;

	return vm_resume(connection, task->uuid, error);
}

static void
on_resumed(void *data, const GError *error, void *engine_data)
{
	Engine *engine = engine_data;
	Desktop *desktop = effect_finish_wanted(engine, data);

	if (desktop == NULL)
		return;
	if (error == NULL) {
		desktop->not_resumed = 0;
		desktop_runs(desktop);
	} else if (g_error_matches(error, CARREL_ERROR, CARREL_ERROR_FAILED) && ++desktop->not_resumed >= RESUME_TRIES) {
		desktop_apply(desktop, LIFE_BROKEN, error->message);
	} else {
		g_message("desktop %s: %s", desktop->row->id, error->message);
		reconcile_soon(engine, 1000); /* gone, or not running yet: a list will tell */
	}
}

void
effect_resume(Desktop *desktop)
{
	Engine *engine = desktop->engine;

	g_return_if_fail(!desktop->busy);
	desktop->busy = TRUE;
	desktop->parking = FALSE;
	desktop->stop_detail = -1;
	desktop->started_us = g_get_monotonic_time();
	host_run(engine->host, RESUME_DEADLINE_MS, resume_in_worker, task_new_about(desktop), task_free,
		on_resumed, engine);
}

static gboolean
shut_down_in_worker(virConnectPtr connection, void *data, GError **error)
{
	const Task *task = data;

	return vm_shut_down(connection, task->uuid, task->restart, task->now, error);
}

static void
on_asked_down(void *data, const GError *error, void *engine_data)
{
	const Task *task = data;

	if (error != NULL)
		g_message("desktop %s could not be asked to %s: %s", task->id, task->restart ? "restart" : "shut down", error->message);
	reconcile_soon(engine_data, 1000);
}

static void
shut_down(Desktop *desktop, gboolean restart, gboolean now)
{
	Engine *engine = desktop->engine;
	Task *task = task_new_about(desktop);

	task->restart = restart;
	task->now = now;
	host_run(engine->host, RESUME_DEADLINE_MS, shut_down_in_worker, task, task_free, on_asked_down, engine);
}

static gboolean
on_down_deadline(gpointer data)
{
	Desktop *desktop = data;

	desktop->down_timer = 0;
	g_message("desktop %s did not %s by itself within %d s: it is made to", desktop->row->id,
		desktop->restarting ? "restart" : "shut down", SHUT_DOWN_S);
	shut_down(desktop, desktop->restarting, TRUE);
	return G_SOURCE_REMOVE;
}

/* The guest is asked, and made to if it does not. */
void
effect_shut_down(Desktop *desktop, gboolean restart)
{
	g_clear_handle_id(&desktop->down_timer, g_source_remove);
	desktop->restarting = restart;
	desktop->down_timer = g_timeout_add_seconds(SHUT_DOWN_S, on_down_deadline, desktop);
	shut_down(desktop, restart, FALSE);
}

static gboolean
plug_in_worker(virConnectPtr connection, void *data, GError **error)
{
	const Task *task = data;

	return vm_plug_network(connection, task->uuid, task->network, error);
}

static gboolean
on_plug_retry(gpointer data)
{
	Desktop *desktop = data;

	desktop->plug_id = 0;
	effect_plug_network(desktop);
	return G_SOURCE_REMOVE;
}

static void
on_plugged(void *data, const GError *error, void *engine_data)
{
	Engine *engine = engine_data;
	Desktop *desktop = effect_finish_wanted(engine, data);

	if (desktop == NULL)
		return;
	if (error == NULL) {
		g_clear_pointer(&desktop->network_fault, g_free);
		desktop_mark(desktop);
		plan_pool_soon(engine, desktop->row->pool);
	} else if (desktop->row->user == NULL) {
		desktop_apply(desktop, LIFE_BROKEN, error->message);
	} else {
		/* Somebody is at work in it, and can go on without. */
		g_warning("desktop %s has no network yet: %s", desktop->row->id, error->message);
		g_free(desktop->network_fault);
		desktop->network_fault = g_strdup_printf("it has no network yet: %s", error->message);
		desktop->plug_id = g_timeout_add_seconds(PLUG_RETRY_S, on_plug_retry, desktop);
		desktop_mark(desktop);
	}
}

void
effect_plug_network(Desktop *desktop)
{
	Engine *engine = desktop->engine;
	Pool *pool = pools_find(engine, desktop->row->pool);
	Task *task;

	if (desktop->busy) {
		if (desktop->plug_id == 0)
			desktop->plug_id = g_timeout_add_seconds(PLUG_RETRY_S, on_plug_retry, desktop);
		return;
	}
	task = task_new_about(desktop);
	if (pool && pool->file)
		task_set_network(task, engine, pool);
	if (task->network == NULL) {
		task_free(task);
		return;
	}
	desktop->busy = TRUE;
	host_run(engine->host, RESUME_DEADLINE_MS, plug_in_worker, task, task_free, on_plugged, engine);
}

static gboolean
on_retry(gpointer data)
{
	Desktop *desktop = data;

	desktop->retry_id = 0;
	if (!desktop->busy && desktop_is_ours_to_end(desktop))
		effect_destroy(desktop);
	return G_SOURCE_REMOVE;
}

static void on_destroyed(void *data, const GError *error, void *engine_data);
static void on_stray_destroyed(void *data, const GError *error, void *engine_data);

static void
destroy_next(Engine *engine)
{
	Task *task;

	while (engine->destroying < DESTROYING_MAX && (task = g_queue_pop_head(&engine->to_destroy)) != NULL) {
		engine->destroying++;
		host_run(engine->host, DESTROY_DEADLINE_MS, destroy_in_worker, task, task_free, task->stray ? on_stray_destroyed : on_destroyed,
			engine);
	}
}

static void
on_destroyed(void *data, const GError *error, void *engine_data)
{
	Engine *engine = engine_data;
	Desktop *desktop = finish(engine, data);

	engine->destroying--;
	destroy_next(engine);
	if (desktop == NULL)
		return;
	if (error != NULL) {
		g_warning("desktop %s cannot be thrown away yet: %s", desktop->row->id, error->message);
		/* Without a connection the list after the next one brings it back here. */
		if (desktop->retry_id == 0 && host_is_connected(engine->host))
			desktop->retry_id = g_timeout_add_seconds(DESTROY_RETRY_S, on_retry, desktop);
		return;
	}
	home_forget(desktop);
	desktop_apply(desktop, LIFE_CLEARED, NULL);
}

void
effect_destroy(Desktop *desktop)
{
	Engine *engine = desktop->engine;

	g_return_if_fail(!desktop->busy);
	desktop->busy = TRUE; /* while it waits for its turn, too */
	g_queue_push_tail(&engine->to_destroy, task_new_about(desktop));
	destroy_next(engine);
}

static void
on_stray_destroyed(void *data, const GError *error, void *engine_data)
{
	Engine *engine = engine_data;
	const Task *task = data;

	engine->destroying--;
	destroy_next(engine);
	if (error != NULL)
		g_warning("what is left of %s cannot be removed yet: %s", task->id, error->message);
}

void
effect_destroy_stray(Engine *engine, const char *id, const char *uuid)
{
	Task *task = task_new(engine, id, uuid);

	g_message("nobody knows the desktop %s: what is left of it is removed", id);
	task->stray = TRUE;
	g_queue_push_tail(&engine->to_destroy, task);
	destroy_next(engine);
}
