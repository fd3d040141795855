/* carrel-gateway: the one program of Carrel that faces the network. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "broker/common/error.h"
#include "broker/common/program.h"
#include "broker/gateway/door.h"

static const ProgramInfo info = {
	.name = "carrel-gateway",
	.summary = "Lets browsers, SPICE and VNC clients in, and relays them to the desktops that the broker granted them.",
	.runtime_folder = "gateway",
	.state_folder = "gateway",
};

static void
on_reload(void *data)
{
	door_reload(data);
}

int
main(int argc, char **argv)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(Program) program = NULL;
	g_autoptr(Door) door = NULL;
	int status;

	program = program_new(&info, &argc, &argv, &status);
	if (program == NULL)
		return status;
	/* Ports may need rights; nothing is read from them before those are gone. */
	door = door_new(program_conf(program), &error);
	if (door == NULL || !program_drop_rights(program, program_conf(program)->gateway_user, NULL, &error) ||
		!door_open(door, &error)) {
		g_printerr("%s: %s\n", info.name, error->message);
		return error->domain == CARREL_ERROR && error->code == CARREL_ERROR_CONFIG ? 78 : 1; /* sysexits.h */
	}
	return program_run(program, on_reload, door);
}
