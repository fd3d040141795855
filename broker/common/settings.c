/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/common/settings.h"

#include "broker/common/error.h"
#include "broker/common/setting-value.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Where something stands. */
typedef struct {
	const char *file;
	int line; /* 0: nowhere */
} Place;

typedef struct {
	const char *file;  /* that is being read */
	GHashTable *places; /* "Group\nKey", or "Group", -> Place */
	GPtrArray *faults;
} Reader;

void
settings_fault_free(SettingsFault *fault)
{
	if (fault == NULL)
		return;
	g_free(fault->file);
	g_free(fault->key);
	g_free(fault->text);
	g_free(fault);
}

char *
settings_fault_to_string(const SettingsFault *fault)
{
	g_autofree char *line = fault->line > 0 ? g_strdup_printf(":%d", fault->line) : g_strdup("");

	return g_strdup_printf("%s%s: %s%s%s", fault->file, line, fault->key ? fault->key : "",
		fault->key ? ": " : "", fault->text);
}

static void G_GNUC_PRINTF(4, 5)
add_fault(Reader *reader, Place place, char *key, const char *format, ...)
{
	SettingsFault *fault = g_new0(SettingsFault, 1);
	va_list args;

	va_start(args, format);
	fault->file = g_strdup(place.file ? place.file : reader->file);
	fault->line = place.line;
	fault->key = key;
	fault->text = g_strdup_vprintf(format, args);
	va_end(args);
	g_ptr_array_add(reader->faults, fault);
}

static gsize
edit_distance(const char *a, const char *b)
{
	gsize columns = strlen(b);
	gsize row[65];

	if (strlen(a) > 64 || columns > 64)
		return G_MAXSIZE;
	for (gsize j = 0; j <= columns; j++)
		row[j] = j;
	for (gsize i = 1; a[i - 1] != '\0'; i++) {
		gsize diagonal = row[0];

		row[0] = i;
		for (gsize j = 1; j <= columns; j++) {
			gsize replace =
				diagonal + (g_ascii_tolower(a[i - 1]) != g_ascii_tolower(b[j - 1]));

			diagonal = row[j];
			row[j] = MIN(replace, MIN(row[j - 1], row[j]) + 1);
		}
	}
	return row[columns];
}

const char *
settings_nearest(const char *word, const char *const *candidates)
{
	const char *best = NULL;
	gsize limit = MAX(strlen(word) / 3, 1) + 1, least = limit + 1;

	for (; *candidates != NULL; candidates++) {
		gsize distance = edit_distance(word, *candidates);

		if (distance < least) {
			least = distance;
			best = *candidates;
		}
	}
	return best;
}

static char *
line_key(const char *group, const char *key)
{
	return key ? g_strconcat(group, "\n", key, NULL) : g_strdup(group);
}

static Place
place_of(const Reader *reader, const char *group, const char *key)
{
	g_autofree char *name = line_key(group, key);
	const Place *place = g_hash_table_lookup(reader->places, name);

	return place ? *place : (Place){NULL, 0};
}

static void
put_place(Reader *reader, char *name, int line)
{
	Place *place = g_new0(Place, 1);

	*place = (Place){reader->file, line};
	g_hash_table_insert(reader->places, name, place);
}

/* GKeyFile keeps no line numbers and takes the last of two equal keys in silence, so walk the text once ourselves. */
static void
index_lines(Reader *reader, const char *text)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	g_autofree char *group = NULL;

	for (int i = 0; lines[i] != NULL; i++) {
		char *line = g_strstrip(lines[i]);
		char *end;

		if (*line == '\0' || *line == '#')
			continue;
		if (*line == '[' && (end = strchr(line, ']')) != NULL) {
			g_free(group);
			group = g_strndup(line + 1, (gsize)(end - line - 1));
			if (!g_hash_table_contains(reader->places, group))
				put_place(reader, g_strdup(group), i + 1);
			continue;
		}
		end = strchr(line, '=');
		if (group == NULL || end == NULL)
			continue; /* GKeyFile refuses it with words of its own */
		g_autofree char *key = g_strstrip(g_strndup(line, (gsize)(end - line)));
		Place first = place_of(reader, group, key);

		if (first.file == reader->file)
			add_fault(reader, (Place){reader->file, i + 1}, g_strdup_printf("%s/%s", group, key),
				"stands here for the second time (first in line %d); keep one", first.line);
		put_place(reader, line_key(group, key), i + 1);
	}
}

