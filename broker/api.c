/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/api.h"

#include <string.h>

#include "broker/api-call.h"
#include "broker/json-body.h"

#define PREFIX "/api/v1/"
#define PATH_MAX_BYTES 256
#define HOST_MAX_BYTES 261 /* a name of 255, a colon and a port */

typedef struct {
	const char *method;
	const char *pattern; /* "*" stands for one segment */
	gboolean open;       /* needs no session */
	enum { BODY_NONE, BODY_MAY, BODY_MUST } body; /* a JSON object */
	void (*handle)(ApiCall *call);
} Route;

static const Route routes[] = {
	{"POST", "sign-in", TRUE, BODY_MUST, api_post_sign_in},
	{"POST", "sign-in/*", TRUE, BODY_MUST, api_post_sign_in_answers},
	{"POST", "sign-out", FALSE, BODY_MAY, api_post_sign_out},
	{"GET", "sessions", FALSE, BODY_NONE, api_get_sessions},
	{"DELETE", "sessions/*", FALSE, BODY_NONE, api_delete_session},
	{"GET", "me", FALSE, BODY_NONE, api_get_me},
	{"GET", "pools", FALSE, BODY_NONE, api_get_pools},
	{"POST", "pools/*/open", FALSE, BODY_NONE, api_post_open},
	{"GET", "desktops", FALSE, BODY_NONE, api_get_desktops},
	{"GET", "desktops/*", FALSE, BODY_NONE, api_get_desktop},
	{"POST", "desktops/*/reset", FALSE, BODY_NONE, api_post_reset},
	{"POST", "desktops/*/snapshots", FALSE, BODY_MUST, api_post_snapshot},
	{"POST", "desktops/*/snapshots/*/revert", FALSE, BODY_NONE, api_post_revert},
	{"DELETE", "desktops/*/snapshots/*", FALSE, BODY_NONE, api_delete_snapshot},
	{"POST", "desktops/*/restart", FALSE, BODY_NONE, api_post_restart},
	{"POST", "desktops/*/stop", FALSE, BODY_NONE, api_post_stop},
	{"POST", "desktops/*/extend", FALSE, BODY_NONE, api_post_extend},
	{"POST", "desktops/*/watch", FALSE, BODY_MAY, api_post_watch},
	{"POST", "desktops/*/watch/answer", FALSE, BODY_MUST, api_post_watch_answer},
	{"GET", "recordings", FALSE, BODY_NONE, api_get_recordings},
	{"GET", "recordings/*", FALSE, BODY_NONE, api_get_recording},
	{"GET", "recordings/*/data", FALSE, BODY_NONE, api_get_recording_data},
	{"DELETE", "recordings/*", FALSE, BODY_NONE, api_delete_recording},
	{"GET", "desktops/*/console.vv", FALSE, BODY_NONE, api_get_console},
	{"POST", "desktops/*/vnc", FALSE, BODY_MAY, api_post_vnc},
};

static void
call_free(ApiCall *call)
{
	for (guint i = 0; call->segments[i] != NULL; i++)
		g_free(call->segments[i]);
	g_free(call->address);
	g_free(call->host);
	g_free(call->query);
	g_free(call->range);
	session_row_free(call->session);
	json_body_free(call->body);
	g_object_unref(call->json);
	g_variant_builder_clear(&call->fields);
	g_free(call);
}

void
api_add_field(ApiCall *call, const char *name, const char *value)
{
	g_variant_builder_add(&call->fields, "{ss}", name, value);
}

void
api_add_text(JsonBuilder *json, const char *name, const char *text)
{
	json_builder_set_member_name(json, name);
	if (text)
		json_builder_add_string_value(json, text);
	else
		json_builder_add_null_value(json);
}

void
api_answer_text(ApiCall *call, guint16 status, const char *type, const char *text, gsize size)
{
	ApiAnswer answer = {.status = status, .secret = call->secret};

	api_add_field(call, "Content-Type", type);
	if (call->session)
		api_add_field(call, "session", "valid"); /* for the gateway alone: a stranger no more */
	/* What is told here is one person's, and changes. */
	api_add_field(call, "Cache-Control", "no-store");
	answer.fields = g_variant_ref_sink(g_variant_builder_end(&call->fields));
	answer.body = g_variant_ref_sink(g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, text, size, 1));
	call->done(&answer, call->data);
	g_variant_unref(answer.fields);
	g_variant_unref(answer.body);
	call_free(call);
}

void
api_answer_json(ApiCall *call, guint16 status)
{
	g_autoptr(JsonNode) root = json_builder_get_root(call->json);
	g_autofree char *text = json_to_string(root, FALSE);

	api_answer_text(call, status, "application/json", text, strlen(text));
}

void
api_answer_error(ApiCall *call, guint16 status, CarrelErrorCode code, const char *message)
{
	json_builder_reset(call->json);
	json_builder_begin_object(call->json);
	json_builder_set_member_name(call->json, "error");
	json_builder_begin_object(call->json);
	json_builder_set_member_name(call->json, "code");
	json_builder_add_string_value(call->json, carrel_error_word(code));
	json_builder_set_member_name(call->json, "message");
	json_builder_add_string_value(call->json, message);
	json_builder_end_object(call->json);
	json_builder_end_object(call->json);
	api_answer_json(call, status);
}

