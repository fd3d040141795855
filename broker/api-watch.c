/* Who watches a person's desktop, and what they say to that. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/api-call.h"

#include "broker/access.h"
#include "broker/watches.h"

void
api_add_watch(ApiCall *call, const char *desktop)
{
	JsonBuilder *json = call->json;
	const WatchQuestion question = watches_asking(call->broker->watches, desktop);
	g_autofree char *watching = question.who ? NULL : watches_watching(call->broker->watches, desktop);

	json_builder_set_member_name(json, "watch");
	if (question.who == NULL && watching == NULL) {
		json_builder_add_null_value(json);
		return;
	}
	json_builder_begin_object(json);
	api_add_text(json, "state", question.who ? "asked" : "watched");
	api_add_text(json, "who", question.who ? question.who : watching);
	if (question.who) {
		json_builder_set_member_name(json, "number");
		json_builder_add_int_value(json, question.number);
		json_builder_set_member_name(json, "left");
		json_builder_add_int_value(json, question.left);
	}
	json_builder_end_object(json);
}

static void
on_asked(GObject *source, GAsyncResult *result, gpointer data)
{
	ApiCall *call = data;
	GError *error = NULL;
	g_autoptr(WatchResult) found = watches_ask_finish(result, &error);
	g_autofree char *host = api_host_name(call);

	if (found == NULL) {
		api_answer_gerror(call, error);
		return;
	}
	json_builder_begin_object(call->json);
	api_add_text(call->json, "answer", found->answer);
	json_builder_set_member_name(call->json, "vnc");
	if (found->ticket && host && call->broker->facts.vnc_port != 0)
		api_add_vnc(call, host, found->ticket);
	else
		json_builder_add_null_value(call->json);
	json_builder_end_object(call->json);
	call->secret = found->ticket != NULL;
	api_answer_json(call, 200);
}

/* Answers when the person has: the gateway waits for that long. */
void
api_post_watch(ApiCall *call)
{
	const SessionRow *session = call->session;
	const DesktopView *desktop = engine_desktop(call->broker->engine, call->segments[1]);
	const PoolFile *file = desktop ? engine_pool_file(call->broker->engine, desktop->pool) : NULL;

	/* What there is is not everybody's to know. */
	if (!session->admin && !(file && pool_file_has_admin(file, session->user, (const char *const *)session->groups))) {
		api_answer_error(call, 404, CARREL_ERROR_NOT_FOUND, "you have no such desktop");
		return;
	}
	watches_ask_async(
	        call->broker->watches, call->segments[1], session->user, session->user, call->address, session->id, on_asked, call);
}

void
api_post_watch_answer(ApiCall *call)
{
	GError *error = NULL;
	const DesktopView *desktop = access_own_desktop(call->broker, call->session->user, call->segments[1], &error);
	JsonNode *yes = json_object_get_member(json_node_get_object(call->body), "yes");

	if (desktop == NULL) {
		api_answer_gerror(call, error);
		return;
	}
	if (yes == NULL || json_node_get_value_type(yes) != G_TYPE_BOOLEAN) {
		api_answer_error(call, 400, CARREL_ERROR_INVALID, "“yes” must be true or false");
		return;
	}
	watches_answer(call->broker->watches, desktop->id, json_node_get_boolean(yes));
	json_builder_begin_object(call->json);
	json_builder_end_object(call->json);
	api_answer_json(call, 202);
}