static void
set_fallback(const Setting *setting, void *target)
{
	g_autofree char *why = NULL;

	setting_value_clear(setting, target);
	if (setting->fallback == NULL && setting->kind != SETTING_LIST)
		return;
	if (!setting_value_parse(setting, setting->fallback ? setting->fallback : "", target, &why))
		g_error("the table's own fallback of %s/%s: %s", setting->group, setting->key, why);
}

/* The value that stands at @setting's key in @group, of which @target has the fallback already; a bad one leaves that in place. */
static void
take_value(Reader *reader, const Setting *setting, const char *group, char *text, void *target)
{
	g_autofree char *name = g_strdup_printf("%s/%s", group, setting->key);
	g_autofree char *why = NULL;
	Place place = place_of(reader, group, setting->key);

	g_strchomp(text);
	/* An empty value means "as if it were not there"; but an empty list can be meant. */
	if (*text == '\0' && !setting->required && setting->kind != SETTING_LIST)
		return;
	setting_value_clear(setting, target);
	if (!setting_value_parse(setting, text, target, &why) ||
		(setting->check && !setting->check((char *)target + setting->offset, &why))) {
		add_fault(reader, place, g_steal_pointer(&name), "%s", why ? why : "is not valid");
		set_fallback(setting, target);
	}
}

static void
read_setting(Reader *reader, GKeyFile *keys, const Setting *setting, void *target)
{
	g_autofree char *text = g_key_file_get_string(keys, setting->group, setting->key, NULL);

	set_fallback(setting, target);
	if (text != NULL)
		take_value(reader, setting, setting->group, text, target);
	else if (setting->required)
		add_fault(reader, place_of(reader, setting->group, NULL), g_strdup_printf("%s/%s", setting->group, setting->key),
			"is missing, and there is no fallback for it");
}

/* "Policy" of "Policy @staff", when @table has named keys in it; *@name: what is behind it. NULL: no such group. */
static const char *
base_group(const Setting *table, const char *group, const char **name)
{
	const char *blank = strchr(group, ' ');

	for (; blank != NULL && table->group != NULL; table++) {
		if (table->named && strlen(table->group) == (gsize)(blank - group) &&
			strncmp(table->group, group, (gsize)(blank - group)) == 0) {
			*name = blank + 1;
			return table->group;
		}
	}
	return NULL;
}

static void
section_free(void *data)
{
	SettingsSection *section = data;

	g_free(section->name);
	g_free(section->file);
	g_free(section->target);
	g_free(section);
}

static void
read_sections(Reader *reader, GKeyFile *keys, const Setting *table, const void *target, gsize size, GPtrArray *sections)
{
	g_auto(GStrv) groups = g_key_file_get_groups(keys, NULL);

	for (char **group = groups; *group != NULL; group++) {
		const char *name, *base = base_group(table, *group, &name);
		SettingsSection *section;

		if (base == NULL)
			continue;
		section = g_new0(SettingsSection, 1);
		section->name = g_strstrip(g_strdup(name));
		section->file = g_strdup(place_of(reader, *group, NULL).file);
		section->line = place_of(reader, *group, NULL).line;
		section->target = g_malloc0(size);
		g_ptr_array_add(sections, section);
		for (const Setting *setting = table; setting->group != NULL; setting++) {
			g_autofree char *text = NULL;

			if (!setting->named || strcmp(setting->group, base) != 0)
				continue;
			setting_value_copy(setting, section->target, target);
			text = g_key_file_get_string(keys, *group, setting->key, NULL);
			if (text != NULL)
				take_value(reader, setting, *group, text, section->target);
		}
	}
}

static gboolean
table_has_group(const Setting *table, const char *group)
{
	for (; table->group != NULL; table++) {
		if (strcmp(table->group, group) == 0)
			return TRUE;
	}
	return FALSE;
}

