/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/agent-wire.h"

#include <spice/vd_agent.h>
#include <string.h>

#include "broker/common/error.h"

#define CHUNK_HEAD   ((gsize)sizeof(VDIChunkHeader))
#define MESSAGE_HEAD ((gsize)sizeof(VDAgentMessage))

struct AgentParser {
	guint8 head[sizeof(VDIChunkHeader)];
	gsize head_size;	/* bytes of it that are here */
	guint32 port;		/* of the chunk that is being read */
	gsize chunk_left;	/* its bytes still to come */
	GByteArray *message[2]; /* of each port: head and data so far */
};

guint32
agent_read_u32(const guint8 *bytes)
{
	guint32 value;

	memcpy(&value, bytes, 4);
	return GUINT32_FROM_LE(value);
}

void
agent_append_u32(GByteArray *out, guint32 value)
{
	value = GUINT32_TO_LE(value);
	g_byte_array_append(out, (const guint8 *)&value, 4);
}

AgentParser *
agent_parser_new(void)
{
	AgentParser *parser = g_new0(AgentParser, 1);

	parser->message[0] = g_byte_array_new();
	parser->message[1] = g_byte_array_new();
	return parser;
}

void
agent_parser_free(AgentParser *parser)
{
	if (parser == NULL)
		return;
	g_byte_array_unref(parser->message[0]);
	g_byte_array_unref(parser->message[1]);
	g_free(parser);
}

static gboolean
begin_chunk(AgentParser *parser, GError **error)
{
	guint32 size = agent_read_u32(parser->head + 4);

	parser->port = agent_read_u32(parser->head);
	parser->head_size = 0;
	if ((parser->port != VDP_CLIENT_PORT && parser->port != VDP_SERVER_PORT) || size == 0 ||
		size > VD_AGENT_MAX_DATA_SIZE) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_PROTOCOL, "an agent's chunk of %u bytes for port %u", size,
			parser->port);
		return FALSE;
	}
	parser->chunk_left = size;
	return TRUE;
}

/* How many bytes the message still wants; 0: it is whole. */
static gboolean
message_left(const GByteArray *message, gsize *left, GError **error)
{
	guint32 size;

	if (message->len < MESSAGE_HEAD) {
		*left = MESSAGE_HEAD - message->len;
		return TRUE;
	}
	size = agent_read_u32(message->data + offsetof(VDAgentMessage, size));
	if (agent_read_u32(message->data) != VD_AGENT_PROTOCOL || size > AGENT_MESSAGE_MAX) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_PROTOCOL, "an agent's message of %u bytes, protocol %u", size,
			agent_read_u32(message->data));
		return FALSE;
	}
	*left = MESSAGE_HEAD + size - message->len;
	return TRUE;
}

static gboolean
feed_chunk(AgentParser *parser, const guint8 *bytes, gsize size, AgentMessageFunc func, void *user_data, GError **error)
{
	GByteArray *message = parser->message[parser->port - 1];

	for (gsize left; size > 0;) {
		if (!message_left(message, &left, error))
			return FALSE;
		left = MIN(left, size);
		g_byte_array_append(message, bytes, (guint)left);
		bytes += left;
		size -= left;
		if (!message_left(message, &left, error))
			return FALSE;
		if (left > 0 || message->len < MESSAGE_HEAD)
			continue;
		func(parser->port, agent_read_u32(message->data + offsetof(VDAgentMessage, type)),
			message->data + MESSAGE_HEAD, message->len - MESSAGE_HEAD, user_data);
		g_byte_array_set_size(message, 0);
	}
	return TRUE;
}

gboolean
agent_parser_feed(AgentParser *parser, const guint8 *bytes, gsize size, AgentMessageFunc func, void *user_data,
	GError **error)
{
	while (size > 0) {
		gsize n;

		if (parser->chunk_left == 0) {
			n = MIN(size, CHUNK_HEAD - parser->head_size);
			memcpy(parser->head + parser->head_size, bytes, n);
			parser->head_size += n;
			if (parser->head_size == CHUNK_HEAD && !begin_chunk(parser, error))
				return FALSE;
		} else {
			n = MIN(size, parser->chunk_left);
			parser->chunk_left -= n;
			if (!feed_chunk(parser, bytes, n, func, user_data, error))
				return FALSE;
		}
		bytes += n;
		size -= n;
	}
	return TRUE;
}

void
agent_append_message(GByteArray *out, guint32 port, guint32 type, const void *data, gsize size)
{
	VDAgentMessage head = {.protocol = GUINT32_TO_LE(VD_AGENT_PROTOCOL), .type = GUINT32_TO_LE(type),
		.size = GUINT32_TO_LE((guint32)size)};
	const guint8 *bytes = data;
	gsize room = VD_AGENT_MAX_DATA_SIZE - MESSAGE_HEAD, n = MIN(size, room);

	agent_append_u32(out, port);
	agent_append_u32(out, (guint32)(MESSAGE_HEAD + n));
	g_byte_array_append(out, (const guint8 *)&head, MESSAGE_HEAD);
	if (n > 0)
		g_byte_array_append(out, bytes, (guint)n);
	for (gsize at = n; at < size; at += n) {
		n = MIN(size - at, VD_AGENT_MAX_DATA_SIZE);
		agent_append_u32(out, port);
		agent_append_u32(out, (guint32)n);
		g_byte_array_append(out, bytes + at, (guint)n);
	}
}
