/* carrel-connect: from a terminal to one's desktop. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <locale.h>
#include <string.h>
#include <unistd.h>

#include "broker/common/error.h"
#include "connect/answers.h"
#include "connect/portal.h"
#include "connect/terminal.h"
#include "connect/trust.h"
#include "connect/viewer.h"

/* As carrel(1) has them. */
enum { DONE = 0, FAILED = 1, USAGE = 2, NOT_REACHED = 3, DENIED = 4, BUSY = 5 };

typedef struct {
	char *user, *password_file, *ca_file, *output;
	gboolean vnc, version;
	const char *pool;
} Options;

static void
options_clear(Options *options)
{
	g_free(options->user);
	g_free(options->password_file);
	g_free(options->ca_file);
	g_free(options->output);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Options, options_clear)

static int
fail(GError *error)
{
	int status = FAILED;

	terminal_progress(NULL);
	g_printerr("carrel connect: %s\n", error->message);
	if (error->domain == G_IO_ERROR)
		status = NOT_REACHED;
	else if (error->domain == G_TLS_ERROR || error->code == CARREL_ERROR_DENIED)
		status = DENIED;
	else if (error->code == CARREL_ERROR_INVALID)
		status = USAGE;
	else if (error->code == CARREL_ERROR_BUSY || error->code == CARREL_ERROR_EXHAUSTED || error->code == CARREL_ERROR_TIMEOUT)
		status = BUSY;
	g_error_free(error);
	return status;
}

static gboolean
parse_options(Options *options, int *argc, char ***argv, GError **error)
{
	const GOptionEntry entries[] = {
		{"user", 'u', 0, G_OPTION_ARG_STRING, &options->user, "Who signs in, when it is not who uses this computer", "NAME"},
		{"password-file", 'p', 0, G_OPTION_ARG_FILENAME, &options->password_file,
			"Take the password from its first line, answers to further questions from the next; -: standard input", "FILE"},
		{"vnc", 0, 0, G_OPTION_ARG_NONE, &options->vnc, "Show the desktop with TigerVNC's viewer", NULL},
		{"output", 'o', 0, G_OPTION_ARG_FILENAME, &options->output,
			"Start no viewer: write the .vv file there, good for 30 seconds; -: standard output", "FILE"},
		{"ca", 0, 0, G_OPTION_ARG_FILENAME, &options->ca_file, "The CA of the portal's certificate, PEM, and no other", "FILE"},
		{"version", 0, 0, G_OPTION_ARG_NONE, &options->version, "Print the version and exit", NULL},
		{NULL},
	};
	g_autoptr(GOptionContext) context = g_option_context_new("URL POOL");

	g_option_context_set_summary(context, "Signs in to a portal of Carrel, opens your desktop of a pool, and shows it.");
	g_option_context_set_description(context,
		"URL is the portal's address, such as https://desk.example:8443. Closing the viewer leaves the desktop\n"
		"running: the same command brings you back. See carrel-connect(1).");
	g_option_context_add_main_entries(context, entries, NULL);
	return g_option_context_parse(context, argc, argv, error);
}

static gboolean
sign_in(Portal *portal, const Options *options, GError **error)
{
	g_autoptr(Answers) answers = answers_new(options->password_file, error);
	const char *user = options->user ? options->user : g_get_user_name();
	g_autofree char *question = g_strdup_printf("Password of %s: ", user);
	g_autoptr(Secret) password = answers ? answers_ask(question, FALSE, answers, error) : NULL;

	return password && portal_sign_in(portal, user, password, answers_ask, answers_tell, answers, error);
}

static void
show_progress(const char *step, gint64 seconds)
{
	g_autofree char *line = isatty(STDERR_FILENO) ? g_strdup_printf("%s… %" G_GINT64_FORMAT " s", step, seconds)
						       : g_strdup_printf("%s…", step);

	terminal_progress(line);
}

/* @vv goes to a file that is made anew, so that it is nobody else's, or to standard output. */
static gboolean
write_output(const char *file, const char *vv, GError **error)
{
	if (strcmp(file, "-") != 0)
		return g_file_set_contents_full(file, vv, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0600, error);
	g_print("%s", vv);
	return TRUE;
}

static gboolean
show_desktop(Portal *portal, const Address *address, const Options *options, const char *viewer, int *status, GError **error)
{
	g_autofree char *desktop = portal_open(portal, options->pool, show_progress, error), *vv = NULL;
	g_autoptr(PortalVnc) vnc = NULL;

	if (desktop == NULL)
		return FALSE;
	terminal_progress(NULL);
	if (options->vnc) {
		vnc = portal_vnc(portal, desktop, error);
		return vnc && viewer_run_vnc(viewer, address->host, vnc, status, error);
	}
	vv = portal_console(portal, desktop, error);
	if (vv == NULL)
		return FALSE;
	return options->output ? write_output(options->output, vv, error) : viewer_run_spice(viewer, vv, status, error);
}

static int
connect_to(const char *url, const Options *options)
{
	GError *error = NULL;
	g_autoptr(Address) address = address_parse(url, &error);
	g_autofree char *viewer = NULL, *ca_file = NULL;
	g_autoptr(Portal) portal = NULL;
	int status = DONE;

	if (address == NULL)
		return fail(error);
	/* Before anybody types a password. */
	if (options->output == NULL) {
		viewer = viewer_find(options->vnc ? VIEWER_VNC : VIEWER_SPICE, &error);
		if (viewer == NULL)
			return fail(error);
	}
	ca_file = g_strdup(options->ca_file);
	if (ca_file == NULL && !trust_find(address, &ca_file, &error))
		return fail(error);
	portal = portal_new(address, ca_file);
	if (!sign_in(portal, options, &error) || !show_desktop(portal, address, options, viewer, &status, &error))
		return fail(error);
	if (status != 0) {
		g_printerr("carrel connect: %s ended with status %d\n", viewer, status);
		return FAILED;
	}
	return DONE;
}

int
main(int argc, char **argv)
{
	g_auto(Options) options = {0};
	g_autoptr(GError) error = NULL;

	setlocale(LC_ALL, "");
	g_set_prgname("carrel connect");
	if (!parse_options(&options, &argc, &argv, &error)) {
		g_printerr("carrel connect: %s; see --help\n", error->message);
		return USAGE;
	}
	if (options.version) {
		g_print("carrel-connect %s\n", PACKAGE_VERSION);
		return DONE;
	}
	if (argc != 3 || (options.vnc && options.output)) {
		g_printerr(argc != 3 ? "Usage: carrel connect [OPTION...] URL POOL; see --help\n"
				     : "carrel connect: --output writes a file for virt-viewer: not with --vnc\n");
		return USAGE;
	}
	options.pool = argv[2];
	return connect_to(argv[1], &options);
}
