/* carrel image. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/cli/cli.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "broker/common/error.h"
#include "broker/store/desktops.h"
#include "pools/cleanup.h"
#include "pools/images.h"
#include "pools/pool-file.h"

#define BUILDER "packaging/image/build-image"

static char *suite, *title, **packages;

static const GOptionEntry build_options[] = {
	{"suite", 0, 0, G_OPTION_ARG_STRING, &suite, "Debian release to make it of", "CODENAME"},
	{"package", 0, 0, G_OPTION_ARG_STRING_ARRAY, &packages, "One more Debian package in it; may be given more than once", "NAME"},
	{NULL},
};

static const GOptionEntry import_options[] = {
	{"title", 0, 0, G_OPTION_ARG_STRING, &title, "What people see it called", "TEXT"},
	{NULL},
};

static char *
format_size(GVariant *value)
{
	return g_format_size_full((guint64)g_variant_get_int64(value), G_FORMAT_SIZE_IEC_UNITS);
}

static gboolean use_previous;

static const GOptionEntry use_options[] = {
	{"previous", 0, 0, G_OPTION_ARG_NONE, &use_previous, "The version before the one in use", NULL},
	{NULL},
};

static const CliColumn columns[] = {
	{"IMAGE", "image"},
	{"IN USE", "in-use", cli_format_yes_no},
	{"TITLE", "title", cli_format_text},
	{"CREATED", "created", cli_format_text},
	{"BOOT", "boot"},
	{"AGENT", "agent", cli_format_yes_no},
	{"SIZE", "size", format_size, TRUE},
	{NULL},
};

static void
add_image(GVariantBuilder *rows, const Image *image, const char *images)
{
	g_autofree char *reference = image_reference(image);
	g_autoptr(Image) used = image_resolve(images, image->name, NULL);

	g_variant_builder_open(rows, G_VARIANT_TYPE_VARDICT);
	g_variant_builder_add(rows, "{sv}", "image", g_variant_new_string(reference));
	g_variant_builder_add(rows, "{sv}", "name", g_variant_new_string(image->name));
	g_variant_builder_add(rows, "{sv}", "version", g_variant_new_string(image->version));
	g_variant_builder_add(rows, "{sv}", "in-use", g_variant_new_boolean(used && strcmp(used->version, image->version) == 0));
	g_variant_builder_add(rows, "{sv}", "title", g_variant_new_string(image->title));
	g_variant_builder_add(rows, "{sv}", "created", g_variant_new_string(image->created));
	g_variant_builder_add(rows, "{sv}", "boot", g_variant_new_string(image->boot == IMAGE_BOOT_KERNEL ? "kernel" : "disk"));
	g_variant_builder_add(rows, "{sv}", "agent", g_variant_new_boolean(image->agent));
	g_variant_builder_add(rows, "{sv}", "size", g_variant_new_int64(image->bytes));
	g_variant_builder_add(rows, "{sv}", "folder", g_variant_new_string(image->folder));
	g_variant_builder_close(rows);
}

static int
run_list(CliContext *context, char **args)
{
	GError *error = NULL;
	const Conf *conf = cli_conf(context, &error);
	g_autoptr(GPtrArray) faults = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GPtrArray) images = conf ? images_list(conf->images, faults, &error) : NULL;
	g_auto(GVariantBuilder) builder = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("aa{sv}"));
	g_autoptr(GVariant) rows = NULL;

	if (images == NULL)
		return cli_fail(error);
	for (guint i = 0; i < images->len; i++)
		add_image(&builder, images->pdata[i], conf->images);
	rows = g_variant_ref_sink(g_variant_builder_end(&builder));
	cli_print_list(context, rows, columns, "There are no images: make one by carrel image build, or carrel image import.");
	for (guint i = 0; i < faults->len; i++)
		g_printerr("carrel: %s\n", (char *)faults->pdata[i]);
	return CLI_DONE;
}

/* Beside the programs of an installation, or in the source tree that they were built from. Free with g_free. */
static char *
find_builder(const Conf *conf)
{
	/* The tree that the programs came from goes before one that happens to be installed. */
	const char *const folders[] = {conf->programs, CARREL_PKGDATADIR, NULL};

	for (int i = 0; folders[i] != NULL; i++) {
		g_autofree char *parent = g_path_get_dirname(folders[i]);
		char *candidates[] = {g_build_filename(folders[i], BUILDER, NULL), g_build_filename(parent, BUILDER, NULL)};
		char *found = NULL;

		for (gsize j = 0; j < G_N_ELEMENTS(candidates); j++) {
			if (found == NULL && g_file_test(candidates[j], G_FILE_TEST_IS_EXECUTABLE))
				found = candidates[j];
			else
				g_free(candidates[j]);
		}
		if (found != NULL)
			return found;
	}
	return NULL;
}

/* Where the builder takes carrel-agent from: the build folder, or the prefix of the installation (PREFIX/libexec/carrel are its
 * programs, PREFIX/sbin has the agent). Free with g_free. */
