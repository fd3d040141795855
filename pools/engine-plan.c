/* Carries out what decide.c says. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "pools/engine-private.h"

#include <string.h>

/* Of all pools in one turn of the loop: each is a write that waits for the disk, and everybody else waits for that. */
#define RETIRE_MAX 16

/* Desktops of @pool, oldest first. The array may outlive changes of the table: a desktop is not freed before the loop turns. */
static GPtrArray *
list(Engine *engine, const char *pool)
{
	GPtrArray *found = g_ptr_array_new();

	g_ptr_array_extend(found, (GPtrArray *)desktops_of_pool(engine, pool), NULL, NULL);
	g_ptr_array_sort(found, desktops_compare_age);
	return found;
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

/* What is under way on the host, for all pools. */
typedef struct {
	guint boots, spare_boots, parkings;
	guint retired; /* by this plan */
	gboolean somebody_waits;
} Load;

static Load
measure(Engine *engine)
{
	GHashTableIter iter;
	gpointer value;
	Load load = {0};

	g_hash_table_iter_init(&iter, engine->desktops);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		load.boots += boots(value);
		load.spare_boots += boots_as_spare(value);
		load.parkings += is_being_parked(value);
		load.somebody_waits |= is_waited_for(value);
	}
	return load;
}

static guint
left_of(guint most, guint used)
{
	return most > used ? most - used : 0;
}

