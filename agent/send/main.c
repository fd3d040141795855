/* carrel-send: offers files of this desktop to the person at the browser that shows it. It talks to carrel-agent-session
 * (agent/session/files-out.h). SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/line-reader.h"
#include "agent/packet.h"
#include "agent/session/files-out.h"

/* As many as may be on offer at once: broker/common/agent-files.h. */
#define AT_ONCE 8
/* How long the host may take to say anything to an offer at all, before nothing but a person's answer is waited for. */
#define OFFER_S 10

typedef struct {
	GMainLoop *loop;
	char *path; /* of the socket */
	char **files;
	guint next, running;
	gboolean notice, failed;
	char *notice_program;
} Command;

typedef struct {
	Command *command;
	const char *file;
	int fd; /* of the connection */
	guint watch_id, deadline_id;
} Sending;

static gboolean on_begin(gpointer data);

static void
say(Command *command, const char *file, const char *text)
{
	g_autofree char *name = g_path_get_basename(file);
	g_autofree char *shown = g_utf8_make_valid(name, -1);
	g_autofree char *line = g_strdup_printf("%s: %s", shown, text);
	const char *const words[] = {command->notice_program, "--timeout", "15", "--", line, NULL};

	if (!command->notice)
		g_printerr("carrel-send: %s\n", line);
	else if (!g_spawn_async(NULL, (char **)words, NULL, G_SPAWN_DEFAULT, NULL, NULL, NULL, NULL))
		g_printerr("carrel-send: %s\n", line);
}

static void
end(Sending *sending, const char *failure)
{
	Command *command = sending->command;

	if (failure) {
		command->failed = TRUE;
		say(command, sending->file, failure);
	} else if (!command->notice) {
		g_print("%s: sent\n", sending->file);
	}
	g_clear_handle_id(&sending->watch_id, g_source_remove);
	g_clear_handle_id(&sending->deadline_id, g_source_remove);
	if (sending->fd >= 0)
		close(sending->fd);
	g_free(sending);
	command->running--;
	/* From the loop: a long list of files that are none must not become as many calls within each other. */
	g_idle_add(on_begin, command);
}

static void
take(Sending *sending, const char *text)
{
	/* Whatever it is, somebody is there. */
	g_clear_handle_id(&sending->deadline_id, g_source_remove);
	if (g_str_has_prefix(text, "failed "))
		end(sending, text + strlen("failed "));
	else if (strcmp(text, "saved") == 0)
		end(sending, NULL);
	else if (strcmp(text, "offered") == 0 && !sending->command->notice)
		g_print("%s: offered; answer in the browser\n", sending->file);
}

static gboolean
on_packet(gint fd, GIOCondition condition, gpointer data)
{
	Sending *sending = data;
	char buffer[LINE_MAX_BYTES + 1];
	PacketResult result;
	gsize size;
	int other = -1;

	result = packet_receive(fd, buffer, &size, &other);
	if (other >= 0)
		close(other);
	if (result == PACKET_NONE)
		return G_SOURCE_CONTINUE;
	if (result == PACKET_CLOSED) {
		end(sending, "The desktop's agent ended: send it again.");
		return G_SOURCE_CONTINUE; /* it is gone with the sending */
	}
	buffer[size] = '\0';
	take(sending, buffer);
	return G_SOURCE_CONTINUE;
}

static gboolean
on_deadline(gpointer data)
{
	Sending *sending = data;

	sending->deadline_id = 0;
	end(sending, "The desktop's agent does not answer.");
	return G_SOURCE_REMOVE;
}

/* A sentence when it cannot be offered. */
static const char *
offer(Sending *sending)
{
	g_autofree char *name = g_path_get_basename(sending->file);
	int file = open(sending->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat about;
	const char *failure = NULL;

	if (file < 0)
		return g_strerror(errno);
	if (fstat(file, &about) < 0 || !S_ISREG(about.st_mode))
		failure = "Only files can be sent: put a folder into an archive first.";
	else if ((sending->fd = packet_connect(sending->command->path, NULL)) < 0)
		failure = "No agent that could send it runs in this session.";
	else if (!packet_send(sending->fd, name, file, NULL))
		failure = "The desktop's agent does not take it.";
	close(file);
	return failure;
}

static void
begin(Command *command, const char *file)
{
	Sending *sending = g_new0(Sending, 1);
	const char *failure;

	sending->command = command;
	sending->file = file;
	sending->fd = -1;
	command->running++;
	failure = offer(sending);
	if (failure) {
		end(sending, failure);
		return;
	}
	sending->watch_id = g_unix_fd_add(sending->fd, G_IO_IN, on_packet, sending);
	sending->deadline_id = g_timeout_add_seconds(OFFER_S, on_deadline, sending);
}

static void
begin_more(Command *command)
{
	while (command->files[command->next] && command->running < AT_ONCE)
		begin(command, command->files[command->next++]);
	if (command->running == 0 && command->files[command->next] == NULL)
		g_main_loop_quit(command->loop);
}

static gboolean
on_begin(gpointer data)
{
	begin_more(data);
	return G_SOURCE_REMOVE;
}

/* Beside this one, wherever both were installed. */
static char *
find_notice_program(void)
{
	g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
	g_autofree char *folder = g_path_get_dirname(self ? self : "/usr/bin/carrel-send");

	return g_build_filename(folder, "..", "libexec", "carrel", "carrel-agent-notice", NULL);
}

int
main(int argc, char **argv)
{
	Command command = {.loop = g_main_loop_new(NULL, FALSE)};
	g_auto(GStrv) files = NULL;
	gboolean version = FALSE;
	const GOptionEntry options[] = {
	        {"notice", 0, 0, G_OPTION_ARG_NONE, &command.notice, "Say in a window what did not work", NULL},
	        {"version", 0, 0, G_OPTION_ARG_NONE, &version, "Print the version and exit", NULL},
	        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &files, NULL, "FILE..."},
	        {NULL},
	};
	g_autoptr(GOptionContext) context = g_option_context_new(NULL);
	g_autoptr(GError) error = NULL;

	g_set_prgname("carrel-send");
	g_option_context_set_summary(context, "Offers files of this desktop to the person at the browser that shows it.");
	g_option_context_add_main_entries(context, options, NULL);
	if (!g_option_context_parse(context, &argc, &argv, &error) || (files == NULL && !version)) {
		g_printerr("carrel-send: %s\n", error ? error->message : "name the files to send");
		return 2;
	}
	if (version) {
		g_print("carrel-send %s\n", PACKAGE_VERSION);
		return 0;
	}
	command.files = files;
	command.path = g_build_filename(g_get_user_runtime_dir(), FILES_OUT_SOCKET, NULL);
	command.notice_program = find_notice_program();
	g_idle_add(on_begin, &command);
	g_main_loop_run(command.loop);
	g_main_loop_unref(command.loop);
	g_free(command.path);
	g_free(command.notice_program);
	return command.failed ? 1 : 0;
}
