/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "pools/qmp.h"

#include "broker/common/error.h"
#include "pools/host.h"

#include <json-glib/json-glib.h>
#include <libvirt/libvirt-qemu.h>
#include <string.h>

#define MIGRATION_DEADLINE_US (60 * G_USEC_PER_SEC)
#define POLL_US 2000
#define SNAPSHOT_DEADLINE_US (120 * G_USEC_PER_SEC)
#define SNAPSHOT_POLL_US 20000
#define JOB "carrel-snapshot"

static const char *
member_text(JsonObject *object, const char *name)
{
	JsonNode *node = object ? json_object_get_member(object, name) : NULL;

	return node && JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_STRING ? json_node_get_string(node)
												      : NULL;
}

static JsonObject *
member_object(JsonObject *object, const char *name)
{
	JsonNode *node = object ? json_object_get_member(object, name) : NULL;

	return node && JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
}

/* The answer to @command, of which "return" is an object or a list. NULL: it failed, for what QEMU says. */
static JsonParser *
run(virDomainPtr domain, const char *command, GError **error)
{
	g_autoptr(JsonParser) parser = json_parser_new_immutable();
	char *answer = NULL;
	JsonNode *root;
	JsonObject *object;

	if (virDomainQemuMonitorCommand(domain, command, &answer, 0) < 0) {
		host_set_error(error, "QEMU's monitor");
		return NULL;
	}
	g_autofree char *text = answer; /* libvirt's strings come from malloc, as g_free's do */

	if (!json_parser_load_from_data(parser, text, -1, error))
		return NULL;
	root = json_parser_get_root(parser);
	object = root && JSON_NODE_HOLDS_OBJECT(root) ? json_node_get_object(root) : NULL;
	if (object && json_object_has_member(object, "return"))
		return g_steal_pointer(&parser);
	const char *why = member_text(member_object(object, "error"), "desc");

	g_set_error(error, CARREL_ERROR, CARREL_ERROR_FAILED, "QEMU: %s", why ? why : "an answer that is none");
	return NULL;
}

static JsonArray *
returned_list(JsonParser *answer)
{
	JsonNode *node = json_object_get_member(json_node_get_object(json_parser_get_root(answer)), "return");

	return node && JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;
}

/* Every argument is a string of ours or a path: made by json-glib, so that no path can say more than itself. */
static char *
make_command(const char *name, const char *argument, const char *value)
{
	g_autoptr(JsonBuilder) builder = json_builder_new();
	g_autoptr(JsonNode) root = NULL;

	json_builder_begin_object(builder);
	json_builder_set_member_name(builder, "execute");
	json_builder_add_string_value(builder, name);
	json_builder_set_member_name(builder, "arguments");
	json_builder_begin_object(builder);
	json_builder_set_member_name(builder, argument);
	json_builder_add_string_value(builder, value);
	json_builder_end_object(builder);
	json_builder_end_object(builder);
	root = json_builder_get_root(builder);
	return json_to_string(root, FALSE);
}

gboolean
qmp_ignore_shared(virDomainPtr domain, GError **error)
{
	g_autoptr(JsonParser) answer = run(domain,
		"{\"execute\":\"migrate-set-capabilities\",\"arguments\":"
		"{\"capabilities\":[{\"capability\":\"x-ignore-shared\",\"state\":true}]}}",
		error);

	return answer != NULL;
}

/* 1: done, 0: not yet, -1: @error */
static int
poll_migration(virDomainPtr domain, GError **error)
{
	g_autoptr(JsonParser) answer = run(domain, "{\"execute\":\"query-migrate\"}", error);
	JsonObject *state;
	const char *word, *why;

	if (answer == NULL)
		return -1;
	state = member_object(json_node_get_object(json_parser_get_root(answer)), "return");
	word = member_text(state, "status");
	if (g_strcmp0(word, "completed") == 0)
		return 1;
	if (g_strcmp0(word, "failed") != 0 && g_strcmp0(word, "cancelled") != 0)
		return 0;
	why = member_text(state, "error-desc");
	g_set_error(error, CARREL_ERROR, CARREL_ERROR_FAILED, "QEMU: %s", why ? why : word);
	return -1;
}

static gboolean
migrate(virDomainPtr domain, const char *command, const char *file, GError **error)
{
	g_autofree char *uri = g_strconcat("file:", file, NULL);
	g_autofree char *line = make_command(command, "uri", uri);
	gint64 deadline_us = g_get_monotonic_time() + MIGRATION_DEADLINE_US;
	g_autoptr(JsonParser) answer = run(domain, line, error);
	int done = answer ? 0 : -1;

	while (done == 0 && g_get_monotonic_time() < deadline_us) {
		done = poll_migration(domain, error);
		if (done == 0)
			g_usleep(POLL_US);
	}
	if (done == 0)
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_TIMEOUT, "QEMU: %s is not done after a minute", command);
	return done > 0;
}

