/* What a guest's agent sends to the broker: whole, and in pieces whose size the first byte gives, which must come to the same.
 * SPDX-License-Identifier: GPL-2.0-or-later */
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
	g_string_append_printf(data, "%d %" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %s %s %s %s\n", message->type, message->protocol,
		message->id, message->version, message->user, message->hostname, message->text);
}

static GString *
feed(const uint8_t *data, size_t size, size_t step, guint *lines)
{
	GString *heard = g_string_new(NULL);
	g_autoptr(AgentParser) parser = agent_parser_new(on_message, heard);

	*lines = 0;
	for (size_t at = 0; at < size; at += step)
		*lines += agent_parser_feed(parser, data + at, MIN(step, size - at));
	*lines += agent_parser_feed(parser, "\n", 1);
	return heard;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	guint lines, lines_in_pieces;

	if (size < 2)
		return 0;
	g_autoptr(GString) whole = feed(data + 1, size - 1, size, &lines);
	g_autoptr(GString) pieces = feed(data + 1, size - 1, MAX(data[0], 1), &lines_in_pieces);

	if (lines != lines_in_pieces || !g_string_equal(whole, pieces))
		g_error("cut into pieces it is something else");
	return 0;
}
