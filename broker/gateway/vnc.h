/* The VNC port: sign-in by VeNCrypt, then a relay. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "broker/gateway/client.h"

/* Enters the stage: greets the client. */
void vnc_start(Client *client);
