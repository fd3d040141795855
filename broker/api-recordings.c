/* Recordings, for admins: which there are, what one is, and its bytes by range. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/api-call.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "broker/record-keeper.h"
#include "display/recording.h"

/* Of one answer; a range that is longer gets its first part (RFC 9110, 14.2: a server may answer less). */
#define DATA_MAX (2 * 1024 * 1024)
#define MARKERS_MAX 1000
#define LIMIT_MAX 500
#define LIMIT_USUAL 100

/* By their names, as [Broker] AdminUsers= and AdminGroups= are at the sign-in. */
static gboolean
looks_after(const ApiCall *call, const PoolFile *file)
{
	const char *const *groups = (const char *const *)call->session->groups;

	for (char **item = file ? file->admins : NULL; item && *item; item++) {
		if (**item == '@' ? groups && g_strv_contains(groups, *item + 1) : strcmp(*item, call->session->user) == 0)
			return TRUE;
	}
	return FALSE;
}

/* Those of whose recordings they may know; NULL: all. */
static GPtrArray *
pools_of(const ApiCall *call)
{
	Engine *engine = call->broker->engine;
	GPtrArray *pools;

	if (call->session->admin)
		return NULL;
	pools = g_ptr_array_new_with_free_func(g_free);
	for (guint i = 0; i < engine_n_pools(engine); i++) {
		const PoolView *pool = engine_pool_at(engine, i);

		if (looks_after(call, pool->file))
			g_ptr_array_add(pools, g_strdup(pool->name));
	}
	return pools;
}

/* FALSE: the call was answered. */
static gboolean
may_see(ApiCall *call)
{
	g_autofree char *pool = record_keeper_pool_of(call->segments[1]);

	if (call->session->admin || (pool && looks_after(call, engine_pool_file(call->broker->engine, pool))))
		return TRUE;
	/* That it exists is not theirs to know. */
	api_answer_error(call, 403, CARREL_ERROR_DENIED, "recordings are for administrators");
	return FALSE;
}

static void
add_number(JsonBuilder *json, const char *name, gint64 number)
{
	json_builder_set_member_name(json, name);
	json_builder_add_int_value(json, number);
}

static void
add_truth(JsonBuilder *json, const char *name, gboolean truth)
{
	json_builder_set_member_name(json, name);
	json_builder_add_boolean_value(json, truth);
}

static void
add_row(JsonBuilder *json, GVariant *row)
{
	static const char *const texts[] = {"id", "pool", "desktop", "user", "title", "state"};
	gint64 started = 0, ended = 0;
	gboolean input = FALSE;
	guint64 size = 0;

	json_builder_begin_object(json);
	for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
		const char *text = "";

		g_variant_lookup(row, texts[i], "&s", &text);
		api_add_text(json, texts[i], text);
	}
	g_variant_lookup(row, "started", "x", &started);
	g_variant_lookup(row, "ended", "x", &ended);
	g_variant_lookup(row, "size", "t", &size);
	g_variant_lookup(row, "input", "b", &input);
	add_number(json, "started", started);
	add_number(json, "ended", ended);
	add_number(json, "size", (gint64)size);
	add_truth(json, "input", input);
	json_builder_end_object(json);
}

static void
on_listed(GObject *source, GAsyncResult *result, gpointer data)
{
	ApiCall *call = data;
	GError *error = NULL;
	guint total;
	g_autoptr(GVariant) rows = record_keeper_list_finish(result, &total, &error);

	if (rows == NULL) {
		api_answer_gerror(call, error);
		return;
	}
	json_builder_begin_object(call->json);
	add_number(call->json, "total", total);
	json_builder_set_member_name(call->json, "recordings");
	json_builder_begin_array(call->json);
	for (gsize i = 0; i < g_variant_n_children(rows); i++) {
		g_autoptr(GVariant) row = g_variant_get_child_value(rows, i);

		add_row(call->json, row);
	}
	json_builder_end_array(call->json);
	json_builder_end_object(call->json);
	api_answer_json(call, 200);
}

static gboolean
read_number(GHashTable *query, const char *name, guint64 max, guint *number)
{
	const char *text = g_hash_table_lookup(query, name);
	guint64 value;

	if (text == NULL)
		return TRUE;
	if (!g_ascii_string_to_unsigned(text, 10, 0, max, &value, NULL))
		return FALSE;
	*number = (guint)value;
	return TRUE;
}

