/* What guests say, and what they are told. Everything that a guest says is a claim of the person in it: it may make its own
 * desktop ready or sign itself out, and nothing else. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "pools/engine-private.h"

#include "broker/common/secret.h"

#include <string.h>

#define SEED_SIZE 64
#define IDENTITY 1 /* the request whose answer says that it is an individual */

/* A clone begins with its image's identity. */
static void
tell_identity(Desktop *desktop)
{
	g_autofree char *machine_id = g_strdup(desktop->row->uuid);
	guint8 seed[SEED_SIZE];
	char *to = machine_id;

	for (const char *from = machine_id; *from != '\0'; from++) {
		if (*from != '-')
			*to++ = g_ascii_tolower(*from);
	}
	*to = '\0';
	secret_random(seed, sizeof seed);
	g_autofree char *identity = agent_line_identity(IDENTITY, desktop->row->id, machine_id, seed, sizeof seed);
	g_autofree char *clock = agent_line_clock(g_get_real_time());

	agent_link_send(desktop->link, clock);
	agent_link_send(desktop->link, identity);
	agent_tell_user(desktop);
	home_hello(desktop);
}

void
agent_tell_user(Desktop *desktop)
{
	g_autofree char *line = NULL;

	if (desktop->row->user == NULL || desktop->link == NULL)
		return;
	line = agent_line_user(desktop->row->user, desktop->row->user);
	agent_link_send(desktop->link, line);
}

static void
on_ready(Desktop *desktop)
{
	g_autoptr(GError) error = NULL;

	if (!desktop->row->agent && !desktops_set_agent(desktop->engine->store, desktop->row, TRUE, &error))
		g_warning("desktop %s: %s", desktop->row->id, error->message);
	desktop->said_ready = TRUE;
	if (!desktop->waking && (desktop->booting || desktop->row->state == DESKTOP_CLONING || desktop->row->state == DESKTOP_PARKED))
		desktop_came_up(desktop, NULL);
	desktop_mark(desktop);
}

void
agent_on_message(const AgentMessage *message, void *data)
{
	Desktop *desktop = data;
	Engine *engine = desktop->engine;

	switch (message->type) {
	case AGENT_HELLO:
		if (desktop->home == HOME_RELEASED)
			home_hello(desktop);
		else
			tell_identity(desktop);
		break;
	case AGENT_READY:
		on_ready(desktop);
		break;
	case AGENT_LOGOUT:
		if (desktop->row->state == DESKTOP_ASSIGNED)
			engine->events.on_guest_logout(desktop->row->id, desktop->row->user, engine->events.data);
		break;
	case AGENT_FAILED:
		g_message("desktop %s: its agent says: %s", desktop->row->id, message->text);
		home_answered(desktop, message->id, FALSE, message->text);
		if (message->id == IDENTITY && desktop->waking && !desktop->row->agent)
			desktop_apply(desktop, LIFE_BROKEN, "its agent could not make it an individual: the log has what it says");
		break;
	case AGENT_DONE:
		home_answered(desktop, message->id, TRUE, NULL);
		/* libvirt takes a second for a card with its filter, which nobody needs to wait for: the screen is there. */
		if (message->id == IDENTITY && desktop->waking) {
			desktop_is_individual(desktop);
			effect_plug_network(desktop);
		}
		break;
	case AGENT_LOGIN:
		break;
	}
}
