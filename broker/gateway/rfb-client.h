/* The client's side of RFB 3.8's first messages (RFC 6143, section 7.1), with security type None: what the gateway says to the
 * display server before it relays. On bytes alone. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

typedef enum { RFB_CLIENT_MORE, RFB_CLIENT_DONE, RFB_CLIENT_BAD } RfbClientResult;

/* Zero-initialise. */
typedef struct {
	int state;
	gsize n_types;
	guint8 output[12];
	gsize output_size; /* to be sent after a feed */
} RfbClient;

#define RFB_CLIENT_WANTED_MAX 255

/* How many bytes the next feed takes: read exactly as many, for what follows belongs to the VNC client. */
gsize rfb_client_wanted(const RfbClient *client);
RfbClientResult rfb_client_feed(RfbClient *client, const guint8 *bytes);