/* "pools" of the filter: what they may see, and of it what they asked for. FALSE: it is not theirs. */
static gboolean
add_pools(const ApiCall *call, GVariantDict *filter, const char *asked)
{
	g_autoptr(GPtrArray) pools = pools_of(call);
	const char *one[] = {asked, NULL};

	if (pools && pools->len == 0)
		return FALSE;
	if (asked && pools && !g_ptr_array_find_with_equal_func(pools, asked, g_str_equal, NULL))
		return FALSE;
	if (asked) {
		g_variant_dict_insert_value(filter, "pools", g_variant_new_strv(one, 1));
	} else if (pools) {
		g_variant_dict_insert_value(filter, "pools", g_variant_new_strv((const char *const *)pools->pdata, pools->len));
	}
	return TRUE;
}

void
api_get_recordings(ApiCall *call)
{
	g_autoptr(GHashTable) query = g_uri_parse_params(call->query ? call->query : "", -1, "&", G_URI_PARAMS_NONE, NULL);
	g_auto(GVariantDict) filter = G_VARIANT_DICT_INIT(NULL);
	guint offset = 0, limit = LIMIT_USUAL;
	const char *user;

	if (query == NULL || !read_number(query, "offset", G_MAXINT32, &offset) || !read_number(query, "limit", LIMIT_MAX, &limit)) {
		api_answer_error(call, 400, CARREL_ERROR_INVALID, "“offset” is a number, and “limit” one up to 500");
		return;
	}
	if (!add_pools(call, &filter, g_hash_table_lookup(query, "pool"))) {
		api_answer_error(call, 403, CARREL_ERROR_DENIED, "recordings are for administrators");
		return;
	}
	user = g_hash_table_lookup(query, "user");
	if (user)
		g_variant_dict_insert(&filter, "user", "s", user);
	g_variant_dict_insert(&filter, "offset", "u", offset);
	g_variant_dict_insert(&filter, "limit", "u", limit);
	record_keeper_list_async(call->broker, g_variant_dict_end(&filter), on_listed, call);
}

static void
facts_free(void *data)
{
	recording_facts_free(data);
}

/* In a thread: a file that is cut has its heads read. */
static void
read_facts(GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
	GError *error = NULL;
	RecordingFacts *facts = recording_facts(GPOINTER_TO_INT(data), TRUE, &error);

	if (facts)
		g_task_return_pointer(task, facts, facts_free);
	else
		g_task_return_error(task, error);
}

static void
close_fd(void *data)
{
	close(GPOINTER_TO_INT(data));
}

/* Each as [time, offset], and where they are not chunks, the record's type. */
static void
add_marks(JsonBuilder *json, const char *name, const GArray *marks, gboolean chunks)
{
	guint n = 0;

	json_builder_set_member_name(json, name);
	json_builder_begin_array(json);
	for (guint i = 0; i < marks->len && (chunks || n < MARKERS_MAX); i++) {
		const RecordingMark *mark = &g_array_index(marks, RecordingMark, i);
		const char type[2] = {(char)mark->type, '\0'};

		if ((mark->type == RECORDING_CHUNK) != chunks)
			continue;
		n++;
		json_builder_begin_array(json);
		json_builder_add_int_value(json, (gint64)mark->ms);
		json_builder_add_int_value(json, (gint64)mark->offset);
		if (!chunks)
			json_builder_add_string_value(json, type);
		json_builder_end_array(json);
	}
	json_builder_end_array(json);
}

static void
on_facts(GObject *source, GAsyncResult *result, gpointer data)
{
	ApiCall *call = data;
	JsonBuilder *json = call->json;
	GError *error = NULL;
	g_autoptr(RecordingFacts) facts = g_task_propagate_pointer(G_TASK(result), &error);

	if (facts == NULL) {
		api_answer_gerror(call, error);
		return;
	}
	json_builder_begin_object(json);
	api_add_text(json, "id", call->segments[1]);
	api_add_text(json, "pool", facts->pool);
	api_add_text(json, "desktop", facts->desktop);
	api_add_text(json, "user", facts->user);
	api_add_text(json, "title", facts->title);
	add_number(json, "started", facts->started / 1000);
	add_number(json, "length", (gint64)facts->ms);
	add_number(json, "size", (gint64)facts->size);
	add_truth(json, "input", facts->input);
	add_truth(json, "complete", facts->complete);
	add_marks(json, "chunks", facts->marks, TRUE);
	add_marks(json, "markers", facts->marks, FALSE);
	json_builder_end_object(json);
	api_answer_json(call, 200);
}

