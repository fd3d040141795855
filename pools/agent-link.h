/* The broker's end of one desktop's control port: a unix socket on which QEMU listens. It opens the port, opens it again with
 * back-off whenever it breaks (neither the guest's reboot nor a restart of libvirtd breaks it), and asks the agent for its hello now
 * and then until it has spoken.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "broker/common/reactor.h"
#include "pools/agent-protocol.h"

#include <gio/gio.h>

typedef struct AgentLink AgentLink;

/* The longest path of a socket, with what a desktop's id takes: sun_path of unix(7). */
#define AGENT_FOLDER_MAX 65

/* Makes the folder in which QEMU's sockets appear, for us alone: libvirt makes each as root and gives it to QEMU's user, so an
 * inherited ACL lets us connect. */
gboolean agent_folder_make(const char *folder, GError **error);

/* @reactor outlives the link. @path: of the socket, there or not yet. @desktop: for the log. @on_message on the main loop, never from within a call of this
 * module; it may free the link. */
AgentLink *agent_link_new(Reactor *reactor, const char *path, const char *desktop,
	void (*on_message)(const AgentMessage *message, void *data), void *data);
void agent_link_free(AgentLink *link);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AgentLink, agent_link_free)

/* Queues @line (its newline included). FALSE: the port is not open, the guest does not read, or @line is NULL: nothing was
 * queued. What was queued for a port that then breaks is dropped: say it again after the agent's next hello. */
gboolean agent_link_send(AgentLink *link, const char *line);

/* The guest has rebooted: ask for a hello again until it comes. */
void agent_link_expect_hello(AgentLink *link);
