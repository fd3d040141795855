/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "agent/session/selection-serve.h"

#include <stdlib.h>

/* The host has so long to send its text; an X client may wait so long between two pieces. */
#define DEADLINE_MS 10000
/* X clients that wait at the same time, and that are being sent pieces. */
#define WAITING_MAX 32
#define TRANSFERS_MAX 16
/* A piece of a large text. Below the 256 KiB that any X server takes in one request. */
#define PIECE_SIZE (64 * 1024)

/* One who waits for the host's text. */
typedef struct {
	xcb_selection_request_event_t request;
} Waiting;

/* One who is being sent a large text. */
typedef struct {
	SelectionServe *serve;
	xcb_window_t requestor;
	xcb_atom_t property, target;
	GBytes *bytes;
	gsize sent;
	guint deadline_id;
} Transfer;

struct SelectionServe {
	X *x;
	xcb_atom_t selection;
	gboolean is_owner;
	GArray *waiting;      /* Waiting */
	GPtrArray *transfers; /* Transfer */
	guint deadline_id;
	const SelectionServeHandlers *handlers;
	void *data;
};

static const char *const text_targets[] = {"UTF8_STRING", "text/plain;charset=utf-8", "text/plain", "TEXT", "STRING"};

static void
transfer_free(gpointer data)
{
	Transfer *transfer = data;

	g_clear_handle_id(&transfer->deadline_id, g_source_remove);
	g_bytes_unref(transfer->bytes);
	g_free(transfer);
}

static void
notify(SelectionServe *serve, const xcb_selection_request_event_t *request, xcb_atom_t property)
{
	union {
		xcb_selection_notify_event_t event;
		char wire[32]; /* every event has this size */
	} u = {0};

	u.event.response_type = XCB_SELECTION_NOTIFY;
	u.event.time = request->time;
	u.event.requestor = request->requestor;
	u.event.selection = request->selection;
	u.event.target = request->target;
	u.event.property = property;
	xcb_send_event(x_connection(serve->x), 0, request->requestor, XCB_EVENT_MASK_NO_EVENT, u.wire);
}

/* Clients from before ICCCM 2.0 name no property. */
static xcb_atom_t
property_of(const xcb_selection_request_event_t *request)
{
	return request->property != XCB_ATOM_NONE ? request->property : request->target;
}

static gboolean
on_transfer_deadline(gpointer data)
{
	Transfer *transfer = data;

	transfer->deadline_id = 0;
	g_ptr_array_remove_fast(transfer->serve->transfers, transfer);
	return G_SOURCE_REMOVE;
}

static void
begin_transfer(SelectionServe *serve, const xcb_selection_request_event_t *request, const char *text, gsize size)
{
	const uint32_t mask = XCB_EVENT_MASK_PROPERTY_CHANGE;
	uint32_t announced = (uint32_t)size;
	Transfer *transfer;

	if (serve->transfers->len >= TRANSFERS_MAX) {
		notify(serve, request, XCB_ATOM_NONE);
		return;
	}
	transfer = g_new0(Transfer, 1);
	transfer->serve = serve;
	transfer->requestor = request->requestor;
	transfer->property = property_of(request);
	transfer->target = request->target;
	transfer->bytes = g_bytes_new(text, size);
	transfer->deadline_id = g_timeout_add(DEADLINE_MS, on_transfer_deadline, transfer);
	g_ptr_array_add(serve->transfers, transfer);
	xcb_change_window_attributes(x_connection(serve->x), request->requestor, XCB_CW_EVENT_MASK, &mask);
	xcb_change_property(x_connection(serve->x), XCB_PROP_MODE_REPLACE, request->requestor, transfer->property,
		x_atom(serve->x, "INCR"), 32, 1, &announced);
	notify(serve, request, transfer->property);
}

static void
send_text(SelectionServe *serve, const xcb_selection_request_event_t *request, const char *text, gsize size)
{
	g_autofree char *latin = NULL;

	if (text == NULL) {
		notify(serve, request, XCB_ATOM_NONE);
		return;
	}
	if (request->target == x_atom(serve->x, "STRING")) {
		latin = g_convert_with_fallback(text, (gssize)size, "ISO-8859-1", "UTF-8", "?", NULL, &size, NULL);
		text = latin;
		if (text == NULL) {
			notify(serve, request, XCB_ATOM_NONE);
			return;
		}
	}
	if (size > PIECE_SIZE) {
		begin_transfer(serve, request, text, size);
		return;
	}
	xcb_atom_t type = request->target == x_atom(serve->x, "TEXT") ? x_atom(serve->x, "UTF8_STRING") : request->target;

	xcb_change_property(x_connection(serve->x), XCB_PROP_MODE_REPLACE, request->requestor, property_of(request), type,
		8, (uint32_t)size, text);
	notify(serve, request, property_of(request));
}

static void
send_targets(SelectionServe *serve, const xcb_selection_request_event_t *request)
{
	xcb_atom_t atoms[G_N_ELEMENTS(text_targets) + 1];
	guint n = 0;

	atoms[n++] = x_atom(serve->x, "TARGETS");
	for (gsize i = 0; i < G_N_ELEMENTS(text_targets); i++)
		atoms[n++] = x_atom(serve->x, text_targets[i]);
	xcb_change_property(x_connection(serve->x), XCB_PROP_MODE_REPLACE, request->requestor, property_of(request),
		XCB_ATOM_ATOM, 32, n, atoms);
	notify(serve, request, property_of(request));
}

