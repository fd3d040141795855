/* carrel pool. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/cli/cli.h"

#include <string.h>
#include <unistd.h>

#include "broker/common/error.h"
#include "broker/common/settings.h"
#include "pools/cleanup.h"
#include "pools/hardware.h"
#include "pools/host-ask.h"
#include "pools/images.h"
#include "pools/pool-file.h"

/* However libvirt hangs, whoever waits for a purge (a supervisor that stops) gets on. */
#define PURGE_DEADLINE_S 180

static gboolean end_drain;

static const GOptionEntry drain_options[] = {
	{"end", 0, 0, G_OPTION_ARG_NONE, &end_drain, "Let the pool hand out desktops again", NULL},
	{NULL},
};

static char *
format_retry(GVariant *value)
{
	guint32 seconds = g_variant_is_of_type(value, G_VARIANT_TYPE_UINT32) ? g_variant_get_uint32(value) : 0;

	return seconds > 0 ? cli_format_span(seconds) : g_strdup("-");
}

static char *
format_versions(GVariant *value)
{
	g_autofree const char **lines = g_variant_is_of_type(value, G_VARIANT_TYPE_STRING_ARRAY) ? g_variant_get_strv(value, NULL) : NULL;

	return lines && lines[0] ? g_strjoinv(", ", (char **)lines) : g_strdup("-");
}

static const CliColumn columns[] = {
	{"POOL", "name"},
	{"STATE", "state"},
	{"READY", "ready", NULL, TRUE},
	{"PARKED", "parked", NULL, TRUE},
	{"SPARE", "spare", NULL, TRUE},
	{"ASSIGNED", "assigned", NULL, TRUE},
	{"OFF", "off", NULL, TRUE},
	{"WAITING", "waiting", NULL, TRUE},
	{"CLONING", "cloning", NULL, TRUE},
	{"RESETTING", "resetting", NULL, TRUE},
	{"FAILED", "failed", NULL, TRUE},
	{"MAX", "max", NULL, TRUE},
	{"IMAGE", "image"},
	{"FAULT", "fault", cli_format_text},
	{NULL},
};

static const CliColumn lines[] = {
	{"Pool", "name"},
	{"Title", "title"},
	{"File", "file"},
	{"Kind", "kind"},
	{"Image", "image"},
	{"State", "state"},
	{"Fault", "fault", cli_format_text},
	{"Instant clones", "instant", cli_format_text},
	{"Kept ready", "spare"},
	{"Kept parked", "wanted-parked"},
	{"Most", "max"},
	{"Ready", "ready"},
	{"Parked", "parked"},
	{"Assigned", "assigned"},
	{"Turned off", "off"},
	{"People who wait", "waiting"},
	{"Being cloned", "cloning"},
	{"Being thrown away", "resetting"},
	{"Failed", "failed"},
	{"Made from", "versions", format_versions},
	{"Out of date, in use", "outdated"},
	{"Tries again in", "retry-in", format_retry},
	{NULL},
};

static int
run_list(CliContext *context, char **args)
{
	int status;
	g_autoptr(GVariant) rows = cli_call_list(context, carrel_broker1_admin_call_list_pools_sync, &status);

	if (rows == NULL)
		return status;
	cli_print_list(context, rows, columns, "There are no pools: write a pool file (carrel-pool(5)) and call carrel pool apply.");
	return CLI_DONE;
}

static int
run_show(CliContext *context, char **args)
{
	return cli_show_row(context, carrel_broker1_admin_call_list_pools_sync, "name", args[0], "pool", lines);
}

static void
print_faults(GPtrArray *faults, JsonBuilder *json)
{
	for (guint i = 0; i < faults->len; i++) {
		const SettingsFault *fault = faults->pdata[i];
		g_autofree char *line = settings_fault_to_string(fault);

		if (json == NULL) {
			g_print("%s\n", line);
			continue;
		}
		json_builder_begin_object(json);
		json_builder_add_string_value(json_builder_set_member_name(json, "file"), fault->file);
		json_builder_add_int_value(json_builder_set_member_name(json, "line"), fault->line);
		json_builder_add_string_value(json_builder_set_member_name(json, "key"), fault->key ? fault->key : "");
		json_builder_add_string_value(json_builder_set_member_name(json, "text"), fault->text);
		json_builder_end_object(json);
	}
}

