/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "pools/engine-private.h"

#include "broker/common/error.h"

#include <string.h>

#define CLOSE_STOPPED 4009

gint64
engine_now(void)
{
	return g_get_real_time() / G_USEC_PER_SEC;
}

Desktop *
desktop_new(Engine *engine, DesktopRow *row)
{
	Desktop *desktop = g_new0(Desktop, 1);

	desktop->engine = engine;
	desktop->row = row;
	desktop->domain = g_strconcat(DOMAIN_NAME_PREFIX, row->id, NULL);
	desktop->stop_detail = -1;
	g_hash_table_insert(engine->desktops, row->id, desktop);
	return desktop;
}

static void
stop_watching(Desktop *desktop)
{
	g_clear_handle_id(&desktop->boot_id, g_source_remove);
	g_clear_handle_id(&desktop->retry_id, g_source_remove);
	g_clear_pointer(&desktop->link, agent_link_free);
	desktop->booting = desktop->waking = FALSE;
}

void
desktop_free(gpointer data)
{
	Desktop *desktop = data;

	stop_watching(desktop);
	desktop_row_free(desktop->row);
	g_free(desktop->domain);
	g_free(desktop->config);
	g_free(desktop->template);
	g_free(desktop);
}

/* Said on the next turn of the loop: whoever hears of it may call any function of the engine, which must not happen in the
 * middle of one. */
static gboolean
say_changes(gpointer data)
{
	Engine *engine = data;
	Desktop *desktop;

	engine->changed_id = 0;
	for (guint n = g_queue_get_length(&engine->changed); n > 0; n--) {
		desktop = g_queue_pop_head(&engine->changed);
		if (desktop == NULL)
			break;
		desktop->dirty = FALSE;
		engine->events.on_change(desktop_view(desktop), engine->events.data);
		if (desktop->gone)
			desktop_free(desktop);
	}
	return G_SOURCE_REMOVE;
}

void
desktop_mark(Desktop *desktop)
{
	Engine *engine = desktop->engine;

	if (!desktop->dirty) {
		desktop->dirty = TRUE;
		g_queue_push_tail(&engine->changed, desktop);
	}
	if (engine->changed_id == 0)
		engine->changed_id = g_idle_add_full(G_PRIORITY_DEFAULT, say_changes, engine, NULL);
}

static const char *
step_of(const Desktop *desktop)
{
	switch (desktop->row->state) {
	case DESKTOP_CLONING:
		if (desktop->waking)
			return "Making it yours";
		return !desktop->begun ? "Waiting for a place" : desktop->running ? "Booting" : "Cloning";
	case DESKTOP_PARKED:
		return "Parked";
	case DESKTOP_READY:
		return "Ready";
	case DESKTOP_ASSIGNED:
		if (!desktop->running)
			return desktop->busy ? "Cloning" : desktop->engine->reconciled ? "Stopped" : "Waiting for the host";
		if (desktop->waking)
			return "Making it yours";
		return desktop->booting ? "Waiting for the agent" : "Ready";
	case DESKTOP_RESETTING:
	case DESKTOP_RETIRED:
		return "Being thrown away";
	default:
		return "Failed";
	}
}

const DesktopView *
desktop_view(Desktop *desktop)
{
	const DesktopRow *row = desktop->row;

	desktop->view = (DesktopView){
		.id = row->id,
		.pool = row->pool,
		.uuid = row->uuid,
		.domain = desktop->domain,
		.image = row->image,
		.note = row->note,
		.state = desktop->gone ? "gone" : desktop_state_word(row->state),
		.user = row->user,
		.usable = row->state == DESKTOP_ASSIGNED && desktop->running && !desktop->waking && !desktop->gone,
		.agent = row->agent,
		.created = row->created,
		.changed = row->changed,
		.assigned = row->assigned,
		.started_us = desktop->started_us,
		.step = desktop->gone ? "Gone" : step_of(desktop),
	};
	return &desktop->view;
}

gboolean
desktop_is_stale(const Desktop *desktop, const Pool *pool)
{
	return pool->config != NULL && desktop->config != NULL && strcmp(pool->config, desktop->config) != 0;
}

gboolean
desktop_is_ours_to_end(const Desktop *desktop)
{
	return desktop->row->state == DESKTOP_RESETTING || desktop->row->state == DESKTOP_RETIRED ||
	       (desktop->row->state == DESKTOP_FAILED && desktop->row->intent == DESKTOP_INTENT_DESTROY);
}

gboolean
desktop_become(Desktop *desktop, DesktopState state, DesktopIntent intent, const char *note)
{
	g_autoptr(GError) error = NULL;

	if (!desktops_move(desktop->engine->store, desktop->row, state, intent, note, engine_now(), &error)) {
		g_warning("desktop %s: %s", desktop->row->id, error->message);
		/* The table could not be written: look again when it may be. */
		reconcile_soon(desktop->engine, 5000);
		return FALSE;
	}
	desktop_mark(desktop);
	plan_soon(desktop->engine);
	return TRUE;
}

static gboolean
on_boot_deadline(gpointer data)
{
	Desktop *desktop = data;

	desktop->boot_id = 0;
	if (!desktop->waking) {
		desktop_came_up(desktop, "no agent");
	} else if (desktop->row->agent) {
		/* It was an individual for an earlier process of the broker, and somebody may be at work in it. */
		desktop->waking = FALSE;
		desktop_mark(desktop);
	} else {
		templates_blame(desktop->engine, desktop->template, "its agent did not answer");
		desktop_fail(desktop, "it was cloned, and its agent did not answer");
	}
	return G_SOURCE_REMOVE;
}

