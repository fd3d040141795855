/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/json-body.h"

#include <string.h>

#include "broker/common/error.h"

/* json-glib recurses into what is nested, without a limit of its own. */
static gboolean
is_shallow(const char *bytes, gsize size)
{
	gboolean in_text = FALSE, escaped = FALSE;
	int depth = 0;

	for (gsize i = 0; i < size; i++) {
		if (in_text) {
			if (!escaped && bytes[i] == '"')
				in_text = FALSE;
			escaped = !escaped && bytes[i] == '\\';
		} else if (bytes[i] == '"') {
			in_text = TRUE;
		} else if (bytes[i] == '{' || bytes[i] == '[') {
			if (++depth > JSON_DEPTH_MAX)
				return FALSE;
		} else if (bytes[i] == '}' || bytes[i] == ']') {
			depth--;
		}
	}
	return TRUE;
}

/* A text that goes on behind a NUL would be one to whom reads its length, and another, shorter one to all the rest: a password
 * that is right as far as the NUL. */
static gboolean
has_nul(const char *bytes, gsize size)
{
	gboolean escaped = FALSE;

	for (gsize i = 0; i < size; i++) {
		if (escaped && size - i >= 5 && memcmp(bytes + i, "u0000", 5) == 0)
			return TRUE;
		escaped = !escaped && bytes[i] == '\\';
	}
	return memchr(bytes, '\0', size) != NULL;
}

/* Outside of texts JSON has neither comments nor quotes of other kinds; json-glib's scanner would take some of them, and then
 * count depth in another way than we did. */
static gboolean
has_only_json_bytes(const char *bytes, gsize size)
{
	static const char allowed[] = "{}[]:,.+-0123456789abcdefghijklmnopqrstuvwxyzE \t\r\n\"";
	gboolean in_text = FALSE, escaped = FALSE;

	for (gsize i = 0; i < size; i++) {
		if (in_text) {
			if (!escaped && bytes[i] == '"')
				in_text = FALSE;
			escaped = !escaped && bytes[i] == '\\';
			continue;
		}
		if (bytes[i] == '\0' || strchr(allowed, bytes[i]) == NULL)
			return FALSE;
		in_text = bytes[i] == '"';
	}
	return !in_text;
}

void
json_body_free(JsonNode *body)
{
	if (body)
		json_node_unref(body);
}

JsonNode *
json_body_parse(const char *bytes, gsize size, GError **error)
{
	g_autoptr(JsonParser) parser = NULL;
	JsonNode *root;

	if (size == 0 || size > JSON_BODY_MAX || has_nul(bytes, size) ||
		!g_utf8_validate(bytes, (gssize)size, NULL) || !has_only_json_bytes(bytes, size) || !is_shallow(bytes, size)) {
		g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_INVALID, "the body must be a JSON object");
		return NULL;
	}
	parser = json_parser_new();
	/* The parser's own words quote the body, which may hold a password. */
	if (!json_parser_load_from_data(parser, bytes, (gssize)size, NULL) ||
		(root = json_parser_get_root(parser)) == NULL || !JSON_NODE_HOLDS_OBJECT(root)) {
		g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_INVALID, "the body must be a JSON object");
		return NULL;
	}
	return json_parser_steal_root(parser);
}