static void
on_opened_for_facts(GObject *source, GAsyncResult *result, gpointer data)
{
	ApiCall *call = data;
	GError *error = NULL;
	int fd = record_keeper_open_finish(result, &error);
	g_autofree char *pool = record_keeper_pool_of(call->segments[1]);

	if (fd < 0) {
		api_answer_gerror(call, error);
		return;
	}
	/* Who begins to look at one asks for this first; each range of it would be too many rows. */
	broker_audit(call->broker, call->session->user, call->address, "recording-read", NULL, pool, call->segments[1]);
	g_autoptr(GTask) task = g_task_new(NULL, NULL, on_facts, call);

	g_task_set_task_data(task, GINT_TO_POINTER(fd), close_fd);
	g_task_run_in_thread(task, read_facts);
}

void
api_get_recording(ApiCall *call)
{
	if (may_see(call))
		record_keeper_open_async(call->broker, call->segments[1], on_opened_for_facts, call);
}

/* "bytes=FIRST-" or "bytes=FIRST-LAST" of RFC 9110, 14.1.2: one range, not from the end. */
static gboolean
parse_range(const char *range, guint64 *first, guint64 *last)
{
	g_auto(GStrv) parts = NULL;

	if (range == NULL || !g_str_has_prefix(range, "bytes="))
		return FALSE;
	parts = g_strsplit(range + strlen("bytes="), "-", 3);
	if (g_strv_length(parts) != 2 || !g_ascii_string_to_unsigned(parts[0], 10, 0, G_MAXINT64, first, NULL))
		return FALSE;
	*last = G_MAXINT64;
	return *parts[1] == '\0' || (g_ascii_string_to_unsigned(parts[1], 10, 0, G_MAXINT64, last, NULL) && *last >= *first);
}

static void
on_opened_for_data(GObject *source, GAsyncResult *result, gpointer data)
{
	ApiCall *call = data;
	GError *error = NULL;
	guint64 first = 0, last = 0;
	int fd = record_keeper_open_finish(result, &error);
	g_autofree char *bytes = NULL, *range = NULL;
	gssize n;
	off_t size;

	if (fd < 0) {
		api_answer_gerror(call, error);
		return;
	}
	size = lseek(fd, 0, SEEK_END);
	parse_range(call->range, &first, &last);
	bytes = g_malloc(DATA_MAX);
	n = size < 0 || first >= (guint64)size ? 0 : pread(fd, bytes, MIN(last - first + 1, DATA_MAX), (off_t)first);
	close(fd);
	range = n > 0 ? g_strdup_printf("bytes %" G_GUINT64_FORMAT "-%" G_GUINT64_FORMAT "/%" G_GINT64_FORMAT, first,
	                        first + (guint64)n - 1, (gint64)size)
	              : g_strdup_printf("bytes */%" G_GINT64_FORMAT, (gint64)MAX(size, 0));
	api_add_field(call, "Content-Range", range);
	if (n <= 0)
		api_answer_error(call, 416, CARREL_ERROR_INVALID, "there is nothing of the recording there");
	else
		api_answer_text(call, 206, "application/octet-stream", bytes, (gsize)n);
}

void
api_get_recording_data(ApiCall *call)
{
	guint64 first, last;

	if (!may_see(call))
		return;
	if (parse_range(call->range, &first, &last))
		record_keeper_open_async(call->broker, call->segments[1], on_opened_for_data, call);
	else
		api_answer_error(call, 400, CARREL_ERROR_INVALID,
		        "say which part, as Range: bytes=FIRST-LAST; a whole one is what “carrel recording export” writes");
}

static void
on_removed(GObject *source, GAsyncResult *result, gpointer data)
{
	ApiCall *call = data;
	GError *error = NULL;

	if (record_keeper_remove_finish(result, &error))
		api_answer_text(call, 204, "text/plain", "", 0);
	else
		api_answer_gerror(call, error);
}

void
api_delete_recording(ApiCall *call)
{
	if (may_see(call))
		record_keeper_remove_async(call->broker, call->segments[1], call->session->user, call->address, on_removed, call);
}
