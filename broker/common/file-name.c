/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/common/file-name.h"

#include <string.h>

/* Longer ones are no endings, but words after a dot. */
#define ENDING_MAX 12
/* No more of a name is looked at than could be of use. */
#define LOOK_MAX 4096

static gboolean
is_bad(gunichar c)
{
	if (c == '/' || c == '\\' || g_unichar_iscntrl(c))
		return TRUE;
	/* Line and paragraph separators; embedding, override and isolation of directions; marks; a zero-width no-break space. */
	return c == 0x2028 || c == 0x2029 || (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0x200e || c == 0x200f ||
	        c == 0x061c || c == 0xfeff;
}

/* Where the ending with its dot begins; the end of @name where it has none. */
static const char *
ending_of(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot && dot > name && dot[1] != '\0' && strlen(dot) <= ENDING_MAX ? dot : name + strlen(name);
}

/* @name so that with @addition before its ending it has at most @max bytes. */
static char *
join(const char *name, const char *addition, gsize max)
{
	const char *ending = ending_of(name);
	gsize stem = (gsize)(ending - name), room = max - strlen(addition) - strlen(ending);

	if (stem > room)
		stem = (gsize)(g_utf8_find_prev_char(name, name + room + 1) - name);
	return g_strdup_printf("%.*s%s%s", (int)stem, name, addition, ending);
}

char *
file_name_clean(const char *bytes, gsize size, gsize max)
{
	g_autofree char *valid = NULL;
	g_autoptr(GString) name = g_string_new(NULL);

	size = strnlen(bytes, MIN(size, LOOK_MAX));
	valid = g_utf8_make_valid(bytes, (gssize)size);
	g_strstrip(valid);
	for (const char *at = valid; *at != '\0'; at = g_utf8_next_char(at))
		g_string_append_unichar(name, is_bad(g_utf8_get_char(at)) ? '_' : g_utf8_get_char(at));
	if (name->len > 0 && name->str[0] == '.')
		name->str[0] = '_';
	if (name->len == 0)
		g_string_assign(name, "file");
	return join(name->str, "", max);
}

char *
file_name_numbered(const char *name, guint n)
{
	g_autofree char *addition = g_strdup_printf(" (%u)", n);

	return join(name, addition, FILE_NAME_MAX);
}
