/* What a person may take their desktop back to. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/api-call.h"

#include "broker/access.h"
#include "broker/store/snapshots.h"

void
api_add_snapshots(ApiCall *call, const char *desktop, const PoolFile *file)
{
	JsonBuilder *json = call->json;
	g_autoptr(GPtrArray) rows = snapshot_rows_of(call->broker->store, desktop, NULL);

	json_builder_set_member_name(json, "snapshots");
	json_builder_begin_array(json);
	for (guint i = 0; rows && i < rows->len; i++) {
		const SnapshotRow *row = rows->pdata[i];

		if (row->created == 0)
			continue;
		json_builder_begin_object(json);
		api_add_text(json, "name", row->name);
		json_builder_set_member_name(json, "created");
		json_builder_add_int_value(json, row->created);
		json_builder_end_object(json);
	}
	json_builder_end_array(json);
	json_builder_set_member_name(json, "snapshots-max");
	json_builder_add_int_value(json, file ? file->snapshots : 0);
}

typedef void (*Begin)(Engine *engine, const char *desktop, const char *name, GAsyncReadyCallback callback, void *data);

static void
on_done(GObject *source, GAsyncResult *result, gpointer data)
{
	ApiCall *call = data;
	GError *error = NULL;

	if (!engine_snapshot_finish(result, &error)) {
		api_answer_gerror(call, error);
		return;
	}
	if (call->status == 204) {
		api_answer_text(call, 204, "text/plain", "", 0);
		return;
	}
	json_builder_begin_object(call->json);
	api_add_text(call->json, "desktop", call->segments[1]);
	json_builder_end_object(call->json);
	api_answer_json(call, call->status);
}

static void
begin(ApiCall *call, Begin what, const char *name, const char *action, guint16 status)
{
	GError *error = NULL;
	const DesktopView *desktop = access_own_desktop(call->broker, call->session->user, call->segments[1], &error);
	g_autofree char *pool = desktop ? g_strdup(desktop->pool) : NULL;

	if (desktop == NULL) {
		api_answer_gerror(call, error);
		return;
	}
	if (name == NULL || !snapshot_name_is_valid(name)) {
		api_answer_error(call, 400, CARREL_ERROR_INVALID, "“name” is 1 to 32 of a-z, A-Z, 0-9, and . _ - behind the first");
		return;
	}
	broker_audit(call->broker, call->session->user, call->address, action, call->segments[1], pool, name);
	call->status = status;
	what(call->broker->engine, call->segments[1], name, on_done, call);
}

void
api_post_snapshot(ApiCall *call)
{
	begin(call, engine_snapshot_async, api_body_text(call, "name"), "snapshot", 201);
}

void
api_post_revert(ApiCall *call)
{
	begin(call, engine_revert_async, call->segments[3], "revert", 202);
}

void
api_delete_snapshot(ApiCall *call)
{
	begin(call, engine_delete_snapshot_async, call->segments[3], "delete-snapshot", 204);
}