/* Adds to *@faults what a good file asks for and cannot be had. */
static void
check_hardware(const PoolFile *file, const char *path, const char *images, const HostFacts *facts, GPtrArray **faults)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(Image) image = images ? image_resolve(images, file->image, &error) : NULL;
	g_autoptr(GPtrArray) found = hardware_faults(file, image, facts);

	/* It may be built after the file was written: not the file's fault. */
	if (error)
		g_printerr("%s: warning: %s\n", path, error->message);
	for (guint i = 0; i < found->len; i++) {
		const HardwareFault *fault = found->pdata[i];

		pool_file_add_fault(faults, path, fault->key, "%s", fault->text);
	}
}

static int
compare_lines(gconstpointer a, gconstpointer b)
{
	return (*(SettingsFault *const *)a)->line - (*(SettingsFault *const *)b)->line;
}

/* Result: how many faults. @images NULL: where images lie is not known. @facts NULL: what the host can do is
 * not known. */
static guint
check_file(const char *path, const char *images, const HostFacts *facts, JsonBuilder *json)
{
	g_autoptr(GPtrArray) faults = NULL;
	g_autoptr(PoolFile) file = pool_file_read(path, &faults);
	g_autofree char *warning = file ? pool_file_warning(file) : NULL;

	if (file)
		check_hardware(file, path, images, facts, &faults);
	if (faults) {
		g_ptr_array_sort(faults, compare_lines);
		print_faults(faults, json);
	}
	if (warning)
		g_printerr("%s: warning: %s\n", path, warning);
	return faults ? faults->len : 0;
}

/* NULL: it is not known, and was said so. */
static HostFacts *
ask_host(const Conf *conf, const GError *no_conf)
{
	g_autoptr(GError) error = NULL;
	gboolean connected;
	HostFacts *facts = conf ? host_ask(conf->libvirt_uri, &connected, &error) : NULL;

	if (facts == NULL)
		g_printerr("note: the host was not asked what it can do: %s\n", conf ? error->message : no_conf->message);
	return facts;
}

static int
compare_texts(gconstpointer a, gconstpointer b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static GPtrArray *
list_pool_files(const char *folder, GError **error)
{
	g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GDir) dir = g_dir_open(folder, 0, error);
	const char *name;

	if (dir == NULL)
		return NULL;
	while ((name = g_dir_read_name(dir)) != NULL) {
		if (g_str_has_suffix(name, POOL_FILE_SUFFIX) && *name != '.')
			g_ptr_array_add(paths, g_build_filename(folder, name, NULL));
	}
	g_ptr_array_sort(paths, compare_texts);
	return g_steal_pointer(&paths);
}

static GPtrArray *
named_files(char **args)
{
	GPtrArray *paths = g_ptr_array_new_with_free_func(g_free);

	for (; *args != NULL; args++)
		g_ptr_array_add(paths, g_strdup(*args));
	return paths;
}

static int
run_check(CliContext *context, char **args)
{
	g_autoptr(GError) no_conf = NULL;
	GError *error = NULL;
	const Conf *conf = cli_conf(context, &no_conf);
	g_autoptr(JsonBuilder) json = context->json ? json_builder_new() : NULL;
	g_autoptr(GPtrArray) paths = NULL;
	g_autoptr(HostFacts) facts = NULL;
	guint faults = 0;

	/* Files can be checked anywhere, also where there is no instance. */
	if (*args != NULL)
		paths = named_files(args);
	else if (conf != NULL)
		paths = list_pool_files(conf->pools, &error);
	else
		error = g_steal_pointer(&no_conf);
	if (paths == NULL)
		return cli_fail(error);
	facts = ask_host(conf, no_conf);
	if (json)
		json_builder_begin_array(json);
	for (guint i = 0; i < paths->len; i++)
		faults += check_file(paths->pdata[i], conf ? conf->images : NULL, facts, json);
	if (json) {
		json_builder_end_array(json);
		g_autoptr(JsonNode) root = json_builder_get_root(json);

		cli_print_json(root);
	} else if (faults == 0) {
		g_print("%u pool file%s, no faults.\n", paths->len, paths->len == 1 ? "" : "s");
	}
	return faults == 0 ? CLI_DONE : CLI_FAILED;
}

