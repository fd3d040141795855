/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/cli/cli.h"

#include <string.h>

#include "broker/common/settings.h"

static void
print_noun_help(const char *noun, const char *summary, const CliVerb *verbs)
{
	int width = 0;

	for (const CliVerb *verb = verbs; verb->name != NULL; verb++)
		width = MAX(width, (int)(strlen(verb->name) + strlen(verb->arguments) + 1));
	g_print("Usage: carrel [--config FILE] %s VERB [OPTION...]\n\n%s.\n\nVerbs:\n", noun, summary);
	for (const CliVerb *verb = verbs; verb->name != NULL; verb++) {
		g_autofree char *form = g_strdup_printf("%s %s", verb->name, verb->arguments);

		g_print("  %-*s  %s\n", width, form, verb->summary);
	}
	g_print("\n“carrel %s VERB --help” tells more about one. See carrel(1).\n", noun);
}

static const CliVerb *
find_verb(const CliVerb *verbs, const char *name)
{
	for (; verbs->name != NULL; verbs++) {
		if (strcmp(verbs->name, name) == 0)
			return verbs;
	}
	return NULL;
}

static int
refuse_verb(const char *noun, const CliVerb *verbs, const char *name)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();

	for (; verbs->name != NULL; verbs++)
		g_ptr_array_add(names, (char *)verbs->name);
	g_ptr_array_add(names, NULL);
	const char *near = settings_nearest(name, (const char *const *)names->pdata);

	if (near)
		g_printerr("carrel %s: there is no verb “%s”. Did you mean %s?\n", noun, name, near);
	else
		g_printerr("carrel %s: there is no verb “%s”; see carrel %s --help\n", noun, name, noun);
	return CLI_USAGE;
}

static int
parse_and_run(CliContext *context, const char *noun, const CliVerb *verb, int argc, char **argv)
{
	g_autofree char *form = g_strdup_printf("%s%s%s", verb->name, *verb->arguments ? " " : "", verb->arguments);
	g_autoptr(GOptionContext) options = g_option_context_new(verb->arguments);
	g_autofree char *summary = g_strdup_printf("%s.%s%s", verb->summary, verb->details ? "\n\n" : "",
		verb->details ? verb->details : "");
	g_autofree char *program = g_strdup_printf("carrel %s%s%s", noun, *verb->name ? " " : "", verb->name);
	const GOptionEntry json[] = {
		{"json", 0, 0, G_OPTION_ARG_NONE, &context->json, "Print JSON", NULL},
		{NULL},
	};
	g_autoptr(GError) error = NULL;

	g_set_prgname(program);
	g_option_context_set_summary(options, summary);
	if (verb->lists)
		g_option_context_add_main_entries(options, json, NULL);
	if (verb->options)
		g_option_context_add_main_entries(options, verb->options, NULL);
	if (!g_option_context_parse(options, &argc, &argv, &error)) {
		g_printerr("%s: %s; see --help\n", program, error->message);
		return CLI_USAGE;
	}
	/* A lone "--" has done its work: what follows it may begin with a dash. */
	if (argc > 1 && strcmp(argv[1], "--") == 0) {
		argv++;
		argc--;
	}
	if (argc - 1 < verb->min || (verb->max >= 0 && argc - 1 > verb->max)) {
		g_printerr("Usage: carrel %s %s; see --help\n", noun, form);
		return CLI_USAGE;
	}
	return verb->run(context, argv + 1);
}

int
cli_run_verb(CliContext *context, const char *summary, const CliVerb *verbs, int argc, char **argv)
{
	const char *noun = argv[0];
	const CliVerb *verb;

	if (*verbs->name == '\0')
		return parse_and_run(context, noun, verbs, argc, argv);
	if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
		print_noun_help(noun, summary, verbs);
		return argc < 2 ? CLI_USAGE : CLI_DONE;
	}
	verb = find_verb(verbs, argv[1]);
	if (verb == NULL)
		return refuse_verb(noun, verbs, argv[1]);
	return parse_and_run(context, noun, verb, argc - 1, argv + 1);
}
