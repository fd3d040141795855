/* The guest's agent as libspice-server and its client see it: a character device whose other end is the multiplexer.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <spice.h>

#include "display/agent-wire.h"

typedef struct SpiceAgent SpiceAgent;

SpiceAgent *spice_agent_new(SpiceServer *server, AgentMessageFunc on_message, void *data);
/* After the server is destroyed. */
void spice_agent_free(SpiceAgent *agent);
void spice_agent_send(SpiceAgent *agent, guint32 type, const void *data, gsize size);
