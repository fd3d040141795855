/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "pools/engine-private.h"

#include "broker/common/error.h"
#include "broker/common/settings.h"
#include "pools/calendar.h"
#include "pools/hardware.h"

#include <string.h>

#define DIGEST_CHARS 16
#define FILES_MAX 1000

void
pool_free(gpointer data)
{
	Pool *pool = data;

	pool_file_free(pool->file);
	image_free(pool->image);
	g_free(pool->name);
	g_free(pool->path);
	g_free(pool->fault);
	g_free(pool->config);
	g_free(pool->obstacle);
	g_free(pool->last_failure);
	g_free(pool->key);
	g_free(pool->why_no_template);
	g_free(pool->shown_fault);
	g_free(pool->shown_instant);
	g_strfreev(pool->shown_versions);
	g_free(pool);
}

Pool *
pools_find(Engine *engine, const char *name)
{
	for (guint i = 0; i < engine->pools->len; i++) {
		Pool *pool = engine->pools->pdata[i];

		if (strcmp(pool->name, name) == 0)
			return pool;
	}
	return NULL;
}

static int
compare_names(gconstpointer a, gconstpointer b)
{
	return strcmp((*(Pool *const *)a)->name, (*(Pool *const *)b)->name);
}

static Pool *
pool_add(Engine *engine, const char *name)
{
	Pool *pool = g_new0(Pool, 1);
	g_autofree char *meta = g_strconcat("drain:", name, NULL);
	g_autofree char *draining = store_get_meta(engine->store, meta);

	pool->name = g_strdup(name);
	pool->draining = g_strcmp0(draining, "yes") == 0;
	g_ptr_array_add(engine->pools, pool);
	return pool;
}

static char *
faults_text(GPtrArray *faults, GStrvBuilder *builder)
{
	GString *text = g_string_new(NULL);

	for (guint i = 0; i < faults->len; i++) {
		g_autofree char *line = settings_fault_to_string(faults->pdata[i]);

		g_string_append_printf(text, "%s%s", i > 0 ? "\n" : "", line);
		if (builder)
			g_strv_builder_add(builder, line);
	}
	return g_string_free(text, FALSE);
}

static void
add_change(GStrvBuilder *changes, const char *name, const char *what)
{
	if (changes == NULL)
		return;
	g_autofree char *line = g_strdup_printf("%s: %s", name, what);

	g_strv_builder_add(changes, line);
}

static void
take_file(Pool *pool, PoolFile *file, GStrvBuilder *changes)
{
	g_autofree char *differences = pool->file ? pool_file_differences(pool->file, file) : NULL;
	g_autofree char *warning = pool_file_warning(file);
	gboolean changed = differences == NULL || *differences != '\0';

	if (differences == NULL)
		add_change(changes, pool->name, "added");
	else if (changed)
		add_change(changes, pool->name, differences);
	else if (pool->fault != NULL)
		add_change(changes, pool->name, "its file is good again");
	else if (!pool->present)
		add_change(changes, pool->name, "is back");
	if (warning && changed)
		g_message("pool %s: %s", pool->name, warning);
	pool_file_free(pool->file);
	pool->file = file;
	pool->present = TRUE;
	g_clear_pointer(&pool->fault, g_free);
	/* What failed before may well go now. */
	if (changed)
		pool_succeeded(pool);
}

static void
load_one(Engine *engine, const char *path, GStrvBuilder *changes, GStrvBuilder *faults)
{
	g_autoptr(GPtrArray) found = NULL;
	g_autofree char *name = g_path_get_basename(path);
	PoolFile *file = pool_file_read(path, &found);
	Pool *pool;

	name[strlen(name) - strlen(POOL_FILE_SUFFIX)] = '\0';
	pool = pools_find(engine, name);
	if (pool == NULL)
		pool = pool_add(engine, name);
	g_free(pool->path);
	pool->path = g_strdup(path);
	if (file != NULL) {
		take_file(pool, file, changes);
		return;
	}
	pool->present = TRUE;
	g_free(pool->fault);
	pool->fault = faults_text(found, faults);
	g_warning("the pool file %s has faults%s:\n%s", path, pool->file ? ", the pool stays as it was" : "", pool->fault);
}

