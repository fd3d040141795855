/* Who gets which desktop, and who waits for one. A person who waits has a row already (cloning, and not begun): those of a pool, oldest
 * first, are its queue, which a restart of the broker does not lose. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "pools/engine-private.h"

#include "broker/common/error.h"

#include <string.h>

/* Whoever has not asked for so long has gone away. Long enough for a page in the background, whose timers browsers slow down. */
#define ASKED_LAST_S 180
#define ALIASES_MAX 10000

/* A clean desktop for somebody: a ready one, a fresh one first; else the one that was begun first. */
static Desktop *
choose_spare(Engine *engine, const Pool *pool)
{
	Desktop *best = NULL;
	int best_rank = 0;
	const GPtrArray *desktops = desktops_of_pool(engine, pool->name);

	for (guint i = 0; i < desktops->len; i++) {
		Desktop *desktop = desktops->pdata[i];
		const DesktopRow *row = desktop->row;
		gboolean fresh = !desktop_is_stale(desktop, pool);
		int rank = 0;

		if (row->user != NULL || row->kept != (pool->file && pool->file->kind == POOL_PERSISTENT))
			continue;
		/* One that was heard to stop is looked at in a moment, and nobody's until then. */
		if (row->state == DESKTOP_READY && desktop->running && !desktop->busy && desktop->stop_detail < 0)
			rank = fresh ? 5 : 3;
		else if (row->state == DESKTOP_PARKED && fresh && desktop->stop_detail < 0 &&
			 (desktop->running || (!desktop->busy && desktop_has_disk(desktop))))
			rank = 4; /* one that does not run yet opens its disk when it is let run */
		else if (row->state == DESKTOP_CLONING && desktop->begun)
			rank = fresh ? 2 : 1;
		if (rank > best_rank ||
			(rank > 0 && rank == best_rank && desktop->started_us < best->started_us)) {
			best = desktop;
			best_rank = rank;
		}
	}
	return best;
}

static void serve_waiting(Engine *engine, Pool *pool);

static gboolean
assign_row(Desktop *desktop, const char *user, GError **error)
{
	gboolean cloning = desktop->row->state == DESKTOP_CLONING && !desktop->running;

	return desktops_assign(desktop->engine->store, desktop->row, cloning ? DESKTOP_CLONING : DESKTOP_ASSIGNED, user, engine_now(),
		error);
}

/* Its row says whose it is. */
static void
hand_out(Desktop *desktop)
{
	if (desktop->row->state == DESKTOP_ASSIGNED && !desktop->running && !desktop->busy)
		effect_resume(desktop);
	agent_tell_user(desktop);
	home_plan(desktop);
	desktop_mark(desktop);
	plan_pool_soon(desktop->engine, desktop->row->pool);
}

static void
say_unable(const Pool *pool, GError **error)
{
	g_set_error(error, CARREL_ERROR, CARREL_ERROR_CONFIG, "the pool %s can make no desktop: %s", pool->name,
		pool->obstacle	? pool->obstacle
		: pool->fault	? pool->fault
		: pool->file	? "its host is not known yet"
				: "its file is gone");
}

/* Whatever its image is now: a desktop that is kept has its own. */
static gboolean
check_startable(const Engine *engine, const Pool *pool, GError **error)
{
	if (pool->file && engine->facts)
		return TRUE;
	say_unable(pool, error);
	return FALSE;
}

static gboolean
may_order(Engine *engine, const Pool *pool, GError **error)
{
	PoolCounts counts = pool_counts(engine, pool);

	if (!counts.able) {
		say_unable(pool, error);
		return FALSE;
	}
	if (!decide_may_claim(&counts)) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_EXHAUSTED,
			counts.queue > 0 ? "all %u desktops that the pool %s may have are in use, and %u people wait for one already"
					 : "all %u desktops that the pool %s may have are in use",
			counts.max, pool->name, counts.waiting);
		return FALSE;
	}
	if (counts.retry_in_s > 0 && decide_room(&counts) > counts.waiting) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_BUSY, "the pool %s tries again in %u s: %s", pool->name,
			counts.retry_in_s, pool->last_failure ? pool->last_failure : "a desktop could not be made");
		return FALSE;
	}
	return TRUE;
}

