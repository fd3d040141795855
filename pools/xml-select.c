/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "pools/xml-select.h"

#include <string.h>

typedef struct {
	const char *element, *attribute; /* attribute NULL: the text */
	GString *here;			 /* path of the element that is open */
	GString *text;			 /* NULL: not in a wanted element */
	GPtrArray *found;
} Selection;

static void
on_start(GMarkupParseContext *context, const char *name, const char **names, const char **values, gpointer data,
	GError **error)
{
	Selection *selection = data;

	if (selection->here->len > 0)
		g_string_append_c(selection->here, '/');
	g_string_append(selection->here, name);
	if (strcmp(selection->here->str, selection->element) != 0)
		return;
	if (selection->attribute == NULL && selection->text == NULL)
		selection->text = g_string_new(NULL);
	for (gsize i = 0; selection->attribute && names[i] != NULL; i++) {
		if (strcmp(names[i], selection->attribute) == 0)
			g_ptr_array_add(selection->found, g_strdup(values[i]));
	}
}

static void
on_end(GMarkupParseContext *context, const char *name, gpointer data, GError **error)
{
	Selection *selection = data;
	gsize length = strlen(name);

	if (selection->text != NULL && strcmp(selection->here->str, selection->element) == 0) {
		g_ptr_array_add(selection->found, g_string_free(selection->text, FALSE));
		selection->text = NULL;
	}
	g_string_truncate(selection->here, selection->here->len - length);
	if (selection->here->len > 0)
		g_string_truncate(selection->here, selection->here->len - 1);
}

static void
on_text(GMarkupParseContext *context, const char *text, gsize size, gpointer data, GError **error)
{
	Selection *selection = data;

	if (selection->text != NULL && strcmp(selection->here->str, selection->element) == 0)
		g_string_append_len(selection->text, text, (gssize)size);
}

GPtrArray *
xml_select(const char *xml, const char *path)
{
	static const GMarkupParser callbacks = {.start_element = on_start, .end_element = on_end, .text = on_text};
	const char *at = strchr(path, '@');
	g_autofree char *element = at ? g_strndup(path, (gsize)(at - path)) : g_strdup(path);
	g_autoptr(GString) here = g_string_new(NULL);
	g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(g_free);
	Selection selection = {element, at ? at + 1 : NULL, here, NULL, found};
	g_autoptr(GMarkupParseContext) context = g_markup_parse_context_new(&callbacks, 0, &selection, NULL);
	gsize size = strlen(xml);

	if (size > XML_SELECT_MAX || !g_markup_parse_context_parse(context, xml, (gssize)size, NULL) ||
		!g_markup_parse_context_end_parse(context, NULL))
		g_ptr_array_set_size(found, 0);
	if (selection.text != NULL)
		g_string_free(selection.text, TRUE);
	return g_steal_pointer(&found);
}

char *
xml_select_one(const char *xml, const char *path)
{
	g_autoptr(GPtrArray) found = xml_select(xml, path);

	return found->len > 0 ? g_strdup(found->pdata[0]) : NULL;
}