static char *
find_agent_folder(const Conf *conf)
{
	g_autofree char *beside = g_build_filename(conf->programs, "carrel-agent", NULL);
	g_autofree char *libexec = g_path_get_dirname(conf->programs);
	g_autofree char *prefix = g_path_get_dirname(libexec);
	g_autofree char *installed = g_build_filename(prefix, "sbin", "carrel-agent", NULL);

	if (!g_file_test(beside, G_FILE_TEST_IS_EXECUTABLE) && g_file_test(installed, G_FILE_TEST_IS_EXECUTABLE))
		return g_steal_pointer(&prefix);
	return g_strdup(conf->programs);
}

static int
report_new(const Conf *conf, Image *image, GError *error)
{
	g_autoptr(Image) made = image;
	g_autofree char *reference = NULL, *in_use = NULL;

	if (made == NULL) {
		if (isatty(STDOUT_FILENO))
			g_print("\n");
		return cli_fail(error);
	}
	reference = image_reference(made);
	in_use = image_version_in_use(conf->images, made->name);
	if (in_use)
		g_print("Image %s is there. Pools that say Image=%s stay with version %s: carrel image use %s moves them.\n", reference, made->name,
			in_use, made->name);
	else
		g_print("Image %s is there. Pools that say Image=%s use it from their next desktop on.\n", reference, made->name);
	return CLI_DONE;
}

/* The terminal tells the builder as well: when that has ended, what it made is removed, and the command ends. */
static void
leave_to_builder(int number)
{
}

static int
run_build(CliContext *context, char **args)
{
	GError *error = NULL;
	const Conf *conf = cli_conf(context, &error);
	Image *image;
	const char *name = *args ? *args : "debian-desktop";
	g_autofree char *builder = conf ? find_builder(conf) : NULL;
	g_autofree char *agent = conf ? find_agent_folder(conf) : NULL;

	if (conf == NULL)
		return cli_fail(error);
	if (builder == NULL)
		return cli_fail(g_error_new(CARREL_ERROR, CARREL_ERROR_CONFIG,
			"the image builder (" BUILDER ") is neither beside %s nor in " CARREL_PKGDATADIR
			": set [Paths] Programs= to the build folder of Carrel's source",
			conf->programs));
	signal(SIGINT, leave_to_builder);
	signal(SIGHUP, leave_to_builder);
	image = image_build(conf->images, builder, agent, name, suite, packages, cli_show_progress, NULL, &error);
	return report_new(conf, image, error);
}

static int
run_import(CliContext *context, char **args)
{
	GError *error = NULL;
	const Conf *conf = cli_conf(context, &error);
	Image *image;

	if (conf == NULL)
		return cli_fail(error);
	image = image_import(conf->images, args[0], args[1], title, cli_show_progress, NULL, &error);
	return report_new(conf, image, error);
}

static char *
describe_use(GVariant *row)
{
	g_autofree const char **pools = NULL;
	guint32 desktops = 0;

	g_variant_lookup(row, "pools", "^a&s", &pools);
	g_variant_lookup(row, "desktops", "u", &desktops);
	if (desktops > 0)
		return g_strdup_printf("%u desktop%s", desktops, desktops == 1 ? "" : "s");
	if (pools && *pools) {
		g_autofree char *names = g_strjoinv(", ", (char **)pools);

		return g_strdup_printf("the pool %s", names);
	}
	return NULL;
}

/* By the broker's word. TRUE: *@use is what uses it, or NULL. */
static gboolean
ask_broker(const Conf *conf, const char *reference, char **use, GError **error)
{
	g_autoptr(CarrelBroker1Admin) broker = cli_connect(conf, error);
	g_autoptr(GVariant) rows = NULL, row = NULL;

	if (broker == NULL ||
		!carrel_broker1_admin_call_list_image_uses_sync(broker, G_DBUS_CALL_FLAGS_NONE, -1, &rows, NULL, error))
		return FALSE;
	row = cli_find_row(rows, "image", reference);
	*use = row ? describe_use(row) : NULL;
	return TRUE;
}

/* By the table itself, while no broker runs. */
static gboolean
ask_store(const Conf *conf, const char *reference, char **use, GError **error)
{
	g_autofree char *file = cleanup_store_file(conf);
	g_autoptr(Store) store = NULL;
	g_autoptr(GPtrArray) rows = NULL;
	guint n = 0;

	*use = NULL;
	if (!g_file_test(file, G_FILE_TEST_EXISTS))
		return TRUE;
	store = store_open(file, error);
	rows = store ? desktops_list(store, error) : NULL;
	if (rows == NULL)
		return FALSE;
	for (guint i = 0; i < rows->len; i++) {
		const DesktopRow *row = rows->pdata[i];

		n += strcmp(row->image, reference) == 0 &&
		     !(row->state == DESKTOP_FAILED && row->intent == DESKTOP_INTENT_NONE);
	}
	if (n > 0)
		*use = g_strdup_printf("%u desktop%s", n, n == 1 ? "" : "s");
	return TRUE;
}