static void
retire(Engine *engine, Pool *pool, Load *load, DesktopState state, gboolean stale, guint n)
{
	g_autoptr(GPtrArray) desktops = n > 0 ? list(engine, pool->name) : NULL;

	for (guint i = 0; n > 0 && i < desktops->len && load->retired < RETIRE_MAX; i++) {
		Desktop *desktop = desktops->pdata[i];

		if (desktop->row->state != state || desktop_is_stale(desktop, pool) != stale)
			continue;
		if (state == DESKTOP_PARKED && !stale && (desktop->busy || desktop->running))
			continue; /* it wakes */
		if (!desktop_throw_away(desktop, 0, stale ? "made from an older image or setting" : "not wanted any more"))
			return;
		load->retired++;
		n--;
	}
	if (n > 0 && load->retired == RETIRE_MAX)
		plan_pool_soon(engine, pool->name);
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
	g_autoptr(GPtrArray) desktops = n > 0 ? list(engine, pool->name) : NULL;

	for (guint i = 0; n > 0 && i < desktops->len; i++) {
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
		DesktopRow *row = desktops_insert(engine->store, pool->name, image, NULL, pool->file->kind == POOL_PERSISTENT, engine_now(),
			&error);

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
	gint64 oldest_us = g_get_monotonic_time() - G_USEC_PER_SEC * (gint64)DECIDE_FAILED_KEEP_S;
	guint kept = 0;

	for (guint i = desktops->len; i-- > 0;) {
		Desktop *desktop = desktops->pdata[i];

		if (desktop->row->state != DESKTOP_FAILED || desktop->row->intent != DESKTOP_INTENT_NONE || desktop->busy)
			continue;
		if (desktop->failed_us < oldest_us || kept >= DECIDE_FAILED_KEEP_MAX)
			desktop_forget(desktop);
		else
			kept++;
	}
}

static void
plan_homes(Engine *engine, const char *pool)
{
	const GPtrArray *desktops = desktops_of_pool(engine, pool);

	for (guint i = 0; i < desktops->len; i++)
		home_plan(desktops->pdata[i]);
}

static void
plan_pool(Engine *engine, Pool *pool, Load *load)
{
	PoolCounts counts;
	PoolPlan plan;
	guint spares = left_of(DECIDE_SPARE_BOOTS, load->spare_boots), parkings = left_of(DECIDE_PARKINGS, load->parkings);

	pool->changed = FALSE;
	load->boots += people_plan(engine, pool, left_of(DECIDE_USER_BOOTS, load->boots));
	counts = pool_counts(engine, pool);
	counts.somebody_waits = load->somebody_waits;
	plan = decide_pool(&counts, spares, parkings);
	retire(engine, pool, load, DESKTOP_READY, TRUE, plan.retire_stale);
	retire(engine, pool, load, DESKTOP_READY, FALSE, plan.retire);
	retire(engine, pool, load, DESKTOP_PARKED, TRUE, plan.retire_parked_stale);
	retire(engine, pool, load, DESKTOP_PARKED, FALSE, plan.retire_parked);
	if (counts.closing)
		retire_unfinished(engine, pool);
	wake_parked(engine, pool, plan.wake);
	clone_spares(engine, pool, plan.clone, FALSE);
	clone_spares(engine, pool, plan.park, TRUE);
	load->boots += plan.clone;
	load->spare_boots += plan.clone;
	load->parkings += plan.park;
	/* What is there already, and comes, changes the pool when it does; who waits for a place on the host is told by nobody. */
	pool->wants = counts.somebody_waits || counts.waiting > 0 || plan.clone == spares || plan.park == parkings;
	plan_homes(engine, pool->name);
	forget_failures(engine, pool->name);
	if (counts.retry_in_s > 0)
		plan_later(engine, counts.retry_in_s);
}

static void
rate_claims(Pool *pool, gint64 now_us)
{
	if (pool->rated_us > 0)
		pool->claim_rate = decide_claim_rate(pool->claim_rate, (double)(now_us - pool->rated_us) / G_USEC_PER_SEC, pool->claims);
	pool->rated_us = now_us;
	pool->claims = 0;
}

typedef struct {
	Pool *pool;
	gboolean people; /* wait for it */
	double runs_out_s;
} Turn;

static int
compare_turns(gconstpointer a, gconstpointer b)
{
	const Turn *x = a, *y = b;

	if (x->people != y->people)
		return x->people ? -1 : 1;
	return x->runs_out_s < y->runs_out_s ? -1 : x->runs_out_s > y->runs_out_s;
}

/* The pools that there is something to do for, the most urgent first: all want the same few places on the host. */
static GArray *
take_turns(Engine *engine)
{
	GArray *turns = g_array_new(FALSE, FALSE, sizeof(Turn));
	gint64 now_us = g_get_monotonic_time();

	for (guint i = 0; i < engine->pools->len; i++) {
		Pool *pool = engine->pools->pdata[i];
		PoolCounts counts;

		if (!pool->changed && !pool->wants)
			continue;
		rate_claims(pool, now_us);
		counts = pool_counts(engine, pool);
		Turn turn = {pool, counts.waiting > 0, decide_runs_out_s(&counts, pool->claim_rate)};

		g_array_append_val(turns, turn);
	}
	g_array_sort(turns, compare_turns);
	return turns;
}

static gboolean
run_plan(gpointer data)
{
	Engine *engine = data;
	g_autoptr(GArray) turns = NULL;
	Load load;

	engine->plan_id = 0;
	if (!engine->reconciled)
		return G_SOURCE_REMOVE;
	templates_plan(engine);
	turns = take_turns(engine);
	load = measure(engine);
	for (guint i = 0; i < turns->len; i++) {
		Pool *pool = g_array_index(turns, Turn, i).pool;

		plan_pool(engine, pool, &load);
		engine_check(engine, pool->name);
	}
	return G_SOURCE_REMOVE;
}

static void
run_soon(Engine *engine)
{
	if (engine->plan_id == 0)
		engine->plan_id = g_idle_add_full(G_PRIORITY_DEFAULT_IDLE, run_plan, engine, NULL);
}

void
plan_pool_soon(Engine *engine, const char *name)
{
	Pool *pool = name ? pools_find(engine, name) : NULL;

	if (pool)
		pool->changed = TRUE;
	run_soon(engine);
}

void
plan_soon(Engine *engine)
{
	for (guint i = 0; i < engine->pools->len; i++)
		((Pool *)engine->pools->pdata[i])->changed = TRUE;
	run_soon(engine);
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
