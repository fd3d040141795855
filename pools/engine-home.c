/* Disks of people (Home=): each is plugged into the floating desktop that its person has, and is their home there. The row of one
 * desktop at a time names it (the index desktops_by_home), from before it is plugged in until nothing of that desktop is left,
 * so that it is never on two. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "pools/engine-task.h"

#include "broker/common/error.h"

#include <string.h>

#define ID_DIGITS 16
#define PLUG_DEADLINE_MS 60000
/* From its being plugged in to the agent's word. The agent has deadlines of its own for each step, minutes for a check or for the first copy:
 * a VM that ended in the middle of one would be what damages the files. */
#define MOUNT_S	   600
#define RELEASE_S  20
#define RETRY_S	   1

static const Pool *
pool_of(const Desktop *desktop)
{
	return pools_find(desktop->engine, desktop->row->pool);
}

/* The same for a person whenever they come to a pool of this name. */
static char *
home_name(const Desktop *desktop)
{
	g_autofree char *text = g_strdup_printf("%s\n%s", desktop->row->pool, desktop->row->user);
	g_autofree char *digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);

	return g_strdup_printf("home-%.*s", ID_DIGITS, digest);
}

gboolean
home_is_wanted(const Desktop *desktop)
{
	const DesktopRow *row = desktop->row;
	const Pool *pool;

	if (row->state != DESKTOP_ASSIGNED || row->homed || row->kept)
		return FALSE;
	if (row->home)
		return TRUE;
	pool = pool_of(desktop);
	return pool && pool->file && pool->file->home > 0;
}

const char *
home_step(const Desktop *desktop)
{
	return desktop->row->home ? "Bringing your files" : "Waiting for your files";
}

static void
fail(Desktop *desktop, const char *why)
{
	g_autofree char *text = g_strdup_printf("the disk of %s could not be used: %s", desktop->row->user, why);

	/* Whoever worked without their files would lose what they do: no desktop is better than that one. */
	desktop_apply(desktop, LIFE_BROKEN, text);
}

static gboolean
on_mount_deadline(gpointer data)
{
	Desktop *desktop = data;

	desktop->home_timer = 0;
	fail(desktop, "its agent did not mount it in time");
	return G_SOURCE_REMOVE;
}

static void
tell(Desktop *desktop)
{
	g_autofree char *line = agent_line_home(HOME_REQUEST, VM_HOME_SERIAL);

	if (desktop->link && agent_link_send(desktop->link, line))
		desktop->home = HOME_TOLD;
}

static gboolean
plug_in_worker(virConnectPtr connection, void *data, GError **error)
{
	const Task *task = data;

	return vm_plug_home(connection, task->place, task->uuid, task->home, task->home_bytes, error);
}

static void
on_plugged(void *data, const GError *error, void *engine_data)
{
	Engine *engine = engine_data;
	Desktop *desktop = effect_finish_wanted(engine, data);

	if (desktop == NULL || !home_is_wanted(desktop))
		return;
	if (error != NULL) {
		fail(desktop, error->message);
		return;
	}
	desktop->home = HOME_PLUGGED;
	desktop->home_timer = g_timeout_add_seconds(MOUNT_S, on_mount_deadline, desktop);
	tell(desktop);
}

static void
plug(Desktop *desktop, const Pool *pool)
{
	Task *task = task_new_about(desktop);

	task->home = g_strdup(desktop->row->home);
	task->home_bytes = pool && pool->file ? (guint64)pool->file->home : 0;
	desktop->busy = TRUE;
	host_run(desktop->engine->host, PLUG_DEADLINE_MS, plug_in_worker, task, task_free, on_plugged, desktop->engine);
}

