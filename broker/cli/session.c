/* carrel session. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/cli/cli.h"

#include <string.h>

#include "broker/common/error.h"

static char *
format_span(GVariant *value)
{
	gint64 seconds = g_variant_is_of_type(value, G_VARIANT_TYPE_INT64) ? g_variant_get_int64(value) : -1;

	return seconds < 0 ? g_strdup("-") : cli_format_span(seconds);
}

static const CliColumn columns[] = {
	{"SESSION", "id"},
	{"USER", "user"},
	{"KIND", "kind"},
	{"FROM", "address"},
	{"BEGAN", "created", cli_format_age, TRUE},
	{"SEEN", "seen", cli_format_age, TRUE},
	{"ENDS", "expires", cli_format_in, TRUE},
	{"CLIENTS", "clients", NULL, TRUE},
	{"IDLE", "idle", format_span, TRUE},
	{"LEFT", "left", format_span, TRUE},
	{"DESKTOPS", "desktops", cli_format_words},
	{NULL},
};

static int
run_list(CliContext *context, char **args)
{
	int status;
	g_autoptr(GVariant) rows = cli_call_list(context, carrel_broker1_admin_call_list_sessions_sync, &status);

	if (rows == NULL)
		return status;
	cli_print_list(context, rows, columns, "Nobody is signed in.");
	return CLI_DONE;
}

static int
run_end(CliContext *context, char **args)
{
	int status;
	GError *error = NULL;
	g_autoptr(CarrelBroker1Admin) broker = cli_broker(context, &status);

	if (broker == NULL)
		return status;
	for (; *args != NULL; args++) {
		if (!carrel_broker1_admin_call_end_session_sync(broker, *args, G_DBUS_CALL_FLAGS_NONE, -1, NULL, &error))
			return cli_fail(error);
		g_print("Session %s was ended.\n", *args);
	}
	return CLI_DONE;
}

static int
run_extend(CliContext *context, char **args)
{
	int status;
	GError *error = NULL;
	guint64 minutes;
	gint64 left;
	g_autoptr(CarrelBroker1Admin) broker = NULL;

	if (!g_ascii_string_to_unsigned(args[1], 10, 0, G_MAXUINT32, &minutes, NULL))
		return cli_fail(g_error_new(CARREL_ERROR, CARREL_ERROR_INVALID, "“%s” is not a number of minutes", args[1]));
	broker = cli_broker(context, &status);
	if (broker == NULL)
		return status;
	if (!carrel_broker1_admin_call_extend_session_sync(broker, args[0], (guint)minutes, G_DBUS_CALL_FLAGS_NONE, -1, &left,
		    NULL, &error))
		return cli_fail(error);
	g_autofree char *span = cli_format_span(left);

	g_print("It has %s left.\n", span);
	return CLI_DONE;
}

static int
run_message(CliContext *context, char **args)
{
	int status;
	GError *error = NULL;
	g_autoptr(CarrelBroker1Admin) broker = cli_broker(context, &status);

	if (broker == NULL)
		return status;
	if (!carrel_broker1_admin_call_message_session_sync(broker, args[0], args[1], G_DBUS_CALL_FLAGS_NONE, -1, NULL, &error))
		return cli_fail(error);
	return CLI_DONE;
}

static char *only_desktop, *from_address;

static const GOptionEntry watch_options[] = {
	{"desktop", 'd', 0, G_OPTION_ARG_STRING, &only_desktop, "Which, where the session shows several", "DESKTOP"},
	{"from", 'f', 0, G_OPTION_ARG_STRING, &from_address, "The address of the computer where the viewer runs (127.0.0.1: this one)", "ADDRESS"},
	{NULL},
};

/* The person has 30 s. */
#define WATCH_MS 45000

static int
refuse_watch(const char *answer)
{
	g_printerr("carrel: %s\n", strcmp(answer, "silent") == 0   ? "they did not answer within 30 s, which is a no"
				   : strcmp(answer, "nobody") == 0 ? "they have left"
								   : "they do not want it");
	return CLI_DENIED;
}

static int
show_viewer(CliContext *context, GVariant *viewer)
{
	const char *desktop = "", *user = "", *password = "";
	g_autofree char *escaped = NULL;
	guint16 port = 0;
	guint32 expires = 0;

	if (context->json) {
		cli_print_json_variant(viewer);
		return CLI_DONE;
	}
	g_variant_lookup(viewer, "desktop", "&s", &desktop);
	g_variant_lookup(viewer, "user", "&s", &user);
	g_variant_lookup(viewer, "password", "&s", &password);
	g_variant_lookup(viewer, "port", "q", &port);
	g_variant_lookup(viewer, "expires", "u", &expires);
	escaped = g_uri_escape_string(user, NULL, FALSE);
	g_print("You may watch %s. Within %u s, with a VNC viewer:\n", desktop, expires);
	g_print("vnc://%s:%u?VncUsername=%s&VncPassword=%s\n", from_address ? g_get_host_name() : "127.0.0.1", port, escaped, password);
	return CLI_DONE;
}

static int
run_watch(CliContext *context, char **args)
{
	int status;
	GError *error = NULL;
	g_autoptr(CarrelBroker1Admin) broker = cli_broker(context, &status);
	g_autofree char *answer = NULL;
	g_autoptr(GVariant) viewer = NULL;

	if (broker == NULL)
		return status;
	if (!carrel_broker1_admin_call_watch_session_sync(broker, args[0], only_desktop ? only_desktop : "",
		    from_address ? from_address : "127.0.0.1", G_DBUS_CALL_FLAGS_NONE, WATCH_MS, &answer, &viewer, NULL, &error))
		return cli_fail(error);
	return strcmp(answer, "granted") == 0 ? show_viewer(context, viewer) : refuse_watch(answer);
}

static const CliVerb verbs[] = {
	{"list", "", "List the sessions of signed-in people", NULL, 0, 0, TRUE, NULL, run_list},
	{"end", "SESSION...", "Sign people out",
		"Their desktops whose pool says Reset=logout are thrown away, and what they show closes.", 1, -1, FALSE, NULL,
		run_end},
	{"extend", "SESSION MINUTES", "Put off the end of a session that its pool limits",
		"On all desktops of its person, whatever the pool's Extend= says.", 2, 2, FALSE, NULL, run_extend},
	{"watch", "SESSION", "Ask to look at the desktop that a session shows",
		"Its person is asked in the picture, and in the portal's page, and has 30 s; what their pool's Shadow= says decides. Who may gets the "
		"address for a VNC viewer, which can only look. While somebody watches, the picture says so, and the person may end it.",
		1, 1, TRUE, watch_options, run_watch},
	{"message", "SESSION TEXT", "Show a notice on the desktops of a session", NULL, 2, 2, FALSE, NULL, run_message},
	{NULL},
};

int
cli_session(CliContext *context, int argc, char **argv)
{
	return cli_run_verb(context, "Sessions of signed-in people, in the portal or by a VNC viewer", verbs, argc, argv);
}
