/* What the verbs print: aligned tables for people, JSON for programs. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/cli/cli.h"

#include <string.h>

/* Wider cells (a note, a fault) are cut in tables, never in JSON. */
#define CELL_MAX 60

void
cli_print_json(JsonNode *node)
{
	g_autoptr(JsonGenerator) generator = json_generator_new();
	g_autofree char *text = NULL;

	json_generator_set_pretty(generator, TRUE);
	json_generator_set_root(generator, node);
	text = json_generator_to_data(generator, NULL);
	g_print("%s\n", text);
}

void
cli_print_json_variant(GVariant *value)
{
	g_autoptr(JsonNode) node = json_gvariant_serialize(value);

	cli_print_json(node);
}

char *
cli_format_span(gint64 seconds)
{
	if (seconds < 60)
		return g_strdup_printf("%" G_GINT64_FORMAT " s", MAX(seconds, 0));
	if (seconds < 3600)
		return g_strdup_printf("%" G_GINT64_FORMAT " min", seconds / 60);
	if (seconds < 2 * 86400)
		return g_strdup_printf("%" G_GINT64_FORMAT " h", seconds / 3600);
	return g_strdup_printf("%" G_GINT64_FORMAT " d", seconds / 86400);
}

char *
cli_format_age(GVariant *value)
{
	gint64 then = g_variant_is_of_type(value, G_VARIANT_TYPE_INT64) ? g_variant_get_int64(value) : 0;

	return then > 0 ? cli_format_span(g_get_real_time() / G_USEC_PER_SEC - then) : g_strdup("-");
}

char *
cli_format_in(GVariant *value)
{
	gint64 then = g_variant_is_of_type(value, G_VARIANT_TYPE_INT64) ? g_variant_get_int64(value) : 0;
	g_autofree char *span = cli_format_span(then - g_get_real_time() / G_USEC_PER_SEC);

	return then > 0 ? g_strdup_printf("in %s", span) : g_strdup("-");
}

char *
cli_format_yes_no(GVariant *value)
{
	return g_strdup(g_variant_is_of_type(value, G_VARIANT_TYPE_BOOLEAN) && g_variant_get_boolean(value) ? "yes" : "no");
}

char *
cli_format_words(GVariant *value)
{
	g_autofree const char **words = NULL;

	if (!g_variant_is_of_type(value, G_VARIANT_TYPE_STRING_ARRAY))
		return g_strdup("-");
	words = g_variant_get_strv(value, NULL);
	return *words ? g_strjoinv(" ", (char **)words) : g_strdup("-");
}

char *
cli_format_text(GVariant *value)
{
	char *text;

	if (g_variant_is_of_type(value, G_VARIANT_TYPE_BOOLEAN))
		return cli_format_yes_no(value);
	if (!g_variant_is_of_type(value, G_VARIANT_TYPE_STRING))
		return g_variant_print(value, FALSE);
	text = g_variant_dup_string(value, NULL);
	if (*text == '\0') {
		g_free(text);
		return g_strdup("-");
	}
	/* A guest or a client may have had a hand in it. */
	for (char *p = text; *p != '\0'; p++) {
		if (g_ascii_iscntrl(*p))
			*p = ' ';
	}
	return text;
}

static char *
format_cell(GVariant *row, const CliColumn *column)
{
	g_autoptr(GVariant) value = g_variant_lookup_value(row, column->key, NULL);

	if (value == NULL)
		return g_strdup("-");
	return column->format ? column->format(value) : cli_format_text(value);
}

static char *
cut(char *cell)
{
	g_autofree char *whole = cell;

	if (g_utf8_strlen(whole, -1) <= CELL_MAX)
		return g_steal_pointer(&whole);
	g_autofree char *head = g_utf8_substring(whole, 0, CELL_MAX - 1);
	return g_strconcat(head, "…", NULL);
}

