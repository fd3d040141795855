/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "agent/session/selection-fetch.h"

#include <stdlib.h>

/* From one sign of life of the owner to the next. */
#define DEADLINE_MS 5000

typedef enum { FETCH_IDLE, FETCH_ASKED, FETCH_PIECES } FetchState;

struct SelectionFetch {
	X *x;
	xcb_atom_t selection, target, property, incr;
	guint turn; /* each fetch has a property of its own, so that a late answer to another is not mistaken for it */
	gsize max;
	FetchState state;
	GByteArray *bytes; /* FETCH_PIECES */
	xcb_atom_t type;
	guint deadline_id;
	SelectionFetchFunc on_done;
	void *data;
};

static void
finish(SelectionFetch *fetch, const GByteArray *bytes, xcb_atom_t type)
{
	fetch->state = FETCH_IDLE;
	g_clear_handle_id(&fetch->deadline_id, g_source_remove);
	fetch->on_done(bytes, type, fetch->data);
}

static gboolean
on_deadline(gpointer data)
{
	SelectionFetch *fetch = data;

	fetch->deadline_id = 0;
	finish(fetch, NULL, XCB_ATOM_NONE);
	return G_SOURCE_REMOVE;
}

static void
rearm(SelectionFetch *fetch)
{
	g_clear_handle_id(&fetch->deadline_id, g_source_remove);
	fetch->deadline_id = g_timeout_add(DEADLINE_MS, on_deadline, fetch);
}

static void
handle_notify(SelectionFetch *fetch, const xcb_selection_notify_event_t *event)
{
	g_autoptr(GByteArray) bytes = NULL;
	xcb_atom_t type = XCB_ATOM_NONE;

	if (fetch->state != FETCH_ASKED || event->selection != fetch->selection || event->target != fetch->target)
		return;
	if (event->property != fetch->property) {
		if (event->property == XCB_ATOM_NONE)
			finish(fetch, NULL, XCB_ATOM_NONE);
		return;
	}
	bytes = x_get_property(fetch->x, x_window(fetch->x), fetch->property, fetch->max, TRUE, &type);
	if (bytes == NULL || type != fetch->incr) {
		if (bytes == NULL)
			xcb_delete_property(x_connection(fetch->x), x_window(fetch->x), fetch->property);
		finish(fetch, bytes, type);
		return;
	}
	/* Deleting the property, as was just done, says that the first piece may come. */
	fetch->state = FETCH_PIECES;
	g_byte_array_set_size(fetch->bytes, 0);
	rearm(fetch);
}

static void
handle_piece(SelectionFetch *fetch, const xcb_property_notify_event_t *event)
{
	g_autoptr(GByteArray) piece = NULL;

	if (fetch->state != FETCH_PIECES || event->atom != fetch->property || event->state != XCB_PROPERTY_NEW_VALUE)
		return;
	piece = x_get_property(fetch->x, x_window(fetch->x), fetch->property, fetch->max - fetch->bytes->len, TRUE,
		&fetch->type);
	if (piece == NULL) { /* too much, in all */
		finish(fetch, NULL, XCB_ATOM_NONE);
	} else if (piece->len == 0) {
		g_autoptr(GByteArray) all = g_steal_pointer(&fetch->bytes);

		fetch->bytes = g_byte_array_new();
		finish(fetch, all, fetch->type);
	} else {
		g_byte_array_append(fetch->bytes, piece->data, piece->len);
		rearm(fetch);
	}
}

static void
on_event(const xcb_generic_event_t *event, void *data)
{
	SelectionFetch *fetch = data;

	switch (event->response_type & 0x7f) {
	case XCB_SELECTION_NOTIFY:
		handle_notify(fetch, (const xcb_selection_notify_event_t *)event);
		break;
	case XCB_PROPERTY_NOTIFY:
		if (((const xcb_property_notify_event_t *)event)->window == x_window(fetch->x))
			handle_piece(fetch, (const xcb_property_notify_event_t *)event);
		break;
	}
}

SelectionFetch *
selection_fetch_new(X *x, xcb_atom_t selection, gsize max, SelectionFetchFunc on_done, void *data)
{
	SelectionFetch *fetch = g_new0(SelectionFetch, 1);

	fetch->x = x;
	fetch->selection = selection;
	fetch->incr = x_atom(x, "INCR");
	fetch->max = max;
	fetch->bytes = g_byte_array_new();
	fetch->on_done = on_done;
	fetch->data = data;
	x_listen(x, on_event, fetch);
	return fetch;
}

void
selection_fetch_free(SelectionFetch *fetch)
{
	if (fetch == NULL)
		return;
	g_clear_handle_id(&fetch->deadline_id, g_source_remove);
	g_byte_array_unref(fetch->bytes);
	g_free(fetch);
}

gboolean
selection_fetch_is_busy(const SelectionFetch *fetch)
{
	return fetch->state != FETCH_IDLE;
}

void
selection_fetch_start(SelectionFetch *fetch, xcb_atom_t target, xcb_timestamp_t time)
{
	/* A few names serve: by the time one comes round again, its old owner's deadline is long over. */
	g_autofree char *name = g_strdup_printf("CARREL_%u_%u", fetch->selection, fetch->turn++ % 8);

	fetch->property = x_atom(fetch->x, name);
	fetch->target = target;
	fetch->state = FETCH_ASKED;
	rearm(fetch);
	xcb_delete_property(x_connection(fetch->x), x_window(fetch->x), fetch->property);
	xcb_convert_selection(x_connection(fetch->x), x_window(fetch->x), fetch->selection, target, fetch->property, time);
}
