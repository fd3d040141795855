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

/* Numbers without their types. What a gateway says is shown whatever it is. */
static char *
format_plain(GVariant *value)
{
	if (g_variant_is_of_type(value, G_VARIANT_TYPE_STRING_ARRAY))
		return cli_format_words(value);
	return g_variant_is_of_type(value, G_VARIANT_TYPE_STRING) ? cli_format_text(value) : g_variant_print(value, FALSE);
}

/* The unit is in the setting's name, as in carrel.conf(5). */
static char *
format_limit(const char *name, GVariant *value)
{
	gint64 number = g_variant_is_of_type(value, G_VARIANT_TYPE_INT64) ? g_variant_get_int64(value) : 0;

	if (number > 0 && (g_str_has_suffix(name, "Timeout") || g_str_has_suffix(name, "Interval")))
		return g_strdup_printf("%" G_GINT64_FORMAT " s", number);
	if (number > 0 && (g_str_has_suffix(name, "Size") || g_str_has_suffix(name, "Buffer") || g_str_has_suffix(name, "Memory")))
		return g_format_size_full((guint64)number, G_FORMAT_SIZE_IEC_UNITS);
	return format_plain(value);
}

static void
add_row(GVariantBuilder *rows, const char *name, const char *limit, GVariant *count)
{
	GVariantDict row = G_VARIANT_DICT_INIT(NULL);
	g_autofree char *text = count ? format_plain(count) : g_strdup("");

	g_variant_dict_insert(&row, "name", "s", name);
	g_variant_dict_insert(&row, "limit", "s", limit);
	g_variant_dict_insert(&row, "count", "s", text);
	g_variant_builder_add_value(rows, g_variant_dict_end(&row));
}

/* What is limited, and what was refused by each limit; then the refusals by rules that have no number. */
static void
print_limits(const CliContext *context, GVariant *limits, GVariant *refused)
{
	static const CliColumn columns[] = {{"LIMIT", "name"}, {"VALUE", "limit", NULL, TRUE}, {"REFUSED", "count", NULL, TRUE}, {NULL}};
	GVariantBuilder rows = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("aa{sv}"));
	GVariantIter iter;
	const char *name;
	GVariant *value;

	g_variant_iter_init(&iter, limits);
	while (g_variant_iter_loop(&iter, "{&sv}", &name, &value)) {
		g_autoptr(GVariant) count = g_variant_lookup_value(refused, name, NULL);
		g_autofree char *text = format_limit(name, value);

		add_row(&rows, name, text, count);
	}
	g_variant_iter_init(&iter, refused);
	while (g_variant_iter_loop(&iter, "{&sv}", &name, &value)) {
		g_autoptr(GVariant) limit = g_variant_lookup_value(limits, name, NULL);

		if (limit == NULL)
			add_row(&rows, name, "", value);
	}
	g_autoptr(GVariant) all = g_variant_ref_sink(g_variant_builder_end(&rows));

	cli_print_list(context, all, columns, "");
}

/* "KEY: VALUE", and "KEY NAME: VALUE" for what is in a dictionary of its own; but for @left_out. */
static void
add_flat(GVariantBuilder *rows, const char *before, GVariant *dict, const char *left_out)
{
	GVariantIter iter;
	const char *name;
	GVariant *value;

	g_variant_iter_init(&iter, dict);
	while (g_variant_iter_loop(&iter, "{&sv}", &name, &value)) {
		g_autofree char *key = *before ? g_strdup_printf("%s %s", before, name) : g_strdup(name);

		if (g_strcmp0(name, left_out) == 0)
			continue;
		if (*before == '\0' && g_variant_is_of_type(value, G_VARIANT_TYPE_VARDICT))
			add_flat(rows, key, value, NULL);
		else
			add_row(rows, key, "", value);
	}
}

static void
print_flat(const CliContext *context, const char *title, GVariant *dict, const char *left_out)
{
	const CliColumn columns[] = {{title, "name"}, {"", "count", NULL, TRUE}, {NULL}};
	GVariantBuilder rows = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("aa{sv}"));

	add_flat(&rows, "", dict, left_out);
	g_autoptr(GVariant) all = g_variant_ref_sink(g_variant_builder_end(&rows));

	g_print("\n");
	cli_print_list(context, all, columns, "");
}

static void
print_gateway(const CliContext *context, GVariant *gateway)
{
	g_autoptr(GVariant) limits = g_variant_lookup_value(gateway, "limits", G_VARIANT_TYPE_VARDICT);
	g_autoptr(GVariant) counters = g_variant_lookup_value(gateway, "counters", G_VARIANT_TYPE_VARDICT);
	g_autoptr(GVariant) connections = g_variant_lookup_value(gateway, "connections", G_VARIANT_TYPE_VARDICT);
	g_autoptr(GVariant) refused = counters ? g_variant_lookup_value(counters, "refused", G_VARIANT_TYPE_VARDICT) : NULL;

	if (connections)
		print_flat(context, "GATEWAY NOW", connections, NULL);
	if (counters)
		print_flat(context, "GATEWAY SINCE ITS START", counters, "refused");
	g_print("\n");
	if (limits && refused)
		print_limits(context, limits, refused);
}

static int
run_status(CliContext *context, char **args)
{
	int status;
	GError *error = NULL;
	g_autoptr(CarrelBroker1Admin) broker = cli_broker(context, &status);
	g_autoptr(GVariant) facts = NULL, gateway = NULL;
	g_autofree const char **faults = NULL;

	if (broker == NULL)
		return status;
	if (!carrel_broker1_admin_call_status_sync(broker, G_DBUS_CALL_FLAGS_NONE, -1, &facts, NULL, &error))
		return cli_fail(error);
	cli_print_row(context, facts, lines);
	gateway = g_variant_lookup_value(facts, "gateway", G_VARIANT_TYPE_VARDICT);
	if (gateway && !context->json)
		print_gateway(context, gateway);
	if (!g_variant_lookup(facts, "faults", "^a&s", &faults))
		return CLI_DONE;
	for (guint i = 0; !context->json && faults[i] != NULL; i++)
		g_print("! %s\n", faults[i]);
	return *faults ? CLI_FAILED : CLI_DONE;
}

static const CliVerb verbs[] = {
	{"", "", "What this instance is, what it is connected to, its gateway's limits and counters, and what to look at",
		"The exit status is 1 when there is something to look at.", 0, 0, TRUE, NULL, run_status},
	{NULL},
};

int
cli_status(CliContext *context, int argc, char **argv)
{
	return cli_run_verb(context, "Status of the instance", verbs, argc, argv);
}
