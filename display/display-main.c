/* carrel-display: one a host; gives clients to screens, and never reads a client's bytes.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdlib.h>

#include "broker/common/error.h"
#include "broker/common/program.h"
#include "display/desks.h"
#include "display/recordings.h"
#include "display/service.h"
#include "display/streams.h"

static const ProgramInfo info = {"carrel-display", "Serves the screens of this host's desktops.", "display", "recordings"};

static Launcher *
start_launcher(Program *program, GError **error)
{
	const Conf *conf = program_conf(program);
	g_autofree char *path = g_build_filename(conf->programs, "carrel-screen", NULL);
	uid_t uid;
	gid_t gid;

	if (!program_lookup_user(conf->screen_user, &uid, &gid, error))
		return NULL;
	return launcher_new(path, program_is_verbose(program), uid, gid, error);
}

static gboolean
run(Program *program, Launcher *launcher, int *status, GError **error)
{
	const Conf *conf = program_conf(program);
	g_autofree char *control = conf_socket_path(conf, CONF_SOCKET_CONTROL);
	g_autofree char *stream = conf_socket_path(conf, CONF_SOCKET_STREAM);
	g_autoptr(Vm) vm = vm_new(conf->libvirt_uri);
	g_autoptr(Service) service = service_new();
	g_autoptr(Recordings) recordings = recordings_new(conf->recordings);
	g_autoptr(Desks) desks = desks_new(conf->h264 == CONF_H264_AUTO, launcher, vm, recordings, &service_events, service);
	g_autoptr(Streams) streams = NULL;
	uid_t broker, gateway;
	gid_t gid;

	if (!program_lookup_user(conf->broker_user, &broker, &gid, error) ||
		!program_lookup_user(conf->gateway_user, &gateway, &gid, error))
		return FALSE;
	streams = streams_new(stream, gateway, desks, error);
	if (streams == NULL || !service_listen(service, control, broker, desks, recordings, error))
		return FALSE;
	*status = program_run(program, NULL, NULL);
	desks_stop(desks);
	return TRUE;
}

int
main(int argc, char **argv)
{
	int status;
	g_autoptr(Program) program = program_new(&info, &argc, &argv, &status);
	g_autoptr(Launcher) launcher = NULL;
	g_autoptr(GError) error = NULL;

	if (program == NULL)
		return status;
	carrel_error_quark();
	/* While we are root, if we are, and before there are threads. */
	launcher = start_launcher(program, &error);
	if (launcher == NULL ||
		!program_drop_rights(program, program_conf(program)->display_user,
			program_conf(program)->libvirt_groups, &error) ||
		!run(program, launcher, &status, &error)) {
		g_printerr("carrel-display: %s\n", error->message);
		return EXIT_FAILURE;
	}
	return status;
}