static void
refuse_unknown_group(Reader *reader, const Setting *table, const char *group)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	const char *blank = strchr(group, ' ');
	g_autofree char *word = blank ? g_strndup(group, (gsize)(blank - group)) : g_strdup(group);

	for (const Setting *setting = table; setting->group != NULL; setting++) {
		if (blank == NULL || setting->named)
			g_ptr_array_add(names, (char *)setting->group);
	}
	g_ptr_array_add(names, NULL);
	const char *near = settings_nearest(word, (const char *const *)names->pdata);

	if (blank && table_has_group(table, word))
		add_fault(reader, place_of(reader, group, NULL), g_strdup_printf("[%s]", group),
			"[%s] has no exceptions for a name: write [%s]", word, word);
	else if (near)
		add_fault(reader, place_of(reader, group, NULL), g_strdup_printf("[%s]", group),
			"there is no such group. Did you mean [%s%s]?", near, blank ? blank : "");
	else
		add_fault(reader, place_of(reader, group, NULL), g_strdup_printf("[%s]", group),
			"there is no such group");
}

/* @base: @group, or what it is a section of. */
static void
refuse_unknown_key(Reader *reader, const Setting *table, const char *base, const char *group, const char *key)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	const char *elsewhere = NULL;

	for (const Setting *setting = table; setting->group != NULL; setting++) {
		gboolean here = strcmp(setting->group, base) == 0 && (setting->named || base == group);

		if (here && strcmp(setting->key, key) == 0)
			return;
		if (here)
			g_ptr_array_add(names, (char *)setting->key);
		else if (strcmp(setting->key, key) == 0)
			elsewhere = setting->group;
	}
	g_ptr_array_add(names, NULL);
	const char *near = settings_nearest(key, (const char *const *)names->pdata);
	char *name = g_strdup_printf("%s/%s", group, key);
	Place place = place_of(reader, group, key);

	if (elsewhere)
		add_fault(reader, place, name, "there is no such key in [%s]; it belongs in [%s]", group, elsewhere);
	else if (near)
		add_fault(reader, place, name, "there is no such key. Did you mean %s?", near);
	else
		add_fault(reader, place, name, "there is no such key in [%s]", group);
}

static void
refuse_unknown(Reader *reader, GKeyFile *keys, const Setting *table)
{
	g_auto(GStrv) groups = g_key_file_get_groups(keys, NULL);

	for (char **group = groups; *group != NULL; group++) {
		const char *name, *base = table_has_group(table, *group) ? *group : base_group(table, *group, &name);

		if (base == NULL) {
			refuse_unknown_group(reader, table, *group);
			continue;
		}
		g_auto(GStrv) names = g_key_file_get_keys(keys, *group, NULL, NULL);

		for (char **key = names; key && *key; key++)
			refuse_unknown_key(reader, table, base, *group, *key);
	}
}

static int
compare_faults(gconstpointer a, gconstpointer b)
{
	const SettingsFault *x = *(SettingsFault *const *)a, *y = *(SettingsFault *const *)b;
	int order = g_strcmp0(x->file, y->file);

	return order != 0 ? order : x->line - y->line;
}

void
settings_sort_faults(GPtrArray *faults)
{
	g_ptr_array_sort(faults, compare_faults);
}

/* What stands in a later file goes before what stood in an earlier one. */
static void
merge(GKeyFile *into, GKeyFile *from)
{
	g_auto(GStrv) groups = g_key_file_get_groups(from, NULL);

	for (char **group = groups; *group != NULL; group++) {
		g_auto(GStrv) keys = g_key_file_get_keys(from, *group, NULL, NULL);

		for (char **key = keys; key && *key; key++) {
			g_autofree char *value = g_key_file_get_value(from, *group, *key, NULL);

			g_key_file_set_value(into, *group, *key, value);
		}
	}
}

/* FALSE: it is no key file at all, which was said. */
static gboolean
add_text(Reader *reader, const char *file, const char *text, gsize size, const Setting *table, GKeyFile *keys)
{
	g_autoptr(GKeyFile) mine = g_key_file_new();
	g_autoptr(GError) error = NULL;
	g_autofree char *copy = NULL;

	reader->file = file;
	if (size > SETTINGS_FILE_MAX || memchr(text, '\0', size) != NULL || !g_utf8_validate(text, (gssize)size, NULL)) {
		add_fault(reader, (Place){NULL, 0}, NULL, "is not UTF-8 text of at most %d KiB", SETTINGS_FILE_MAX / 1024);
		return TRUE;
	}
	copy = g_strndup(text, size);
	index_lines(reader, copy);
	if (!g_key_file_load_from_data(mine, text, size, G_KEY_FILE_NONE, &error)) {
		add_fault(reader, (Place){NULL, 0}, NULL, "%s", error->message);
		return FALSE;
	}
	refuse_unknown(reader, mine, table);
	merge(keys, mine);
	return TRUE;
}