static const DesktopView *
order_new(Engine *engine, const Pool *pool, const char *user, const char *image, GError **error)
{
	DesktopRow *row = desktops_insert(engine->store, pool->name, image, user, pool->file->kind == POOL_PERSISTENT, engine_now(), error);
	Desktop *desktop;

	if (row == NULL)
		return NULL;
	desktop = desktop_new(engine, row);
	desktop->started_us = g_get_monotonic_time();
	desktop_mark(desktop);
	plan_pool_soon(engine, pool->name);
	return desktop_view(desktop);
}

void
people_say_held(const Desktop *desktop, GError **error)
{
	g_set_error(error, CARREL_ERROR, CARREL_ERROR_BUSY, "the desktop %s is being exported: try again in a moment", desktop->row->id);
}

/* One that is kept, and off. */
static gboolean
start(Desktop *desktop, Pool *pool, GError **error)
{
	const Engine *engine = desktop->engine;

	if (desktop->hold) {
		people_say_held(desktop, error);
		return FALSE;
	}
	if (desktop->busy)
		return TRUE;
	if (!check_startable(engine, pool, error) ||
		!desktops_move(engine->store, desktop->row, DESKTOP_STARTING, DESKTOP_INTENT_START, "", engine_now(), error))
		return FALSE;
	effect_start(desktop, pool);
	return TRUE;
}

void
people_start_again(Desktop *desktop)
{
	Pool *pool = pools_find(desktop->engine, desktop->row->pool);
	g_autoptr(GError) error = NULL;

	if (pool == NULL)
		desktop_apply(desktop, LIFE_BROKEN, "its pool is gone");
	else if (!check_startable(desktop->engine, pool, &error))
		desktop_apply(desktop, LIFE_BROKEN, error->message);
	else
		effect_start(desktop, pool);
}

static gboolean
check_pool(Engine *engine, const Pool *pool, const char *name, GError **error)
{
	if (pool == NULL || !pool->present) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_NOT_FOUND, "there is no pool %s", name);
		return FALSE;
	}
	if (pool->draining) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_EXHAUSTED, "the pool %s is drained: it hands out no desktops now", name);
		return FALSE;
	}
	if (!engine_is_connected(engine)) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_BUSY, "libvirt is away: %s",
			host_trouble(engine->host) ? host_trouble(engine->host) : "it is being asked what runs");
		return FALSE;
	}
	if (engine->contradiction) {
		g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_FAILED, "no desktop is handed out: the broker's log says why");
		return FALSE;
	}
	return TRUE;
}

static Desktop *
held_by(Engine *engine, const char *pool, const char *user)
{
	const GPtrArray *desktops = desktops_of_pool(engine, pool);

	for (guint i = 0; i < desktops->len; i++) {
		Desktop *desktop = desktops->pdata[i];

		if (desktop_is_held(desktop) && g_strcmp0(desktop->row->user, user) == 0)
			return desktop;
	}
	return NULL;
}

const DesktopView *
engine_claim(Engine *engine, const char *name, const char *user, GError **error)
{
	Pool *pool = pools_find(engine, name);
	Desktop *held = held_by(engine, name, user), *spare;

	if (held != NULL) {
		held->asked_us = g_get_monotonic_time();
		if (held->row->state == DESKTOP_OFF && (!check_pool(engine, pool, name, error) || !start(held, pool, error)))
			return NULL;
		return desktop_view(held);
	}
	if (!check_pool(engine, pool, name, error))
		return NULL;
	pool->claims++;
	serve_waiting(engine, pool);
	spare = choose_spare(engine, pool);
	if (spare == NULL) {
		g_autofree char *image = NULL;

		if (!may_order(engine, pool, error))
			return NULL;
		image = image_reference(pool->image);
		return order_new(engine, pool, user, image, error);
	}
	if (!assign_row(spare, user, error))
		return NULL;
	hand_out(spare);
	return desktop_view(spare);
}

const DesktopView *
engine_hold(Engine *engine, const char *id, char **disk, GError **error)
{
	Desktop *desktop = people_find(engine, id);

	if (desktop == NULL)
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_NOT_FOUND, "there is no desktop %s", id);
	else if (!desktop->row->kept || desktop->row->user == NULL)
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_INVALID, "the desktop %s is not of a persistent pool: nothing of it is kept", id);
	else if (desktop->row->state != DESKTOP_OFF || desktop->busy)
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_BUSY, "the desktop %s is not off (%s): carrel desktop stop %s first, and wait until it is",
			id, desktop_state_word(desktop->row->state), id);
	else {
		desktop->hold++;
		*disk = vm_overlay_path(engine->place, desktop->row->id, TRUE);
		return desktop_view(desktop);
	}
	return NULL;
}

