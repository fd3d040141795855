/* The two calls to libvirt that change something, and what follows from their outcome. The intent is in the table before either is
 * made. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "pools/engine-private.h"

#include "broker/common/error.h"

#include <string.h>

#define CLONE_DEADLINE_MS   60000
#define DESTROY_DEADLINE_MS 60000
#define DESTROY_RETRY_S	    5

/* A worker reads it while the engine goes on: nothing in it belongs to the engine. */
typedef struct {
	VmPlace *place;
	char *id, *uuid;
	/* Of a clone. */
	Image *image;
	char *pool, *config, *emulator, *machine, *disk, *agent, *network, *bridge;
	gboolean kvm, usb;
	guint cpus;
	guint64 memory;
} Task;

static void
task_free(void *data)
{
	Task *task = data;

	vm_place_free(task->place);
	image_free(task->image);
	g_free(task->id);
	g_free(task->uuid);
	g_free(task->pool);
	g_free(task->config);
	g_free(task->emulator);
	g_free(task->machine);
	g_free(task->disk);
	g_free(task->agent);
	g_free(task->network);
	g_free(task->bridge);
	g_free(task);
}

static Task *
task_new(const Engine *engine, const char *id, const char *uuid)
{
	Task *task = g_new0(Task, 1);

	task->place = vm_place_copy(engine->place);
	task->id = g_strdup(id);
	task->uuid = g_strdup(uuid);
	return task;
}

static gboolean
clone_in_worker(virConnectPtr connection, void *data, GError **error)
{
	const Task *task = data;
	const DomainSpec spec = {
		.id = task->id,
		.uuid = task->uuid,
		.pool = task->pool,
		.instance = task->place->instance,
		.config = task->config,
		.kvm = task->kvm,
		.emulator = task->emulator,
		.machine = task->machine,
		.cpus = task->cpus,
		.memory = task->memory,
		.disk = task->disk,
		.backing = task->image->disk,
		.kernel = task->image->kernel,
		.initrd = task->image->initrd,
		.cmdline = task->image->cmdline,
		.network = task->network,
		.bridge = task->bridge,
		.agent = task->agent,
		.usb = task->usb,
	};

	return vm_create(connection, task->place, &spec, error);
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

static void
clone_succeeded(Desktop *desktop)
{
	g_autoptr(GError) error = NULL;

	desktop_runs(desktop);
	if (desktop->row->state != DESKTOP_CLONING)
		return;
	if (desktop->row->user != NULL)
		desktop_become(desktop, DESKTOP_ASSIGNED, DESKTOP_INTENT_NONE, NULL);
	else if (!desktops_set_intent(desktop->engine->store, desktop->row, DESKTOP_INTENT_NONE, &error))
		g_warning("desktop %s: %s", desktop->row->id, error->message);
	desktop_mark(desktop);
}

static void
on_cloned(void *data, const GError *error, void *engine_data)
{
	Engine *engine = engine_data;
	Desktop *desktop = finish(engine, data);

	if (desktop == NULL)
		return;
	if (desktop_is_ours_to_end(desktop)) { /* it was given up meanwhile */
		effect_destroy(desktop);
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
	} else {
		desktop_fail(desktop, error->message);
	}
	plan_soon(engine);
}

static Task *
clone_task(const Desktop *desktop, const Pool *pool, GError **error)
{
	const Engine *engine = desktop->engine;
	const PoolFile *file = pool->file;
	Task *task = task_new(engine, desktop->row->id, desktop->row->uuid);

	/* Not the pool's newest: the one that the row names. */
	task->image = image_resolve(engine->images, desktop->row->image, error);
	if (task->image == NULL) {
		task_free(task);
		return NULL;
	}
	task->pool = g_strdup(pool->name);
	task->config = g_strdup(pool->config);
	task->emulator = g_strdup(engine->facts->emulator);
	task->machine = g_strdup(engine->facts->machine);
	task->disk = vm_overlay_path(task->place, desktop->row->id);
	task->agent = vm_agent_path(task->place, desktop->row->id);
	task->network = file->mode == POOL_NETWORK_NAT ? g_strdup(task->place->short_name) : NULL;
	task->bridge = file->mode == POOL_NETWORK_BRIDGE ? g_strdup(file->bridge) : NULL;
	task->kvm = engine->facts->kvm && file->accel != POOL_ACCEL_TCG;
	task->usb = engine->facts->usb_redirection;
	task->cpus = (guint)file->cpus;
	task->memory = (guint64)file->memory;
	return task;
}

void
effect_clone(Desktop *desktop, Pool *pool)
{
	g_autoptr(GError) error = NULL;
	Task *task = clone_task(desktop, pool, &error);

	if (task == NULL) {
		desktop_fail(desktop, error->message);
		return;
	}
	desktop->busy = desktop->begun = TRUE;
	desktop->stop_detail = -1;
	desktop->started_us = g_get_monotonic_time();
	g_free(desktop->config);
	desktop->config = g_strdup(pool->config);
	desktop_mark(desktop);
	host_run(desktop->engine->host, CLONE_DEADLINE_MS, clone_in_worker, task, task_free, on_cloned, desktop->engine);
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
