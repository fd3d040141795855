/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "pools/xml-fragment.h"

#include <string.h>

typedef struct {
	guint depth, elements; /* elements: at the top */
	gboolean stray;	       /* text beside them */
} Shape;

static void
on_start(
	GMarkupParseContext *context, const char *element, const char **names, const char **values, gpointer data, GError **error)
{
	Shape *shape = data;

	shape->elements += shape->depth++ == 0;
}

static void
on_end(GMarkupParseContext *context, const char *element, gpointer data, GError **error)
{
	((Shape *)data)->depth--;
}

static void
on_text(GMarkupParseContext *context, const char *text, gsize size, gpointer data, GError **error)
{
	Shape *shape = data;

	for (gsize i = 0; shape->depth == 0 && i < size; i++)
		shape->stray |= !g_ascii_isspace(text[i]);
}

gboolean
xml_fragment_is_whole(const char *xml, char **why)
{
	static const GMarkupParser callbacks = {.start_element = on_start, .end_element = on_end, .text = on_text};
	Shape shape = {0};
	g_autoptr(GError) error = NULL;
	g_autoptr(GMarkupParseContext) context = g_markup_parse_context_new(&callbacks, 0, &shape, NULL);

	if (strstr(xml, "<!") || strstr(xml, "<?"))
		*why = g_strdup("comments, CDATA and declarations may not stand in it, only elements");
	else if (!g_markup_parse_context_parse(context, xml, (gssize)strlen(xml), &error) ||
		!g_markup_parse_context_end_parse(context, &error))
		*why = g_strdup_printf("it is not well-formed XML: %s", error->message);
	else if (shape.elements == 0 || shape.stray)
		*why = g_strdup("it must be whole elements, as they stand in <devices> of libvirt's domain "
				"XML, and no text beside them");
	else
		return TRUE;
	return FALSE;
}