static void
append_padded(GString *line, const char *cell, glong width, gboolean right, gboolean last)
{
	glong pad = width - g_utf8_strlen(cell, -1);

	for (glong i = 0; right && i < pad; i++)
		g_string_append_c(line, ' ');
	g_string_append(line, cell);
	for (glong i = 0; !right && !last && i < pad; i++)
		g_string_append_c(line, ' ');
	if (!last)
		g_string_append(line, "  ");
}

static void
print_line(char *const *cells, const glong *widths, const CliColumn *columns)
{
	g_autoptr(GString) line = g_string_new(NULL);

	for (guint i = 0; columns[i].title != NULL; i++)
		append_padded(line, cells[i], widths[i], columns[i].right, columns[i + 1].title == NULL);
	g_print("%s\n", line->str);
}

static char **
format_titles(const CliColumn *columns, guint n)
{
	char **cells = g_new0(char *, n + 1);

	for (guint i = 0; i < n; i++)
		cells[i] = g_strdup(columns[i].title);
	return cells;
}

static char **
format_row(GVariant *row, const CliColumn *columns, guint n)
{
	char **cells = g_new0(char *, n + 1);

	for (guint i = 0; i < n; i++)
		cells[i] = cut(format_cell(row, &columns[i]));
	return cells;
}

static void
print_table(GVariant *rows, const CliColumn *columns)
{
	g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func((GDestroyNotify)g_strfreev);
	g_autofree glong *widths = NULL;
	guint n = 0;

	while (columns[n].title != NULL)
		n++;
	widths = g_new0(glong, n);
	g_ptr_array_add(lines, format_titles(columns, n));
	for (gsize i = 0; i < g_variant_n_children(rows); i++) {
		g_autoptr(GVariant) row = g_variant_get_child_value(rows, i);

		g_ptr_array_add(lines, format_row(row, columns, n));
	}
	for (guint i = 0; i < lines->len; i++) {
		for (guint j = 0; j < n; j++)
			widths[j] = MAX(widths[j], g_utf8_strlen(((char **)lines->pdata[i])[j], -1));
	}
	for (guint i = 0; i < lines->len; i++)
		print_line(lines->pdata[i], widths, columns);
}

void
cli_print_list(const CliContext *context, GVariant *rows, const CliColumn *columns, const char *nothing)
{
	if (context->json)
		cli_print_json_variant(rows);
	else if (g_variant_n_children(rows) == 0)
		g_print("%s\n", nothing);
	else
		print_table(rows, columns);
}

GVariant *
cli_find_row(GVariant *rows, const char *key, const char *value)
{
	for (gsize i = 0; i < g_variant_n_children(rows); i++) {
		g_autoptr(GVariant) row = g_variant_get_child_value(rows, i);
		const char *text = NULL;

		if (g_variant_lookup(row, key, "&s", &text) && strcmp(text, value) == 0)
			return g_steal_pointer(&row);
	}
	return NULL;
}

void
cli_print_row(const CliContext *context, GVariant *row, const CliColumn *columns)
{
	int width = 0;

	if (context->json) {
		cli_print_json_variant(row);
		return;
	}
	for (const CliColumn *column = columns; column->title != NULL; column++)
		width = MAX(width, (int)g_utf8_strlen(column->title, -1));
	for (const CliColumn *column = columns; column->title != NULL; column++) {
		g_autofree char *cell = format_cell(row, column);

		g_print("%s:%*s %s\n", column->title, width - (int)g_utf8_strlen(column->title, -1), "", cell);
	}
}

void
cli_show_progress(guint percent, const char *what, void *data)
{
	static char *last;
	static guint last_percent = 101;

	if (isatty(STDOUT_FILENO)) {
		g_print("\r\033[K%3u%% %s", percent, what);
		if (percent == 100)
			g_print("\n");
	} else if (g_strcmp0(last, what) != 0 || percent >= last_percent + 10 || percent < last_percent) {
		g_print("%3u%% %s\n", percent, what);
		last_percent = percent;
	}
	if (g_strcmp0(last, what) != 0) {
		g_free(last);
		last = g_strdup(what);
	}
}
