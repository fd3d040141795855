/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "pools/agent-protocol.h"

#include <json-glib/json-glib.h>
#include <string.h>

/* json-glib parses by recursion; no message of the protocol is deeper than 2. */
#define DEPTH_MAX 8

struct AgentParser {
	char line[AGENT_LINE_MAX];
	gsize length;
	gboolean too_long; /* drop what comes up to the next newline */
	void (*on_message)(const AgentMessage *message, void *data);
	void *data;
};

static const char *const type_words[] = {"hello", "ready", "login", "logout", "done", "failed"};

AgentParser *
agent_parser_new(void (*on_message)(const AgentMessage *message, void *data), void *data)
{
	AgentParser *parser = g_new0(AgentParser, 1);

	parser->on_message = on_message;
	parser->data = data;
	return parser;
}

void
agent_parser_free(AgentParser *parser)
{
	g_free(parser);
}

void
agent_parser_reset(AgentParser *parser)
{
	parser->length = 0;
	parser->too_long = FALSE;
}

/* Brackets inside strings count too: that refuses more, never less. */
static gboolean
is_deep(const char *line, gsize length)
{
	int depth = 0;

	for (gsize i = 0; i < length; i++) {
		if (line[i] == '{' || line[i] == '[')
			depth++;
		if (depth > DEPTH_MAX)
			return TRUE;
	}
	return FALSE;
}

/* FALSE: the member is there and is not a short text. */
static gboolean
take_text(JsonObject *object, const char *name, char *text)
{
	JsonNode *node = json_object_get_member(object, name);
	const char *value;
	gsize length;

	if (node == NULL)
		return TRUE;
	if (json_node_get_value_type(node) != G_TYPE_STRING)
		return FALSE;
	value = json_node_get_string(node);
	length = strlen(value);
	if (length > AGENT_TEXT_MAX || !g_utf8_validate(value, (gssize)length, NULL))
		return FALSE;
	for (gsize i = 0; i <= length; i++)
		text[i] = value[i] != '\0' && g_ascii_iscntrl(value[i]) ? ' ' : value[i];
	return TRUE;
}

static gboolean
take_integer(JsonObject *object, const char *name, gint64 *number)
{
	JsonNode *node = json_object_get_member(object, name);

	if (node == NULL)
		return TRUE;
	if (json_node_get_value_type(node) != G_TYPE_INT64)
		return FALSE;
	*number = json_node_get_int(node);
	return TRUE;
}

static gboolean
take_type(JsonObject *object, AgentMessageType *type)
{
	char word[AGENT_TEXT_MAX + 1] = "";

	if (!take_text(object, "type", word))
		return FALSE;
	for (gsize i = 0; i < G_N_ELEMENTS(type_words); i++) {
		if (strcmp(word, type_words[i]) == 0) {
			*type = (AgentMessageType)i;
			return TRUE;
		}
	}
	return FALSE;
}

static void
handle_line(AgentParser *parser)
{
	g_autoptr(JsonParser) json = NULL;
	AgentMessage message = {0};
	JsonNode *root;
	JsonObject *object;

	if (memchr(parser->line, '\0', parser->length) || is_deep(parser->line, parser->length) ||
		!g_utf8_validate(parser->line, (gssize)parser->length, NULL))
		return;
	json = json_parser_new();
	if (!json_parser_load_from_data(json, parser->line, (gssize)parser->length, NULL))
		return;
	root = json_parser_get_root(json);
	if (root == NULL || !JSON_NODE_HOLDS_OBJECT(root))
		return;
	object = json_node_get_object(root);
	if (take_type(object, &message.type) && take_integer(object, "protocol", &message.protocol) &&
		take_integer(object, "id", &message.id) && take_text(object, "version", message.version) &&
		take_text(object, "user", message.user) && take_text(object, "hostname", message.hostname) &&
		take_text(object, "message", message.text))
		parser->on_message(&message, parser->data);
}

guint
agent_parser_feed(AgentParser *parser, const void *bytes, gsize size)
{
	const char *text = bytes;
	guint lines = 0;

	for (gsize i = 0; i < size; i++) {
		if (text[i] == '\n') {
			lines++;
			if (!parser->too_long && parser->length > 0)
				handle_line(parser);
			agent_parser_reset(parser);
		} else if (parser->length + 1 >= AGENT_LINE_MAX) {
			parser->too_long = TRUE;
		} else {
			parser->line[parser->length++] = text[i];
		}
	}
	return lines;
}

static JsonBuilder *
begin(const char *type)
{
	JsonBuilder *builder = json_builder_new();

	json_builder_begin_object(builder);
	json_builder_set_member_name(builder, "type");
	json_builder_add_string_value(builder, type);
	return builder;
}

static void
add_text(JsonBuilder *builder, const char *name, const char *text)
{
	if (text == NULL)
		return;
	json_builder_set_member_name(builder, name);
	json_builder_add_string_value(builder, text);
}

static void
add_id(JsonBuilder *builder, gint64 id)
{
	json_builder_set_member_name(builder, "id");
	json_builder_add_int_value(builder, id);
}

/* Consumes @builder. */
static char *
finish(JsonBuilder *builder)
{
	g_autofree char *line = NULL;

	json_builder_end_object(builder);
	g_autoptr(JsonNode) root = json_builder_get_root(builder);

	g_object_unref(builder);
	line = json_to_string(root, FALSE);
	return strlen(line) + 1 <= AGENT_LINE_MAX ? g_strconcat(line, "\n", NULL) : NULL;
}

char *
agent_line_hello(void)
{
	return finish(begin("hello"));
}

char *
agent_line_identity(gint64 id, const char *hostname, const char *machine_id, const void *seed, gsize seed_size)
{
	JsonBuilder *builder = begin("identity");
	g_autofree char *text = g_base64_encode(seed, seed_size);

	add_id(builder, id);
	add_text(builder, "hostname", hostname);
	add_text(builder, "machine-id", machine_id);
	add_text(builder, "seed", text);
	return finish(builder);
}

char *
agent_line_clock(gint64 utc_us)
{
	/* By hand: a double's shortest text would do, but six decimals are what it means. */
	return g_strdup_printf("{\"type\":\"clock\",\"time\":%" G_GINT64_FORMAT ".%06d}\n", utc_us / G_USEC_PER_SEC,
		(int)(utc_us % G_USEC_PER_SEC));
}

char *
agent_line_user(const char *name, const char *full_name)
{
	JsonBuilder *builder = begin("user");

	add_text(builder, "name", name);
	add_text(builder, "full-name", full_name);
	return finish(builder);
}

char *
agent_line_notice(const char *text, guint timeout_s)
{
	JsonBuilder *builder = begin("notice");

	add_text(builder, "text", text);
	json_builder_set_member_name(builder, "timeout");
	json_builder_add_int_value(builder, timeout_s);
	return finish(builder);
}

char *
agent_line_home(gint64 id, const char *serial)
{
	JsonBuilder *builder = begin("home");

	add_id(builder, id);
	add_text(builder, "serial", serial);
	return finish(builder);
}

char *
agent_line_home_release(gint64 id)
{
	JsonBuilder *builder = begin("home-release");

	add_id(builder, id);
	return finish(builder);
}
