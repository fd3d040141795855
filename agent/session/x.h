/* The connection to the X server, on GLib's main loop. Its round trips wait without a deadline: a session whose X server
 * hangs has nothing left to serve. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>
#include <xcb/xcb.h>

typedef struct X X;

typedef void (*XEventFunc)(const xcb_generic_event_t *event, void *data);

/* @display NULL: $DISPLAY. @on_lost is called, once, when the server is gone. Free with x_free. */
X *x_new(const char *display, void (*on_lost)(void *data), void *data, GError **error);
void x_free(X *x);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(X, x_free)

xcb_connection_t *x_connection(const X *x);
xcb_window_t x_root(const X *x);

/* A window that is never shown: it owns selections and receives properties. Property changes on it are selected. */
xcb_window_t x_window(const X *x);

/* Interned, and remembered. */
xcb_atom_t x_atom(X *x, const char *name);

/* Each listener gets every event (type with the send-event bit cleared is the listener's to compute), until the X is
 * freed. Listeners must outlive the main loop's last iteration, or the X. */
void x_listen(X *x, XEventFunc on_event, void *data);

/* The first event number of an extension, or 0 when the server has not got it. */
guint8 x_extension(X *x, xcb_extension_t *extension);

/* A window's property: at most @max bytes of it, as bytes; NULL when it is absent or larger. @type may be NULL. @remove:
 * delete it once it is read. Free with g_byte_array_unref. */
GByteArray *x_get_property(X *x, xcb_window_t window, xcb_atom_t property, gsize max, gboolean remove, xcb_atom_t *type);