static int
run_plan(CliContext *context, char **args)
{
	int status;
	GError *error = NULL;
	g_autoptr(CarrelBroker1Admin) broker = cli_broker(context, &status);
	g_auto(GStrv) steps = NULL, faults = NULL;

	if (broker == NULL)
		return status;
	if (!carrel_broker1_admin_call_plan_pools_sync(broker, G_DBUS_CALL_FLAGS_NONE, -1, &steps, &faults, NULL, &error))
		return cli_fail(error);
	for (char **line = steps; *line != NULL; line++)
		g_print("%s\n", *line);
	for (char **line = faults; *line != NULL; line++)
		g_printerr("%s\n", *line);
	if (*steps == NULL && *faults == NULL)
		g_print("Nothing would change.\n");
	return *faults == NULL ? CLI_DONE : CLI_FAILED;
}

static int
run_apply(CliContext *context, char **args)
{
	int status;
	GError *error = NULL;
	g_autoptr(CarrelBroker1Admin) broker = cli_broker(context, &status);
	g_auto(GStrv) changes = NULL, faults = NULL;

	if (broker == NULL)
		return status;
	if (!carrel_broker1_admin_call_apply_pools_sync(broker, G_DBUS_CALL_FLAGS_NONE, -1, &changes, &faults, NULL, &error))
		return cli_fail(error);
	for (char **line = changes; *line != NULL; line++)
		g_print("%s\n", *line);
	for (char **line = faults; *line != NULL; line++)
		g_printerr("%s\n", *line);
	if (*changes == NULL && *faults == NULL)
		g_print("Nothing has changed.\n");
	return *faults == NULL ? CLI_DONE : CLI_FAILED;
}

static int
run_drain(CliContext *context, char **args)
{
	int status;
	GError *error = NULL;
	g_autoptr(CarrelBroker1Admin) broker = cli_broker(context, &status);

	if (broker == NULL)
		return status;
	for (; *args != NULL; args++) {
		if (!carrel_broker1_admin_call_drain_pool_sync(broker, *args, !end_drain, G_DBUS_CALL_FLAGS_NONE, -1, NULL, &error))
			return cli_fail(error);
		g_print(end_drain ? "Pool %s hands out desktops again.\n"
				  : "Pool %s hands out no new desktops; those in use go on.\n",
			*args);
	}
	return CLI_DONE;
}

static int
run_purge(CliContext *context, char **args)
{
	GError *error = NULL;
	const Conf *conf = cli_conf(context, &error);
	CleanupCounts counts;

	if (conf == NULL)
		return cli_fail(error);
	alarm(PURGE_DEADLINE_S);
	if (!cleanup_instance(conf, &counts, &error))
		return cli_fail(error);
	alarm(0);
	g_print("Removed %u desktop%s and %u leftover overlay%s.\n", counts.domains, counts.domains == 1 ? "" : "s", counts.overlays,
		counts.overlays == 1 ? "" : "s");
	if (counts.kept > 0)
		g_print("%u desktop%s of persistent pools %s turned off and kept, as disks of people are.\n", counts.kept,
			counts.kept == 1 ? "" : "s", counts.kept == 1 ? "is" : "are");
	return CLI_DONE;
}

static const CliVerb verbs[] = {
	{"list", "", "Shows the pools and how they do", NULL, 0, 0, TRUE, NULL, run_list},
	{"show", "POOL", "Shows everything about one pool", NULL, 1, 1, TRUE, NULL, run_show},
	{"check", "[FILE...]", "Looks for faults in pool files",
		"Without FILE, in all of [Paths] Pools=. Needs no broker. What this host or the image cannot "
		"do is a fault, too. Every fault is a line FILE:LINE: KEY: TEXT; the exit status is 1 "
		"when there is one.",
		0, -1, TRUE, NULL, run_check},
	{"plan", "", "Shows what carrel pool apply would do, and to whom",
		"Nothing is done. Files with faults are said as carrel pool check says them; the exit status is 1 then.", 0, 0, FALSE, NULL, run_plan},
	{"apply", "", "Has the broker read the pool files again",
		"A pool whose file has faults stays as it was; its faults are printed, and the exit status is 1.", 0, 0, FALSE, NULL,
		run_apply},
	{"drain", "POOL...", "Hands out no new desktops of a pool",
		"Desktops in use go on, spares are destroyed. It lasts until carrel pool drain --end, also over restarts.", 1, -1, FALSE,
		drain_options, run_drain},
	{"purge", "", "Destroys every desktop of this instance, with the broker stopped",
		"Whoever uses one loses it. The network and the storage pool of the instance go too; images and pool files stay.", 0, 0,
		FALSE, NULL, run_purge},
	{NULL},
};

int
cli_pool(CliContext *context, int argc, char **argv)
{
	return cli_run_verb(context, "Pools: the kinds of desktops that people are given", verbs, argc, argv);
}
