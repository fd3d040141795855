/* The SPICE side of a desktop, by libspice-server, which is fed as QEMU feeds it from a QXL device. It serves one client
 * at a time, over a connection a channel; a second client takes the first one's place, once that one has been told.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <spice.h>

#include "display/capture.h"
#include "display/client.h"
#include "display/input.h"
#include "display/sound.h"

/* So long the place is kept for a word to who has it: to be read, and not to be in the way. */
#define SPICE_NOTICE_MS 1500

typedef struct Spice Spice;

typedef struct {
	void (*on_joined)(const Client *client, void *data);
	void (*on_left)(const Client *client, const char *why, void *data);
	/* @next is about to take the place of who is connected, who can be told so for SPICE_NOTICE_MS. NULL: it has, or does not after all. */
	void (*on_displace)(const Client *next, void *data);
	void (*on_resize)(const Client *client, const Heads *wish, void *data);
	/* A message (VD_AGENT_*) that the client sent for the guest's agent. */
	void (*on_agent)(guint32 type, const guint8 *bytes, gsize size, void *data);
} SpiceEvents;

/* @frame: see spice_set_frame. @input gets @input_data, @events get @data. @sound outlives it. One a process: the library keeps a list. */
Spice *spice_new(const char *title, const Frame *frame, const Heads *heads, guint heads_max, const InputSink *input,
	void *input_data, Sound *sound, const SpiceEvents *events, void *data);
void spice_free(Spice *spice);

/* One channel's connection. Consumes @fd and @client, also on failure. The client is who @client says when it sends
 * @client's secret as its password; connections with another secret wait until those before have been let in or not. */
gboolean spice_add_client(Spice *spice, int fd, Client *client, GError **error);
/* For who has more devices to offer. */
SpiceServer *spice_server_of(Spice *spice);
/* Both are borrowed until the next call of this. */
void spice_set_frame(Spice *spice, const Frame *frame, const Heads *heads);
/* How many heads a client may wish. */
void spice_set_heads_max(Spice *spice, guint max);
void spice_change(Spice *spice, const Change *change);
void spice_set_cursor(Spice *spice, const Cursor *cursor);
void spice_set_pointer(Spice *spice, int x, int y, gboolean visible);
/* What clients that come from now on show in their title bars. */
void spice_set_title(Spice *spice, const char *title);
/* @must_wait (with the events' data): is what the client says to the agent to be left unread for now? */
void spice_hold_agent(Spice *spice, gboolean (*must_wait)(void *data));
/* It may have another answer now. */
void spice_wake_agent(Spice *spice);
/* A message to the client from the guest's agent. */
void spice_send_agent(Spice *spice, guint32 type, const void *bytes, gsize size);