void
engine_release_hold(Engine *engine, const char *id)
{
	Desktop *desktop = g_hash_table_lookup(engine->desktops, id);

	if (desktop && desktop->hold > 0)
		desktop->hold--;
}

/* NAME of NAME, or of NAME@VERSION. */
static gboolean
is_same_image(const char *one, const char *other)
{
	gsize length = strcspn(one, "@");

	return strcspn(other, "@") == length && strncmp(one, other, length) == 0;
}

static gboolean
check_import(Engine *engine, const Pool *pool, const char *user, const char *image, GError **error)
{
	const Desktop *held = held_by(engine, pool->name, user);
	PoolCounts counts = pool_counts(engine, pool);

	if (pool->file == NULL || pool->file->kind != POOL_PERSISTENT)
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_INVALID, "the pool %s is not persistent: it keeps nobody's desktop", pool->name);
	else if (held)
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_BUSY,
			"“%s” has a desktop in the pool %s already: carrel desktop reset --discard %s throws it away", user, pool->name,
			held->row->id);
	else if (!may_order(engine, pool, error))
		return FALSE;
	else if (decide_room(&counts) <= counts.waiting) /* nobody waits for it who could be told how long */
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_EXHAUSTED, "all %u desktops that the pool %s may have are in use", counts.max,
			pool->name);
	else
		return TRUE;
	return FALSE;
}

gboolean
engine_may_import(Engine *engine, const char *name, const char *user, const char *image, GError **error)
{
	const Pool *pool = pools_find(engine, name);

	if (!check_pool(engine, pool, name, error) || !check_import(engine, pool, user, image, error))
		return FALSE;
	for (guint i = 0; i < engine->pools->len; i++) {
		const Pool *other = engine->pools->pdata[i];

		/* Its newest version would be the next desktop of everybody there. */
		if (other->present && other->file && is_same_image(other->file->image, image)) {
			g_set_error(error, CARREL_ERROR, CARREL_ERROR_INVALID, "the pool %s makes its desktops of the image “%.*s”: choose another name for this one",
				other->name, (int)strcspn(image, "@"), image);
			return FALSE;
		}
	}
	return TRUE;
}

const DesktopView *
engine_import(Engine *engine, const char *name, const char *user, const char *reference, GError **error)
{
	g_autoptr(Image) image = NULL;
	g_autofree char *exact = NULL;

	if (!engine_may_import(engine, name, user, reference, error))
		return NULL;
	image = image_resolve(engine->images, reference, error);
	if (image == NULL)
		return NULL;
	exact = image_reference(image);
	return order_new(engine, pools_find(engine, name), user, exact, error);
}

const DesktopView *
engine_desktop_of(Engine *engine, const char *pool, const char *user)
{
	Desktop *held = held_by(engine, pool, user);

	return held ? desktop_view(held) : NULL;
}

void
engine_ask(Engine *engine, const char *id)
{
	Desktop *desktop = people_find(engine, id);

	if (desktop)
		desktop->asked_us = g_get_monotonic_time();
}

Desktop *
people_find(Engine *engine, const char *id)
{
	const char *other = g_hash_table_lookup(engine->aliases, id);

	return g_hash_table_lookup(engine->desktops, other ? other : id);
}

/* Who waits in @pool, who came first first. */
static GPtrArray *
list_waiting(Engine *engine, const char *pool)
{
	const GPtrArray *desktops = desktops_of_pool(engine, pool);
	GPtrArray *waiting = g_ptr_array_new();

	for (guint i = 0; i < desktops->len; i++) {
		if (desktop_is_waiting(desktops->pdata[i]))
			g_ptr_array_add(waiting, desktops->pdata[i]);
	}
	g_ptr_array_sort(waiting, desktops_compare_age);
	return waiting;
}

