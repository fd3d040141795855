/* CONNECT: a SPICE client's way in. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "broker/gateway/client.h"

/* Carries out the client's CONNECT request: redeems the routing name, answers 200, ends the TLS that comes next with our own
 * certificate, and relays. */
void tunnel_start(Client *client);
