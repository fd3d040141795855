/* The VNC side of a desktop: all its VNC clients.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "display/capture.h"
#include "display/client.h"
#include "display/input.h"
#include "display/vnc-update.h"

typedef struct Vnc Vnc;

typedef struct {
	void (*on_joined)(const Client *client, void *data);
	void (*on_left)(const Client *client, const char *why, void *data);
	void (*on_resize)(const Client *client, const Heads *wish, void *data);
	/* A client put text (UTF-8, LF) on the clipboard, and may. */
	void (*on_text)(const char *text, gsize size, void *data);
} VncEvents;

/* @frame: see vnc_set_frame. @input gets @input_data, @events get @data. */
Vnc *vnc_new(const char *title, const Frame *frame, const Heads *heads, const InputSink *input, void *input_data, const VncEvents *events,
	void *data);
void vnc_free(Vnc *vnc);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Vnc, vnc_free)

/* What all clients see, for who looks at it without being one (recorder.h); goes with @vnc. */
const VncView *vnc_view(const Vnc *vnc);
/* Consumes @fd and @client, also on failure. */
gboolean vnc_add_client(Vnc *vnc, int fd, Client *client, GError **error);
/* Sends those away who only watch. */
void vnc_end_watchers(Vnc *vnc, const char *why);
/* Both are borrowed until the next call of this. */
void vnc_set_frame(Vnc *vnc, const Frame *frame, const Heads *heads);
/* How many heads clients may wish; 1 until this is called. */
void vnc_set_heads_max(Vnc *vnc, guint max);
void vnc_change(Vnc *vnc, const Change *change);
/* The cursor is borrowed until the next call of this. */
void vnc_set_cursor(Vnc *vnc, const Cursor *cursor);
void vnc_set_pointer(Vnc *vnc, int x, int y);
/* Bits 0 to 2: the guest's Scroll, Num and Caps Lock. */
void vnc_set_leds(Vnc *vnc, guint leds);
/* What clients show in their windows' titles. */
void vnc_set_title(Vnc *vnc, const char *title);
/* Somebody here may have the desktop's text. */
gboolean vnc_wants_text(const Vnc *vnc);
void vnc_offer_text(Vnc *vnc, const char *text, gsize size);