static Reader
reader_begin(void)
{
	return (Reader){NULL, g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free),
		g_ptr_array_new_with_free_func((GDestroyNotify)settings_fault_free)};
}

/* Where @sections is NULL, @table has no named keys. @keys NULL: nothing could be read. */
static GPtrArray *
reader_end(Reader *reader, GKeyFile *keys, const Setting *table, void *target, gsize target_size, GPtrArray *sections)
{
	G_GNUC_UNUSED g_autoptr(GHashTable) places = reader->places; /* freed at the end */
	g_autoptr(GPtrArray) faults = reader->faults;

	for (const Setting *setting = table; setting->group != NULL; setting++) {
		if (keys)
			read_setting(reader, keys, setting, target);
		else
			set_fallback(setting, target);
	}
	if (keys && sections)
		read_sections(reader, keys, table, target, target_size, sections);
	if (faults->len == 0)
		return NULL;
	settings_sort_faults(faults);
	return g_steal_pointer(&faults);
}

GPtrArray *
settings_parse(const char *file, const char *text, gsize size, const Setting *table, void *target)
{
	Reader reader = reader_begin();
	g_autoptr(GKeyFile) keys = g_key_file_new();
	gboolean good = add_text(&reader, file, text, size, table, keys);

	return reader_end(&reader, good ? keys : NULL, table, target, 0, NULL);
}

static char *
read_bounded(const char *file, gsize *size, GError **error)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	g_autofree char *buffer = g_malloc(SETTINGS_FILE_MAX + 2);

	*size = 0;
	while (fd >= 0 && *size <= SETTINGS_FILE_MAX) {
		ssize_t n = read(fd, buffer + *size, SETTINGS_FILE_MAX + 1 - *size);

		if (n < 0) {
			int saved = errno;

			close(fd);
			errno = saved;
			fd = -1;
		}
		if (n <= 0)
			break;
		*size += (gsize)n;
	}
	if (fd < 0) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_CONFIG, "%s", g_strerror(errno));
		return NULL;
	}
	close(fd);
	return g_steal_pointer(&buffer);
}

/* FALSE as add_text(); a file that cannot be read at all is another fault. */
static gboolean
add_file(Reader *reader, const char *file, const Setting *table, GKeyFile *keys)
{
	g_autoptr(GError) error = NULL;
	gsize size;
	g_autofree char *text = read_bounded(file, &size, &error);

	if (text != NULL)
		return add_text(reader, file, text, size, table, keys);
	add_fault(reader, (Place){file, 0}, NULL, "%s", error->message);
	return FALSE;
}

static GPtrArray *
read_files(const char *const *files, const Setting *table, void *target, gsize target_size, GPtrArray *sections)
{
	Reader reader = reader_begin();
	g_autoptr(GKeyFile) keys = g_key_file_new();
	gboolean good = TRUE;

	for (; *files != NULL; files++)
		good = add_file(&reader, *files, table, keys) && good;
	return reader_end(&reader, good ? keys : NULL, table, target, target_size, sections);
}

GPtrArray *
settings_read(const char *file, const Setting *table, void *target)
{
	return read_files((const char *const[]){file, NULL}, table, target, 0, NULL);
}

GPtrArray *
settings_read_sections(const char *const *files, const Setting *table, void *target, gsize size, GPtrArray **sections)
{
	*sections = g_ptr_array_new_with_free_func(section_free);
	return read_files(files, table, target, size, *sections);
}

void
settings_clear(const Setting *table, void *target)
{
	for (; table->group != NULL; table++)
		setting_value_clear(table, target);
}

gboolean
settings_faults_to_error(GPtrArray *faults, GError **error)
{
	if (faults == NULL)
		return TRUE;
	g_autoptr(GString) text = g_string_new(NULL);

	for (guint i = 0; i < faults->len; i++) {
		g_autofree char *line = settings_fault_to_string(faults->pdata[i]);

		g_string_append_printf(text, "%s%s", i > 0 ? "\n" : "", line);
	}
	g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_CONFIG, text->str);
	g_ptr_array_unref(faults);
	return FALSE;
}