gboolean
qmp_write_state(virDomainPtr domain, const char *file, GError **error)
{
	return migrate(domain, "migrate", file, error);
}

gboolean
qmp_read_state(virDomainPtr domain, const char *file, GError **error)
{
	return migrate(domain, "migrate-incoming", file, error);
}

/* The nodes of the disks that a snapshot is in: NULL-terminated; none: @error. */
static char **
find_disks(virDomainPtr domain, GError **error)
{
	g_autoptr(JsonParser) answer = run(domain, "{\"execute\":\"query-block\"}", error);
	g_autoptr(GStrvBuilder) nodes = g_strv_builder_new();
	JsonArray *list = answer ? returned_list(answer) : NULL;
	guint found = 0;

	for (guint i = 0; list && i < json_array_get_length(list); i++) {
		JsonNode *item = json_array_get_element(list, i);
		JsonObject *inserted = JSON_NODE_HOLDS_OBJECT(item) ? member_object(json_node_get_object(item), "inserted") : NULL;
		const char *node = member_text(inserted, "node-name"), *format = member_text(inserted, "drv");
		JsonNode *locked = inserted ? json_object_get_member(inserted, "ro") : NULL;

		if (node == NULL || g_strcmp0(format, "qcow2") != 0 || (locked && json_node_get_boolean(locked)))
			continue;
		g_strv_builder_add(nodes, node);
		found++;
	}
	if (answer && found == 0)
		g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_FAILED, "it has no disk that a snapshot could be in");
	return found > 0 ? g_strv_builder_end(nodes) : NULL;
}

static void
add_member(JsonBuilder *json, const char *name, const char *value)
{
	json_builder_set_member_name(json, name);
	json_builder_add_string_value(json, value);
}

static char *
snapshot_command(QmpSnapshot what, const char *name, char **disks)
{
	static const char *const commands[] = {"snapshot-save", "snapshot-load", "snapshot-delete"};
	g_autoptr(JsonBuilder) json = json_builder_new();
	g_autoptr(JsonNode) root = NULL;

	json_builder_begin_object(json);
	add_member(json, "execute", commands[what]);
	json_builder_set_member_name(json, "arguments");
	json_builder_begin_object(json);
	add_member(json, "job-id", JOB);
	add_member(json, "tag", name);
	if (what != QMP_SNAPSHOT_DELETE)
		add_member(json, "vmstate", disks[0]);
	json_builder_set_member_name(json, "devices");
	json_builder_begin_array(json);
	for (char **disk = disks; *disk != NULL; disk++)
		json_builder_add_string_value(json, *disk);
	json_builder_end_array(json);
	json_builder_end_object(json);
	json_builder_end_object(json);
	root = json_builder_get_root(json);
	return json_to_string(root, FALSE);
}

/* 1: done, 0: not yet, -1: @error */
static int
poll_job(virDomainPtr domain, GError **error)
{
	g_autoptr(JsonParser) answer = run(domain, "{\"execute\":\"query-jobs\"}", error);
	JsonArray *jobs = answer ? returned_list(answer) : NULL;

	for (guint i = 0; jobs && i < json_array_get_length(jobs); i++) {
		JsonNode *item = json_array_get_element(jobs, i);
		JsonObject *job = JSON_NODE_HOLDS_OBJECT(item) ? json_node_get_object(item) : NULL;
		const char *why = member_text(job, "error");

		if (g_strcmp0(member_text(job, "id"), JOB) != 0)
			continue;
		if (g_strcmp0(member_text(job, "status"), "concluded") != 0)
			return 0;
		if (why == NULL)
			return 1;
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_FAILED, "QEMU: %s", why);
		return -1;
	}
	if (answer)
		g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_FAILED, "QEMU forgot what it was asked to do");
	return -1;
}

static void
dismiss_job(virDomainPtr domain)
{
	g_autoptr(JsonParser) answer G_GNUC_UNUSED =
		run(domain, "{\"execute\":\"job-dismiss\",\"arguments\":{\"id\":\"" JOB "\"}}", NULL);
}

gboolean
qmp_snapshot(virDomainPtr domain, QmpSnapshot what, const char *name, GError **error)
{
	g_auto(GStrv) disks = find_disks(domain, error);
	g_autofree char *command = disks ? snapshot_command(what, name, disks) : NULL;
	gint64 deadline_us = g_get_monotonic_time() + SNAPSHOT_DEADLINE_US;
	g_autoptr(JsonParser) answer = NULL;
	int done;

	if (disks == NULL)
		return FALSE;
	dismiss_job(domain); /* of a caller that died */
	answer = run(domain, command, error);
	done = answer ? 0 : -1;
	while (done == 0 && g_get_monotonic_time() < deadline_us) {
		done = poll_job(domain, error);
		if (done == 0)
			g_usleep(SNAPSHOT_POLL_US);
	}
	if (done == 0)
		g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_TIMEOUT, "QEMU: a snapshot is not done after two minutes");
	else
		dismiss_job(domain);
	return done > 0;
}
