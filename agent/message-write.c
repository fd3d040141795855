/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "agent/message.h"

#include <json-glib/json-glib.h>
#include <stdarg.h>
#include <string.h>

#define FAULT_MAX_BYTES 256

static JsonObject *
begin(const char *type)
{
	JsonObject *object = json_object_new();

	json_object_set_string_member(object, "type", type);
	return object;
}

static char *
finish(JsonObject *object)
{
	g_autoptr(JsonNode) node = json_node_init_object(json_node_alloc(), object);
	g_autofree char *text = json_to_string(node, FALSE);

	json_object_unref(object);
	return g_strconcat(text, "\n", NULL);
}

char *
message_write(const char *type, ...)
{
	JsonObject *object = begin(type);
	const char *name;
	va_list list;

	va_start(list, type);
	while ((name = va_arg(list, const char *)) != NULL) {
		const char *value = va_arg(list, const char *);

		if (value)
			json_object_set_string_member(object, name, value);
	}
	va_end(list);
	return finish(object);
}

/* A text that is longer makes its line bad for the host: AGENT_TEXT_MAX in pools/agent-protocol.h. */
static char *
clip(const char *fault)
{
	const char *end = fault + FAULT_MAX_BYTES;

	if (strlen(fault) <= FAULT_MAX_BYTES)
		return g_strdup(fault);
	return g_strndup(fault, (gsize)(g_utf8_find_prev_char(fault, end + 1) - fault));
}

char *
message_write_answer(gint64 id, const char *fault)
{
	JsonObject *object = begin(fault ? "failed" : "done");
	g_autofree char *text = fault ? clip(fault) : NULL;

	json_object_set_int_member(object, "id", id);
	if (text)
		json_object_set_string_member(object, "message", text);
	return finish(object);
}

char *
message_write_session(gboolean ready, gboolean port)
{
	JsonObject *object = begin("session");

	json_object_set_boolean_member(object, "ready", ready);
	json_object_set_boolean_member(object, "port", port);
	return finish(object);
}

char *
message_write_notice(const char *text, gint64 timeout_s)
{
	JsonObject *object = begin("notice");

	json_object_set_string_member(object, "text", text);
	json_object_set_int_member(object, "timeout", timeout_s);
	return finish(object);
}

char *
message_write_hello(void)
{
	JsonObject *object = begin("hello");

	json_object_set_string_member(object, "version", PACKAGE_VERSION);
	json_object_set_int_member(object, "protocol", 1);
	return finish(object);
}
