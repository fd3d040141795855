/* carrel, the admin's command, and the word that leads to the employee's. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/cli/cli.h"

#include <errno.h>
#include <locale.h>
#include <string.h>
#include <unistd.h>

#include "broker/common/error.h"
#include "broker/common/settings.h"

/* For those who have a desktop, not those who look after them: a program of its own, so that their computers need no libvirt
 * and this one no HTTP client. It lies beside this one, installed or built. */
static int
run_connect(CliContext *context, int argc, char **argv)
{
	g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
	g_autofree char *folder = self ? g_path_get_dirname(self) : g_strdup(".");
	g_autofree char *program = g_build_filename(folder, "carrel-connect", NULL);

	execv(program, argv);
	g_printerr("carrel: %s cannot be started: %s\n", program, g_strerror(errno));
	return CLI_FAILED;
}

static const struct {
	const char *name, *summary;
	int (*run)(CliContext *context, int argc, char **argv);
} nouns[] = {
	{"status", "What this instance is and how it does", cli_status},
	{"pool", "Pools: list, show, check, apply, drain, purge", cli_pool},
	{"image", "Golden images: list, build, import, remove", cli_image},
	{"desktop", "Desktops: list, show, reset, stop, screenshot, thumbnail, export, import", cli_desktop},
	{"session", "Signed-in people: list, end, message, watch", cli_session},
	{"recording", "Recordings of screens: list, show, verify, export, remove", cli_recording},
	{"connect", "Open one's own desktop at a portal, in a viewer", run_connect},
	{"doctor", "What is wrong with this host, and what to do about it", cli_doctor},
};

static char *
describe_nouns(void)
{
	GString *text = g_string_new("Nouns:\n");

	for (gsize i = 0; i < G_N_ELEMENTS(nouns); i++)
		g_string_append_printf(text, "  %-9s  %s\n", nouns[i].name, nouns[i].summary);
	g_string_append(text, "\n“carrel NOUN --help” tells more about one. See carrel(1).");
	return g_string_free(text, FALSE);
}

/* Options before the noun are ours, all behind it the verb's. */
static gboolean
parse_globals(int *argc, char ***argv, char **config_file, gboolean *version, GError **error)
{
	const GOptionEntry entries[] = {
		{"config", 'c', 0, G_OPTION_ARG_FILENAME, config_file, "Configuration of the instance", "FILE"},
		{"version", 0, 0, G_OPTION_ARG_NONE, version, "Print the version and exit", NULL},
		{NULL},
	};
	g_autoptr(GOptionContext) options = g_option_context_new("NOUN VERB [ARGUMENT...]");
	g_autofree char *description = describe_nouns();

	g_option_context_set_summary(options, "Looks after a Carrel instance: its pools, desktops and sessions.");
	g_option_context_set_description(options, description);
	g_option_context_set_strict_posix(options, TRUE);
	g_option_context_add_main_entries(options, entries, NULL);
	if (!g_option_context_parse(options, argc, argv, error))
		return FALSE;
	if (*argc < 2 && !*version) {
		g_autofree char *help = g_option_context_get_help(options, TRUE, NULL);

		g_printerr("%s", help);
	}
	return TRUE;
}

static int
run_noun(CliContext *context, int argc, char **argv)
{
	const char *names[G_N_ELEMENTS(nouns) + 1] = {NULL};

	for (gsize i = 0; i < G_N_ELEMENTS(nouns); i++) {
		if (strcmp(nouns[i].name, argv[0]) == 0)
			return nouns[i].run(context, argc, argv);
		names[i] = nouns[i].name;
	}
	const char *near = settings_nearest(argv[0], names);

	if (near)
		g_printerr("carrel: there is no noun “%s”. Did you mean %s?\n", argv[0], near);
	else
		g_printerr("carrel: there is no noun “%s”; see carrel --help\n", argv[0]);
	return CLI_USAGE;
}

int
main(int argc, char **argv)
{
	CliContext context = {0};
	g_autofree char *config_file = NULL;
	gboolean version = FALSE;
	g_autoptr(GError) error = NULL;
	int status;

	setlocale(LC_ALL, "");
	g_set_prgname("carrel");
	carrel_error_quark(); /* before the first call: GDBus then knows our errors by name */
	if (!parse_globals(&argc, &argv, &config_file, &version, &error)) {
		g_printerr("carrel: %s; see carrel --help\n", error->message);
		return CLI_USAGE;
	}
	if (version) {
		g_print("carrel %s\n", PACKAGE_VERSION);
		return CLI_DONE;
	}
	if (argc < 2)
		return CLI_USAGE;
	context.config_file = config_file ? config_file : conf_default_file();
	status = run_noun(&context, argc - 1, argv + 1);
	conf_free(context.conf);
	return status;
}
