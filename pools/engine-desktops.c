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
	GPtrArray *of_pool = g_hash_table_lookup(engine->by_pool, row->pool);

	desktop->engine = engine;
	desktop->row = row;
	desktop->failed_us = g_get_monotonic_time() - MAX(0, engine_now() - row->changed) * G_USEC_PER_SEC;
	desktop->domain = g_strconcat(DOMAIN_NAME_PREFIX, row->id, NULL);
	desktop->stop_detail = -1;
	desktop->asked_us = g_get_monotonic_time();
	g_hash_table_insert(engine->desktops, row->id, desktop);
	g_hash_table_insert(engine->by_uuid, g_ascii_strdown(row->uuid, -1), desktop);
	if (of_pool == NULL) {
		of_pool = g_ptr_array_new();
		g_hash_table_insert(engine->by_pool, g_strdup(row->pool), of_pool);
	}
	g_ptr_array_add(of_pool, desktop);
	return desktop;
}

int
desktops_compare_age(gconstpointer a, gconstpointer b)
{
	const Desktop *x = *(Desktop *const *)a, *y = *(Desktop *const *)b;

	return x->row->turn < y->row->turn ? -1 : x->row->turn > y->row->turn;
}

static void
stop_watching(Desktop *desktop)
{
	g_clear_handle_id(&desktop->boot_id, g_source_remove);
	g_clear_handle_id(&desktop->retry_id, g_source_remove);
	g_clear_handle_id(&desktop->home_timer, g_source_remove);
	g_clear_handle_id(&desktop->down_timer, g_source_remove);
	g_clear_handle_id(&desktop->plug_id, g_source_remove);
	g_clear_pointer(&desktop->link, agent_link_free);
	desktop->booting = desktop->waking = desktop->disk_gone = FALSE;
	desktop->home = HOME_NONE;
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
	g_free(desktop->network_fault);
	g_free(desktop);
}

Desktop *
desktops_by_uuid(Engine *engine, const char *uuid)
{
	g_autofree char *key = g_ascii_strdown(uuid, -1);

	return g_hash_table_lookup(engine->by_uuid, key);
}

const GPtrArray *
desktops_of_pool(Engine *engine, const char *pool)
{
	static const GPtrArray none;
	const GPtrArray *found = g_hash_table_lookup(engine->by_pool, pool);

	return found ? found : &none;
}

