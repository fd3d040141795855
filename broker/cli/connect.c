/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/cli/cli.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "broker/common/error.h"
#include "broker/common/peer.h"
#include "broker/common/program.h"

#define CONNECT_TIMEOUT_MS 5000
/* The broker answers at once but for a screenshot, for which it gives QEMU 10 s. */
#define CALL_TIMEOUT_MS 30000

const Conf *
cli_conf(CliContext *context, GError **error)
{
	if (context->conf == NULL)
		context->conf = conf_load(context->config_file, error);
	return context->conf;
}

/* Where nobody listens, GIO says only that: say whose place it is, and the way out. */
static GDBusConnection *
connect_to(const Conf *conf, const char *path, uid_t broker, GError **error)
{
	g_autoptr(GError) problem = NULL;
	GDBusConnection *connection;

	if (access(path, F_OK) < 0 && errno == ENOENT) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_BUSY,
			"carrel-broker is not running here (no socket at %s): start it, or name the instance with --config",
			path);
		return NULL;
	}
	connection = peer_connect_sync(path, broker, CONNECT_TIMEOUT_MS, &problem);
	if (connection)
		return connection;
	if (g_error_matches(problem, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED))
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_BUSY,
			"carrel-broker is not running here (nobody listens at %s): start it, or name the instance with "
			"--config",
			path);
	else if (problem->domain == CARREL_ERROR)
		g_propagate_error(error, g_steal_pointer(&problem));
	else
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_BUSY,
			"carrel-broker of %s closed the connection (%s): ask its log why", conf->file, problem->message);
	return NULL;
}

CarrelBroker1Admin *
cli_connect(const Conf *conf, GError **error)
{
	g_autofree char *path = conf_socket_path(conf, CONF_SOCKET_ADMIN);
	g_autoptr(GDBusConnection) connection = NULL;
	CarrelBroker1Admin *admin;
	uid_t uid;
	gid_t gid;

	/* An instance that was not started as root runs as whoever started it: the folder's owner says who. */
	if (!program_lookup_user(conf->broker_user, &uid, &gid, NULL))
		uid = (uid_t)-1;
	if (geteuid() != 0 && uid != geteuid())
		uid = (uid_t)-1;
	connection = connect_to(conf, path, uid, error);
	if (connection == NULL)
		return NULL;
	g_dbus_connection_start_message_processing(connection);
	admin = carrel_broker1_admin_proxy_new_sync(connection, G_DBUS_PROXY_FLAGS_DO_NOT_LOAD_PROPERTIES, NULL,
		"/org/carrel/Broker1", NULL, error);
	if (admin)
		g_dbus_proxy_set_default_timeout(G_DBUS_PROXY(admin), CALL_TIMEOUT_MS);
	return admin;
}

CarrelBroker1Admin *
cli_broker(CliContext *context, int *status)
{
	GError *error = NULL;
	const Conf *conf = cli_conf(context, &error);
	CarrelBroker1Admin *admin = conf ? cli_connect(conf, &error) : NULL;

	if (admin == NULL)
		*status = conf && error->code == CARREL_ERROR_BUSY ? (cli_fail(error), CLI_NOT_RUNNING) : cli_fail(error);
	return admin;
}

GVariant *
cli_call_list(CliContext *context, CliListCall list, int *status)
{
	GError *error = NULL;
	GVariant *rows = NULL;
	g_autoptr(CarrelBroker1Admin) broker = cli_broker(context, status);

	if (broker && !list(broker, G_DBUS_CALL_FLAGS_NONE, -1, &rows, NULL, &error))
		*status = cli_fail(error);
	return rows;
}

int
cli_show_row(CliContext *context, CliListCall list, const char *key, const char *value, const char *what,
	const CliColumn *lines)
{
	int status;
	g_autoptr(GVariant) rows = cli_call_list(context, list, &status), row = NULL;

	if (rows == NULL)
		return status;
	row = cli_find_row(rows, key, value);
	if (row == NULL)
		return cli_fail(g_error_new(CARREL_ERROR, CARREL_ERROR_NOT_FOUND, "there is no %s “%s”", what, value));
	cli_print_row(context, row, lines);
	return CLI_DONE;
}

static int
status_of(const GError *error)
{
	if (g_error_matches(error, G_DBUS_ERROR, G_DBUS_ERROR_NO_REPLY) ||
		g_error_matches(error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT))
		return CLI_BUSY;
	if (error->domain != CARREL_ERROR)
		return CLI_FAILED;
	switch ((CarrelErrorCode)error->code) {
	case CARREL_ERROR_DENIED:
		return CLI_DENIED;
	case CARREL_ERROR_BUSY:
	case CARREL_ERROR_EXHAUSTED:
	case CARREL_ERROR_TIMEOUT:
		return CLI_BUSY;
	case CARREL_ERROR_CONFIG:
		return CLI_CONFIG;
	case CARREL_ERROR_INVALID:
		return CLI_USAGE;
	default:
		return CLI_FAILED;
	}
}

int
cli_fail(GError *error)
{
	int status = status_of(error);

	g_dbus_error_strip_remote_error(error);
	g_printerr("carrel: %s\n", error->message);
	g_error_free(error);
	return status;
}
