/* The broker's end of one desktop's control port. It opens the port, opens it again with back-off whenever it breaks (the guest's
 * reboot does not break it, a restart of libvirtd does), and asks the agent for its hello now and then until it has spoken.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "pools/agent-protocol.h"
#include "pools/host.h"

typedef struct AgentLink AgentLink;

/* @uuid: libvirt's. @host outlives the link. @on_message on the main loop, never from within a call of this module; it may free
 * the link. */
AgentLink *agent_link_new(Host *host, const char *uuid, void (*on_message)(const AgentMessage *message, void *data), void *data);
void agent_link_free(AgentLink *link);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AgentLink, agent_link_free)

/* Queues @line (its newline included). FALSE: the port is not open, the guest does not read, or @line is NULL: nothing was
 * queued. What was queued for a port that then breaks is dropped: say it again after the agent's next hello. */
gboolean agent_link_send(AgentLink *link, const char *line);

/* The guest has rebooted: ask for a hello again until it comes. */
void agent_link_expect_hello(AgentLink *link);
