/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "agent/session/vdagent-parser.h"

#include "broker/common/agent-files.h"

#include <spice/vd_agent.h>
#include <string.h>

/* The largest of the messages that are not clipboard data: 64 monitors, or the capabilities of a much newer peer. */
#define SMALL_MAX 4096
/* A piece of a file: carrel-screen sends AGENT_FILE_PIECE, spice-gtk by another host 64 KiB, and 12 bytes before it. */
#define FILE_PIECE_MAX (256 * 1024 + 12)
/* A selection and a type stand before the text. */
#define CLIPBOARD_HEAD 8

/* The client's messages and the server's own come as two streams on one port, each cut into chunks. */
typedef struct {
	guint8 head[sizeof(VDAgentMessage)];
	gsize head_used;
	guint32 type, size; /* of the message, once head is complete */
	gsize taken;        /* of its data */
	gboolean skip;
	GByteArray *data;
} Stream;

struct VdagentParser {
	gsize clipboard_max;
	VdagentParserFunc on_message;
	void *user_data;
	gboolean is_bad;
	guint8 head[sizeof(VDIChunkHeader)];
	gsize head_used;
	guint32 port, left; /* of the chunk, once head is complete */
	Stream streams[VDP_END_PORT];
};

static guint32
read_u32(const guint8 *p)
{
	guint32 value;

	memcpy(&value, p, sizeof value);
	return GUINT32_FROM_LE(value);
}

VdagentParser *
vdagent_parser_new(gsize clipboard_max, VdagentParserFunc on_message, void *data)
{
	VdagentParser *parser = g_new0(VdagentParser, 1);

	parser->clipboard_max = clipboard_max;
	parser->on_message = on_message;
	parser->user_data = data;
	for (gsize i = 0; i < G_N_ELEMENTS(parser->streams); i++)
		parser->streams[i].data = g_byte_array_new();
	return parser;
}

void
vdagent_parser_free(VdagentParser *parser)
{
	if (parser == NULL)
		return;
	for (gsize i = 0; i < G_N_ELEMENTS(parser->streams); i++)
		g_byte_array_unref(parser->streams[i].data);
	g_free(parser);
}

static void
begin_message(Stream *stream)
{
	stream->head_used = 0;
	stream->taken = 0;
	/* What held 16 MiB need not keep them. */
	if (stream->data->len > SMALL_MAX) {
		g_byte_array_unref(stream->data);
		stream->data = g_byte_array_new();
	}
	g_byte_array_set_size(stream->data, 0);
}

void
vdagent_parser_reset(VdagentParser *parser)
{
	parser->is_bad = FALSE;
	parser->head_used = 0;
	for (gsize i = 0; i < G_N_ELEMENTS(parser->streams); i++)
		begin_message(&parser->streams[i]);
}

/* How large a message of this type may be; 0 for the types that nobody here asked for. */
static gsize
message_max(const VdagentParser *parser, guint32 type)
{
	switch (type) {
	case VD_AGENT_CLIPBOARD:
		return parser->clipboard_max + CLIPBOARD_HEAD;
	case VD_AGENT_MOUSE_STATE:
	case VD_AGENT_MONITORS_CONFIG:
	case VD_AGENT_ANNOUNCE_CAPABILITIES:
	case VD_AGENT_CLIPBOARD_GRAB:
	case VD_AGENT_CLIPBOARD_REQUEST:
	case VD_AGENT_CLIPBOARD_RELEASE:
	case VD_AGENT_CLIENT_DISCONNECTED:
	case VD_AGENT_MAX_CLIPBOARD:
	case VD_AGENT_FILE_XFER_START:
	case VD_AGENT_FILE_XFER_STATUS:
	case AGENT_FILE_ANSWER:
	case AGENT_FILE_CREDIT:
		return SMALL_MAX;
	case VD_AGENT_FILE_XFER_DATA:
		return FILE_PIECE_MAX;
	default:
		return 0;
	}
}

static void
finish_message(VdagentParser *parser, Stream *stream)
{
	if (!stream->skip)
		parser->on_message(stream->type, stream->data->data, stream->data->len, parser->user_data);
	begin_message(stream);
}

/* FALSE: not the protocol. */
static gboolean
finish_head(VdagentParser *parser, Stream *stream)
{
	VDAgentMessage head;
	gsize max;

	memcpy(&head, stream->head, sizeof head);
	if (GUINT32_FROM_LE(head.protocol) != VD_AGENT_PROTOCOL)
		return FALSE;
	stream->type = GUINT32_FROM_LE(head.type);
	stream->size = GUINT32_FROM_LE(head.size);
	max = message_max(parser, stream->type);
	stream->skip = max == 0 || stream->size > max;
	if (stream->size == 0)
		finish_message(parser, stream);
	return TRUE;
}

static gboolean
feed_stream(VdagentParser *parser, Stream *stream, const guint8 *bytes, gsize size)
{
	while (size > 0) {
		gsize piece;

		if (stream->head_used < sizeof stream->head) {
			piece = MIN(size, sizeof stream->head - stream->head_used);
			memcpy(stream->head + stream->head_used, bytes, piece);
			stream->head_used += piece;
			if (stream->head_used == sizeof stream->head && !finish_head(parser, stream))
				return FALSE;
		} else {
			piece = MIN(size, stream->size - stream->taken);
			/* It grows with what comes, not with what was announced. */
			if (!stream->skip)
				g_byte_array_append(stream->data, bytes, (guint)piece);
			stream->taken += piece;
			if (stream->taken == stream->size)
				finish_message(parser, stream);
		}
		bytes += piece;
		size -= piece;
	}
	return TRUE;
}

gboolean
vdagent_parser_feed(VdagentParser *parser, const guint8 *bytes, gsize size)
{
	while (size > 0 && !parser->is_bad) {
		gsize piece;

		if (parser->head_used < sizeof parser->head) {
			piece = MIN(size, sizeof parser->head - parser->head_used);
			memcpy(parser->head + parser->head_used, bytes, piece);
			parser->head_used += piece;
			if (parser->head_used == sizeof parser->head) {
				parser->port = read_u32(parser->head);
				parser->left = read_u32(parser->head + 4);
				parser->is_bad = parser->port < VDP_CLIENT_PORT || parser->port >= VDP_END_PORT ||
					parser->left > VD_AGENT_MAX_DATA_SIZE;
			}
		} else {
			piece = MIN(size, parser->left);
			if (!feed_stream(parser, &parser->streams[parser->port], bytes, piece))
				parser->is_bad = TRUE;
			parser->left -= (guint32)piece;
		}
		if (parser->head_used == sizeof parser->head && parser->left == 0)
			parser->head_used = 0;
		bytes += piece;
		size -= piece;
	}
	return !parser->is_bad;
}
