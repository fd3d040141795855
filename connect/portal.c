/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "connect/portal.h"

#include <string.h>

#include "broker/common/error.h"
#include "broker/json-body.h"
#include "connect/request.h"
#include "connect/terminal.h"
#include "connect/vv-check.h"

#define API "/api/v1/"
#define OPEN_S 300
#define POLL_MS 500
#define ROUNDS_MAX 16 /* of PAM's questions, each of at most as many fields */
#define MESSAGE_MAX 300
#define ID_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"

struct Portal {
	const Address *address;
	Requester *requester;
};

Portal *
portal_new(const Address *address, const char *ca_file)
{
	Portal *portal = g_new0(Portal, 1);

	portal->address = address;
	portal->requester = requester_new(address, ca_file);
	return portal;
}

void
portal_free(Portal *portal)
{
	if (portal == NULL)
		return;
	requester_free(portal->requester);
	g_free(portal);
}

static const char *
text_member(JsonObject *object, const char *name)
{
	JsonNode *node = json_object_get_member(object, name);

	return node && JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_STRING ? json_node_get_string(node)
												      : NULL;
}

static gint64
number_member(JsonObject *object, const char *name)
{
	JsonNode *node = json_object_get_member(object, name);

	return node && JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_INT64 ? json_node_get_int(node) : 0;
}

static gboolean
truth_member(JsonObject *object, const char *name)
{
	JsonNode *node = json_object_get_member(object, name);

	return node && JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_BOOLEAN &&
	       json_node_get_boolean(node);
}

/* It becomes part of a path. */
static gboolean
is_id(const char *text)
{
	return text && *text != '\0' && strlen(text) <= 128 && strspn(text, ID_CHARS) == strlen(text) && *text != '.';
}

static gboolean
is_odd(GError **error)
{
	g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_PROTOCOL,
		"what answers there is not a portal of Carrel, or not of this version");
	return FALSE;
}

static CarrelErrorCode
code_of(long status)
{
	switch (status) {
	case 401:
	case 403:
		return CARREL_ERROR_DENIED;
	case 404:
		return CARREL_ERROR_NOT_FOUND;
	case 409:
	case 503:
		return CARREL_ERROR_BUSY;
	case 429:
		return CARREL_ERROR_EXHAUSTED;
	case 504:
		return CARREL_ERROR_TIMEOUT;
	default:
		return CARREL_ERROR_FAILED;
	}
}

/* {"error":{"code","message"}} */
static void
set_refusal(GError **error, const Response *response, JsonNode *json)
{
	JsonNode *node = json ? json_object_get_member(json_node_get_object(json), "error") : NULL;
	const char *message = node && JSON_NODE_HOLDS_OBJECT(node) ? text_member(json_node_get_object(node), "message") : NULL;
	g_autofree char *clean = message ? terminal_clean(message, MESSAGE_MAX) : NULL;

	if (clean)
		g_set_error(error, CARREL_ERROR, code_of(response->status), "the portal says: %s", clean);
	else
		g_set_error(error, CARREL_ERROR, code_of(response->status), "the portal answers with status %ld", response->status);
}

/* An answer of success; else the error. */
static Response *
send(Portal *portal, const char *method, const char *path, const char *body, GError **error)
{
	g_autofree char *full = g_strconcat(API, path, NULL);
	g_autoptr(Response) response = requester_send(portal->requester, method, full, body, error);
	JsonNode *json;

	if (response == NULL || response->status / 100 == 2)
		return g_steal_pointer(&response);
	json = response->is_json ? json_body_parse((const char *)response->body->data, response->body->len, NULL) : NULL;
	set_refusal(error, response, json);
	json_body_free(json);
	return NULL;
}

/* The same where it is a JSON object. Free with json_body_free. */
static JsonNode *
ask(Portal *portal, const char *method, const char *path, const char *body, GError **error)
{
	g_autoptr(Response) response = send(portal, method, path, body, error);
	JsonNode *json;

	if (response == NULL)
		return NULL;
	json = response->is_json ? json_body_parse((const char *)response->body->data, response->body->len, NULL) : NULL;
	if (json == NULL)
		is_odd(error);
	return json;
}

static void
wipe_text(char *text)
{
	explicit_bzero(text, strlen(text));
	g_free(text);
}