void
api_answer_gerror(ApiCall *call, GError *error)
{
	static const guint16 statuses[CARREL_ERROR_N_CODES] = {
		[CARREL_ERROR_FAILED] = 500,
		[CARREL_ERROR_BUSY] = 503,
		[CARREL_ERROR_EXHAUSTED] = 503,
		[CARREL_ERROR_DENIED] = 403,
		[CARREL_ERROR_NOT_FOUND] = 404,
		[CARREL_ERROR_TIMEOUT] = 504,
		[CARREL_ERROR_CONFIG] = 503,
		[CARREL_ERROR_PROTOCOL] = 400,
		[CARREL_ERROR_INVALID] = 400,
	};
	CarrelErrorCode code = error->domain == CARREL_ERROR ? (CarrelErrorCode)error->code : CARREL_ERROR_FAILED;
	const char *message = error->message;

	if (code == CARREL_ERROR_FAILED || code == CARREL_ERROR_CONFIG) {
		g_warning("%s", error->message);
		message = "This is out of order at the moment: tell the administrator.";
	}
	api_answer_error(call, statuses[code], code, message);
	g_error_free(error);
}

const char *
api_body_text(const ApiCall *call, const char *member)
{
	JsonNode *node = json_object_get_member(json_node_get_object(call->body), member);

	return node && JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_STRING
		       ? json_node_get_string(node)
		       : NULL;
}

char *
api_host_name(const ApiCall *call)
{
	const char *host = call->host, *end;

	if (host == NULL || *host == '\0' || strlen(host) > HOST_MAX_BYTES ||
		strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]") != strlen(host))
		return NULL;
	end = *host == '[' ? strchr(host, ']') : strrchr(host, ':');
	if (end && *host == '[')
		end++;
	return end ? g_strndup(host, (gsize)(end - host)) : g_strdup(host);
}

/* The path's segments when they fit the pattern. */
static gboolean
matches(const char *pattern, char *const *segments)
{
	g_auto(GStrv) parts = g_strsplit(pattern, "/", -1);
	guint i;

	for (i = 0; parts[i] != NULL && segments[i] != NULL; i++) {
		if (strcmp(parts[i], "*") != 0 && strcmp(parts[i], segments[i]) != 0)
			return FALSE;
	}
	return parts[i] == NULL && segments[i] == NULL;
}

/* NULL: none; @others: the methods that there are, for the field Allow. */
static const Route *
find_route(const char *method, char *const *segments, GString *others)
{
	for (gsize i = 0; i < G_N_ELEMENTS(routes); i++) {
		if (!matches(routes[i].pattern, segments))
			continue;
		if (strcmp(routes[i].method, method) == 0)
			return &routes[i];
		g_string_append_printf(others, "%s%s", others->len > 0 ? ", " : "",
			strcmp(routes[i].method, "GET") == 0 ? "GET, HEAD" : routes[i].method);
	}
	return NULL;
}

/* Names of ours need no escapes, so a path that has some fits nothing. */
static gboolean
split_path(ApiCall *call, const char *path)
{
	g_auto(GStrv) parts = NULL;

	if (!g_str_has_prefix(path, PREFIX) || strlen(path) > PATH_MAX_BYTES)
		return FALSE;
	parts = g_strsplit(path + strlen(PREFIX), "/", -1);
	if (g_strv_length(parts) > API_SEGMENTS_MAX)
		return FALSE;
	for (guint i = 0; parts[i] != NULL; i++) {
		if (strspn(parts[i], "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != strlen(parts[i]))
			return FALSE;
		call->segments[i] = g_strdup(parts[i]);
	}
	return TRUE;
}

/* A page of another site may have a browser post here; the browser then says whose page it was. */
static gboolean
is_from_elsewhere(const ApiRequest *request)
{
	g_autofree char *own = request->host ? g_strdup_printf("https://%s", request->host) : NULL;

	return request->origin != NULL && strcmp(request->method, "GET") != 0 &&
	       (own == NULL || g_ascii_strcasecmp(own, request->origin) != 0);
}

static gboolean
read_body(ApiCall *call, const ApiRequest *request, const Route *route)
{
	GError *error = NULL;

	if (route->body == BODY_NONE || (route->body == BODY_MAY && request->body_size == 0))
		return TRUE;
	call->body = json_body_parse(request->body, request->body_size, &error);
	if (call->body)
		return TRUE;
	api_answer_gerror(call, error);
	return FALSE;
}

void
api_handle(Broker *broker, const ApiRequest *request, ApiDone done, void *data)
{
	ApiCall *call = g_new0(ApiCall, 1);
	const Route *route;
	g_autoptr(GString) others = g_string_new(NULL);

	call->broker = broker;
	call->done = done;
	call->data = data;
	call->address = g_strdup(request->address);
	call->host = g_strdup(request->host);
	call->query = g_strdup(request->query);
	call->range = g_strdup(request->range);
	call->json = json_builder_new();
	g_variant_builder_init(&call->fields, G_VARIANT_TYPE("a{ss}"));
	route = split_path(call, request->path) ? find_route(request->method, call->segments, others) : NULL;
	if (route == NULL && others->len > 0) {
		api_add_field(call, "Allow", others->str);
		api_answer_error(call, 405, CARREL_ERROR_INVALID, "this method does not fit this path");
		return;
	}
	if (route == NULL) {
		api_answer_error(call, 404, CARREL_ERROR_NOT_FOUND, "there is nothing at this path");
		return;
	}
	if (is_from_elsewhere(request)) {
		api_answer_error(call, 403, CARREL_ERROR_DENIED, "this request comes from a page of another site");
		return;
	}
	if (!route->open) {
		call->session = request->session ? sessions_find(broker->sessions, request->session) : NULL;
		if (call->session == NULL) {
			api_answer_error(call, 401, CARREL_ERROR_DENIED, "sign in first");
			return;
		}
	}
	if (read_body(call, request, route))
		route->handle(call);
}
