/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "agent/agent.h"
#include "agent/packet.h"
#include "broker/common/log.h"

#include <glib-unix.h>

#define PORTS "/dev/virtio-ports/"

static gboolean
on_stop(gpointer data)
{
	g_main_loop_quit(data);
	return G_SOURCE_CONTINUE;
}

int
main(int argc, char **argv)
{
	g_autofree char *control = NULL, *spice = NULL, *runtime = NULL, *unit = NULL;
	gboolean verbose = FALSE, version = FALSE;
	const GOptionEntry options[] = {
		{"control-port", 0, 0, G_OPTION_ARG_FILENAME, &control, "Device of the control port", "FILE"},
		{"spice-port", 0, 0, G_OPTION_ARG_FILENAME, &spice, "Device of the SPICE agent's port", "FILE"},
		{"runtime", 0, 0, G_OPTION_ARG_FILENAME, &runtime, "Folder of the session helpers' socket", "DIR"},
		{"session-unit", 0, 0, G_OPTION_ARG_STRING, &unit, "Unit that has the graphical session", "UNIT"},
		{"verbose", 'v', 0, G_OPTION_ARG_NONE, &verbose, "Say more in the log", NULL},
		{"version", 0, 0, G_OPTION_ARG_NONE, &version, "Print the version and exit", NULL},
		{NULL},
	};
	g_autoptr(GOptionContext) context = g_option_context_new(NULL);
	g_autoptr(GError) error = NULL;
	g_autoptr(GMainLoop) loop = NULL;
	g_autoptr(Agent) agent = NULL;

	g_set_prgname("carrel-agent");
	g_option_context_set_summary(context, "Carrel's agent in a desktop: the part that runs as root.");
	g_option_context_add_main_entries(context, options, NULL);
	if (!g_option_context_parse(context, &argc, &argv, &error)) {
		g_printerr("carrel-agent: %s\n", error->message);
		return 2;
	}
	if (version) {
		g_print("carrel-agent %s\n", PACKAGE_VERSION);
		return 0;
	}
	log_init(verbose);
	agent = agent_new(
		&(AgentConfig){
			.control_port = control ? control : PORTS "org.carrel.agent.0",
			.spice_port = spice ? spice : PORTS "com.redhat.spice.0",
			.runtime = runtime ? runtime : PACKET_RUNTIME,
			.root = "",
			.session_unit = unit ? unit : "desktop.service",
		},
		&error);
	if (agent == NULL) {
		g_printerr("carrel-agent: %s\n", error->message);
		return 1;
	}
	loop = g_main_loop_new(NULL, FALSE);
	g_unix_signal_add(SIGTERM, on_stop, loop);
	g_unix_signal_add(SIGINT, on_stop, loop);
	g_main_loop_run(loop);
	return 0;
}