void
home_plan(Desktop *desktop)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *name = NULL;

	/* It is plugged into a guest that can be told, and after its network card. */
	if (!home_is_wanted(desktop) || !desktop->running || desktop->waking || desktop->busy || !desktop->said_ready ||
		desktop->home != HOME_NONE)
		return;
	name = home_name(desktop);
	if (desktop->row->home == NULL && !desktops_set_home(desktop->engine->store, desktop->row, name, &error)) {
		if (!g_error_matches(error, CARREL_ERROR, CARREL_ERROR_BUSY))
			g_warning("desktop %s: %s", desktop->row->id, error->message);
		plan_later(desktop->engine, RETRY_S); /* the desktop that has it is being thrown away */
		return;
	}
	plug(desktop, pool_of(desktop));
	desktop_mark(desktop);
}

void
home_hello(Desktop *desktop)
{
	g_autofree char *line = NULL;

	if (desktop->home == HOME_RELEASED)
		line = agent_line_home_release(RELEASE_REQUEST);
	else if (desktop->row->home && (desktop->row->homed || desktop->home != HOME_NONE))
		line = agent_line_home(HOME_REQUEST, VM_HOME_SERIAL); /* the guest has rebooted, or its agent has */
	if (line)
		agent_link_send(desktop->link, line);
}

static void
let_go(Desktop *desktop)
{
	g_clear_handle_id(&desktop->home_timer, g_source_remove);
	desktop->busy = FALSE;
	effect_destroy(desktop);
}

static gboolean
on_release_deadline(gpointer data)
{
	Desktop *desktop = data;

	desktop->home_timer = 0;
	g_message("desktop %s: its agent did not let go of the disk of %s in time; it is checked when it is used next", desktop->row->id,
		desktop->row->user);
	let_go(desktop);
	return G_SOURCE_REMOVE;
}

gboolean
home_release(Desktop *desktop)
{
	g_autofree char *agent = NULL, *line = NULL;

	if (desktop->home == HOME_RELEASED)
		return TRUE;
	if (!desktop->row->homed || !desktop->running)
		return FALSE;
	g_clear_handle_id(&desktop->boot_id, g_source_remove);
	g_clear_handle_id(&desktop->home_timer, g_source_remove);
	desktop->home = HOME_RELEASED;
	desktop->busy = TRUE; /* to whoever compares it with libvirt, or would make it do something */
	desktop->home_timer = g_timeout_add_seconds(RELEASE_S, on_release_deadline, desktop);
	line = agent_line_home_release(RELEASE_REQUEST);
	if (desktop->link == NULL) { /* it is told at its hello */
		agent = vm_agent_path(desktop->engine->place, desktop->row->id);
		desktop->link = agent_link_new(desktop->engine->reactor, agent, desktop->row->id, agent_on_message, desktop);
	} else {
		agent_link_send(desktop->link, line);
	}
	return TRUE;
}

void
home_answered(Desktop *desktop, gint64 request, gboolean done, const char *text)
{
	g_autoptr(GError) error = NULL;

	if (request == RELEASE_REQUEST && desktop->home == HOME_RELEASED) {
		if (!done)
			g_message("desktop %s could not let go of the disk of %s: %s", desktop->row->id, desktop->row->user, text);
		let_go(desktop);
	}
	if (request != HOME_REQUEST || !home_is_wanted(desktop) || desktop->home != HOME_TOLD)
		return;
	g_clear_handle_id(&desktop->home_timer, g_source_remove);
	if (!done) {
		fail(desktop, text);
	} else if (!desktops_set_homed(desktop->engine->store, desktop->row, &error)) {
		fail(desktop, error->message);
	} else {
		desktop->home = HOME_NONE;
		desktop_mark(desktop);
	}
}

void
home_forget(Desktop *desktop)
{
	g_autoptr(GError) error = NULL;

	/* A row that is deleted next lets go of it with that. */
	if (desktop->row->home && desktop->row->state == DESKTOP_FAILED &&
		!desktops_set_home(desktop->engine->store, desktop->row, NULL, &error))
		g_warning("desktop %s: %s", desktop->row->id, error->message);
}
