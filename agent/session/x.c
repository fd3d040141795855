/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "agent/session/x.h"

#include "broker/common/error.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
	XEventFunc on_event;
	void *data;
} Listener;

typedef struct {
	GSource source;
	X *x;
	gpointer tag;
} XSource;

struct X {
	xcb_connection_t *connection;
	xcb_screen_t *screen;
	xcb_window_t window;
	GHashTable *atoms;
	GArray *listeners;
	GSource *source;
	xcb_generic_event_t *next; /* taken by prepare or check, to be dispatched */
	gboolean is_lost;
	void (*on_lost)(void *data);
	void *data;
};

/* A reply that was waited for may have brought events with it: the descriptor is silent then, and the queue is not. */
static gboolean
has_work(X *x)
{
	if (x->next == NULL)
		x->next = xcb_poll_for_event(x->connection);
	return x->next != NULL || xcb_connection_has_error(x->connection);
}

static gboolean
prepare(GSource *source, gint *timeout)
{
	X *x = ((XSource *)source)->x;

	*timeout = -1;
	xcb_flush(x->connection);
	return has_work(x);
}

static gboolean
check(GSource *source)
{
	return has_work(((XSource *)source)->x);
}

static gboolean
dispatch(GSource *source, GSourceFunc callback, gpointer data)
{
	X *x = ((XSource *)source)->x;

	/* Some at a time, so that a flood of events does not keep the others waiting. */
	for (int i = 0; i < 64 && has_work(x) && x->next != NULL; i++) {
		xcb_generic_event_t *event = g_steal_pointer(&x->next);

		for (guint k = 0; k < x->listeners->len; k++) {
			Listener *listener = &g_array_index(x->listeners, Listener, k);

			listener->on_event(event, listener->data);
		}
		free(event);
	}
	if (xcb_connection_has_error(x->connection) && x->next == NULL) {
		x->is_lost = TRUE;
		x->on_lost(x->data);
		return G_SOURCE_REMOVE;
	}
	return G_SOURCE_CONTINUE;
}

static GSourceFuncs source_funcs = {.prepare = prepare, .check = check, .dispatch = dispatch};

static void
make_window(X *x)
{
	const uint32_t mask = XCB_EVENT_MASK_PROPERTY_CHANGE;

	x->window = xcb_generate_id(x->connection);
	xcb_create_window(x->connection, 0, x->window, x->screen->root, -1, -1, 1, 1, 0, XCB_WINDOW_CLASS_INPUT_ONLY,
		XCB_COPY_FROM_PARENT, XCB_CW_EVENT_MASK, &mask);
}

X *
x_new(const char *display, void (*on_lost)(void *data), void *data, GError **error)
{
	g_autoptr(X) x = g_new0(X, 1);
	xcb_screen_iterator_t screens;
	int number = 0;

	x->atoms = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	x->listeners = g_array_new(FALSE, FALSE, sizeof(Listener));
	x->on_lost = on_lost;
	x->data = data;
	x->connection = xcb_connect(display, &number);
	if (xcb_connection_has_error(x->connection)) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_NOT_FOUND, "the X server %s cannot be reached",
			display			 ? display
			: g_getenv("DISPLAY") ? g_getenv("DISPLAY")
					      : "($DISPLAY is not set)");
		return NULL;
	}
	screens = xcb_setup_roots_iterator(xcb_get_setup(x->connection));
	for (; number > 0 && screens.rem > 1; number--)
		xcb_screen_next(&screens);
	x->screen = screens.data;
	make_window(x);
	x->source = g_source_new(&source_funcs, sizeof(XSource));
	((XSource *)x->source)->x = x;
	g_source_add_unix_fd(x->source, xcb_get_file_descriptor(x->connection), G_IO_IN | G_IO_HUP | G_IO_ERR);
	g_source_attach(x->source, NULL);
	return g_steal_pointer(&x);
}

void
x_free(X *x)
{
	if (x == NULL)
		return;
	if (x->source) {
		g_source_destroy(x->source);
		g_source_unref(x->source);
	}
	free(x->next);
	xcb_disconnect(x->connection);
	g_hash_table_unref(x->atoms);
	g_array_unref(x->listeners);
	g_free(x);
}

xcb_connection_t *
x_connection(const X *x)
{
	return x->connection;
}

xcb_window_t
x_root(const X *x)
{
	return x->screen->root;
}

xcb_window_t
x_window(const X *x)
{
	return x->window;
}

xcb_atom_t
x_atom(X *x, const char *name)
{
	gpointer known = g_hash_table_lookup(x->atoms, name);
	xcb_intern_atom_cookie_t cookie;
	xcb_intern_atom_reply_t *reply;
	xcb_atom_t atom = XCB_ATOM_NONE;

	if (known)
		return GPOINTER_TO_UINT(known);
	cookie = xcb_intern_atom(x->connection, 0, (uint16_t)strlen(name), name);
	reply = xcb_intern_atom_reply(x->connection, cookie, NULL);
	if (reply) {
		atom = reply->atom;
		g_hash_table_insert(x->atoms, g_strdup(name), GUINT_TO_POINTER(atom));
	}
	free(reply);
	return atom;
}

void
x_listen(X *x, XEventFunc on_event, void *data)
{
	Listener listener = {on_event, data};

	g_array_append_val(x->listeners, listener);
}

guint8
x_extension(X *x, xcb_extension_t *extension)
{
	const xcb_query_extension_reply_t *reply = xcb_get_extension_data(x->connection, extension);

	return reply && reply->present ? reply->first_event : 0;
}

GByteArray *
x_get_property(X *x, xcb_window_t window, xcb_atom_t property, gsize max, gboolean remove, xcb_atom_t *type)
{
	GByteArray *bytes = NULL;
	xcb_get_property_cookie_t cookie;
	xcb_get_property_reply_t *reply;

	/* The length in 4-byte units bounds what the server sends, and so what is allocated here. */
	cookie = xcb_get_property(x->connection, remove, window, property, XCB_GET_PROPERTY_TYPE_ANY, 0,
		(uint32_t)(max / 4 + 1));
	reply = xcb_get_property_reply(x->connection, cookie, NULL);
	if (reply && reply->type != XCB_ATOM_NONE && reply->bytes_after == 0 &&
		(gsize)xcb_get_property_value_length(reply) <= max) {
		bytes = g_byte_array_new();
		g_byte_array_append(bytes, xcb_get_property_value(reply), (guint)xcb_get_property_value_length(reply));
		if (type)
			*type = reply->type;
	}
	free(reply);
	return bytes;
}
