/* One VNC client: its hand-shake (RFB 3.3, 3.7 and 3.8, security None: who it is was settled before), its messages, and the
 * pace of its updates. Everything is non-blocking: a client that stops reading, or sends half a message, holds up itself.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "display/client.h"
#include "display/input.h"
#include "display/vnc-update.h"

typedef struct VncClient VncClient;

typedef struct {
	VncView view;
	const InputSink *input;
	void *input_data;
	/* The hand-shake is done. */
	void (*on_joined)(VncClient *client, void *data);
	/* It is gone: free it, but not before this call has returned. @why is text for the log, static. */
	void (*on_gone)(VncClient *client, const char *why, void *data);
	/* FALSE: it has this layout already. */
	gboolean (*on_resize)(VncClient *client, const Heads *wish, void *data);
	/* Text that this client may and did put on the clipboard: UTF-8, lines ending with LF. */
	void (*on_text)(const char *text, gsize size, void *data);
	void *data;
} VncHost;

/* Consumes @fd and @client. @host must outlive it. */
VncClient *vnc_client_new(const VncHost *host, int fd, Client *client);
void vnc_client_free(VncClient *vnc);

const Client *vnc_client_who(const VncClient *vnc);
gboolean vnc_client_is_joined(const VncClient *vnc);
/* What happened to the host's view; each is sent when there is room for it. */
void vnc_client_change(VncClient *vnc, const Change *change);
void vnc_client_resized(VncClient *vnc, VncSizeReason reason);
void vnc_client_cursor(VncClient *vnc);
void vnc_client_pointer(VncClient *vnc);
void vnc_client_leds(VncClient *vnc);
void vnc_client_title(VncClient *vnc);
/* Closes its connection; on_gone is called before this returns. @why is static. */
void vnc_client_end(VncClient *vnc, const char *why);
/* The guest's clipboard: sent, announced or withheld as the client's rights and abilities want. */
void vnc_client_offer_text(VncClient *vnc, const char *text, gsize size);
