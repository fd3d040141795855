/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "agent/session/clipboard.h"

#include "agent/session/selection-fetch.h"
#include "agent/session/selection-serve.h"
#include "broker/common/error.h"

#include <stdlib.h>
#include <string.h>
#include <xcb/xfixes.h>

/* A list of targets that is longer than this is not one. */
#define TARGETS_MAX 4096

typedef struct {
	Clipboard *clipboard;
	guint number; /* VDAGENT_CLIPBOARD... */
	xcb_atom_t atom;
	SelectionServe *serve;
	SelectionFetch *fetch, *fetch_targets;
	gboolean guest_has_text; /* an X client owns it, and has text under the target: */
	xcb_atom_t target;
	guint wanted; /* requests of the host that one fetch will answer */
} Selection;

struct Clipboard {
	X *x;
	guint8 xfixes_event;
	Selection selections[VDAGENT_SELECTIONS];
	const ClipboardHost *host;
	void *data;
};

/* What we take, best first. */
static const char *const wanted_targets[] = {"UTF8_STRING", "text/plain;charset=utf-8", "STRING"};

static void
offer(Selection *selection, gboolean has_text)
{
	Clipboard *clipboard = selection->clipboard;

	if (has_text)
		clipboard->host->grab(selection->number, clipboard->data);
	else if (selection->guest_has_text)
		clipboard->host->release(selection->number, clipboard->data);
	selection->guest_has_text = has_text;
}

static void
on_targets(const GByteArray *bytes, xcb_atom_t type, void *data)
{
	Selection *selection = data;
	X *x = selection->clipboard->x;

	if (bytes && type == XCB_ATOM_ATOM) {
		for (gsize i = 0; i < G_N_ELEMENTS(wanted_targets); i++) {
			for (gsize k = 0; k + 4 <= bytes->len; k += 4) {
				xcb_atom_t atom;

				memcpy(&atom, bytes->data + k, 4);
				if (atom == x_atom(x, wanted_targets[i])) {
					selection->target = atom;
					offer(selection, TRUE);
					return;
				}
			}
		}
	}
	offer(selection, FALSE);
}

static void
on_fetched(const GByteArray *bytes, xcb_atom_t type, void *data)
{
	Selection *selection = data;
	Clipboard *clipboard = selection->clipboard;
	g_autofree char *text = NULL;

	if (bytes && type == XCB_ATOM_STRING)
		text = g_convert((const char *)bytes->data, bytes->len, "UTF-8", "ISO-8859-1", NULL, NULL, NULL);
	else if (bytes)
		text = g_utf8_make_valid((const char *)bytes->data, bytes->len);
	for (; selection->wanted > 0; selection->wanted--)
		clipboard->host->text(selection->number, text, text ? strlen(text) : 0, clipboard->data);
}

static void
on_want(void *data)
{
	Selection *selection = data;
	Clipboard *clipboard = selection->clipboard;

	if (!clipboard->host->request(selection->number, clipboard->data))
		selection_serve_answer(selection->serve, NULL, 0);
}

static const SelectionServeHandlers serve_handlers = {.on_want = on_want};

static void
on_event(const xcb_generic_event_t *event, void *data)
{
	Clipboard *clipboard = data;
	const xcb_xfixes_selection_notify_event_t *notify = (const xcb_xfixes_selection_notify_event_t *)event;

	if ((event->response_type & 0x7f) != clipboard->xfixes_event + XCB_XFIXES_SELECTION_NOTIFY)
		return;
	for (guint i = 0; i < VDAGENT_SELECTIONS; i++) {
		Selection *selection = &clipboard->selections[i];

		if (selection->atom != notify->selection || notify->owner == x_window(clipboard->x))
			continue;
		if (notify->owner == XCB_NONE)
			offer(selection, FALSE);
		else
			selection_fetch_start(selection->fetch_targets, x_atom(clipboard->x, "TARGETS"),
				notify->selection_timestamp);
	}
}

