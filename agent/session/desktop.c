/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "agent/session/desktop.h"

#include <string.h>

/* Programs may ask about unsaved work; who is not there to answer loses it. */
#define CLOSE_CHECK_MS 200
#define CLOSE_CHECKS   40
#define CLIENTS_MAX    (1024 * 4)

struct Desktop {
	X *x;
	char *user;
	guint close_id, checks;
	void (*on_closed)(void *data);
	void *data;
};

static GByteArray *
get_root_property(Desktop *desktop, const char *name)
{
	return x_get_property(desktop->x, x_root(desktop->x), x_atom(desktop->x, name), CLIENTS_MAX, FALSE, NULL);
}

static void
show_user(Desktop *desktop)
{
	X *x = desktop->x;
	g_autoptr(GByteArray) count = get_root_property(desktop, "_NET_NUMBER_OF_DESKTOPS");
	g_autoptr(GByteArray) names = get_root_property(desktop, "_NET_DESKTOP_NAMES");
	guint32 n = 0;

	if (count && count->len >= 4)
		memcpy(&n, count->data, 4);
	if (desktop->user == NULL || n != 1 ||
		(names && names->len == strlen(desktop->user) + 1 && memcmp(names->data, desktop->user, names->len) == 0))
		return;
	xcb_change_property(x_connection(x), XCB_PROP_MODE_REPLACE, x_root(x), x_atom(x, "_NET_DESKTOP_NAMES"),
		x_atom(x, "UTF8_STRING"), 8, (uint32_t)strlen(desktop->user) + 1, desktop->user);
	xcb_flush(x_connection(x));
}

static void
on_event(const xcb_generic_event_t *event, void *data)
{
	Desktop *desktop = data;
	const xcb_property_notify_event_t *property = (const xcb_property_notify_event_t *)event;

	if ((event->response_type & 0x7f) == XCB_PROPERTY_NOTIFY && property->window == x_root(desktop->x) &&
		(property->atom == x_atom(desktop->x, "_NET_SUPPORTING_WM_CHECK") ||
			property->atom == x_atom(desktop->x, "_NET_NUMBER_OF_DESKTOPS")))
		show_user(desktop);
}

Desktop *
desktop_new(X *x)
{
	const uint32_t mask = XCB_EVENT_MASK_PROPERTY_CHANGE;
	Desktop *desktop = g_new0(Desktop, 1);

	desktop->x = x;
	x_listen(x, on_event, desktop);
	xcb_change_window_attributes(x_connection(x), x_root(x), XCB_CW_EVENT_MASK, &mask);
	return desktop;
}

void
desktop_free(Desktop *desktop)
{
	if (desktop == NULL)
		return;
	g_clear_handle_id(&desktop->close_id, g_source_remove);
	g_free(desktop->user);
	g_free(desktop);
}

void
desktop_set_user(Desktop *desktop, const char *name)
{
	g_free(desktop->user);
	desktop->user = g_strdup(name);
	show_user(desktop);
}

static void
close_window(Desktop *desktop, xcb_window_t window)
{
	X *x = desktop->x;
	union {
		xcb_client_message_event_t event;
		char wire[32];
	} u = {0};

	u.event.response_type = XCB_CLIENT_MESSAGE;
	u.event.format = 32;
	u.event.window = window;
	u.event.type = x_atom(x, "_NET_CLOSE_WINDOW");
	u.event.data.data32[1] = 2; /* source indication: a pager, that is, the person's wish */
	xcb_send_event(x_connection(x), 0, x_root(x),
		XCB_EVENT_MASK_SUBSTRUCTURE_NOTIFY | XCB_EVENT_MASK_SUBSTRUCTURE_REDIRECT, u.wire);
}

static gboolean
on_close_check(gpointer data)
{
	Desktop *desktop = data;
	g_autoptr(GByteArray) clients = get_root_property(desktop, "_NET_CLIENT_LIST");

	if (clients && clients->len >= 4 && ++desktop->checks < CLOSE_CHECKS)
		return G_SOURCE_CONTINUE;
	desktop->close_id = 0;
	desktop->on_closed(desktop->data);
	return G_SOURCE_REMOVE;
}

void
desktop_close_windows(Desktop *desktop, void (*on_closed)(void *data), void *data)
{
	g_autoptr(GByteArray) clients = get_root_property(desktop, "_NET_CLIENT_LIST");

	if (desktop->close_id != 0)
		return;
	desktop->on_closed = on_closed;
	desktop->data = data;
	desktop->checks = 0;
	for (guint i = 0; clients && i + 4 <= clients->len; i += 4) {
		xcb_window_t window;

		memcpy(&window, clients->data + i, 4);
		close_window(desktop, window);
	}
	xcb_flush(x_connection(desktop->x));
	desktop->close_id = g_timeout_add(CLOSE_CHECK_MS, on_close_check, desktop);
}
