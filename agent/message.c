/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "agent/message.h"

#include "agent/line-reader.h"
#include "broker/common/error.h"

#include <json-glib/json-glib.h>
#include <string.h>

/* JSON-GLib's parser calls itself for each level. */
#define DEPTH_MAX 8

#define NAME_MAX_BYTES 256
#define TEXT_MAX_BYTES 2048
#define SEED_MIN_BYTES 32
#define SEED_MAX_BYTES 256
/* VIRTIO_BLK_ID_BYTES of virtio 1.2, section 5.2.6. */
#define SERIAL_MAX_BYTES 20
#define TIME_MIN 1577836800.0 /* 2020-01-01 */
#define TIME_MAX 7258118400.0 /* 2200-01-01 */

static const struct {
	const char *type;
	MessageKind kind;
} kinds[] = {
	{"hello", MESSAGE_HELLO},
	{"identity", MESSAGE_IDENTITY},
	{"clock", MESSAGE_CLOCK},
	{"user", MESSAGE_USER},
	{"notice", MESSAGE_NOTICE},
	{"sign-out", MESSAGE_SIGN_OUT},
	{"home", MESSAGE_HOME},
	{"home-release", MESSAGE_HOME_RELEASE},
	{"session", MESSAGE_SESSION},
	{"drawn", MESSAGE_DRAWN},
	{"need-port", MESSAGE_NEED_PORT},
	{"leave", MESSAGE_LEAVE},
	{"ended", MESSAGE_ENDED},
	{"port", MESSAGE_PORT},
};

void
message_free(Message *message)
{
	if (message == NULL)
		return;
	g_free(message->fault);
	g_free(message->hostname);
	g_free(message->machine_id);
	g_clear_pointer(&message->seed, g_bytes_unref);
	g_free(message->name);
	g_free(message->full_name);
	g_free(message->text);
	g_free(message->serial);
	g_free(message);
}

/* Brackets outside strings; a text that is not JSON may be miscounted, and then the parser refuses it. */
static gboolean
is_too_deep(const char *line, gsize size)
{
	gboolean quoted = FALSE;
	int depth = 0;

	for (gsize i = 0; i < size; i++) {
		if (quoted) {
			if (line[i] == '\\')
				i++;
			else if (line[i] == '"')
				quoted = FALSE;
		} else if (line[i] == '"') {
			quoted = TRUE;
		} else if (line[i] == '{' || line[i] == '[') {
			if (++depth > DEPTH_MAX)
				return TRUE;
		} else if (line[i] == '}' || line[i] == ']') {
			depth--;
		}
	}
	return FALSE;
}

static void
blame(Message *message, const char *member, const char *why)
{
	if (message->fault == NULL)
		message->fault = g_strdup_printf("“%s” %s", member, why);
}

/* The member's value when it is of @type; NULL when it is absent, or of another type, which is a fault. */
static JsonNode *
take(Message *message, JsonObject *object, const char *member, GType type)
{
	JsonNode *node = json_object_get_member(object, member);

	if (node == NULL)
		return NULL;
	if (!JSON_NODE_HOLDS_VALUE(node) || json_node_get_value_type(node) != type) {
		blame(message, member, "is of the wrong type");
		return NULL;
	}
	return node;
}

static gboolean
is_plain_text(const char *text, gsize max, gboolean newlines)
{
	if (strlen(text) > max || !g_utf8_validate(text, -1, NULL))
		return FALSE;
	for (const char *p = text; *p != '\0'; p = g_utf8_next_char(p)) {
		if (g_unichar_iscntrl(g_utf8_get_char(p)) && !(newlines && *p == '\n'))
			return FALSE;
	}
	return TRUE;
}

static char *
take_text(Message *message, JsonObject *object, const char *member, gsize max, gboolean newlines)
{
	JsonNode *node = take(message, object, member, G_TYPE_STRING);
	const char *text = node ? json_node_get_string(node) : NULL;

	if (text == NULL)
		return NULL;
	if (!is_plain_text(text, max, newlines)) {
		blame(message, member, "is too long or has control characters in it");
		return NULL;
	}
	return g_strdup(text);
}

/* RFC 1123, section 2.1: labels of letters, digits and inner hyphens. HOST_NAME_MAX of Linux is 64. */
static gboolean
is_hostname(const char *name)
{
	gsize size = strlen(name), label = 0;

	if (size == 0 || size > 64)
		return FALSE;
	for (gsize i = 0; i < size; i++) {
		if (name[i] == '.') {
			if (label == 0 || name[i - 1] == '-')
				return FALSE;
			label = 0;
		} else if (g_ascii_isalnum(name[i]) || (name[i] == '-' && label > 0)) {
			if (++label > 63)
				return FALSE;
		} else {
			return FALSE;
		}
	}
	return label > 0 && name[size - 1] != '-';
}

/* machine-id(5): 32 lower-case hex digits, not all of them 0. */
static gboolean
is_machine_id(const char *id)
{
	return strlen(id) == 32 && strspn(id, "0123456789abcdef") == 32 && strspn(id, "0") < 32;
}

