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
destroy_in_worker(virConnectPtr connection, void *data, GError **error)
{
	const Task *task = data;

	return vm_destroy(connection, task->place, task->id, task->uuid, error);
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
static Desktop *
finish_wanted(Engine *engine, const Task *task)
{
	Desktop *desktop = finish(engine, task);

	if (desktop == NULL || !desktop_is_ours_to_end(desktop))
		return desktop;
	effect_destroy(desktop);
	return NULL;
}

static void
clone_succeeded(Desktop *desktop)
{
	g_autoptr(GError) error = NULL;

	if (desktop->parking) {
		desktop->begun = TRUE;
		if (desktop->row->state == DESKTOP_CLONING && desktop->row->user == NULL) {
			desktop_become(desktop, DESKTOP_PARKED, DESKTOP_INTENT_NONE, NULL);
			return;
		}
		effect_resume(desktop); /* somebody came meanwhile */
	} else {
		desktop_runs(desktop);
	}
	if (desktop->row->state != DESKTOP_CLONING)
		return;
	if (desktop->row->user != NULL)
		desktop_become(desktop, DESKTOP_ASSIGNED, DESKTOP_INTENT_NONE, NULL);
	else if (!desktops_set_intent(desktop->engine->store, desktop->row, DESKTOP_INTENT_NONE, &error))
		g_warning("desktop %s: %s", desktop->row->id, error->message);
	desktop_mark(desktop);
}

/* What cannot be woken can still boot. */
static void
boot_instead(Desktop *desktop, const char *why)
{
	Pool *pool = pools_find(desktop->engine, desktop->row->pool);

	templates_blame(desktop->engine, desktop->template, why);
	desktop->parking = FALSE;
	g_clear_pointer(&desktop->template, g_free);
	if (pool && desktop->row->state == DESKTOP_CLONING && desktop->row->user != NULL)
		effect_clone(desktop, pool);
	else
		desktop_throw_away(desktop, 0, why);
}

static void
on_cloned(void *data, const GError *error, void *engine_data)
{
	Engine *engine = engine_data;
	Desktop *desktop = finish_wanted(engine, data);

	if (desktop == NULL) {
		plan_soon(engine);
	} else if (error == NULL) {
		clone_succeeded(desktop);
		/* An event that says it stopped may have come before this. */
		if (desktop->stop_detail >= 0)
			reconcile_soon(engine, 0);
	} else if (g_error_matches(error, CARREL_ERROR, CARREL_ERROR_TIMEOUT) ||
		   g_error_matches(error, CARREL_ERROR, CARREL_ERROR_BUSY)) {
		/* Nobody knows what came of it: the next list will tell. */
		g_message("desktop %s: %s", desktop->row->id, error->message);
		reconcile_soon(engine, 1000);
	} else if (desktop->template) {
		boot_instead(desktop, error->message);
	} else {
		desktop_fail(desktop, error->message);
	}
	plan_soon(engine);
}

void
effect_clone(Desktop *desktop, Pool *pool)
{
	g_autoptr(GError) error = NULL;
	/* Not the pool's newest: the one that the row names. */
	Task *task = task_new_of_pool(desktop->engine, pool, desktop->row->id, desktop->row->uuid, desktop->row->image, &error);

	if (task == NULL) {
		desktop_fail(desktop, error->message);
		return;
	}
	g_free(desktop->template);
	desktop->template = g_strdup(templates_whole(desktop->engine, pool, desktop->row->image));
	desktop->parking = desktop->parking && desktop->template != NULL;
	if (desktop->template)
		task_set_template(task, desktop->template);
	task->run = !desktop->parking;
	desktop->busy = desktop->begun = TRUE;
	desktop->stop_detail = -1;
	desktop->started_us = g_get_monotonic_time();
	g_free(desktop->config);
	desktop->config = g_strdup(pool->config);
	desktop_mark(desktop);
	host_run(desktop->engine->host, CLONE_DEADLINE_MS, clone_in_worker, task, task_free, on_cloned, desktop->engine);
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
	Desktop *desktop = finish_wanted(engine, data);

	if (desktop == NULL)
		return;
	if (error == NULL)
		desktop_runs(desktop);
	else
		reconcile_soon(engine, 1000); /* gone, or not running yet: a list will tell */
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
	host_run(engine->host, RESUME_DEADLINE_MS, resume_in_worker, task_new(engine, desktop->row->id, desktop->row->uuid), task_free,
		on_resumed, engine);
}

static gboolean
plug_in_worker(virConnectPtr connection, void *data, GError **error)
{
	const Task *task = data;

	return vm_plug_network(connection, task->uuid, task->network, error);
}

static void
on_plugged(void *data, const GError *error, void *engine_data)
{
	Engine *engine = engine_data;
	Desktop *desktop = finish_wanted(engine, data);

	if (desktop == NULL)
		return;
	if (error == NULL)
		desktop_is_individual(desktop);
	else
		desktop_fail(desktop, error->message);
}

void
effect_plug_network(Desktop *desktop)
{
	Engine *engine = desktop->engine;
	Pool *pool = pools_find(engine, desktop->row->pool);
	Task *task;

	if (desktop->busy)
		return; /* said twice */
	task = task_new(engine, desktop->row->id, desktop->row->uuid);
	if (pool && pool->file)
		task_set_network(task, engine, pool);
	if (task->network == NULL) {
		task_free(task);
		desktop_is_individual(desktop);
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

static void
on_destroyed(void *data, const GError *error, void *engine_data)
{
	Engine *engine = engine_data;
	Desktop *desktop = finish(engine, data);
	g_autoptr(GError) failure = NULL;

	if (desktop == NULL)
		return;
	if (error != NULL) {
		g_warning("desktop %s cannot be thrown away yet: %s", desktop->row->id, error->message);
		/* Without a connection the list after the next one brings it back here. */
		if (desktop->retry_id == 0 && host_is_connected(engine->host))
			desktop->retry_id = g_timeout_add_seconds(DESTROY_RETRY_S, on_retry, desktop);
		return;
	}
	desktop->running = FALSE;
	if (desktop->row->state != DESKTOP_FAILED)
		desktop_forget(desktop);
	else if (!desktops_set_intent(engine->store, desktop->row, DESKTOP_INTENT_NONE, &failure))
		g_warning("desktop %s: %s", desktop->row->id, failure->message);
	plan_soon(engine);
}

void
effect_destroy(Desktop *desktop)
{
	Engine *engine = desktop->engine;

	g_return_if_fail(!desktop->busy);
	desktop->busy = TRUE;
	host_run(engine->host, DESTROY_DEADLINE_MS, destroy_in_worker, task_new(engine, desktop->row->id, desktop->row->uuid),
		task_free, on_destroyed, engine);
}

static void
on_stray_destroyed(void *data, const GError *error, void *engine_data)
{
	const Task *task = data;

	if (error != NULL)
		g_warning("what is left of %s cannot be removed yet: %s", task->id, error->message);
}

void
effect_destroy_stray(Engine *engine, const char *id, const char *uuid)
{
	g_message("nobody knows the desktop %s: what is left of it is removed", id);
	host_run(engine->host, DESTROY_DEADLINE_MS, destroy_in_worker, task_new(engine, id, uuid), task_free,
		on_stray_destroyed, engine);
}