static char *
credentials(const char *user, const Secret *password)
{
	g_autoptr(JsonBuilder) json = json_builder_new();
	JsonNode *root;
	char *text;

	json_builder_begin_object(json);
	json_builder_set_member_name(json, "user");
	json_builder_add_string_value(json, user);
	json_builder_set_member_name(json, "password");
	json_builder_add_string_value(json, secret_text(password));
	json_builder_end_object(json);
	root = json_builder_get_root(json);
	text = json_to_string(root, FALSE);
	json_body_free(root);
	return text;
}

/* The answers to a prompt's fields, as a body; NULL when one was not given. */
static char *
collect_answers(JsonArray *fields, PortalAsk asker, void *data, GError **error)
{
	g_autoptr(JsonBuilder) json = json_builder_new();
	JsonNode *root;
	char *text;

	json_builder_begin_object(json);
	json_builder_set_member_name(json, "answers");
	json_builder_begin_array(json);
	for (guint i = 0; i < json_array_get_length(fields); i++) {
		JsonNode *field = json_array_get_element(fields, i);
		const char *label = JSON_NODE_HOLDS_OBJECT(field) ? text_member(json_node_get_object(field), "label") : NULL;
		g_autoptr(Secret) answer = NULL;

		if (label == NULL) {
			is_odd(error);
			return NULL;
		}
		answer = asker(label, truth_member(json_node_get_object(field), "echo"), data, error);
		if (answer == NULL)
			return NULL;
		json_builder_add_string_value(json, secret_text(answer));
	}
	json_builder_end_array(json);
	json_builder_end_object(json);
	root = json_builder_get_root(json);
	text = json_to_string(root, FALSE);
	json_body_free(root);
	return text;
}

static void
tell_messages(JsonObject *prompt, PortalTell tell)
{
	JsonNode *node = json_object_get_member(prompt, "messages");
	JsonArray *messages = node && JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;

	for (guint i = 0; messages && i < json_array_get_length(messages) && i < ROUNDS_MAX; i++) {
		JsonNode *message = json_array_get_element(messages, i);

		if (JSON_NODE_HOLDS_VALUE(message) && json_node_get_value_type(message) == G_TYPE_STRING)
			tell(json_node_get_string(message));
	}
}

/* One round of PAM's questions: what the portal answers to the answers. */
static JsonNode *
answer_prompt(Portal *portal, JsonNode *node, PortalAsk asker, PortalTell tell, void *data, GError **error)
{
	JsonObject *prompt = JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
	JsonNode *fields = prompt ? json_object_get_member(prompt, "fields") : NULL;
	const char *id = prompt ? text_member(prompt, "id") : NULL;
	g_autofree char *path = NULL;
	JsonNode *next;
	char *body;

	if (!is_id(id) || fields == NULL || !JSON_NODE_HOLDS_ARRAY(fields) ||
		json_array_get_length(json_node_get_array(fields)) > ROUNDS_MAX) {
		is_odd(error);
		return NULL;
	}
	tell_messages(prompt, tell);
	body = collect_answers(json_node_get_array(fields), asker, data, error);
	if (body == NULL)
		return NULL;
	path = g_strconcat("sign-in/", id, NULL);
	next = ask(portal, "POST", path, body, error);
	wipe_text(body);
	return next;
}

gboolean
portal_sign_in(Portal *portal, const char *user, const Secret *password, PortalAsk asker, PortalTell tell, void *data,
	GError **error)
{
	char *body = credentials(user, password);
	JsonNode *json = ask(portal, "POST", "sign-in", body, error), *next;
	JsonNode *prompt;

	wipe_text(body);
	for (int round = 0; json != NULL; round++) {
		prompt = json_object_get_member(json_node_get_object(json), "prompt");
		if (prompt == NULL) {
			gboolean is_in = text_member(json_node_get_object(json), "user") != NULL;

			json_body_free(json);
			return is_in || is_odd(error);
		}
		next = round < ROUNDS_MAX ? answer_prompt(portal, prompt, asker, tell, data, error) : (is_odd(error), NULL);
		json_body_free(json);
		json = next;
	}
	return FALSE;
}

