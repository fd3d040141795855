/* carrel desktop export and import: a desktop that is kept, as a file. Both run beside the broker, since it is root who may read such a
 * disk, and who may fill the catalogue. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/cli/cli.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "broker/common/error.h"
#include "pools/archive.h"
#include "pools/qemu-user.h"

#define NAME_PREFIX    "imported-"
#define NAME_MAX_CHARS 64

static gboolean replace;

const GOptionEntry cli_export_options[] = {
	{"force", 0, 0, G_OPTION_ARG_NONE, &replace, "Replace a file that is there", NULL},
	{NULL},
};

static char *to_pool, *to_user, *image_name;

const GOptionEntry cli_import_options[] = {
	{"pool", 'p', 0, G_OPTION_ARG_STRING, &to_pool, "The persistent pool that it becomes a desktop of", "POOL"},
	{"user", 'u', 0, G_OPTION_ARG_STRING, &to_user, "Whose it becomes", "USER"},
	{"image-name", 0, 0, G_OPTION_ARG_STRING, &image_name, "What its image is called (imported-USER)", "NAME"},
	{NULL},
};

static const int ending[] = {SIGINT, SIGTERM, SIGHUP};

static void
list_ending(sigset_t *set)
{
	sigemptyset(set);
	for (gsize i = 0; i < G_N_ELEMENTS(ending); i++)
		sigaddset(set, ending[i]);
}

static gpointer
wait_for_signal(gpointer cancellable)
{
	sigset_t set;
	int number;

	list_ending(&set);
	sigwait(&set, &number);
	g_cancellable_cancel(cancellable);
	return NULL;
}

/* Cancelled by Ctrl-C and the like, so that what is half done is removed. To be called before there are other threads, which would take
 * the signal. It lasts as long as the command. */
static GCancellable *
cancel_by_signal(void)
{
	GCancellable *cancellable = g_cancellable_new();
	sigset_t set;

	list_ending(&set);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	g_thread_unref(g_thread_new("signals", wait_for_signal, cancellable));
	return cancellable;
}

static int
fail_below_progress(GError *error)
{
	if (isatty(STDOUT_FILENO))
		g_print("\n");
	return cli_fail(error);
}

int
cli_desktop_export(CliContext *context, char **args)
{
	GCancellable *cancellable = cancel_by_signal();
	int status;
	GError *error = NULL;
	/* The desktop is held for as long as this connection is there. */
	g_autoptr(CarrelBroker1Admin) broker = cli_broker(context, &status);
	g_autofree char *disk = NULL;
	g_autoptr(Archive) about = g_new0(Archive, 1);
	g_autoptr(Image) image = NULL;

	if (broker == NULL)
		return status;
	if (!carrel_broker1_admin_call_hold_desktop_sync(broker, args[0], G_DBUS_CALL_FLAGS_NONE, -1, &disk, &about->image, &about->user,
		    &about->pool, NULL, &error))
		return cli_fail(error);
	about->desktop = g_strdup(args[0]);
	image = image_resolve(cli_conf(context, NULL)->images, about->image, &error);
	if (image == NULL || !archive_write(args[1], replace, about, disk, image, cli_show_progress, NULL, cancellable, &error))
		return fail_below_progress(error);
	g_print("Desktop %s of %s is in %s.\n", args[0], about->user, args[1]);
	return CLI_DONE;
}

/* imported-USER, with what cannot stand in an image's name replaced. Free with g_free. */
static char *
default_name(const char *user)
{
	g_autofree char *name = g_strconcat(NAME_PREFIX, user, NULL);

	for (char *c = name; *c != '\0'; c++) {
		if (!g_ascii_isalnum(*c) && strchr("._-", *c) == NULL)
			*c = '-';
	}
	return g_strndup(name, NAME_MAX_CHARS);
}

/* @image is in the catalogue for nothing: it goes, unless nobody knows whether the broker took it. */
static int
give_up(const Conf *conf, const Image *image, GError *error)
{
	g_autofree char *reference = image_reference(image);
	g_autoptr(GError) trouble = NULL;

	if (error->domain != CARREL_ERROR)
		g_prefix_error(&error,
			"the image %s is there, but what the broker made of it is not known (carrel desktop list; carrel image remove %s, if "
			"nothing uses it): ",
			reference, reference);
	else if (!image_remove(conf->images, reference, &trouble))
		g_printerr("carrel: the image %s is left: %s\n", reference, trouble->message);
	return cli_fail(error);
}

static int
import(const Conf *conf, CarrelBroker1Admin *broker, const char *file, const char *name, GCancellable *cancellable)
{
	GError *error = NULL;
	g_autofree char *unused = NULL, *desktop = NULL, *reference = NULL;
	g_autoptr(Image) image = NULL;

	/* Asked before the long part, too. */
	if (!carrel_broker1_admin_call_import_desktop_sync(broker, to_pool, to_user, name, G_DBUS_CALL_FLAGS_NONE, -1, &unused, NULL, &error))
		return cli_fail(error);
	image = archive_read(conf->images, file, name, cli_show_progress, NULL, cancellable, &error);
	if (image == NULL)
		return fail_below_progress(error);
	reference = image_reference(image);
	if (!qemu_user_let_read(conf->libvirt_uri, image->disk, &error))
		return give_up(conf, image, error);
	if (!carrel_broker1_admin_call_import_desktop_sync(broker, to_pool, to_user, reference, G_DBUS_CALL_FLAGS_NONE, -1, &desktop, NULL,
		    &error))
		return give_up(conf, image, error);
	g_print("Desktop %s is there for %s, and boots. Its image is %s, which stays when it is gone, until carrel image remove.\n", desktop,
		to_user, reference);
	return CLI_DONE;
}

int
cli_desktop_import(CliContext *context, char **args)
{
	GCancellable *cancellable = cancel_by_signal();
	int status;
	g_autoptr(CarrelBroker1Admin) broker = NULL;
	g_autofree char *name = image_name ? g_strdup(image_name) : to_user ? default_name(to_user) : NULL;

	if (to_pool == NULL || to_user == NULL) {
		g_printerr("carrel: whose it becomes, and where? --user USER --pool POOL\n");
		return CLI_USAGE;
	}
	if (!image_name_is_valid(name)) {
		g_printerr("carrel: “%s” is not a name for an image: letters, digits, . _ and - (%d at most)\n", name, NAME_MAX_CHARS);
		return CLI_USAGE;
	}
	broker = cli_broker(context, &status);
	return broker ? import(cli_conf(context, NULL), broker, args[0], name, cancellable) : status;
}
