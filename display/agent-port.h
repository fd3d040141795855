/* The guest's agent port: QEMU's chardev com.redhat.spice.0, found on the D-Bus display and given one end of a socketpair.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>

#include "display/agent-wire.h"

typedef struct AgentPort AgentPort;

/* Looks for the port and registers, without blocking. A VM without such a port is served without it. @on_message: what
 * the guest says; @on_open: the guest's end was opened afresh. */
AgentPort *agent_port_new(GDBusConnection *qemu, AgentMessageFunc on_message, void (*on_open)(void *data), void *data);
void agent_port_free(AgentPort *port);

/* Bytes that the guest has not taken; and who is told that it has taken some (NULL: nobody). */
gsize agent_port_unread(const AgentPort *port);
void agent_port_on_read(AgentPort *port, void (*func)(void *data));
/* The port is gone for good: the guest's stream was not the protocol, or QEMU closed it. */
void agent_port_on_closed(AgentPort *port, void (*func)(void *data));

/* Dropped when the guest has not read for so long that 32 MiB wait, or there is no port. */
void agent_port_send(AgentPort *port, guint32 type, const void *data, gsize size);
