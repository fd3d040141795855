/* One's own sessions: which there are, and how they end. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/api-call.h"

#include <string.h>

#include "broker/endings.h"

static void
add_time(JsonBuilder *json, const char *name, gint64 time)
{
	json_builder_set_member_name(json, name);
	json_builder_add_int_value(json, time);
}

static void
add_session(const ApiCall *call, const SessionRow *session)
{
	g_autoptr(GPtrArray) desktops = endings_desktops_of(call->broker, session->id);
	JsonBuilder *json = call->json;

	json_builder_begin_object(json);
	api_add_text(json, "id", session->id);
	api_add_text(json, "kind", session->kind);
	api_add_text(json, "address", session->address);
	add_time(json, "created", session->created);
	add_time(json, "seen", session->seen);
	json_builder_set_member_name(json, "current");
	json_builder_add_boolean_value(json, strcmp(session->id, call->session->id) == 0);
	json_builder_set_member_name(json, "desktops");
	json_builder_begin_array(json);
	for (guint i = 0; i < desktops->len; i++)
		json_builder_add_string_value(json, desktops->pdata[i]);
	json_builder_end_array(json);
	json_builder_end_object(json);
}

void
api_get_sessions(ApiCall *call)
{
	g_autoptr(GPtrArray) sessions = sessions_of_user(call->broker->sessions, call->session->user);

	json_builder_begin_array(call->json);
	for (guint i = 0; i < sessions->len; i++)
		add_session(call, sessions->pdata[i]);
	json_builder_end_array(call->json);
	api_answer_json(call, 200);
}

static void
answer_ended(ApiCall *call, gboolean current)
{
	if (current)
		api_add_field(call, "Set-Cookie", API_COOKIE "=" API_COOKIE_RULES "; Max-Age=0");
	json_builder_begin_object(call->json);
	json_builder_end_object(call->json);
	api_answer_json(call, 200);
}

/* Another session that ends leaves the desktops: they may be in use here. */
void
api_delete_session(ApiCall *call)
{
	g_autoptr(SessionRow) session = sessions_by_id(call->broker->sessions, call->segments[1]);
	gboolean current = session && strcmp(session->id, call->session->id) == 0;
	GError *error = NULL;

	if (session == NULL || strcmp(session->user, call->session->user) != 0) {
		/* The same words for another person's: that it exists is not theirs to know. */
		api_answer_error(call, 404, CARREL_ERROR_NOT_FOUND, "you have no such session");
	} else if (!endings_end_session(call->broker, session, END_SIGNED_OUT, current, session->user, "sign-out", &error)) {
		api_answer_gerror(call, error);
	} else {
		answer_ended(call, current);
	}
}

/* FALSE when "everywhere" is there and is neither true nor false. */
static gboolean
read_everywhere(const ApiCall *call, gboolean *everywhere)
{
	JsonNode *node = call->body ? json_object_get_member(json_node_get_object(call->body), "everywhere") : NULL;

	*everywhere = FALSE;
	if (node == NULL)
		return TRUE;
	if (!JSON_NODE_HOLDS_VALUE(node) || json_node_get_value_type(node) != G_TYPE_BOOLEAN)
		return FALSE;
	*everywhere = json_node_get_boolean(node);
	return TRUE;
}

void
api_post_sign_out(ApiCall *call)
{
	const char *user = call->session->user;
	gboolean everywhere, done;
	GError *error = NULL;

	if (!read_everywhere(call, &everywhere)) {
		api_answer_error(call, 400, CARREL_ERROR_INVALID, "“everywhere” must be true or false");
		return;
	}
	if (everywhere)
		done = endings_end_user(call->broker, user, END_SIGNED_OUT, user, "sign-out", &error);
	else
		done = endings_end_session(call->broker, call->session, END_SIGNED_OUT, TRUE, user, "sign-out", &error);
	if (done)
		answer_ended(call, TRUE);
	else
		api_answer_gerror(call, error);
}
