/* Carries out what decide.c says. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "pools/engine-private.h"

#include <string.h>

static int
compare_age(gconstpointer a, gconstpointer b)
{
	const DesktopRow *x = (*(Desktop *const *)a)->row, *y = (*(Desktop *const *)b)->row;

	if (x->created != y->created)
		return x->created < y->created ? -1 : 1;
	return strcmp(x->id, y->id);
}

/* Desktops of @pool, oldest first. The array may outlive changes of the table: a desktop is not freed before the loop turns. */
static GPtrArray *
list(Engine *engine, const char *pool)
{
	GPtrArray *found = g_ptr_array_new();
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, engine->desktops);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		if (strcmp(((Desktop *)value)->row->pool, pool) == 0)
			g_ptr_array_add(found, value);
	}
	g_ptr_array_sort(found, compare_age);
	return found;
}

static guint
count(Engine *engine, gboolean (*is_one)(const Desktop *desktop))
{
	GHashTableIter iter;
	gpointer value;
	guint n = 0;

	g_hash_table_iter_init(&iter, engine->desktops);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		n += is_one(value);
	return n;
}

/* Boots use a CPU each from their first moment to the agent's word. */
static gboolean
boots(const Desktop *desktop)
{
	return desktop->booting || (desktop->row->state == DESKTOP_CLONING && desktop->begun && !desktop->parking);
}

static gboolean
boots_as_spare(const Desktop *desktop)
{
	return desktop->row->user == NULL && boots(desktop);
}

static gboolean
is_being_parked(const Desktop *desktop)
{
	return desktop->parking && desktop->busy;
}

/* Somebody looks at a page that says how far their clone is. */
static gboolean
is_waited_for(const Desktop *desktop)
{
	gboolean held = desktop->row->state == DESKTOP_ASSIGNED || desktop->row->state == DESKTOP_CLONING;

	return held && desktop->row->user && desktop->template && (desktop->busy || desktop->waking);
}

static gboolean
is_waiting(const Desktop *desktop)
{
	return desktop->row->state == DESKTOP_CLONING && desktop->row->user != NULL && !desktop->begun && !desktop->busy;
}

static void
begin_for_people(Engine *engine, Pool *pool)
{
	g_autoptr(GPtrArray) desktops = list(engine, pool->name);
	PoolCounts counts = pool_counts(engine, pool);
	guint under_way = count(engine, boots), waiting = 0, begin;

	for (guint i = 0; i < desktops->len; i++)
		waiting += is_waiting(desktops->pdata[i]);
	if (!counts.able)
		return;
	begin = decide_begin(&counts, waiting, DECIDE_USER_BOOTS > under_way ? DECIDE_USER_BOOTS - under_way : 0);
	for (guint i = 0; i < desktops->len && begin > 0; i++) {
		if (!is_waiting(desktops->pdata[i]))
			continue;
		effect_clone(desktops->pdata[i], pool);
		begin--;
	}
}

static void
retire(Engine *engine, Pool *pool, DesktopState state, gboolean stale, guint n)
{
	g_autoptr(GPtrArray) desktops = list(engine, pool->name);

	for (guint i = 0; i < desktops->len && n > 0; i++) {
		Desktop *desktop = desktops->pdata[i];

		if (desktop->row->state != state || desktop_is_stale(desktop, pool) != stale)
			continue;
		if (state == DESKTOP_PARKED && !stale && (desktop->busy || desktop->running))
			continue; /* it wakes */
		if (!desktop_throw_away(desktop, 0, stale ? "made from an older image or setting" : "not wanted any more"))
			return;
		n--;
	}
}

/* Spares that are still being made, of a pool that wants none; and of one whose file nobody knows, those that people wait for. */
static void
retire_unfinished(Engine *engine, Pool *pool)
{
	g_autoptr(GPtrArray) desktops = list(engine, pool->name);

	for (guint i = 0; i < desktops->len; i++) {
		Desktop *desktop = desktops->pdata[i];

		if (desktop->row->state == DESKTOP_CLONING && (desktop->row->user == NULL || pool->file == NULL))
			desktop_throw_away(desktop, 0, "not wanted any more");
	}
}

