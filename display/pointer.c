/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/pointer.h"

#include <spice/vd_agent.h>

struct Pointer {
	Console *console;
	AgentMux *mux;
	Heads heads;
	int x, y;          /* in the frame */
	guint down;        /* bit n: Button n */
	gboolean by_agent; /* the last to be told */
};

/* 0: the agent protocol has no such button. */
static const guint32 agent_masks[N_BUTTONS] = {
        [BUTTON_LEFT] = VD_AGENT_LBUTTON_MASK,
        [BUTTON_MIDDLE] = VD_AGENT_MBUTTON_MASK,
        [BUTTON_RIGHT] = VD_AGENT_RBUTTON_MASK,
        [BUTTON_WHEEL_UP] = VD_AGENT_UBUTTON_MASK,
        [BUTTON_WHEEL_DOWN] = VD_AGENT_DBUTTON_MASK,
        [BUTTON_SIDE] = VD_AGENT_SBUTTON_MASK,
        [BUTTON_EXTRA] = VD_AGENT_EBUTTON_MASK,
};

Pointer *
pointer_new(Console *console, AgentMux *mux)
{
	Pointer *pointer = g_new0(Pointer, 1);

	pointer->console = console;
	pointer->mux = mux;
	return pointer;
}

void
pointer_free(Pointer *pointer)
{
	g_free(pointer);
}

void
pointer_set_heads(Pointer *pointer, const Heads *heads)
{
	pointer->heads = *heads;
}

static void
tell_agent(Pointer *pointer, guint down)
{
	int x = pointer->x, y = pointer->y;
	guint head = heads_locate(&pointer->heads, &x, &y);
	guint32 buttons = 0;

	for (guint i = 0; i < N_BUTTONS; i++)
		buttons |= down & 1u << i ? agent_masks[i] : 0;
	agent_mux_pointer(pointer->mux, head, x, y, buttons);
}

/* What is held is let go by the one that pressed it: the other knows nothing of it. */
static void
choose_way(Pointer *pointer)
{
	gboolean by_agent = heads_count(&pointer->heads) > 1 && agent_mux_takes_pointer(pointer->mux);

	if (by_agent == pointer->by_agent)
		return;
	if (pointer->by_agent && agent_mux_takes_pointer(pointer->mux))
		tell_agent(pointer, 0);
	for (guint i = 0; i < N_BUTTONS; i++) {
		if ((pointer->down & 1u << i) && (!pointer->by_agent || agent_masks[i] == 0))
			console_button(pointer->console, (Button)i, FALSE);
	}
	pointer->down = 0;
	pointer->by_agent = by_agent;
}

void
pointer_motion(Pointer *pointer, int x, int y)
{
	const Heads *heads = &pointer->heads;

	pointer->x = x;
	pointer->y = y;
	choose_way(pointer);
	if (pointer->by_agent) {
		tell_agent(pointer, pointer->down);
		return;
	}
	if (heads_count(heads) > 1) {
		x = x * heads->rects[0].width / heads->width;
		y = y * heads->rects[0].height / heads->height;
	}
	console_motion(pointer->console, x, y);
}

void
pointer_button(Pointer *pointer, Button button, gboolean down)
{
	if (button >= N_BUTTONS)
		return;
	choose_way(pointer);
	pointer->down = down ? pointer->down | 1u << button : pointer->down & ~(1u << button);
	if (pointer->by_agent && agent_masks[button] != 0)
		tell_agent(pointer, pointer->down);
	else
		console_button(pointer->console, button, down);
}
