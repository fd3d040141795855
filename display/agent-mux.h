/* Shares the guest's one agent between a SPICE client and any number of VNC clients: whose clipboard it is, who has asked
 * for its contents, and what each side may learn. Speaks the agent protocol with both sides and knows nothing of how the
 * bytes travel, so that it can be tested without a guest.
 *
 * Only the CLIPBOARD selection is shared; PRIMARY would leak whatever somebody marks. Files go by files.h.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "display/heads.h"

typedef struct AgentMux AgentMux;

/* Where messages go: VD_AGENT_* with its data. */
typedef struct {
	void (*to_guest)(guint32 type, const void *data, gsize size, void *user_data);
	void (*to_spice)(guint32 type, const void *data, gsize size, void *user_data);
	/* The desktop's text for the VNC clients: UTF-8, lines ending with LF. */
	void (*to_vnc)(const char *text, gsize size, void *user_data);
	/* Is there anybody whom to_vnc would reach? */
	gboolean (*vnc_wants_text)(void *user_data);
	/* The guest's agent has spoken for the first time. */
	void (*on_agent)(void *user_data);
} AgentMuxSink;

AgentMux *agent_mux_new(const AgentMuxSink *sink, void *user_data);
void agent_mux_free(AgentMux *mux);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AgentMux, agent_mux_free)

/* The guest's port was opened: says hello. */
void agent_mux_start(AgentMux *mux);
/* The guest's end was closed: nobody is there until an agent announces itself. */
void agent_mux_stop(AgentMux *mux);
gboolean agent_mux_has_agent(const AgentMux *mux);

void agent_mux_from_guest(AgentMux *mux, guint32 type, const guint8 *data, gsize size);
void agent_mux_from_spice(AgentMux *mux, guint32 type, const guint8 *data, gsize size);
/* Text that a VNC client put on the clipboard, and may. */
void agent_mux_from_vnc(AgentMux *mux, const char *text, gsize size);

/* What the SPICE client that is connected now may do. */
void agent_mux_set_spice_rights(AgentMux *mux, gboolean to_desktop, gboolean from_desktop);
/* What a clipboard may hold, whoever's it is: text, and @images too; at most @max bytes. Before: text of AGENT_MESSAGE_MAX. Whatever has more
 * is not passed on, which the log says. */
void agent_mux_set_limits(AgentMux *mux, gboolean images, gsize max);
/* Whether it may send files, which it is told. */
void agent_mux_set_spice_files(AgentMux *mux, gboolean to_desktop);
void agent_mux_spice_left(AgentMux *mux);

/* Wishes the guest monitors of these sizes and places; for agents that set them themselves rather than follow a monitor's EDID. */
void agent_mux_arrange(AgentMux *mux, const Heads *wish);

/* The agent moves the guest's pointer when it is told to. */
gboolean agent_mux_takes_pointer(const AgentMux *mux);
/* @x and @y: pixels of the head. @buttons: VD_AGENT_*BUTTON_MASK. */
void agent_mux_pointer(AgentMux *mux, guint head, int x, int y, guint32 buttons);