static int
compare_paths(gconstpointer a, gconstpointer b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

GPtrArray *
pools_list_files(const char *folder, GError **error)
{
	g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GDir) dir = g_dir_open(folder, 0, error);
	const char *name;

	if (dir == NULL)
		return NULL;
	while ((name = g_dir_read_name(dir)) != NULL && paths->len < FILES_MAX) {
		if (g_str_has_suffix(name, POOL_FILE_SUFFIX) && *name != '.')
			g_ptr_array_add(paths, g_build_filename(folder, name, NULL));
	}
	g_ptr_array_sort(paths, compare_paths);
	return g_steal_pointer(&paths);
}

/* A file may have gone while no broker ran: what is left of its pool is thrown away like that of one that goes now. */
static void
add_pools_of_desktops(Engine *engine)
{
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, engine->desktops);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const char *name = ((Desktop *)value)->row->pool;

		if (pools_find(engine, name) == NULL)
			pool_add(engine, name);
	}
}

void
pools_load(Engine *engine, GStrvBuilder *changes, GStrvBuilder *faults)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) paths = pools_list_files(engine->pools_folder, &error);

	if (paths == NULL) {
		/* A folder that cannot be read says nothing about its pools: they stay. */
		g_warning("[Paths] Pools=: %s", error->message);
		if (faults)
			g_strv_builder_add(faults, error->message);
		return;
	}
	for (guint i = 0; i < engine->pools->len; i++) {
		Pool *pool = engine->pools->pdata[i];
		gboolean there = pool->path && g_ptr_array_find_with_equal_func(paths, pool->path, g_str_equal, NULL);

		if (pool->present && !there) {
			pool->present = FALSE;
			g_clear_pointer(&pool->fault, g_free);
			add_change(changes, pool->name, "removed; desktops in use go on");
		}
	}
	for (guint i = 0; i < paths->len; i++)
		load_one(engine, paths->pdata[i], changes, faults);
	add_pools_of_desktops(engine);
	g_ptr_array_sort(engine->pools, compare_names);
	pools_resolve(engine);
}

gboolean
pool_uses_kvm(const Engine *engine, const Pool *pool)
{
	return engine->facts && hardware_uses_kvm(pool->file, engine->facts);
}

/* What a template of @pool's desktops would have to have in common with them: the key; or why there is none. */
static void
resolve_template(Engine *engine, Pool *pool, const char *reference)
{
	const HostFacts *facts = engine->facts;
	const PoolFile *file = pool->file;
	g_autofree char *hardware = NULL, *text = NULL;

	g_clear_pointer(&pool->key, g_free);
	g_clear_pointer(&pool->why_no_template, g_free);
	if (file->kind == POOL_PERSISTENT)
		pool->why_no_template = g_strdup("a persistent desktop is kept for longer than a template, so it boots");
	else if (file->instant == POOL_INSTANT_NO)
		pool->why_no_template = g_strdup("Instant=no");
	else if (!pool->image->agent)
		pool->why_no_template =
			g_strdup_printf("the image %s has no agent that could make a clone an individual", reference);
	else
		pool->why_no_template = hardware_why_not_frozen(file);
	if (facts && pool->why_no_template == NULL)
		pool->why_no_template = g_strdup(facts->why_no_templates);
	if (facts == NULL || pool->why_no_template)
		return;
	hardware = hardware_frozen_text(file, pool->image, facts);
	text = g_strdup_printf("%s %s", reference, hardware);
	pool->key = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);
	pool->key[DIGEST_CHARS] = '\0';
}

/* Of an image without a version of its own choice, the newest that is whole counts. That it is an older one than before nobody asked for. */
static void
say_step_back(const Engine *engine, const Pool *pool, const Image *before)
{
	g_autofree char *chosen = NULL, *reference = NULL, *was = NULL;

	if (before == NULL || strcmp(before->name, pool->file->image) != 0 || image_compare_age(pool->image, before) <= 0)
		return;
	chosen = image_version_in_use(engine->images, before->name);
	if (chosen)
		return;
	reference = image_reference(pool->image);
	was = image_reference(before);
	g_warning("the pool %s makes its desktops of %s from now on, an older version: %s is gone or damaged (carrel image list says what is "
		  "wrong with it)",
		pool->name, reference, was);
}

