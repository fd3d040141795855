/* What a guest's agent, and a SPICE client for it, may say. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdint.h>

#include "display/agent-mux.h"
#include "display/agent-wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
drop(guint32 type, const void *data, gsize size, void *user_data)
{
}

static void
drop_text(const char *text, gsize size, void *user_data)
{
	g_assert(g_utf8_validate(text, (gssize)size, NULL));
}

static gboolean
yes(void *user_data)
{
	return TRUE;
}

static void
nothing(void *user_data)
{
}

static const AgentMuxSink sink = {drop, drop, drop_text, yes, nothing};

/* The port's number says whose message it is here. */
static void
take(guint32 port, guint32 type, const guint8 *data, gsize size, void *user_data)
{
	(port == 1 ? agent_mux_from_guest : agent_mux_from_spice)(user_data, type, data, size);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autoptr(AgentParser) parser = agent_parser_new();
	g_autoptr(AgentMux) mux = agent_mux_new(&sink, NULL);

	agent_mux_set_spice_rights(mux, TRUE, TRUE);
	agent_mux_from_vnc(mux, "text", 4);
	agent_parser_feed(parser, data, size, take, mux, NULL);
	return 0;
}
