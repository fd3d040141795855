/* One VNC client: its hand-shake (RFB 3.3, 3.7 and 3.8, security None: who it is was settled before), its messages, and the
 * pace of its updates. Everything is non-blocking: a client that stops reading, or sends half a message, holds up itself.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "display/client.h"
#include "display/input.h"
#include "display/vnc-codec.h"

typedef struct VncClient VncClient;

typedef struct {
	const char *title;   /* of the desktop */
	VncScreen *screen;
	const Frame *(*frame)(void *data);
	const Heads *(*heads)(void *data);
	guint (*heads_max)(void *data);
	const InputSink *input;
	void *input_data;
	/* The hand-shake is done. */
	void (*on_joined)(VncClient *client, void *data);
	/* It is gone: free it, but not before this call has returned. @why is text for the log, static. */
	void (*on_gone)(VncClient *client, const char *why, void *data);
	void (*on_resize)(const Heads *wish, void *data);
	/* Text that this client may and did put on the clipboard: UTF-8, lines ending with LF. */
	void (*on_text)(const char *text, gsize size, void *data);
	void *data;
} VncHost;

/* Consumes @fd and @client, also on failure. @host must outlive it. */
VncClient *vnc_client_new(const VncHost *host, int fd, Client *client, GError **error);
void vnc_client_free(VncClient *vnc);

const Client *vnc_client_who(const VncClient *vnc);
gboolean vnc_client_is_joined(const VncClient *vnc);
/* Something may be there to send. */
void vnc_client_kick(VncClient *vnc);
/* The guest's clipboard: sent, announced or withheld as the client's rights and abilities want. */
void vnc_client_offer_text(VncClient *vnc, const char *text, gsize size);