void
people_place(Engine *engine, const Desktop *desktop, guint *place, guint *length)
{
	g_autoptr(GPtrArray) waiting = NULL;
	const Pool *pool;
	PoolCounts counts;
	guint index, room;

	*place = *length = 0;
	if (!desktop_is_waiting(desktop))
		return;
	pool = pools_find(engine, desktop->row->pool);
	if (pool == NULL || pool->file == NULL)
		return;
	counts = pool_counts(engine, pool);
	room = decide_room(&counts);
	waiting = list_waiting(engine, desktop->row->pool);
	/* For the first of them there is room, and they wait for a moment only. */
	if (!g_ptr_array_find(waiting, desktop, &index) || index < room)
		return;
	*place = index - room + 1;
	*length = waiting->len - room;
}

/* Its person wants this one, which an admin imported, and no other. */
static gboolean
is_imported(const Desktop *desktop, const Pool *pool)
{
	return pool->file && !is_same_image(desktop->row->image, pool->file->image);
}

/* The person who waits with @desktop has @spare instead. In one transaction: they are never without a place. */
static gboolean
give_instead(Desktop *desktop, Desktop *spare)
{
	Engine *engine = desktop->engine;
	const DesktopRow before = *spare->row;
	g_autoptr(GError) error = NULL;

	if (!store_begin(engine->store, &error)) {
		g_warning("pool %s: %s", desktop->row->pool, error->message);
		return FALSE;
	}
	if (!desktops_delete(engine->store, desktop->row, &error) || !assign_row(spare, desktop->row->user, &error)) {
		store_rollback(engine->store);
	} else if (store_commit(engine->store, &error)) {
		if (g_hash_table_size(engine->aliases) >= ALIASES_MAX)
			g_hash_table_remove_all(engine->aliases);
		g_hash_table_insert(engine->aliases, g_strdup(desktop->row->id), g_strdup(spare->row->id));
		desktop_leave(desktop);
		hand_out(spare);
		return TRUE;
	} else {
		g_clear_pointer(&spare->row->user, g_free);
		spare->row->state = before.state;
		spare->row->changed = before.changed;
		spare->row->assigned = before.assigned;
	}
	g_warning("pool %s: %s", desktop->row->pool, error->message);
	return FALSE;
}

/* Of those for whom there is no room: a desktop that is about to be begun is begun. */
static void
forget_who_left(GPtrArray *waiting, const Pool *pool, guint room)
{
	gint64 now = g_get_monotonic_time();

	for (guint i = waiting->len; i-- > room;) {
		Desktop *desktop = waiting->pdata[i];

		if (now - desktop->asked_us < ASKED_LAST_S * G_USEC_PER_SEC || is_imported(desktop, pool))
			continue;
		desktop_throw_away(desktop, 0, "its person did not wait for it");
		g_ptr_array_remove_index(waiting, i);
	}
}

static void
give_spares(Engine *engine, Pool *pool, GPtrArray *waiting)
{
	for (guint i = 0; i < waiting->len;) {
		Desktop *desktop = waiting->pdata[i], *spare = NULL;

		if (is_imported(desktop, pool)) {
			i++;
			continue;
		}
		spare = choose_spare(engine, pool);
		if (spare == NULL || !give_instead(desktop, spare))
			return;
		g_ptr_array_remove_index(waiting, i);
	}
}

/* Who waits goes before who comes, also when a spare came up a moment ago. */
static void
serve_waiting(Engine *engine, Pool *pool)
{
	g_autoptr(GPtrArray) waiting = list_waiting(engine, pool->name);

	give_spares(engine, pool, waiting);
}

guint
people_plan(Engine *engine, Pool *pool, guint boots_free)
{
	g_autoptr(GPtrArray) waiting = list_waiting(engine, pool->name);
	PoolCounts counts;
	guint begin;

	if (waiting->len == 0 || pool->file == NULL)
		return 0;
	counts = pool_counts(engine, pool);
	forget_who_left(waiting, pool, decide_room(&counts));
	give_spares(engine, pool, waiting);
	counts = pool_counts(engine, pool);
	begin = counts.able ? decide_begin(&counts, boots_free) : 0;
	for (guint i = 0; i < begin && i < waiting->len; i++)
		effect_clone(waiting->pdata[i], pool);
	if (begin < waiting->len)
		plan_later(engine, ASKED_LAST_S);
	return begin;
}
