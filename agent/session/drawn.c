/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "agent/session/drawn.h"

#include <stdlib.h>
#include <string.h>
#include <xcb/damage.h>

/* A session without a window manager that speaks EWMH, or with one that draws nothing, is as ready as it will be. */
#define PATIENCE_S  20
/* A desktop is drawn in steps: it is still when that many looks in a row saw no change. An animated one never is. */
#define LOOK_MS	    150
#define STILL_LOOKS 3
#define LOOKS_MAX   20
/* Lines of the screen that are looked at. */
#define SAMPLES	    9

struct Drawn {
	X *x;
	guint8 event;
	xcb_damage_damage_t damage;
	guint patience_id, look_id;
	gboolean has_changed; /* since the last look */
	guint looks, still_looks; /* since the window manager is there */
	gboolean is_done;
	void (*on_drawn)(void *data);
	void *data;
};

static void
finish(Drawn *drawn)
{
	drawn->is_done = TRUE;
	g_clear_handle_id(&drawn->patience_id, g_source_remove);
	g_clear_handle_id(&drawn->look_id, g_source_remove);
	if (drawn->damage)
		xcb_damage_destroy(x_connection(drawn->x), drawn->damage);
	drawn->on_drawn(drawn->data);
}

static gboolean
on_patience_over(gpointer data)
{
	Drawn *drawn = data;

	drawn->patience_id = 0;
	finish(drawn);
	return G_SOURCE_REMOVE;
}

static gboolean
has_window_manager(Drawn *drawn)
{
	g_autoptr(GByteArray) window = x_get_property(drawn->x, x_root(drawn->x),
		x_atom(drawn->x, "_NET_SUPPORTING_WM_CHECK"), 64, FALSE, NULL);

	return window != NULL;
}

/* Whether lines from all over the screen show more than one colour. */
static gboolean
has_picture(Drawn *drawn)
{
	xcb_connection_t *c = x_connection(drawn->x);
	xcb_window_t root = x_root(drawn->x);
	xcb_get_geometry_reply_t *size = xcb_get_geometry_reply(c, xcb_get_geometry(c, root), NULL);
	guint32 first = 0;
	gboolean differs = FALSE;

	for (int i = 0; size && i < SAMPLES && !differs; i++) {
		int y = (size->height - 1) * i / (SAMPLES - 1);
		xcb_get_image_reply_t *line = xcb_get_image_reply(c,
			xcb_get_image(c, XCB_IMAGE_FORMAT_Z_PIXMAP, root, 0, (int16_t)y, size->width, 1, ~0U), NULL);
		const guint8 *pixels = line ? xcb_get_image_data(line) : NULL;
		int n = line ? xcb_get_image_data_length(line) : 0;

		for (int k = 0; k + 4 <= n && !differs; k += 4) {
			guint32 pixel;

			memcpy(&pixel, pixels + k, 4);
			if (i == 0 && k == 0)
				first = pixel;
			differs = pixel != first;
		}
		free(line);
	}
	free(size);
	return differs;
}

static gboolean
on_look(gpointer data)
{
	Drawn *drawn = data;

	drawn->still_looks = drawn->has_changed ? 0 : drawn->still_looks + 1;
	if (drawn->has_changed) {
		/* Report the next change, too. */
		drawn->has_changed = FALSE;
		xcb_damage_subtract(x_connection(drawn->x), drawn->damage, XCB_NONE, XCB_NONE);
	}
	if (drawn->looks == 0 && !has_window_manager(drawn))
		return G_SOURCE_CONTINUE;
	drawn->looks++;
	if ((drawn->still_looks < STILL_LOOKS && drawn->looks < LOOKS_MAX) || !has_picture(drawn))
		return G_SOURCE_CONTINUE;
	drawn->look_id = 0;
	finish(drawn);
	return G_SOURCE_REMOVE;
}

static void
on_event(const xcb_generic_event_t *event, void *data)
{
	Drawn *drawn = data;

	if (!drawn->is_done && (event->response_type & 0x7f) == drawn->event + XCB_DAMAGE_NOTIFY)
		drawn->has_changed = TRUE;
}

Drawn *
drawn_new(X *x, void (*on_drawn)(void *data), void *data)
{
	Drawn *drawn = g_new0(Drawn, 1);
	xcb_connection_t *c = x_connection(x);

	drawn->x = x;
	drawn->on_drawn = on_drawn;
	drawn->data = data;
	drawn->patience_id = g_timeout_add_seconds(PATIENCE_S, on_patience_over, drawn);
	drawn->event = x_extension(x, &xcb_damage_id);
	if (drawn->event) {
		free(xcb_damage_query_version_reply(c, xcb_damage_query_version(c, 1, 1), NULL));
		drawn->damage = xcb_generate_id(c);
		xcb_damage_create(c, drawn->damage, x_root(x), XCB_DAMAGE_REPORT_LEVEL_NON_EMPTY);
		drawn->look_id = g_timeout_add(LOOK_MS, on_look, drawn);
		x_listen(x, on_event, drawn);
	}
	return drawn;
}

void
drawn_free(Drawn *drawn)
{
	if (drawn == NULL)
		return;
	g_clear_handle_id(&drawn->patience_id, g_source_remove);
	g_clear_handle_id(&drawn->look_id, g_source_remove);
	g_free(drawn);
}
