/* carrel desktop. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/cli/cli.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "broker/common/error.h"

static const CliColumn columns[] = {
	{"DESKTOP", "id"},
	{"STATE", "state"},
	{"FOR", "changed", cli_format_age, TRUE},
	{"USER", "user"},
	{"CLIENTS", "clients", NULL, TRUE},
	{"BY", "protocols"},
	{"AGENT", "agent"},
	{"IMAGE", "image"},
	{"NOTE", "note"},
	{NULL},
};

static const CliColumn lines[] = {
	{"Desktop", "id"},
	{"Pool", "pool"},
	{"State", "state"},
	{"In it for", "changed", cli_format_age},
	{"Age", "created", cli_format_age},
	{"User", "user"},
	{"Image", "image"},
	{"Agent ready", "agent"},
	{"Clients", "clients"},
	{"Protocols", "protocols"},
	{"Kept for its person", "kept", cli_format_yes_no},
	{"Snapshots", "snapshots"},
	{"Libvirt domain", "domain"},
	{"UUID", "uuid"},
	{"Note", "note"},
	{NULL},
};

static char *output_file;
static char *only_pool;

static const GOptionEntry list_options[] = {
	{"pool", 'p', 0, G_OPTION_ARG_STRING, &only_pool, "Only desktops of this pool", "POOL"},
	{NULL},
};

static gboolean discard;

static const GOptionEntry reset_options[] = {
	{"discard", 0, 0, G_OPTION_ARG_NONE, &discard, "Also one that is kept for somebody, with all that is in it", NULL},
	{NULL},
};

static gboolean delete_snapshot;

static const GOptionEntry snapshot_options[] = {
	{"delete", 0, 0, G_OPTION_ARG_NONE, &delete_snapshot, "Delete the one of that name instead", NULL},
	{NULL},
};

static const GOptionEntry screenshot_options[] = {
	{"output", 'o', 0, G_OPTION_ARG_FILENAME, &output_file, "Where to write it; - is standard output", "FILE"},
	{NULL},
};

static GVariant *
rows_of_pool(GVariant *rows, const char *pool)
{
	g_auto(GVariantBuilder) builder = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("aa{sv}"));

	for (gsize i = 0; i < g_variant_n_children(rows); i++) {
		g_autoptr(GVariant) row = g_variant_get_child_value(rows, i);
		const char *name = NULL;

		if (g_variant_lookup(row, "pool", "&s", &name) && strcmp(name, pool) == 0)
			g_variant_builder_add_value(&builder, row);
	}
	return g_variant_ref_sink(g_variant_builder_end(&builder));
}

static int
run_list(CliContext *context, char **args)
{
	int status;
	g_autoptr(GVariant) rows = cli_call_list(context, carrel_broker1_admin_call_list_desktops_sync, &status), shown = NULL;

	if (rows == NULL)
		return status;
	shown = only_pool ? rows_of_pool(rows, only_pool) : g_variant_ref(rows);
	cli_print_list(context, shown, columns, "There are no desktops.");
	return CLI_DONE;
}

static int
run_show(CliContext *context, char **args)
{
	return cli_show_row(context, carrel_broker1_admin_call_list_desktops_sync, "id", args[0], "desktop", lines);
}

typedef gboolean (*DesktopCall)(CarrelBroker1Admin *broker, const char *desktop, GDBusCallFlags flags, int timeout_ms,
	GCancellable *cancellable, GError **error);

static int
call_for_each(CliContext *context, char **desktops, DesktopCall call, const char *done)
{
	int status;
	GError *error = NULL;
	g_autoptr(CarrelBroker1Admin) broker = cli_broker(context, &status);

	if (broker == NULL)
		return status;
	for (; *desktops != NULL; desktops++) {
		if (!call(broker, *desktops, G_DBUS_CALL_FLAGS_NONE, -1, NULL, &error))
			return cli_fail(error);
		g_print("Desktop %s %s.\n", *desktops, done);
	}
	return CLI_DONE;
}

static gboolean
reset_one(CarrelBroker1Admin *broker, const char *desktop, GDBusCallFlags flags, int timeout_ms, GCancellable *cancellable, GError **error)
{
	return carrel_broker1_admin_call_reset_desktop_sync(broker, desktop, discard, flags, timeout_ms, cancellable, error);
}

static int
run_reset(CliContext *context, char **args)
{
	return call_for_each(context, args, reset_one, "is thrown away");
}

#define SNAPSHOT_MS 180000

static int
call_snapshot(CliContext *context, char **args, const char *what, const char *done)
{
	int status;
	GError *error = NULL;
	g_autoptr(CarrelBroker1Admin) broker = cli_broker(context, &status);

	if (broker == NULL)
		return status;
	if (!carrel_broker1_admin_call_snapshot_desktop_sync(broker, args[0], what, args[1], G_DBUS_CALL_FLAGS_NONE, SNAPSHOT_MS, NULL, &error))
		return cli_fail(error);
	g_print(done, args[0], args[1]);
	return CLI_DONE;
}

static int
run_snapshot(CliContext *context, char **args)
{
	return delete_snapshot ? call_snapshot(context, args, "delete", "Desktop %s has no snapshot %s any more.\n")
			       : call_snapshot(context, args, "save", "Desktop %s can go back to %s.\n");
}

static int
run_revert(CliContext *context, char **args)
{
	return call_snapshot(context, args, "revert", "Desktop %s is as it was at %s.\n");
}

static int
run_restart(CliContext *context, char **args)
{
	return call_for_each(context, args, carrel_broker1_admin_call_restart_desktop_sync, "is restarting");
}

static int
run_stop(CliContext *context, char **args)
{
	return call_for_each(context, args, carrel_broker1_admin_call_stop_desktop_sync, "is shutting down");
}

static gboolean
write_bytes(const char *file, const char *bytes, gsize size, GError **error)
{
	if (strcmp(file, "-") != 0)
		return g_file_set_contents(file, bytes, (gssize)size, error);
	while (size > 0) {
		ssize_t n = write(STDOUT_FILENO, bytes, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			g_set_error(error, CARREL_ERROR, CARREL_ERROR_FAILED, "standard output: %s", g_strerror(errno));
			return FALSE;
		}
		bytes += n;
		size -= (gsize)n;
	}
	return TRUE;
}

static const char *
ending_of(const char *mime)
{
	return strcmp(mime, "image/png") == 0 ? "png" : strcmp(mime, "image/jpeg") == 0 ? "jpg" : "ppm";
}

static int
save_image(const char *desktop, GVariant *image, const char *mime)
{
	g_autofree char *file = output_file ? g_strdup(output_file) : g_strdup_printf("%s.%s", desktop, ending_of(mime));
	GError *error = NULL;
	gsize size;
	const char *bytes = g_variant_get_fixed_array(image, &size, 1);

	if (!write_bytes(file, bytes, size, &error))
		return cli_fail(error);
	if (strcmp(file, "-") != 0)
		g_print("%s\n", file);
	return CLI_DONE;
}

static int
run_screenshot(CliContext *context, char **args)
{
	int status;
	GError *error = NULL;
	g_autoptr(CarrelBroker1Admin) broker = cli_broker(context, &status);
	g_autoptr(GVariant) image = NULL;
	g_autofree char *mime = NULL;

	if (broker == NULL)
		return status;
	if (!carrel_broker1_admin_call_screenshot_sync(broker, args[0], G_DBUS_CALL_FLAGS_NONE, -1, &image, &mime, NULL, &error))
		return cli_fail(error);
	return save_image(args[0], image, mime);
}

static int thumbnail_width = 320;

static const GOptionEntry thumbnail_options[] = {
	{"output", 'o', 0, G_OPTION_ARG_FILENAME, &output_file, "Where to write it; - is standard output", "FILE"},
	{"width", 'w', 0, G_OPTION_ARG_INT, &thumbnail_width, "At least so many pixels: 160, 320 or 640", "PIXELS"},
	{NULL},
};

static int
run_thumbnail(CliContext *context, char **args)
{
	int status;
	GError *error = NULL;
	g_autoptr(CarrelBroker1Admin) broker = cli_broker(context, &status);
	g_autoptr(GVariant) image = NULL;
	g_autofree char *mime = NULL;

	if (broker == NULL)
		return status;
	if (!carrel_broker1_admin_call_thumbnail_sync(broker, args[0], (guint)MAX(0, thumbnail_width), G_DBUS_CALL_FLAGS_NONE, -1, &image,
		    &mime, NULL, &error))
		return cli_fail(error);
	return save_image(args[0], image, mime);
}

static const CliVerb verbs[] = {
	{"list", "", "List the desktops", NULL, 0, 0, TRUE, list_options, run_list},
	{"show", "DESKTOP", "Show everything about one desktop", NULL, 1, 1, TRUE, NULL, run_show},
	{"reset", "DESKTOP...", "Throw desktops away, whoever holds them",
		"Its pool makes a fresh one where it wants one. What was not saved elsewhere is lost. One of a persistent pool is "
		"thrown away with --discard only.", 1, -1, FALSE, reset_options, run_reset},
	{"snapshot", "DESKTOP NAME", "Save what a desktop is now, to go back to",
		"Memory and disk, in seconds in which it stands still. One of that name is replaced. As many as the pool's Snapshots= allows.", 2, 2,
		FALSE, snapshot_options, run_snapshot},
	{"revert", "DESKTOP NAME", "Take a desktop back to a snapshot", "What was done since is lost.", 2, 2, FALSE, NULL, run_revert},
	{"restart", "DESKTOP...", "Restart what runs in desktops (made to after 30 s)", NULL, 1, -1, FALSE, NULL, run_restart},
	{"stop", "DESKTOP...", "Shut desktops down (off after 30 s)", "A floating desktop is thrown away; one of a persistent pool is kept, and starts when it is opened.", 1, -1, FALSE,
		NULL, run_stop},
	{"export", "DESKTOP FILE", "Save a desktop that is kept as a file, for another host or a backup",
		"The desktop must be off, and cannot be started meanwhile. FILE is a tar archive with its disk, flattened and compressed; snapshots "
		"are not in it. Run it as root beside the broker.",
		2, 2, FALSE, cli_export_options, cli_desktop_export},
	{"import", "FILE", "Make a desktop of a file that export wrote",
		"What is in FILE becomes an image of its own, and the desktop is cloned from that for USER, in a persistent pool, on the hardware that "
		"the pool gives. Run it as root beside the broker.",
		1, 1, FALSE, cli_import_options, cli_desktop_import},
	{"screenshot", "DESKTOP", "Save what a desktop shows now",
		"Without --output the file is named DESKTOP.png, or .ppm where QEMU makes no PNG, in the current folder.", 1, 1,
		FALSE, screenshot_options, run_screenshot},
	{"thumbnail", "DESKTOP", "Save a small picture of what a desktop shows to its clients",
		"A JPEG, at most two seconds old, with what is drawn over the picture; one is made for all who ask. Where nobody looks at the desktop it is "
		"what screenshot gives.", 1, 1, FALSE, thumbnail_options, run_thumbnail},
	{NULL},
};

int
cli_desktop(CliContext *context, int argc, char **argv)
{
	return cli_run_verb(context, "The desktops of all pools", verbs, argc, argv);
}
