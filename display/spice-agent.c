/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/spice-agent.h"

#include <spice/vd_agent.h>
#include <string.h>

/* The library reads no more while its client owes it tokens. */
#define WAITING_MAX (32 * 1024 * 1024)

struct SpiceAgent {
	SpiceCharDeviceInstance device;
	AgentParser *parser;
	AgentMessageFunc on_message;
	SpiceAgentPointerFunc on_pointer;
	gboolean (*must_wait)(void *data);
	void *data;
	GByteArray *out;
	gsize at; /* bytes of it that were read */
};

static void
set_state(SpiceCharDeviceInstance *device, int connected)
{
}

static void
take(guint32 port, guint32 type, const guint8 *data, gsize size, void *user_data)
{
	SpiceAgent *agent = user_data;

	if (port == VDP_CLIENT_PORT)
		agent->on_message(port, type, data, size, agent->data);
	/* Of the library's own messages only the pointer's are of use. */
	else if (type == VD_AGENT_MOUSE_STATE && size >= sizeof(VDAgentMouseState))
		agent->on_pointer(data[12], agent_read_u32(data), agent_read_u32(data + 4), agent_read_u32(data + 8), agent->data);
}

static int
write_bytes(SpiceCharDeviceInstance *device, const uint8_t *bytes, int size)
{
	SpiceAgent *agent = SPICE_CONTAINEROF(device, SpiceAgent, device);
	g_autoptr(GError) error = NULL;

	/* Asked again by spice_agent_wake, and by the library's own timer. */
	if (size <= 0 || (agent->must_wait && agent->must_wait(agent->data)))
		return 0;
	if (!agent_parser_feed(agent->parser, bytes, (gsize)size, take, agent, &error)) {
		g_message("what the SPICE client says to the agent is dropped: %s", error->message);
		agent_parser_free(agent->parser);
		agent->parser = agent_parser_new();
	}
	return size;
}

static int
read_bytes(SpiceCharDeviceInstance *device, uint8_t *bytes, int size)
{
	SpiceAgent *agent = SPICE_CONTAINEROF(device, SpiceAgent, device);
	gsize n = MIN((gsize)MAX(size, 0), agent->out->len - agent->at);

	if (n == 0)
		return 0;
	memcpy(bytes, agent->out->data + agent->at, n);
	agent->at += n;
	if (agent->at == agent->out->len) {
		g_byte_array_set_size(agent->out, 0);
		agent->at = 0;
	}
	return (int)n;
}

static const SpiceCharDeviceInterface interface = {
	.base = {SPICE_INTERFACE_CHAR_DEVICE, "agent", SPICE_INTERFACE_CHAR_DEVICE_MAJOR, SPICE_INTERFACE_CHAR_DEVICE_MINOR},
	.state = set_state,
	.write = write_bytes,
	.read = read_bytes,
};

SpiceAgent *
spice_agent_new(SpiceServer *server, AgentMessageFunc on_message, SpiceAgentPointerFunc on_pointer, void *data)
{
	SpiceAgent *agent = g_new0(SpiceAgent, 1);

	agent->on_message = on_message;
	agent->on_pointer = on_pointer;
	agent->data = data;
	agent->parser = agent_parser_new();
	agent->out = g_byte_array_new();
	agent->device.base.sif = &interface.base;
	agent->device.subtype = "vdagent";
	if (spice_server_add_interface(server, &agent->device.base) < 0)
		g_error("libspice-server takes no agent");
	return agent;
}

void
spice_agent_free(SpiceAgent *agent)
{
	if (agent == NULL)
		return;
	agent_parser_free(agent->parser);
	g_byte_array_unref(agent->out);
	g_free(agent);
}

void
spice_agent_hold(SpiceAgent *agent, gboolean (*must_wait)(void *data))
{
	agent->must_wait = must_wait;
}

void
spice_agent_wake(SpiceAgent *agent)
{
	spice_server_char_device_wakeup(&agent->device);
}

void
spice_agent_send(SpiceAgent *agent, guint32 type, const void *data, gsize size)
{
	if (agent->out->len - agent->at + size > WAITING_MAX)
		return;
	agent_append_message(agent->out, VDP_CLIENT_PORT, type, data, size);
	spice_server_char_device_wakeup(&agent->device);
}