static void
take_seed(Message *message, const char *base64)
{
	gsize size = strlen(base64);

	/* g_base64_decode skips what is not base64; a seed with holes in it is not what was sent. */
	if (size % 4 != 0 || size > 4 * ((SEED_MAX_BYTES + 2) / 3) ||
		strspn(base64, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=") != size) {
		blame(message, "seed", "is not base64 of 32 to 256 bytes");
		return;
	}
	guchar *seed = g_base64_decode(base64, &size);

	message->seed = g_bytes_new_take(seed, size);
	if (size < SEED_MIN_BYTES || size > SEED_MAX_BYTES)
		blame(message, "seed", "is not base64 of 32 to 256 bytes");
}

static void
take_identity(Message *message, JsonObject *object)
{
	g_autofree char *seed = take_text(message, object, "seed", LINE_MAX_BYTES, FALSE);

	message->hostname = take_text(message, object, "hostname", NAME_MAX_BYTES, FALSE);
	message->machine_id = take_text(message, object, "machine-id", NAME_MAX_BYTES, FALSE);
	if (message->hostname && !is_hostname(message->hostname))
		blame(message, "hostname", "is not a host name");
	if (message->machine_id && !is_machine_id(message->machine_id))
		blame(message, "machine-id", "is not 32 hex digits");
	if (seed)
		take_seed(message, seed);
}

static void
take_clock(Message *message, JsonObject *object)
{
	JsonNode *node = json_object_get_member(object, "time");

	if (node && JSON_NODE_HOLDS_VALUE(node) &&
		(json_node_get_value_type(node) == G_TYPE_DOUBLE || json_node_get_value_type(node) == G_TYPE_INT64))
		message->time = json_node_get_double(node);
	if (!(message->time >= TIME_MIN && message->time <= TIME_MAX))
		blame(message, "time", "is not a time between 2020 and 2200");
}

static void
take_notice(Message *message, JsonObject *object)
{
	JsonNode *timeout = take(message, object, "timeout", G_TYPE_INT64);

	message->text = take_text(message, object, "text", TEXT_MAX_BYTES, TRUE);
	message->timeout_s = CLAMP(timeout ? json_node_get_int(timeout) : 15, 1, 3600);
	if (message->text == NULL || *message->text == '\0')
		blame(message, "text", "is missing");
}

static void
take_home(Message *message, JsonObject *object)
{
	message->serial = take_text(message, object, "serial", SERIAL_MAX_BYTES, FALSE);
	if (message->serial == NULL || *message->serial == '\0' ||
		strspn(message->serial, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "._-") != strlen(message->serial))
		blame(message, "serial", "is not a disk's serial");
}

static void
take_members(Message *message, JsonObject *object)
{
	JsonNode *node;

	switch (message->kind) {
	case MESSAGE_IDENTITY:
		take_identity(message, object);
		break;
	case MESSAGE_CLOCK:
		take_clock(message, object);
		break;
	case MESSAGE_USER:
		message->name = take_text(message, object, "name", NAME_MAX_BYTES, FALSE);
		message->full_name = take_text(message, object, "full-name", NAME_MAX_BYTES, FALSE);
		if (message->name == NULL)
			blame(message, "name", "is missing");
		break;
	case MESSAGE_NOTICE:
		take_notice(message, object);
		break;
	case MESSAGE_HOME:
		take_home(message, object);
		break;
	case MESSAGE_SESSION:
		node = take(message, object, "ready", G_TYPE_BOOLEAN);
		message->ready = node && json_node_get_boolean(node);
		node = take(message, object, "port", G_TYPE_BOOLEAN);
		message->port = node && json_node_get_boolean(node);
		break;
	default:
		break;
	}
}

static MessageKind
find_kind(const char *type)
{
	for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++) {
		if (strcmp(kinds[i].type, type) == 0)
			return kinds[i].kind;
	}
	return MESSAGE_UNKNOWN;
}

Message *
message_parse(const char *line, gsize size, GError **error)
{
	g_autoptr(JsonParser) parser = json_parser_new_immutable();
	g_autoptr(Message) message = g_new0(Message, 1);
	JsonNode *root, *node;
	JsonObject *object;

	if (size > LINE_MAX_BYTES || !g_utf8_validate_len(line, size, NULL) || is_too_deep(line, size) ||
		!json_parser_load_from_data(parser, line, (gssize)size, NULL) ||
		(root = json_parser_get_root(parser)) == NULL || !JSON_NODE_HOLDS_OBJECT(root)) {
		g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_PROTOCOL, "a line is not a JSON object");
		return NULL;
	}
	object = json_node_get_object(root);
	node = json_object_get_member(object, "type");
	if (node == NULL || !JSON_NODE_HOLDS_VALUE(node) || json_node_get_value_type(node) != G_TYPE_STRING) {
		g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_PROTOCOL, "a message has no type");
		return NULL;
	}
	message->kind = find_kind(json_node_get_string(node));
	node = json_object_get_member(object, "id");
	if (node != NULL && (!JSON_NODE_HOLDS_VALUE(node) || json_node_get_value_type(node) != G_TYPE_INT64)) {
		g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_PROTOCOL, "a message's id is not an integer");
		return NULL;
	}
	message->has_id = node != NULL;
	message->id = node ? json_node_get_int(node) : 0;
	take_members(message, object);
	return g_steal_pointer(&message);
}
