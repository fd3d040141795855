/* The first stage of a connection that a proxy in ProxyFrom= brings: its header says whose it is.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "broker/gateway/client.h"

/* Reads the header, gives @client the address in it, and calls @next, which enters the next stage. Without a good header within
 * HandshakeTimeout= the connection is closed: who may speak for others must not be mistaken for one of them. */
void proxy_start(Client *client, void (*next)(Client *client));
