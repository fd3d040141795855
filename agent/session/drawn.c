/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "agent/session/drawn.h"

#include <stdlib.h>
#include <xcb/damage.h>

/* A session without a window manager that speaks EWMH is as ready as it will be. */
#define PATIENCE_S 20

struct Drawn {
	X *x;
	guint8 event;
	xcb_damage_damage_t damage;
	guint patience_id;
	gboolean is_done;
	void (*on_drawn)(void *data);
	void *data;
};

static void
finish(Drawn *drawn)
{
	if (drawn->is_done)
		return;
	drawn->is_done = TRUE;
	g_clear_handle_id(&drawn->patience_id, g_source_remove);
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

static void
on_event(const xcb_generic_event_t *event, void *data)
{
	Drawn *drawn = data;

	if (drawn->is_done || (event->response_type & 0x7f) != drawn->event + XCB_DAMAGE_NOTIFY)
		return;
	if (has_window_manager(drawn)) {
		finish(drawn);
		return;
	}
	/* What was drawn before does not count: report the next change, too. */
	xcb_damage_subtract(x_connection(drawn->x), drawn->damage, XCB_NONE, XCB_NONE);
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
	x_listen(x, on_event, drawn);
	if (drawn->event) {
		free(xcb_damage_query_version_reply(c, xcb_damage_query_version(c, 1, 1), NULL));
		drawn->damage = xcb_generate_id(c);
		xcb_damage_create(c, drawn->damage, x_root(x), XCB_DAMAGE_REPORT_LEVEL_NON_EMPTY);
	}
	return drawn;
}

void
drawn_free(Drawn *drawn)
{
	if (drawn == NULL)
		return;
	g_clear_handle_id(&drawn->patience_id, g_source_remove);
	g_free(drawn);
}