/* TRUE: it can be seen. FALSE with no error: not yet. */
static gboolean
look(Portal *portal, const char *path, PortalProgress progress, GError **error)
{
	JsonNode *json = ask(portal, "GET", path, NULL, error);
	JsonObject *desktop = json ? json_node_get_object(json) : NULL;
	const char *state = json ? text_member(desktop, "state") : NULL, *step = json ? text_member(desktop, "step") : NULL;
	gboolean usable = json && truth_member(desktop, "usable");

	if (json && g_strcmp0(state, "failed") == 0) {
		const char *note = text_member(desktop, "note");
		g_autofree char *clean = terminal_clean(note ? note : "the portal does not say why", MESSAGE_MAX);

		g_set_error(error, CARREL_ERROR, CARREL_ERROR_FAILED, "the desktop did not start (%s): try again, or tell your administrator",
			clean);
		usable = FALSE;
	} else if (json && !usable) {
		progress(step ? step : "Starting", MAX(0, number_member(desktop, "elapsed")));
	}
	json_body_free(json);
	return usable;
}

char *
portal_open(Portal *portal, const char *pool, PortalProgress progress, GError **error)
{
	gint64 deadline = g_get_monotonic_time() + OPEN_S * G_USEC_PER_SEC;
	g_autofree char *path = g_strdup_printf("pools/%s/open", pool), *id = NULL, *desktop = NULL;
	g_autoptr(GError) problem = NULL;
	JsonNode *json;

	if (!is_id(pool)) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_INVALID, "“%s” is not a pool's name", pool);
		return NULL;
	}
	json = ask(portal, "POST", path, "{}", error);
	if (json == NULL)
		return NULL;
	id = g_strdup(text_member(json_node_get_object(json), "desktop"));
	json_body_free(json);
	if (!is_id(id)) {
		is_odd(error);
		return NULL;
	}
	desktop = g_strconcat("desktops/", id, NULL);
	while (!look(portal, desktop, progress, &problem)) {
		if (problem == NULL && g_get_monotonic_time() > deadline)
			g_set_error(&problem, CARREL_ERROR, CARREL_ERROR_TIMEOUT,
				"the desktop was not there after %d s: try again, it goes on starting", OPEN_S);
		if (problem) {
			g_propagate_error(error, g_steal_pointer(&problem));
			return NULL;
		}
		g_usleep(POLL_MS * 1000);
	}
	return g_steal_pointer(&id);
}

char *
portal_console(Portal *portal, const char *desktop, GError **error)
{
	g_autofree char *path = g_strdup_printf("desktops/%s/console.vv", desktop);
	g_autoptr(Response) response = send(portal, "GET", path, NULL, error);

	return response ? vv_check((const char *)response->body->data, response->body->len, portal->address->host, error) : NULL;
}

/* They go to a viewer in its environment and on its command line. */
static PortalVnc *
read_vnc(JsonObject *object, GError **error)
{
	const char *user = text_member(object, "user"), *password = text_member(object, "password"), *ca = text_member(object, "ca");
	gint64 port = number_member(object, "port");
	PortalVnc *vnc;

	if (port < 1 || port > 65535 || user == NULL || password == NULL || !g_str_has_prefix(user, "ticket:") ||
		!is_id(user + strlen("ticket:")) || !is_id(password) ||
		(ca && !g_str_has_prefix(ca, "-----BEGIN CERTIFICATE-----\n"))) {
		is_odd(error);
		return NULL;
	}
	vnc = g_new0(PortalVnc, 1);
	vnc->port = (guint16)port;
	vnc->user = g_strdup(user);
	vnc->password = secret_new(password, strlen(password));
	vnc->ca_pem = g_strdup(ca);
	return vnc;
}

PortalVnc *
portal_vnc(Portal *portal, const char *desktop, GError **error)
{
	g_autofree char *path = g_strdup_printf("desktops/%s/vnc", desktop);
	JsonNode *json = ask(portal, "POST", path, "{}", error);
	PortalVnc *vnc = json ? read_vnc(json_node_get_object(json), error) : NULL;

	json_body_free(json);
	return vnc;
}

void
portal_vnc_free(PortalVnc *vnc)
{
	if (vnc == NULL)
		return;
	g_free(vnc->user);
	secret_free(vnc->password);
	g_free(vnc->ca_pem);
	g_free(vnc);
}
