/* The guest's agent and all that speak with it: the port on its way there, whose clipboard it is, and files both ways.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>

#include "display/agent-mux.h"
#include "display/client.h"

typedef struct GuestAgent GuestAgent;

/* Where things go that are not for the guest. */
typedef struct {
	/* As in AgentMuxSink. */
	void (*to_vnc)(const char *text, gsize size, void *data);
	gboolean (*vnc_wants_text)(void *data);
	void (*on_agent)(void *data);
	void (*to_spice)(guint32 type, const void *bytes, gsize size, void *data);
	/* guest_agent_spice_must_wait may be FALSE again. */
	void (*spice_may_go_on)(void *data);
} GuestAgentSink;

GuestAgent *guest_agent_new(GDBusConnection *qemu, const GuestAgentSink *sink, void *data);
/* Tells nobody. */
void guest_agent_free(GuestAgent *agent);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GuestAgent, guest_agent_free)

/* For who has a text, a wish or a pointer for the guest, or asks whether anybody is there. */
AgentMux *guest_agent_mux(GuestAgent *agent);

/* One who looks on came or left, by VNC or SPICE; the SPICE client, of whom there is one at a time, may speak from then on. */
void guest_agent_joined(GuestAgent *agent, const Client *client);
void guest_agent_left(GuestAgent *agent, const Client *client);

/* What the SPICE client says to the agent; not to be taken from it while it must wait, for a guest that does not read. */
void guest_agent_from_spice(GuestAgent *agent, guint32 type, const guint8 *bytes, gsize size);
gboolean guest_agent_spice_must_wait(const GuestAgent *agent);

/* A browser's connection for files, beside its screen. Consumes @fd and @client, also on failure. */
gboolean guest_agent_add_files_client(GuestAgent *agent, int fd, Client *client, GError **error);