static void
wake_parked(Engine *engine, Pool *pool, guint n)
{
	g_autoptr(GPtrArray) desktops = list(engine, pool->name);

	for (guint i = 0; i < desktops->len && n > 0; i++) {
		Desktop *desktop = desktops->pdata[i];

		if (desktop->row->state != DESKTOP_PARKED || desktop_is_stale(desktop, pool) || desktop->busy || desktop->running)
			continue;
		effect_resume(desktop);
		n--;
	}
}

static void
clone_spares(Engine *engine, Pool *pool, guint n, gboolean park)
{
	g_autofree char *image = n > 0 ? image_reference(pool->image) : NULL;

	for (; n > 0; n--) {
		g_autoptr(GError) error = NULL;
		DesktopRow *row = desktops_insert(engine->store, pool->name, image, NULL, engine_now(), &error);

		if (row == NULL) {
			g_warning("pool %s: %s", pool->name, error->message);
			pool_failed(pool, error->message);
			return;
		}
		Desktop *desktop = desktop_new(engine, row);

		desktop->parking = park;
		effect_clone(desktop, pool);
	}
}

/* Old failures, and more of them than anyone reads. */
static void
forget_failures(Engine *engine, const char *pool)
{
	g_autoptr(GPtrArray) desktops = list(engine, pool);
	gint64 oldest = engine_now() - DECIDE_FAILED_KEEP_S;
	guint kept = 0;

	for (guint i = desktops->len; i-- > 0;) {
		Desktop *desktop = desktops->pdata[i];

		if (desktop->row->state != DESKTOP_FAILED || desktop->row->intent != DESKTOP_INTENT_NONE || desktop->busy)
			continue;
		if (desktop->row->changed < oldest || kept >= DECIDE_FAILED_KEEP_MAX)
			desktop_forget(desktop);
		else
			kept++;
	}
}

static void
plan_pool(Engine *engine, Pool *pool)
{
	PoolCounts counts;
	PoolPlan plan;
	guint spares, parkings;

	begin_for_people(engine, pool);
	counts = pool_counts(engine, pool);
	counts.somebody_waits = count(engine, is_waited_for) > 0;
	spares = count(engine, boots_as_spare);
	parkings = count(engine, is_being_parked);
	plan = decide_pool(&counts, DECIDE_SPARE_BOOTS > spares ? DECIDE_SPARE_BOOTS - spares : 0,
		DECIDE_PARKINGS > parkings ? DECIDE_PARKINGS - parkings : 0);
	retire(engine, pool, DESKTOP_READY, TRUE, plan.retire_stale);
	retire(engine, pool, DESKTOP_READY, FALSE, plan.retire);
	retire(engine, pool, DESKTOP_PARKED, TRUE, plan.retire_parked_stale);
	retire(engine, pool, DESKTOP_PARKED, FALSE, plan.retire_parked);
	if (counts.closing)
		retire_unfinished(engine, pool);
	wake_parked(engine, pool, plan.wake);
	clone_spares(engine, pool, plan.clone, FALSE);
	clone_spares(engine, pool, plan.park, TRUE);
	forget_failures(engine, pool->name);
	if (counts.retry_in_s > 0)
		plan_later(engine, counts.retry_in_s);
}

static gboolean
run_plan(gpointer data)
{
	Engine *engine = data;

	engine->plan_id = 0;
	if (!engine->reconciled)
		return G_SOURCE_REMOVE;
	templates_plan(engine);
	for (guint i = 0; i < engine->pools->len; i++)
		plan_pool(engine, engine->pools->pdata[i]);
	engine_check(engine);
	return G_SOURCE_REMOVE;
}

void
plan_soon(Engine *engine)
{
	if (engine->plan_id == 0)
		engine->plan_id = g_idle_add_full(G_PRIORITY_DEFAULT_IDLE, run_plan, engine, NULL);
}

static gboolean
on_later(gpointer data)
{
	Engine *engine = data;

	engine->plan_later_id = 0;
	plan_soon(engine);
	return G_SOURCE_REMOVE;
}

/* The nearest of several is enough: every plan asks anew for what is left. */
void
plan_later(Engine *engine, guint delay_s)
{
	if (engine->plan_later_id == 0)
		engine->plan_later_id = g_timeout_add_seconds(MIN(delay_s, 30), on_later, engine);
}
