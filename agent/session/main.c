/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "agent/packet.h"
#include "agent/session/download.h"
#include "agent/session/files-out.h"
#include "agent/session/session.h"
#include "broker/common/log.h"

#include <glib-unix.h>

#define CLIPBOARD_MAX_MIB 16

/* The notice program lies beside this one, wherever both were installed. */
static char *
find_notice_program(void)
{
	g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
	g_autofree char *folder = g_path_get_dirname(self ? self : CARREL_PKGLIBEXECDIR "/carrel-agent-session");

	return g_build_filename(folder, "carrel-agent-notice", NULL);
}

static gboolean
on_stop(gpointer data)
{
	g_main_loop_quit(data);
	return G_SOURCE_CONTINUE;
}

static void
on_ended(void *data)
{
	g_main_loop_quit(data);
}

int
main(int argc, char **argv)
{
	g_autofree char *display = NULL, *runtime = NULL, *notice = NULL, *downloads = download_folder();
	g_autofree char *send_socket = g_build_filename(g_get_user_runtime_dir(), FILES_OUT_SOCKET, NULL);
	int clipboard_mib = CLIPBOARD_MAX_MIB;
	gboolean verbose = FALSE, version = FALSE;
	const GOptionEntry options[] = {
		{"display", 0, 0, G_OPTION_ARG_STRING, &display, "X server ($DISPLAY)", "NAME"},
		{"runtime", 0, 0, G_OPTION_ARG_FILENAME, &runtime, "Folder of the daemon's socket", "DIR"},
		{"notice-program", 0, 0, G_OPTION_ARG_FILENAME, &notice, "What shows notices", "FILE"},
		{"clipboard-max", 0, 0, G_OPTION_ARG_INT, &clipboard_mib, "Largest text in MiB, 1 to 64 (16)", "MIB"},
		{"verbose", 'v', 0, G_OPTION_ARG_NONE, &verbose, "Say more in the log", NULL},
		{"version", 0, 0, G_OPTION_ARG_NONE, &version, "Print the version and exit", NULL},
		{NULL},
	};
	g_autoptr(GOptionContext) context = g_option_context_new(NULL);
	g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
	g_autoptr(GError) error = NULL;
	g_autoptr(Session) session = NULL;

	g_set_prgname("carrel-agent-session");
	g_option_context_set_summary(context, "Carrel's agent in a desktop: the part that serves one graphical session.");
	g_option_context_add_main_entries(context, options, NULL);
	if (!g_option_context_parse(context, &argc, &argv, &error)) {
		g_printerr("carrel-agent-session: %s\n", error->message);
		return 2;
	}
	if (version) {
		g_print("carrel-agent-session %s\n", PACKAGE_VERSION);
		return 0;
	}
	log_init(verbose);
	if (notice == NULL)
		notice = find_notice_program();
	session = session_new(
		&(SessionConfig){
			.display = display,
			.runtime = runtime ? runtime : PACKET_RUNTIME,
			.notice_program = notice,
			.downloads = downloads,
			.send_socket = send_socket,
			.clipboard_max = (gsize)CLAMP(clipboard_mib, 1, 64) * 1024 * 1024,
		},
		on_ended, loop, &error);
	if (session == NULL) {
		g_printerr("carrel-agent-session: %s\n", error->message);
		return 1;
	}
	g_unix_signal_add(SIGTERM, on_stop, loop);
	g_unix_signal_add(SIGINT, on_stop, loop);
	g_main_loop_run(loop);
	return 0;
}
