/* The guest's agent port: QEMU's chardev com.redhat.spice.0, found on the D-Bus display and given one end of a socketpair.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>

#include "display/agent-wire.h"

typedef struct AgentPort AgentPort;

typedef struct {
	AgentMessageFunc on_message; /* what the guest says */
	/* What is said from now on reaches a program there, which may have begun anew: it is to be asked who it is. */
	void (*on_open)(void *data);
	void (*on_close)(void *data); /* nobody reads there, or understands what is said */
	void (*on_read)(void *data);  /* the guest has taken some of what waited for it */
} AgentPortEvents;

/* Looks for the port and registers, without blocking. A VM without such a port is served without it. What the guest says that is not
 * the protocol (a program there died amid a message, say) is passed over for a second, and the port opened anew. */
AgentPort *agent_port_new(GDBusConnection *qemu, const AgentPortEvents *events, void *data);
void agent_port_free(AgentPort *port);

/* Dropped when the guest has not read for so long that 32 MiB wait, or there is no port. */
void agent_port_send(AgentPort *port, guint32 type, const void *data, gsize size);
/* Bytes that the guest has not taken. */
gsize agent_port_unread(const AgentPort *port);
