/* What a guest's agent sends to the broker. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "pools/agent-protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
on_message(const AgentMessage *message, void *data)
{
	/* What is kept is bounded and ends. */
	g_assert(strlen(message->version) <= AGENT_TEXT_MAX && strlen(message->hostname) <= AGENT_TEXT_MAX);
	g_assert(g_utf8_validate(message->user, -1, NULL) && g_utf8_validate(message->text, -1, NULL));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autoptr(AgentParser) parser = agent_parser_new(on_message, NULL);
	size_t half = size / 2;

	agent_parser_feed(parser, data, half);
	agent_parser_feed(parser, data + half, size - half);
	agent_parser_feed(parser, "\n", 1);
	return 0;
}
