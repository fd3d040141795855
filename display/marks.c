/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/marks.h"

#include <string.h>
#include <time.h>

#include "display/watermark.h"

struct Marks {
	Overlay *overlay;
	char *desktop;
	char *form, *holder;  /* "": no watermark */
	GPtrArray *addresses; /* char *, one a client */
	guint minute_id;
};

static void redraw(Marks *marks);

static gboolean
on_minute(gpointer data)
{
	Marks *marks = data;

	marks->minute_id = 0;
	redraw(marks);
	return G_SOURCE_REMOVE;
}

/* Each address once, however many clients come from there. */
static char **
distinct(const GPtrArray *addresses)
{
	GPtrArray *all = g_ptr_array_new();

	for (guint i = 0; i < addresses->len; i++) {
		if (!g_ptr_array_find_with_equal_func(all, addresses->pdata[i], g_str_equal, NULL))
			g_ptr_array_add(all, g_strdup(addresses->pdata[i]));
	}
	g_ptr_array_add(all, NULL);
	return (char **)g_ptr_array_free(all, FALSE);
}

static void
redraw(Marks *marks)
{
	g_auto(GStrv) addresses = distinct(marks->addresses);
	time_t seconds = time(NULL);
	struct tm now = {0};
	g_autofree char *text = NULL;

	g_clear_handle_id(&marks->minute_id, g_source_remove);
	/* Not GDateTime: that would open the time zone's file, and localtime_r has read it. */
	localtime_r(&seconds, &now);
	if (*marks->form != '\0')
		text = watermark_text(marks->form, marks->holder, marks->desktop, (const char *const *)addresses, &now);
	overlay_set_watermark(marks->overlay, text);
	if (text && marks->addresses->len > 0 && watermark_has_time(marks->form))
		marks->minute_id = g_timeout_add_seconds((guint)MAX(1, 60 - now.tm_sec), on_minute, marks);
}

Marks *
marks_new(const char *desktop, Overlay *overlay)
{
	Marks *marks = g_new0(Marks, 1);

	marks->desktop = g_strdup(desktop);
	marks->overlay = overlay;
	marks->form = g_strdup("");
	marks->holder = g_strdup("");
	marks->addresses = g_ptr_array_new_with_free_func(g_free);
	return marks;
}

void
marks_free(Marks *marks)
{
	if (marks == NULL)
		return;
	g_clear_handle_id(&marks->minute_id, g_source_remove);
	g_ptr_array_unref(marks->addresses);
	g_free(marks->desktop);
	g_free(marks->form);
	g_free(marks->holder);
	g_free(marks);
}

void
marks_admit(Marks *marks, const Client *client)
{
	if (strcmp(marks->form, client->watermark) == 0 && strcmp(marks->holder, client->holder) == 0)
		return;
	g_free(marks->form);
	g_free(marks->holder);
	marks->form = g_strdup(client->watermark);
	marks->holder = g_strdup(client->holder);
	redraw(marks);
}

void
marks_joined(Marks *marks, const Client *client)
{
	g_ptr_array_add(marks->addresses, g_strdup(client->address));
	redraw(marks);
}

void
marks_left(Marks *marks, const Client *client)
{
	guint i;

	if (g_ptr_array_find_with_equal_func(marks->addresses, client->address, g_str_equal, &i))
		g_ptr_array_remove_index(marks->addresses, i);
	redraw(marks);
}