static void
add_selection(Clipboard *clipboard, guint number, const char *name, gsize max)
{
	Selection *selection = &clipboard->selections[number];
	X *x = clipboard->x;

	selection->clipboard = clipboard;
	selection->number = number;
	selection->atom = x_atom(x, name);
	selection->serve = selection_serve_new(x, selection->atom, &serve_handlers, selection);
	selection->fetch = selection_fetch_new(x, selection->atom, max, on_fetched, selection);
	selection->fetch_targets = selection_fetch_new(x, selection->atom, TARGETS_MAX, on_targets, selection);
	xcb_xfixes_select_selection_input(x_connection(x), x_root(x), selection->atom,
		XCB_XFIXES_SELECTION_EVENT_MASK_SET_SELECTION_OWNER |
			XCB_XFIXES_SELECTION_EVENT_MASK_SELECTION_WINDOW_DESTROY |
			XCB_XFIXES_SELECTION_EVENT_MASK_SELECTION_CLIENT_CLOSE);
	/* Somebody may own it already. */
	selection_fetch_start(selection->fetch_targets, x_atom(x, "TARGETS"), XCB_CURRENT_TIME);
}

Clipboard *
clipboard_new(X *x, gsize max, const ClipboardHost *host, void *data, GError **error)
{
	g_autoptr(Clipboard) clipboard = g_new0(Clipboard, 1);
	xcb_xfixes_query_version_reply_t *version;

	clipboard->x = x;
	clipboard->host = host;
	clipboard->data = data;
	clipboard->xfixes_event = x_extension(x, &xcb_xfixes_id);
	version = clipboard->xfixes_event ? xcb_xfixes_query_version_reply(x_connection(x),
						    xcb_xfixes_query_version(x_connection(x), 2, 0), NULL)
					  : NULL;
	if (version == NULL) {
		g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_FAILED, "the X server has no XFixes");
		return NULL;
	}
	free(version);
	x_listen(x, on_event, clipboard);
	add_selection(clipboard, VDAGENT_CLIPBOARD, "CLIPBOARD", max);
	add_selection(clipboard, VDAGENT_PRIMARY, "PRIMARY", max);
	return g_steal_pointer(&clipboard);
}

void
clipboard_free(Clipboard *clipboard)
{
	if (clipboard == NULL)
		return;
	for (guint i = 0; i < VDAGENT_SELECTIONS; i++) {
		selection_serve_free(clipboard->selections[i].serve);
		selection_fetch_free(clipboard->selections[i].fetch);
		selection_fetch_free(clipboard->selections[i].fetch_targets);
	}
	g_free(clipboard);
}

void
clipboard_host_grabbed(Clipboard *clipboard, guint number, gboolean has_text)
{
	Selection *selection = &clipboard->selections[number];

	/* Who copied last has it, text or not. */
	selection->guest_has_text = FALSE;
	if (has_text)
		selection_serve_own(selection->serve);
	else
		selection_serve_disown(selection->serve);
}

void
clipboard_host_released(Clipboard *clipboard, guint number)
{
	selection_serve_disown(clipboard->selections[number].serve);
}

void
clipboard_host_requests(Clipboard *clipboard, guint number)
{
	Selection *selection = &clipboard->selections[number];

	if (!selection->guest_has_text || selection->wanted >= 16) {
		clipboard->host->text(number, NULL, 0, clipboard->data);
		return;
	}
	if (selection->wanted++ == 0)
		selection_fetch_start(selection->fetch, selection->target, XCB_CURRENT_TIME);
}

void
clipboard_host_answers(Clipboard *clipboard, guint number, const char *text, gsize size)
{
	selection_serve_answer(clipboard->selections[number].serve, text, size);
}

void
clipboard_host_came(Clipboard *clipboard)
{
	for (guint i = 0; i < VDAGENT_SELECTIONS; i++) {
		if (clipboard->selections[i].guest_has_text)
			clipboard->host->grab(i, clipboard->data);
	}
}
