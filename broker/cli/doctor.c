/* carrel doctor. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/cli/cli.h"

#include <unistd.h>

#include "pools/doctor.h"

static void
print_json(const GPtrArray *findings)
{
	g_autoptr(JsonBuilder) builder = json_builder_new();

	json_builder_begin_array(builder);
	for (guint i = 0; i < findings->len; i++) {
		const DoctorFinding *finding = findings->pdata[i];

		json_builder_begin_object(builder);
		json_builder_add_string_value(json_builder_set_member_name(builder, "status"), doctor_status_word(finding->status));
		json_builder_add_string_value(json_builder_set_member_name(builder, "name"), finding->name);
		json_builder_add_string_value(json_builder_set_member_name(builder, "text"), finding->text);
		json_builder_add_string_value(json_builder_set_member_name(builder, "advice"), finding->advice ? finding->advice : "");
		json_builder_end_object(builder);
	}
	json_builder_end_array(builder);
	g_autoptr(JsonNode) root = json_builder_get_root(builder);

	cli_print_json(root);
}

static void
print_text(const GPtrArray *findings)
{
	static const char *const colours[] = {"\033[32m", "\033[33m", "\033[31m"};
	gboolean colour = isatty(STDOUT_FILENO);

	for (guint i = 0; i < findings->len; i++) {
		const DoctorFinding *finding = findings->pdata[i];

		g_print("%s%-7s%s  %-18s  %s.\n", colour ? colours[finding->status] : "", doctor_status_word(finding->status),
			colour ? "\033[0m" : "", finding->name, finding->text);
		if (finding->advice)
			g_print("%29s%s.\n", "", finding->advice);
	}
}

static int
run(CliContext *context, char **args)
{
	GError *error = NULL;
	const Conf *conf = cli_conf(context, &error);
	g_autoptr(GPtrArray) findings = NULL;
	guint bad = 0;

	if (conf == NULL)
		return cli_fail(error);
	findings = doctor_examine(conf);
	for (guint i = 0; i < findings->len; i++)
		bad += ((DoctorFinding *)findings->pdata[i])->status == DOCTOR_BAD;
	if (context->json)
		print_json(findings);
	else
		print_text(findings);
	return bad == 0 ? CLI_DONE : CLI_FAILED;
}

static const CliVerb verbs[] = {
	{"", "", "Looks at this host and this instance, and says what is wrong and what to do about it",
		"Run it as root: it can then look through the eyes of the users that the programs run as. The exit status is 1 when "
		"something is bad.",
		0, 0, TRUE, NULL, run},
	{NULL},
};

int
cli_doctor(CliContext *context, int argc, char **argv)
{
	return cli_run_verb(context, "What is wrong here", verbs, argc, argv);
}
