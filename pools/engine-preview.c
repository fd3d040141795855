/* What reading the pool files again would do, and to whom. Nothing is done here. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "pools/engine-private.h"

#include "broker/common/settings.h"

#include <string.h>

#define NAMES_MAX 20

static void G_GNUC_PRINTF(3, 4)
add(GStrvBuilder *lines, const char *pool, const char *format, ...)
{
	g_autofree char *text = NULL, *line = NULL;
	va_list args;

	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	line = g_strdup_printf("%s: %s", pool, text);
	g_strv_builder_add(lines, line);
}

/* "3 (anna, bert, carl)": who holds a desktop of the pool. Free with g_free. */
static char *
holders(Engine *engine, const char *pool)
{
	const GPtrArray *desktops = desktops_of_pool(engine, pool);
	GString *text = g_string_new(NULL);
	guint n = 0;

	for (guint i = 0; i < desktops->len; i++) {
		const Desktop *desktop = desktops->pdata[i];

		if (!desktop_is_held(desktop))
			continue;
		if (n < NAMES_MAX)
			g_string_append_printf(text, "%s%s", n > 0 ? ", " : "", desktop->row->user);
		n++;
	}
	if (n == 0) {
		g_string_free(text, TRUE);
		return NULL;
	}
	if (n > NAMES_MAX)
		g_string_append(text, ", …");
	g_autofree char *names = g_string_free(text, FALSE);

	return g_strdup_printf("%u (%s)", n, names);
}

static guint
count_clean(Engine *engine, const char *pool)
{
	const GPtrArray *desktops = desktops_of_pool(engine, pool);
	guint n = 0;

	for (guint i = 0; i < desktops->len; i++) {
		const DesktopRow *row = ((const Desktop *)desktops->pdata[i])->row;

		n += row->user == NULL && (row->state == DESKTOP_READY || row->state == DESKTOP_PARKED || row->state == DESKTOP_CLONING);
	}
	return n;
}

/* What becomes of its desktops when they are made of something else from now on. */
static void
add_replacement(Engine *engine, const Pool *pool, GStrvBuilder *lines)
{
	g_autofree char *held = holders(engine, pool->name);
	guint clean = count_clean(engine, pool->name);

	if (clean > 0)
		add(lines, pool->name, "%u desktop%s kept ready or parked %s replaced, one after the other", clean, clean == 1 ? "" : "s",
			clean == 1 ? "is" : "are");
	if (held)
		add(lines, pool->name, "desktops in use stay as they are until they are reset%s: %s",
			pool->file->kind == POOL_PERSISTENT ? " or, but for the image, started again" : "", held);
}

/* People who may not use it any more, as far as the file names them. */
static void
add_excluded(Engine *engine, const Pool *pool, const PoolFile *file, GStrvBuilder *lines)
{
	const GPtrArray *desktops = desktops_of_pool(engine, pool->name);

	if (file->groups[0] != NULL)
		return; /* groups are asked at sign-in */
	for (char **user = file->users; *user != NULL; user++) {
		if (**user == '@')
			return;
	}
	for (guint i = 0; i < desktops->len; i++) {
		const Desktop *desktop = desktops->pdata[i];

		if (desktop_is_held(desktop) && !pool_file_entitles(file, desktop->row->user, NULL))
			add(lines, pool->name, "“%s” may not use it any more, and cannot open the desktop %s again", desktop->row->user, desktop->row->id);
	}
}

static void
compare(Engine *engine, const Pool *pool, const PoolFile *file, GStrvBuilder *lines)
{
	g_autofree char *differences = pool_file_differences(pool->file, file);
	g_autofree char *before = pool_file_hardware(pool->file), *after = pool_file_hardware(file);
	PoolCounts counts = pool_counts(engine, pool);

	if (*differences == '\0') {
		if (pool->fault)
			add(lines, pool->name, "its file is good again");
		return;
	}
	add(lines, pool->name, "%s", differences);
	if (strcmp(before, after) != 0)
		add_replacement(engine, pool, lines);
	if (file->max < pool->file->max && counts.held > (guint)file->max)
		add(lines, pool->name, "%u desktops are in use, more than Max=%" G_GINT64_FORMAT ": they go on, and nobody new gets one", counts.held,
			file->max);
	add_excluded(engine, pool, file, lines);
}

static void
preview_file(Engine *engine, const char *path, GStrvBuilder *lines, GStrvBuilder *faults)
{
	g_autofree char *name = g_path_get_basename(path);
	g_autoptr(GPtrArray) found = NULL;
	g_autoptr(PoolFile) file = pool_file_read(path, &found);
	const Pool *pool;

	name[strlen(name) - strlen(POOL_FILE_SUFFIX)] = '\0';
	pool = pools_find(engine, name);
	for (guint i = 0; found && i < found->len; i++) {
		g_autofree char *line = settings_fault_to_string(found->pdata[i]);

		g_strv_builder_add(faults, line);
	}
	if (file == NULL)
		add(lines, name, pool && pool->file ? "its file has faults: it would stay as it is" : "its file has faults: there would be no such pool");
	else if (pool == NULL || pool->file == NULL || !pool->present)
		add(lines, name, "would be added, with %" G_GINT64_FORMAT " desktop%s kept ready", file->spare, file->spare == 1 ? "" : "s");
	else
		compare(engine, pool, file, lines);
}

static void
preview_removed(Engine *engine, const Pool *pool, GStrvBuilder *lines)
{
	g_autofree char *held = holders(engine, pool->name);
	guint clean = count_clean(engine, pool->name);

	add(lines, pool->name, "would be removed");
	if (clean > 0)
		add(lines, pool->name, "%u desktop%s kept ready or parked %s thrown away", clean, clean == 1 ? "" : "s", clean == 1 ? "is" : "are");
	if (held)
		add(lines, pool->name, "desktops in use go on: %s", held);
}

void
engine_preview(Engine *engine, char ***lines, char ***faults)
{
	g_autoptr(GStrvBuilder) line_builder = g_strv_builder_new(), fault_builder = g_strv_builder_new();
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) paths = pools_list_files(engine->pools_folder, &error);

	if (error)
		g_strv_builder_add(fault_builder, error->message);
	for (guint i = 0; paths && i < engine->pools->len; i++) {
		const Pool *pool = engine->pools->pdata[i];

		if (pool->present && pool->path && !g_ptr_array_find_with_equal_func(paths, pool->path, g_str_equal, NULL))
			preview_removed(engine, pool, line_builder);
	}
	for (guint i = 0; paths && i < paths->len; i++)
		preview_file(engine, paths->pdata[i], line_builder, fault_builder);
	*lines = g_strv_builder_end(line_builder);
	*faults = g_strv_builder_end(fault_builder);
}
