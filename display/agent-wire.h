/* The SPICE agent protocol as it travels (spice/vd_agent.h): chunks of at most 2 KiB, each for one of two ports, which
 * carry messages of any length. Both ends are hostile until checked.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>

/* A message's data: clipboards are cut there, whoever sends them. */
#define AGENT_MESSAGE_MAX (16 * 1024 * 1024)

typedef struct AgentParser AgentParser;

/* One whole message; @data belongs to the parser. @port: VDP_CLIENT_PORT or VDP_SERVER_PORT. */
typedef void (*AgentMessageFunc)(guint32 port, guint32 type, const guint8 *data, gsize size, void *user_data);

AgentParser *agent_parser_new(void);
void agent_parser_free(AgentParser *parser);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AgentParser, agent_parser_free)

/* Takes bytes as they come, in pieces of any size. FALSE with CARREL_ERROR_PROTOCOL when they cannot be: nothing more can
 * be understood then. Memory grows with what has come, not with what was announced. */
gboolean agent_parser_feed(AgentParser *parser, const guint8 *bytes, gsize size, AgentMessageFunc func, void *user_data,
	GError **error);

/* Appends one message in its chunks to @out. */
void agent_append_message(GByteArray *out, guint32 port, guint32 type, const void *data, gsize size);

/* Little-endian numbers at @bytes, which need no alignment. */
guint32 agent_read_u32(const guint8 *bytes);
void agent_append_u32(GByteArray *out, guint32 value);
