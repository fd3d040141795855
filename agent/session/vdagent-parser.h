/* Takes the SPICE agent's byte stream apart: chunks (VDIChunkHeader), and in them messages (VDAgentMessage), as
 * spice/vd_agent.h of spice-protocol lays them out, little-endian. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

typedef struct VdagentParser VdagentParser;

/* A complete message. @data has @size bytes, owned by the parser. The parser must not be freed here. */
typedef void (*VdagentParserFunc)(guint32 type, const guint8 *data, gsize size, void *user_data);

/* Clipboard messages may hold @clipboard_max bytes of text; all others are bounded by what they can mean. A message of
 * an unknown type, or one that is too large, is passed over without being kept. */
VdagentParser *vdagent_parser_new(gsize clipboard_max, VdagentParserFunc on_message, void *data);
void vdagent_parser_free(VdagentParser *parser);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VdagentParser, vdagent_parser_free)

/* FALSE when the stream is not the protocol: where the next chunk begins is not known any more, and the port must be
 * opened anew. Nothing is taken after that until vdagent_parser_reset. */
gboolean vdagent_parser_feed(VdagentParser *parser, const guint8 *bytes, gsize size);

/* The stream begins again. */
void vdagent_parser_reset(VdagentParser *parser);