/* A clone is its template until it has been told who it is, and has no network before. */
static void
wake(Desktop *desktop)
{
	desktop->waking = TRUE;
	desktop->said_ready = FALSE;
	desktop->boot_id = g_timeout_add_seconds(DECIDE_WAKE_S, on_boot_deadline, desktop);
}

void
desktop_is_individual(Desktop *desktop)
{
	if (!desktop->waking)
		return;
	desktop->waking = FALSE;
	g_clear_handle_id(&desktop->boot_id, g_source_remove);
	if (desktop->said_ready)
		desktop_came_up(desktop, NULL);
	else
		desktop->boot_id = g_timeout_add_seconds(DECIDE_AGENT_WAIT_S, on_boot_deadline, desktop);
	desktop_mark(desktop);
	plan_soon(desktop->engine);
}

void
desktop_runs(Desktop *desktop)
{
	gboolean changed = !desktop->running;

	desktop->running = TRUE;
	desktop->begun = TRUE;
	if (desktop->link == NULL) {
		g_autofree char *agent = vm_agent_path(desktop->engine->place, desktop->row->id);

		desktop->link = agent_link_new(agent, desktop->row->id, agent_on_message, desktop);
	}
	if (changed && desktop->template) {
		wake(desktop);
	} else if (changed && desktop->row->state == DESKTOP_CLONING) {
		desktop->booting = TRUE;
		desktop->boot_id = g_timeout_add_seconds(DECIDE_AGENT_WAIT_S, on_boot_deadline, desktop);
	}
	if (changed)
		desktop_mark(desktop);
}

/* Its agent has spoken (@note NULL), or will not. */
void
desktop_came_up(Desktop *desktop, const char *note)
{
	Pool *pool = pools_find(desktop->engine, desktop->row->pool);

	g_clear_handle_id(&desktop->boot_id, g_source_remove);
	desktop->booting = FALSE;
	if (pool)
		pool_succeeded(pool);
	if ((desktop->row->state == DESKTOP_CLONING || desktop->row->state == DESKTOP_PARKED) && desktop->running &&
		desktop->row->user == NULL)
		desktop_become(desktop, DESKTOP_READY, DESKTOP_INTENT_NONE, note);
	desktop_mark(desktop);
	plan_soon(desktop->engine);
}

static const char *
why_stopped(const Desktop *desktop)
{
	switch (desktop->stop_detail) {
	case VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN:
		return "it was shut down from within";
	case VIR_DOMAIN_EVENT_STOPPED_CRASHED:
		return "its VM crashed";
	case VIR_DOMAIN_EVENT_STOPPED_DESTROYED:
		return "its VM was ended from outside Carrel";
	case VIR_DOMAIN_EVENT_STOPPED_FAILED:
		return "its VM was ended by QEMU or libvirt (the kernel's out-of-memory killer, perhaps)";
	default:
		return "its VM was found gone (was the host restarted?)";
	}
}

void
desktop_stopped(Desktop *desktop)
{
	const char *why = why_stopped(desktop);
	gboolean by_guest = desktop->stop_detail == VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN;
	DesktopState state = desktop->row->state;

	desktop->running = FALSE;
	stop_watching(desktop);
	desktop_mark(desktop);
	if (state == DESKTOP_ASSIGNED)
		desktop->engine->events.on_end_clients(desktop->row->id, CLOSE_STOPPED, desktop->engine->events.data);
	if (state == DESKTOP_ASSIGNED && by_guest) {
		desktop_become(desktop, DESKTOP_RESETTING, DESKTOP_INTENT_DESTROY, why);
	} else if (state == DESKTOP_ASSIGNED) {
		desktop_become(desktop, DESKTOP_FAILED, DESKTOP_INTENT_DESTROY, why);
	} else if (state == DESKTOP_CLONING || state == DESKTOP_READY || state == DESKTOP_PARKED) {
		desktop_fail(desktop, why);
		return;
	}
	if (!desktop->busy && desktop_is_ours_to_end(desktop))
		effect_destroy(desktop);
}

void
desktop_fail(Desktop *desktop, const char *why)
{
	Pool *pool = pools_find(desktop->engine, desktop->row->pool);

	g_warning("desktop %s failed: %s", desktop->row->id, why);
	if (pool)
		pool_failed(pool, why);
	if (desktop_become(desktop, DESKTOP_FAILED, DESKTOP_INTENT_DESTROY, why) && !desktop->busy)
		effect_destroy(desktop);
}

gboolean
desktop_throw_away(Desktop *desktop, guint16 code, const char *why)
{
	gboolean used = desktop->row->user != NULL;

	if (desktop->row->state == DESKTOP_FAILED && desktop->row->intent == DESKTOP_INTENT_NONE) {
		desktop_forget(desktop);
		return TRUE;
	}
	if (desktop_is_ours_to_end(desktop))
		return TRUE;
	if (!desktop_become(desktop, used ? DESKTOP_RESETTING : DESKTOP_RETIRED, DESKTOP_INTENT_DESTROY, why))
		return FALSE;
	/* After the row says so, nobody can be let in again; before the VM is touched, everybody is out. */
	if (used)
		desktop->engine->events.on_end_clients(desktop->row->id, code, desktop->engine->events.data);
	stop_watching(desktop);
	if (!desktop->busy)
		effect_destroy(desktop);
	return TRUE;
}

void
desktop_forget(Desktop *desktop)
{
	g_autoptr(GError) error = NULL;

	if (!desktops_delete(desktop->engine->store, desktop->row, &error)) {
		g_warning("desktop %s: %s", desktop->row->id, error->message);
		reconcile_soon(desktop->engine, 5000);
		return;
	}
	stop_watching(desktop);
	g_hash_table_steal(desktop->engine->desktops, desktop->row->id);
	desktop->gone = TRUE;
	desktop_mark(desktop);
	plan_soon(desktop->engine);
}
