/* Lines of the control port, both ways: agent/PROTOCOL.md. What comes from a guest is hostile: lines are bounded, every member is
 * checked for its type and length. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

#define AGENT_LINE_MAX 4096 /* bytes, with the newline */
#define AGENT_TEXT_MAX 256  /* bytes of one member that is kept */

typedef enum {
	AGENT_HELLO,  /* version, protocol */
	AGENT_READY,  /* hostname, machine-id */
	AGENT_LOGIN,  /* user */
	AGENT_LOGOUT, /* user */
	AGENT_DONE,   /* id */
	AGENT_FAILED, /* id, text: message */
} AgentMessageType;

typedef struct {
	AgentMessageType type;
	gint64 protocol, id;
	/* Without control characters, at most AGENT_TEXT_MAX bytes of valid UTF-8; "" where absent. Valid in the callback. */
	char version[AGENT_TEXT_MAX + 1], user[AGENT_TEXT_MAX + 1], hostname[AGENT_TEXT_MAX + 1], text[AGENT_TEXT_MAX + 1];
} AgentMessage;

typedef struct AgentParser AgentParser;

AgentParser *agent_parser_new(void (*on_message)(const AgentMessage *message, void *data), void *data);
void agent_parser_free(AgentParser *parser);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AgentParser, agent_parser_free)

/* Takes bytes as they come. A line that is too long, malformed or of an unknown type is dropped whole. Result: how many lines
 * ended in @bytes, good or bad, so that the caller can bound a flood. The callback may not free the parser. */
guint agent_parser_feed(AgentParser *parser, const void *bytes, gsize size);

/* A stream was opened anew: forget the half line of the old one. */
void agent_parser_reset(AgentParser *parser);

/* One line with its newline; NULL when it would be too long for the protocol. Free with g_free. */
char *agent_line_hello(void);
/* @id: of the request, which the answer names. */
char *agent_line_identity(gint64 id, const char *hostname, const char *machine_id, const void *seed, gsize seed_size);
char *agent_line_clock(gint64 utc_us);
char *agent_line_user(const char *name, const char *full_name);
char *agent_line_notice(const char *text, guint timeout_s);
/* @serial: of the virtio disk that is to be the home, at most 20 bytes. The answer takes as long as the disk's check and the files. */
char *agent_line_home(gint64 id, const char *serial);
char *agent_line_home_release(gint64 id);