static void
resolve(Engine *engine, Pool *pool)
{
	g_autoptr(Image) before = g_steal_pointer(&pool->image);
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) faults = NULL;
	g_autofree char *reference = NULL, *hardware = NULL, *text = NULL;
	gboolean kvm = pool_uses_kvm(engine, pool);

	g_clear_pointer(&pool->config, g_free);
	g_clear_pointer(&pool->obstacle, g_free);
	g_clear_pointer(&pool->key, g_free);
	pool->image = image_resolve(engine->images, pool->file->image, &error);
	if (pool->image == NULL) {
		pool->obstacle = g_strdup(error->message);
		return;
	}
	say_step_back(engine, pool, before);
	faults = hardware_faults(pool->file, pool->image, engine->facts);
	if (engine->facts_trouble)
		pool->obstacle = g_strdup(engine->facts_trouble);
	else if (engine->facts && !engine->facts->dbus_display)
		pool->obstacle = g_strdup("this QEMU has no D-Bus display: see carrel doctor");
	else
		pool->obstacle = hardware_faults_text(faults);
	if (pool->obstacle == NULL && pool->file->home > 0 && !pool->image->agent)
		pool->obstacle = g_strdup_printf("Home= needs an image with the agent in it, and %s has none", pool->image->name);
	reference = image_reference(pool->image);
	hardware = pool_file_hardware(pool->file);
	text = g_strdup_printf("%s %s %d", reference, hardware, kvm);
	pool->config = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);
	pool->config[DIGEST_CHARS] = '\0';
	resolve_template(engine, pool, reference);
}

void
pools_resolve(Engine *engine)
{
	for (guint i = 0; i < engine->pools->len; i++) {
		Pool *pool = engine->pools->pdata[i];

		if (pool->file)
			resolve(engine, pool);
	}
}

void
pool_failed(Pool *pool, const char *why)
{
	pool->failures++;
	pool->retry_us = g_get_monotonic_time() + decide_retry_s(pool->failures) * G_USEC_PER_SEC;
	g_free(pool->last_failure);
	pool->last_failure = g_strdup(why);
}

void
pool_succeeded(Pool *pool)
{
	pool->failures = 0;
	pool->retry_us = 0;
	g_clear_pointer(&pool->last_failure, g_free);
}

guint
pool_retry_s(const Pool *pool)
{
	gint64 left_us = pool->retry_us - g_get_monotonic_time();

	return pool->retry_us == 0 || left_us <= 0 ? 0 : (guint)((left_us + G_USEC_PER_SEC - 1) / G_USEC_PER_SEC);
}

/* By the clock on the wall: Schedule=, else Spare=. */
static guint
spare_now(const Pool *pool)
{
	if (pool->file == NULL)
		return 0;
	return (guint)calendar_spare((const char *const *)pool->file->schedule, engine_now(), pool->file->spare);
}

PoolCounts
pool_counts(Engine *engine, const Pool *pool)
{
	PoolCounts counts = {
		.closing = pool->draining || !pool->present,
		.able = pool->file != NULL && pool->image != NULL && pool->obstacle == NULL && engine->facts != NULL,
		.spare = spare_now(pool),
		.max = pool->file ? (guint)pool->file->max : 0,
		.queue = pool->file ? (guint)pool->file->queue : 0,
		.retry_in_s = pool_retry_s(pool),
		.parked_wanted = pool->file && pool->key ? (guint)pool->file->parked : 0,
		.no_template = !templates_is_whole(engine, pool),
		.making_template = templates_is_making(engine, pool),
	};
	const GPtrArray *desktops = desktops_of_pool(engine, pool->name);

	for (guint i = 0; i < desktops->len; i++) {
		const Desktop *desktop = desktops->pdata[i];
		const DesktopRow *row = desktop->row;
		gboolean stale = desktop_is_stale(desktop, pool);

		if (desktop_is_waiting(desktop))
			counts.waiting++;
		else if (desktop_is_held(desktop))
			counts.held++;
		else if (row->state == DESKTOP_CLONING && desktop->parking && !stale)
			counts.cloning++, counts.parking++;
		else if (row->state == DESKTOP_CLONING)
			*(stale ? &counts.cloning_stale : &counts.cloning) += 1;
		else if (row->state == DESKTOP_READY)
			*(stale ? &counts.ready_stale : &counts.ready) += 1;
		else if (row->state == DESKTOP_PARKED && stale)
			counts.parked_stale++;
		else if (row->state == DESKTOP_PARKED)
			counts.parked++, counts.waking += desktop->running || desktop->busy;
		else if (desktop_is_ours_to_end(desktop))
			counts.going++;
	}
	return counts;
}

