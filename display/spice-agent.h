/* The guest's agent as libspice-server and its client see it: a character device whose other end is the multiplexer.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <spice.h>

#include "display/agent-wire.h"

typedef struct SpiceAgent SpiceAgent;

/* Where the library tells an agent that the pointer is: at a pixel of a head. @buttons: VD_AGENT_*BUTTON_MASK. */
typedef void (*SpiceAgentPointerFunc)(guint head, guint32 x, guint32 y, guint32 buttons, void *data);

SpiceAgent *spice_agent_new(SpiceServer *server, AgentMessageFunc on_message, SpiceAgentPointerFunc on_pointer, void *data);
/* After the server is destroyed. */
void spice_agent_free(SpiceAgent *agent);
/* @must_wait: is what the client says to be left with the library for now? It keeps the client's tokens then. */
void spice_agent_hold(SpiceAgent *agent, gboolean (*must_wait)(void *data));
/* must_wait may have another answer now. */
void spice_agent_wake(SpiceAgent *agent);
void spice_agent_send(SpiceAgent *agent, guint32 type, const void *data, gsize size);
