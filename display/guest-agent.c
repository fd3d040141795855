/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/guest-agent.h"

#include "display/agent-port.h"
#include "display/files-spice.h"
#include "display/files-web.h"

struct GuestAgent {
	const GuestAgentSink *sink;
	void *data;
	AgentPort *port;
	AgentMux *mux;
	Files *files;
	FilesWeb *web;
	FilesSpice *spice; /* of the SPICE client that is connected; NULL: none is */
	guint lookers, fetchers; /* who look on, and those of them who may have files of the desktop */
};

static void
to_guest(guint32 type, const void *bytes, gsize size, void *data)
{
	GuestAgent *agent = data;

	if (agent->port)
		agent_port_send(agent->port, type, bytes, size);
}

static void
to_spice(guint32 type, const void *bytes, gsize size, void *data)
{
	GuestAgent *agent = data;

	agent->sink->to_spice(type, bytes, size, agent->data);
}

static void
to_vnc(const char *text, gsize size, void *data)
{
	GuestAgent *agent = data;

	agent->sink->to_vnc(text, size, agent->data);
}

static gboolean
vnc_wants_text(void *data)
{
	GuestAgent *agent = data;

	return agent->sink->vnc_wants_text(agent->data);
}

static void
on_agent(void *data)
{
	GuestAgent *agent = data;

	agent->sink->on_agent(agent->data);
}

static const AgentMuxSink mux_sink = {to_guest, to_spice, to_vnc, vnc_wants_text, on_agent};

static void
on_guest_message(guint32 port, guint32 type, const guint8 *bytes, gsize size, void *data)
{
	GuestAgent *agent = data;

	if (!files_from_guest(agent->files, type, bytes, size))
		agent_mux_from_guest(agent->mux, type, bytes, size);
}

static void
on_port_open(void *data)
{
	agent_mux_start(((GuestAgent *)data)->mux);
}

static void
on_port_close(void *data)
{
	GuestAgent *agent = data;

	agent_mux_stop(agent->mux);
	files_guest_lost(agent->files);
}

static void
on_port_read(void *data)
{
	files_guest_reads(((GuestAgent *)data)->files);
}

static const AgentPortEvents port_events = {on_guest_message, on_port_open, on_port_close, on_port_read};

static gsize
unread(void *data)
{
	const GuestAgent *agent = data;

	return agent->port ? agent_port_unread(agent->port) : 0;
}

static FilesAudience
audience(void *data)
{
	const GuestAgent *agent = data;

	return agent->fetchers > 0 ? FILES_ALLOWED : agent->lookers > 0 ? FILES_NOT_ALLOWED : FILES_NOBODY;
}

static const FilesSink files_sink = {to_guest, unread, audience};

static void
on_spice_room(void *data)
{
	GuestAgent *agent = data;

	agent->sink->spice_may_go_on(agent->data);
}

static const FilesSpiceSink spice_sink = {to_spice, on_spice_room};

GuestAgent *
guest_agent_new(GDBusConnection *qemu, const GuestAgentSink *sink, void *data)
{
	GuestAgent *agent = g_new0(GuestAgent, 1);

	agent->sink = sink;
	agent->data = data;
	agent->mux = agent_mux_new(&mux_sink, agent);
	agent->files = files_new(&files_sink, NULL, agent);
	agent->web = files_web_new(agent->files);
	agent->port = agent_port_new(qemu, &port_events, agent);
	return agent;
}

void
guest_agent_free(GuestAgent *agent)
{
	if (agent == NULL)
		return;
	files_spice_free(agent->spice);
	files_web_free(agent->web);
	files_free(agent->files);
	agent_port_free(agent->port);
	agent_mux_free(agent->mux);
	g_free(agent);
}

AgentMux *
guest_agent_mux(GuestAgent *agent)
{
	return agent->mux;
}

void
guest_agent_joined(GuestAgent *agent, const Client *client)
{
	agent->lookers++;
	if (client->files_from_desktop)
		agent->fetchers++;
	if (client->protocol != CLIENT_SPICE)
		return;
	agent_mux_set_spice_rights(agent->mux, client->clipboard_to_desktop, client->clipboard_from_desktop);
	agent_mux_set_spice_files(agent->mux, client->files_to_desktop);
	agent->spice = files_spice_new(agent->files, client, &spice_sink, agent);
}

void
guest_agent_left(GuestAgent *agent, const Client *client)
{
	agent->lookers--;
	if (client->files_from_desktop)
		agent->fetchers--;
	if (client->protocol != CLIENT_SPICE)
		return;
	g_clear_pointer(&agent->spice, files_spice_free);
	agent_mux_spice_left(agent->mux);
}

void
guest_agent_from_spice(GuestAgent *agent, guint32 type, const guint8 *bytes, gsize size)
{
	if (agent->spice == NULL || !files_spice_take(agent->spice, type, bytes, size))
		agent_mux_from_spice(agent->mux, type, bytes, size);
}

gboolean
guest_agent_spice_must_wait(const GuestAgent *agent)
{
	return agent->spice && files_spice_must_wait(agent->spice);
}

gboolean
guest_agent_add_files_client(GuestAgent *agent, int fd, Client *client, GError **error)
{
	return files_web_add_client(agent->web, fd, client, error);
}