static void
count_states(Engine *engine, PoolView *view)
{
	const GPtrArray *desktops = desktops_of_pool(engine, view->name);
	guint *const counts[DESKTOP_N_STATES] = {
		[DESKTOP_CLONING] = &view->cloning,
		[DESKTOP_READY] = &view->ready,
		[DESKTOP_PARKED] = &view->parked,
		[DESKTOP_ASSIGNED] = &view->assigned,
		[DESKTOP_OFF] = &view->off,
		[DESKTOP_STARTING] = &view->cloning,
		[DESKTOP_RESETTING] = &view->resetting,
		[DESKTOP_RETIRED] = &view->resetting,
		[DESKTOP_FAILED] = &view->failed,
	};

	for (guint i = 0; i < desktops->len; i++) {
		const Desktop *desktop = desktops->pdata[i];

		*(desktop_is_waiting(desktop) ? &view->waiting : counts[desktop->row->state]) += 1;
	}
}

static int
compare_texts(gconstpointer a, gconstpointer b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
count_versions(Engine *engine, Pool *pool)
{
	const GPtrArray *desktops = desktops_of_pool(engine, pool->name);
	g_autoptr(GHashTable) counts = g_hash_table_new(g_str_hash, g_str_equal); /* image -> how many */
	GPtrArray *lines = g_ptr_array_new();
	GHashTableIter iter;
	gpointer image, n;

	for (guint i = 0; i < desktops->len; i++) {
		const Desktop *desktop = desktops->pdata[i];

		if (desktop->row->state == DESKTOP_FAILED || desktop_is_ours_to_end(desktop) || desktop_is_waiting(desktop))
			continue;
		n = g_hash_table_lookup(counts, desktop->row->image);
		g_hash_table_insert(counts, desktop->row->image, GUINT_TO_POINTER(GPOINTER_TO_UINT(n) + 1));
		pool->view.outdated += desktop_is_held(desktop) && desktop_is_stale(desktop, pool);
	}
	g_hash_table_iter_init(&iter, counts);
	while (g_hash_table_iter_next(&iter, &image, &n))
		g_ptr_array_add(lines, g_strdup_printf("%s: %u", (char *)image, GPOINTER_TO_UINT(n)));
	g_ptr_array_sort(lines, compare_texts);
	g_ptr_array_add(lines, NULL);
	g_strfreev(pool->shown_versions);
	pool->shown_versions = (char **)g_ptr_array_free(lines, FALSE);
	pool->view.versions = (const char *const *)pool->shown_versions;
}

const PoolView *
pool_view(Engine *engine, Pool *pool)
{
	const char *name = pool->name;

	g_free(pool->shown_fault);
	g_free(pool->shown_instant);
	pool->shown_instant = templates_describe(engine, pool);
	if (pool->fault)
		pool->shown_fault = g_strdup(pool->fault);
	else if (pool->obstacle)
		pool->shown_fault = g_strdup(pool->obstacle);
	else if (pool->last_failure)
		pool->shown_fault = g_strdup_printf("its last desktop could not be made: %s", pool->last_failure);
	else
		pool->shown_fault = NULL;
	pool->view = (PoolView){
		.file = pool->file,
		.name = name,
		.path = pool->path,
		.fault = pool->shown_fault,
		.draining = pool->draining,
		.spare = spare_now(pool),
		.instant = pool->shown_instant,
		.retry_in_s = pool_retry_s(pool),
	};
	count_states(engine, &pool->view);
	count_versions(engine, pool);
	return &pool->view;
}
