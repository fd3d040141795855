/* carrel status. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/cli/cli.h"

static char *
format_uptime(GVariant *value)
{
	return cli_format_span(g_variant_is_of_type(value, G_VARIANT_TYPE_UINT64) ? (gint64)g_variant_get_uint64(value) : 0);
}

static const CliColumn lines[] = {
	{"Instance", "instance"},
	{"Version", "version"},
	{"Up for", "uptime", format_uptime},
	{"Libvirt", "libvirt"},
	{"  connected", "libvirt-connected"},
	{"Gateway connected", "gateway-connected"},
	{"Display connected", "display-connected"},
	{"Pools", "pools"},
	{"Desktops", "desktops"},
	{"Sessions", "sessions"},
	{NULL},
};

static int
run_status(CliContext *context, char **args)
{
	int status;
	GError *error = NULL;
	g_autoptr(CarrelBroker1Admin) broker = cli_broker(context, &status);
	g_autoptr(GVariant) facts = NULL;
	g_autofree const char **faults = NULL;

	if (broker == NULL)
		return status;
	if (!carrel_broker1_admin_call_status_sync(broker, G_DBUS_CALL_FLAGS_NONE, -1, &facts, NULL, &error))
		return cli_fail(error);
	cli_print_row(context, facts, lines);
	if (!g_variant_lookup(facts, "faults", "^a&s", &faults))
		return CLI_DONE;
	for (guint i = 0; !context->json && faults[i] != NULL; i++)
		g_print("! %s\n", faults[i]);
	return *faults ? CLI_FAILED : CLI_DONE;
}

static const CliVerb verbs[] = {
	{"", "", "What this instance is, what it is connected to, and what an admin should look at",
		"The exit status is 1 when there is something to look at.", 0, 0, TRUE, NULL, run_status},
	{NULL},
};

int
cli_status(CliContext *context, int argc, char **argv)
{
	return cli_run_verb(context, "Status of the instance", verbs, argc, argv);
}