void
desktop_leave(Desktop *desktop)
{
	Engine *engine = desktop->engine;
	g_autofree char *uuid = g_ascii_strdown(desktop->row->uuid, -1);

	stop_watching(desktop);
	g_ptr_array_remove_fast(g_hash_table_lookup(engine->by_pool, desktop->row->pool), desktop);
	g_hash_table_remove(engine->by_uuid, uuid);
	g_hash_table_steal(engine->desktops, desktop->row->id);
	desktop->gone = TRUE;
	desktop_mark(desktop);
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

gboolean
desktop_has_disk(const Desktop *desktop)
{
	g_autofree char *path = vm_overlay_path(desktop->engine->place, desktop->row->id, desktop->row->kept);

	return g_file_test(path, G_FILE_TEST_EXISTS);
}

static const char *
step_of(const Desktop *desktop)
{
	if (desktop->step)
		return desktop->step;
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
		if (desktop->disk_gone)
			return "Its disk was removed: do not turn it off, and tell your administrator";
		if (!desktop->running)
			return desktop->busy ? "Cloning" : desktop->engine->reconciled ? "Stopped" : "Waiting for the host";
		if (desktop->waking)
			return "Making it yours";
		if (home_is_wanted(desktop))
			return home_step(desktop);
		return desktop->booting ? "Waiting for the agent" : "Ready";
	case DESKTOP_OFF:
		return "Turned off";
	case DESKTOP_STARTING:
		return "Starting";
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
	DesktopView *view = &desktop->view;

	*view = (DesktopView){
		.id = row->id,
		.pool = row->pool,
		.uuid = row->uuid,
		.domain = desktop->domain,
		.image = row->image,
		.note = desktop->network_fault ? desktop->network_fault : row->note,
		.state = desktop->gone ? "gone" : desktop_state_word(row->state),
		.user = row->user,
		.usable = row->state == DESKTOP_ASSIGNED && desktop->running && !desktop->waking && !desktop->gone &&
			  !home_is_wanted(desktop),
		.agent = row->agent,
		.kept = row->kept,
		.home = row->homed,
		.created = row->created,
		.changed = row->changed,
		.assigned = row->assigned,
		.started_us = desktop->started_us,
		.step = desktop->gone ? "Gone" : step_of(desktop),
	};
	if (!desktop->gone)
		people_place(desktop->engine, desktop, &view->queue_place, &view->queue_length);
	return view;
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
desktop_is_held(const Desktop *desktop)
{
	switch (desktop->row->state) {
	case DESKTOP_CLONING:
		return desktop->row->user != NULL;
	case DESKTOP_ASSIGNED:
	case DESKTOP_OFF:
	case DESKTOP_STARTING:
		return TRUE;
	default:
		return FALSE;
	}
}

gboolean
desktop_is_waiting(const Desktop *desktop)
{
	return desktop->row->state == DESKTOP_CLONING && desktop->row->user != NULL && !desktop->begun && !desktop->busy;
}

static gboolean
move(Desktop *desktop, const LifeStep *step, const char *note)
{
	g_autoptr(GError) error = NULL;
	Store *store = desktop->engine->store;

	if (step->to == desktop->row->state ? desktops_set_intent(store, desktop->row, step->intent, &error)
					    : desktops_move(store, desktop->row, step->to, step->intent, note, engine_now(), &error))
		return TRUE;
	g_warning("desktop %s: %s", desktop->row->id, error->message);
	/* The table could not be written: look again when it may be. */
	reconcile_soon(desktop->engine, 5000);
	return FALSE;
}

static void
carry_out(Desktop *desktop, LifeAction action)
{
	switch (action) {
	case LIFE_NOTHING:
		break;
	case LIFE_WATCH:
		desktop_runs(desktop);
		break;
	case LIFE_RESUME:
		if (!desktop->busy)
			effect_resume(desktop);
		break;
	case LIFE_AGAIN:
		desktop->begun = FALSE;
		if (desktop->row->state == DESKTOP_STARTING)
			people_start_again(desktop);
		break;
	case LIFE_DESTROY:
		if (desktop->busy || home_release(desktop))
			break;
		stop_watching(desktop);
		effect_destroy(desktop);
		break;
	case LIFE_FORGET:
		desktop_forget(desktop);
		break;
	}
}

static gboolean
apply(Desktop *desktop, LifeEvent event, guint16 code, const char *why)
{
	const DesktopRow *row = desktop->row;
	const Life life = {row->state, row->intent, row->user != NULL, row->kept, desktop->template != NULL, desktop->running, row->agent};
	const LifeStep step = lifecycle_step(&life, event);
	Engine *engine = desktop->engine;
	Pool *pool;

	if (event == LIFE_MISSED || event == LIFE_SHUT_DOWN || event == LIFE_CLEARED) {
		desktop->running = FALSE;
		stop_watching(desktop);
	} else if (event == LIFE_SEEN && desktop_is_ours_to_end(desktop)) {
		desktop->running = TRUE;
	}
	if (step.moves && !move(desktop, &step, why))
		return FALSE;
	/* After the row says so, nobody can be let in again; before the VM is touched, everybody is out. */
	if (step.moves && life.state == DESKTOP_ASSIGNED && step.to != DESKTOP_ASSIGNED)
		engine->events.on_end_clients(row->id, code, engine->events.data);
	if (step.moves && step.to == DESKTOP_FAILED && life.state != DESKTOP_FAILED) {
		desktop->failed_us = g_get_monotonic_time();
		g_warning("desktop %s failed: %s", row->id, why);
		pool = life.state == DESKTOP_ASSIGNED ? NULL : pools_find(engine, row->pool);
		if (pool)
			pool_failed(pool, why);
	}
	if (step.moves || step.action != LIFE_NOTHING) {
		desktop_mark(desktop);
		plan_pool_soon(engine, row->pool);
	}
	carry_out(desktop, step.action);
	return TRUE;
}

gboolean
desktop_apply(Desktop *desktop, LifeEvent event, const char *why)
{
	return apply(desktop, event, CLOSE_STOPPED, why);
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
		desktop_apply(desktop, LIFE_BROKEN, "it was cloned, and its agent did not answer");
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
	plan_pool_soon(desktop->engine, desktop->row->pool);
}

void
desktop_runs(Desktop *desktop)
{
	gboolean changed = !desktop->running;

	desktop->running = TRUE;
	desktop->begun = TRUE;
	if (desktop->link == NULL) {
		g_autofree char *agent = vm_agent_path(desktop->engine->place, desktop->row->id);

		desktop->link = agent_link_new(desktop->engine->reactor, agent, desktop->row->id, agent_on_message, desktop);
	}
	if (changed && desktop->template) {
		wake(desktop);
	} else if (changed && (desktop->row->state == DESKTOP_CLONING || desktop->row->kept)) {
		desktop->booting = TRUE;
		desktop->boot_id = g_timeout_add_seconds(DECIDE_AGENT_WAIT_S, on_boot_deadline, desktop);
	}
	if (changed) {
		desktop_mark(desktop);
		plan_pool_soon(desktop->engine, desktop->row->pool);
	}
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
	desktop_apply(desktop, LIFE_UP, note);
	desktop_mark(desktop);
	plan_pool_soon(desktop->engine, desktop->row->pool);
}

/* QEMU has it open as long as it runs; the name is what the next start goes by. */
static void
check_kept_disk(Desktop *desktop, gboolean there)
{
	if (desktop->disk_gone == !there)
		return;
	desktop->disk_gone = !there;
	if (!there)
		g_warning("the disk of %s was removed while it is used: what is in it is lost as soon as it is off. Save it first: "
			  "virsh blockcopy %s vda --shallow --wait --finish --transient-job --dest FILE; then stop it, and give FILE the name %s.qcow2",
			desktop->row->id, desktop->domain, desktop->row->id);
	desktop_mark(desktop);
}

void
desktops_check_disks(Engine *engine)
{
	g_autoptr(GList) desktops = engine->local ? g_hash_table_get_values(engine->desktops) : NULL;

	for (GList *item = desktops; item != NULL; item = item->next) {
		Desktop *desktop = item->data;
		const DesktopRow *row = desktop->row;
		gboolean kept = row->kept && row->state == DESKTOP_ASSIGNED && desktop->running;

		if (kept)
			check_kept_disk(desktop, desktop_has_disk(desktop));
		else if (row->state == DESKTOP_PARKED && !desktop->busy && !desktop->running && !desktop_has_disk(desktop))
			desktop_apply(desktop, LIFE_BROKEN, "somebody removed its overlay");
	}
}

static const char *
why_stopped(const Desktop *desktop)
{
	if (desktop->damaged && desktop->stop_detail != VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN)
		return "its VM ended: the template that it was cloned from was damaged under it";
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
	gboolean never_ran = desktop->row->state == DESKTOP_CLONING && !desktop->running;

	/* QEMU gets SIGBUS where a file that it has mapped was cut off. */
	if (desktop->template && desktop->stop_detail == VIR_DOMAIN_EVENT_STOPPED_FAILED)
		templates_check(desktop->engine);
	desktop_apply(desktop, desktop->stop_detail == VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN ? LIFE_SHUT_DOWN : LIFE_MISSED,
		never_ran ? "its making was broken off" : why_stopped(desktop));
}

gboolean
desktop_throw_away(Desktop *desktop, guint16 code, const char *why)
{
	return apply(desktop, LIFE_UNWANTED, code, why);
}

gboolean
desktop_discard(Desktop *desktop, guint16 code, const char *why)
{
	return apply(desktop, LIFE_DISCARDED, code, why);
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
	desktop_leave(desktop);
	plan_pool_soon(desktop->engine, desktop->row->pool);
}
