/* Signing in, and who one is. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/api-call.h"

#include <string.h>

#include "broker/auth/frame.h"
#include "broker/endings.h"

static void
add_identity(ApiCall *call, const SessionRow *session)
{
	api_add_text(call->json, "user", session->user);
	json_builder_set_member_name(call->json, "admin");
	json_builder_add_boolean_value(call->json, session->admin);
}

static void
answer_accepted(ApiCall *call, const SignInResult *result)
{
	Broker *broker = call->broker;
	g_autoptr(Secret) token = NULL;
	GError *error = NULL;
	g_autoptr(SessionRow) session = NULL;

	endings_make_room(broker, result->user);
	session = sessions_begin(broker->sessions, result->user, result->groups,
		broker_is_admin(broker, result->user, result->groups), call->address, SESSION_PORTAL, &token, &error);
	if (session == NULL) {
		api_answer_gerror(call, error);
		return;
	}
	broker_audit(broker, session->user, call->address, "sign-in", NULL, NULL, "portal");
	g_autofree char *cookie = g_strdup_printf(API_COOKIE "=%s" API_COOKIE_RULES, secret_text(token));

	api_add_field(call, "Set-Cookie", cookie);
	call->secret = TRUE;
	json_builder_begin_object(call->json);
	add_identity(call, session);
	json_builder_end_object(call->json);
	api_answer_json(call, 200);
}

static void
add_messages(JsonBuilder *json, const char *const *messages)
{
	json_builder_set_member_name(json, "messages");
	json_builder_begin_array(json);
	for (; *messages != NULL; messages++)
		json_builder_add_string_value(json, *messages);
	json_builder_end_array(json);
}

static void
answer_prompt(ApiCall *call, const SignInResult *result)
{
	JsonBuilder *json = call->json;

	json_builder_begin_object(json);
	json_builder_set_member_name(json, "prompt");
	json_builder_begin_object(json);
	api_add_text(json, "id", result->id);
	add_messages(json, result->messages);
	json_builder_set_member_name(json, "fields");
	json_builder_begin_array(json);
	for (guint i = 0; i < result->n_fields; i++) {
		json_builder_begin_object(json);
		api_add_text(json, "label", result->fields[i].label);
		json_builder_set_member_name(json, "echo");
		json_builder_add_boolean_value(json, result->fields[i].echo);
		json_builder_end_object(json);
	}
	json_builder_end_array(json);
	json_builder_end_object(json);
	json_builder_end_object(json);
	api_answer_json(call, 200);
}

static void
audit_denial(ApiCall *call, const SignInResult *result)
{
	g_autofree char *detail = g_strdup_printf("portal: %s", result->reason);

	broker_audit(call->broker, result->user, call->address, "sign-in-failed", NULL, NULL, detail);
}

/* An expired password that was not changed: PAM's words are all that helps, and tell the person nothing that they do not know. */
static void
answer_denied(ApiCall *call, const SignInResult *result)
{
	JsonBuilder *json = call->json;

	if (result->messages == NULL) {
		api_answer_error(call, 401, CARREL_ERROR_DENIED, "The user name or the password is wrong.");
		return;
	}
	json_builder_begin_object(json);
	json_builder_set_member_name(json, "error");
	json_builder_begin_object(json);
	api_add_text(json, "code", carrel_error_word(CARREL_ERROR_DENIED));
	api_add_text(json, "message", "The password was not changed.");
	add_messages(json, result->messages);
	json_builder_end_object(json);
	json_builder_end_object(json);
	api_answer_json(call, 401);
}

static void
on_signed_in(const SignInResult *result, void *data)
{
	ApiCall *call = data;

	switch (result->kind) {
	case SIGN_IN_ACCEPTED:
		answer_accepted(call, result);
		break;
	case SIGN_IN_PROMPT:
		answer_prompt(call, result);
		break;
	case SIGN_IN_DENIED:
		audit_denial(call, result);
		answer_denied(call, result);
		break;
	case SIGN_IN_FAILED:
		api_answer_error(call, 503, CARREL_ERROR_FAILED,
			"Nobody can sign in at the moment: tell the administrator.");
	}
}

static void
refuse(ApiCall *call, GError *error)
{
	if (g_error_matches(error, CARREL_ERROR, CARREL_ERROR_EXHAUSTED)) {
		g_autofree char *seconds = g_strdup_printf("%u", sign_ins_retry_s(call->broker->sign_ins));

		api_add_field(call, "Retry-After", seconds);
		api_answer_error(call, 429, CARREL_ERROR_EXHAUSTED, error->message);
		g_error_free(error);
		return;
	}
	api_answer_gerror(call, error);
}

void
api_post_sign_in(ApiCall *call)
{
	const char *user = api_body_text(call, "user"), *password = api_body_text(call, "password");
	g_autoptr(Secret) secret = NULL;
	GError *error = NULL;

	if (user == NULL || password == NULL) {
		api_answer_error(call, 400, CARREL_ERROR_INVALID, "“user” and “password” are needed, both texts");
		return;
	}
	secret = secret_new(password, strlen(password));
	if (!sign_ins_begin(call->broker->sign_ins, user, secret, call->address, TRUE, on_signed_in, call, &error))
		refuse(call, error);
}

static GPtrArray *
read_answers(const ApiCall *call)
{
	JsonNode *node = json_object_get_member(json_node_get_object(call->body), "answers");
	g_autoptr(GPtrArray) answers = g_ptr_array_new_with_free_func((GDestroyNotify)secret_free);
	JsonArray *array;

	if (node == NULL || !JSON_NODE_HOLDS_ARRAY(node))
		return NULL;
	array = json_node_get_array(node);
	if (json_array_get_length(array) > FRAME_ANSWERS_MAX)
		return NULL;
	for (guint i = 0; i < json_array_get_length(array); i++) {
		JsonNode *element = json_array_get_element(array, i);

		if (!JSON_NODE_HOLDS_VALUE(element) || json_node_get_value_type(element) != G_TYPE_STRING)
			return NULL;
		const char *text = json_node_get_string(element);

		g_ptr_array_add(answers, secret_new(text, strlen(text)));
	}
	return g_steal_pointer(&answers);
}

void
api_post_sign_in_answers(ApiCall *call)
{
	g_autoptr(GPtrArray) answers = read_answers(call);
	GError *error = NULL;

	if (answers == NULL) {
		api_answer_error(call, 400, CARREL_ERROR_INVALID, "“answers” must be a list of texts, one for each field");
		return;
	}
	if (!sign_ins_answer(call->broker->sign_ins, call->segments[1], call->address, (Secret *const *)answers->pdata,
		    answers->len, on_signed_in, call, &error))
		refuse(call, error);
}

/* The host that the client used for the portal, with the VNC port; NULL when there is no such port. */
static char *
vnc_address(const ApiCall *call)
{
	g_autofree char *host = api_host_name(call);
	guint16 port = call->broker->facts.vnc_port;

	return host && port > 0 ? g_strdup_printf("%s:%u", host, port) : NULL;
}

void
api_get_me(ApiCall *call)
{
	g_autofree char *vnc = vnc_address(call);

	json_builder_begin_object(call->json);
	add_identity(call, call->session);
	json_builder_set_member_name(call->json, "vnc");
	if (vnc)
		json_builder_add_string_value(call->json, vnc);
	else
		json_builder_add_null_value(call->json);
	json_builder_end_object(call->json);
	api_answer_json(call, 200);
}