static gboolean
is_text_target(SelectionServe *serve, xcb_atom_t target)
{
	for (gsize i = 0; i < G_N_ELEMENTS(text_targets); i++) {
		if (x_atom(serve->x, text_targets[i]) == target)
			return TRUE;
	}
	return FALSE;
}

static gboolean
on_deadline(gpointer data)
{
	SelectionServe *serve = data;

	serve->deadline_id = 0;
	selection_serve_answer(serve, NULL, 0);
	return G_SOURCE_REMOVE;
}

static void
handle_request(SelectionServe *serve, const xcb_selection_request_event_t *request)
{
	Waiting waiting = {*request};

	if (!serve->is_owner) {
		notify(serve, request, XCB_ATOM_NONE);
	} else if (request->target == x_atom(serve->x, "TARGETS")) {
		send_targets(serve, request);
	} else if (!is_text_target(serve, request->target) || serve->waiting->len >= WAITING_MAX) {
		notify(serve, request, XCB_ATOM_NONE);
	} else {
		g_array_append_val(serve->waiting, waiting);
		if (serve->waiting->len > 1)
			return;
		serve->deadline_id = g_timeout_add(DEADLINE_MS, on_deadline, serve);
		serve->handlers->on_want(serve->data);
	}
}

/* The requestor took a piece: here is the next; an empty one is the end. */
static void
handle_taken(SelectionServe *serve, const xcb_property_notify_event_t *event)
{
	for (guint i = 0; i < serve->transfers->len; i++) {
		Transfer *transfer = g_ptr_array_index(serve->transfers, i);
		gsize size;
		const char *bytes = g_bytes_get_data(transfer->bytes, &size);
		gsize piece = MIN(size - transfer->sent, PIECE_SIZE);

		if (transfer->requestor != event->window || transfer->property != event->atom)
			continue;
		xcb_change_property(x_connection(serve->x), XCB_PROP_MODE_REPLACE, transfer->requestor, transfer->property,
			transfer->target, 8, (uint32_t)piece, bytes + transfer->sent);
		transfer->sent += piece;
		g_clear_handle_id(&transfer->deadline_id, g_source_remove);
		if (piece == 0)
			g_ptr_array_remove_index_fast(serve->transfers, i);
		else
			transfer->deadline_id = g_timeout_add(DEADLINE_MS, on_transfer_deadline, transfer);
		return;
	}
}

static gboolean
ask_owner(SelectionServe *serve)
{
	xcb_connection_t *connection = x_connection(serve->x);
	xcb_get_selection_owner_reply_t *reply =
		xcb_get_selection_owner_reply(connection, xcb_get_selection_owner(connection, serve->selection), NULL);
	gboolean is_ours = reply && reply->owner == x_window(serve->x);

	free(reply);
	return is_ours;
}

static void
on_event(const xcb_generic_event_t *event, void *data)
{
	SelectionServe *serve = data;
	const xcb_selection_request_event_t *request = (const xcb_selection_request_event_t *)event;
	const xcb_selection_clear_event_t *clear = (const xcb_selection_clear_event_t *)event;
	const xcb_property_notify_event_t *property = (const xcb_property_notify_event_t *)event;

	switch (event->response_type & 0x7f) {
	case XCB_SELECTION_REQUEST:
		if (request->selection == serve->selection)
			handle_request(serve, request);
		break;
	case XCB_SELECTION_CLEAR:
		/* It may be of an ownership before the present one. */
		if (clear->selection == serve->selection && !ask_owner(serve)) {
			serve->is_owner = FALSE;
			selection_serve_answer(serve, NULL, 0);
		}
		break;
	case XCB_PROPERTY_NOTIFY:
		if (property->state == XCB_PROPERTY_DELETE)
			handle_taken(serve, property);
		break;
	}
}

SelectionServe *
selection_serve_new(X *x, xcb_atom_t selection, const SelectionServeHandlers *handlers, void *data)
{
	SelectionServe *serve = g_new0(SelectionServe, 1);

	serve->x = x;
	serve->selection = selection;
	serve->waiting = g_array_new(FALSE, FALSE, sizeof(Waiting));
	serve->transfers = g_ptr_array_new_with_free_func(transfer_free);
	serve->handlers = handlers;
	serve->data = data;
	x_listen(x, on_event, serve);
	return serve;
}

void
selection_serve_free(SelectionServe *serve)
{
	if (serve == NULL)
		return;
	g_clear_handle_id(&serve->deadline_id, g_source_remove);
	g_array_unref(serve->waiting);
	g_ptr_array_unref(serve->transfers);
	g_free(serve);
}

void
selection_serve_own(SelectionServe *serve)
{
	selection_serve_answer(serve, NULL, 0);
	xcb_set_selection_owner(x_connection(serve->x), x_window(serve->x), serve->selection, XCB_CURRENT_TIME);
	serve->is_owner = ask_owner(serve);
}

void
selection_serve_disown(SelectionServe *serve)
{
	selection_serve_answer(serve, NULL, 0);
	if (serve->is_owner)
		xcb_set_selection_owner(x_connection(serve->x), XCB_NONE, serve->selection, XCB_CURRENT_TIME);
	serve->is_owner = FALSE;
}

gboolean
selection_serve_is_owner(const SelectionServe *serve)
{
	return serve->is_owner;
}

void
selection_serve_answer(SelectionServe *serve, const char *text, gsize size)
{
	g_autoptr(GArray) waiting = serve->waiting;

	g_clear_handle_id(&serve->deadline_id, g_source_remove);
	serve->waiting = g_array_new(FALSE, FALSE, sizeof(Waiting));
	for (guint i = 0; i < waiting->len; i++)
		send_text(serve, &g_array_index(waiting, Waiting, i).request, text, size);
}