static gboolean
find_use(const Conf *conf, const char *reference, char **use, GError **error)
{
	g_autoptr(GError) failure = NULL;

	if (ask_broker(conf, reference, use, &failure))
		return TRUE;
	if (g_error_matches(failure, CARREL_ERROR, CARREL_ERROR_BUSY))
		return ask_store(conf, reference, use, error);
	g_propagate_error(error, g_steal_pointer(&failure));
	return FALSE;
}

static int
run_remove(CliContext *context, char **args)
{
	GError *error = NULL;
	const Conf *conf = cli_conf(context, &error);

	if (conf == NULL)
		return cli_fail(error);
	for (; *args != NULL; args++) {
		g_autofree char *use = NULL;

		if (!find_use(conf, *args, &use, &error))
			return cli_fail(error);
		if (use != NULL)
			return cli_fail(g_error_new(CARREL_ERROR, CARREL_ERROR_BUSY, "the image %s is in use by %s", *args, use));
		if (!image_remove(conf->images, *args, &error))
			return cli_fail(error);
		g_print("Image %s is removed.\n", *args);
	}
	return CLI_DONE;
}

static int
run_seal(CliContext *context, char **args)
{
	int status;
	g_autoptr(CarrelBroker1Admin) broker = cli_broker(context, &status);
	GError *error = NULL;
	guint pools = 0;

	if (broker == NULL)
		return status;
	if (!carrel_broker1_admin_call_seal_image_sync(broker, args[0], G_DBUS_CALL_FLAGS_NONE, -1, &pools, NULL, &error))
		return cli_fail(error);
	g_print("The template of %s is made anew, for %u pool%s. Until it is there desktops boot; carrel pool show tells.\n", args[0],
		pools, pools == 1 ? "" : "s");
	return CLI_DONE;
}

/* The one before it in the list. Free with g_free. */
static char *
previous_of(const Conf *conf, const char *name, GError **error)
{
	g_autoptr(Image) used = image_resolve(conf->images, name, error);
	g_autoptr(GPtrArray) images = used ? images_list(conf->images, NULL, error) : NULL;

	for (guint i = 0; images && i + 1 < images->len; i++) {
		const Image *image = images->pdata[i], *next = images->pdata[i + 1];

		if (strcmp(image->name, used->name) == 0 && strcmp(image->version, used->version) == 0 && strcmp(next->name, used->name) == 0)
			return image_reference(next);
	}
	if (images)
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_NOT_FOUND, "there is no version of %s before %s", name, used->version);
	return NULL;
}

static int
run_use(CliContext *context, char **args)
{
	GError *error = NULL;
	const Conf *conf = cli_conf(context, &error);
	g_autofree char *reference = conf == NULL ? NULL : use_previous ? previous_of(conf, args[0], &error) : g_strdup(args[0]);
	g_autoptr(CarrelBroker1Admin) broker = NULL;
	g_auto(GStrv) changes = NULL, faults = NULL;
	int status;

	if (reference == NULL || !image_use(conf->images, reference, &error))
		return cli_fail(error);
	g_print("Pools that use %s move to %s.\n", args[0], strchr(reference, '@') ? reference : "its newest version");
	broker = cli_broker(context, &status);
	/* Without one it is seen when one starts. */
	if (broker)
		carrel_broker1_admin_call_apply_pools_sync(broker, G_DBUS_CALL_FLAGS_NONE, -1, &changes, &faults, NULL, NULL);
	return CLI_DONE;
}

static const CliVerb verbs[] = {
	{"list", "", "Shows the images that desktops can be made from", NULL, 0, 0, TRUE, NULL, run_list},
	{"build", "[NAME]", "Builds a Debian desktop with carrel-agent in it",
		"NAME is debian-desktop unless it is given. Needs root, mmdebstrap and a Debian mirror.", 0, 1, FALSE, build_options,
		run_build},
	{"import", "FILE NAME", "Takes a qcow2 disk that was made elsewhere",
		"It must be whole (no backing file) and boot by itself with BIOS and virtio disks. Without carrel-agent in it desktops work, "
		"but have no clipboard and do not follow the size of the window.",
		2, 2, FALSE, import_options, run_import},
	{"seal", "NAME", "Makes the templates of an image anew, from which desktops are cloned in a blink",
		"It happens by itself when a pool first uses an image; this is for when a template is to be made from scratch, such as after a "
		"change of the host. Desktops that are there go on.",
		1, 1, FALSE, NULL, run_seal},
	{"use", "NAME[@VERSION]", "Makes pools that use NAME move to a version of it",
		"Fresh desktops are made of it from then on, spare ones replaced one after the other, and those that people use stay as they are "
		"until they are reset. NAME alone is its newest version, also those that come later; --previous the one before the one in use.", 1, 1,
		FALSE, use_options, run_use},
	{"remove", "NAME@VERSION...", "Removes versions that nothing uses", NULL, 1, -1, FALSE, NULL, run_remove},
	{NULL},
};

int
cli_image(CliContext *context, int argc, char **argv)
{
	return cli_run_verb(context, "Golden images: what desktops are cloned from", verbs, argc, argv);
}
