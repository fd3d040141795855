/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "agent/program.h"

#include "broker/common/error.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define OUTPUT_MAX 4096
/* How long a killed process may take to go. One that the kernel does not let go (a disk that does not answer) is left behind. */
#define KILL_S 2

/* FALSE: the pipe has no more. */
static gboolean
drain(int fd, GString *text)
{
	char buffer[1024];
	ssize_t n;

	while ((n = read(fd, buffer, sizeof buffer)) > 0)
		g_string_append_len(text, buffer, MIN(n, (ssize_t)(OUTPUT_MAX - text->len)));
	return n < 0 && errno == EAGAIN;
}

/* FALSE: @until came first. */
static gboolean
await_end(int process, int pipe, GString *text, gint64 until)
{
	struct pollfd fds[] = {{.fd = process, .events = POLLIN}, {.fd = pipe, .events = POLLIN}};

	for (;;) {
		gint64 left_ms = (until - g_get_monotonic_time() + 999) / 1000;

		if (left_ms <= 0)
			return FALSE;
		if (poll(fds, G_N_ELEMENTS(fds), (int)MIN(left_ms, G_MAXINT)) < 0)
			continue;
		if (fds[1].revents && !drain(pipe, text))
			fds[1].fd = -1;
		if (fds[0].revents) {
			drain(pipe, text);
			return TRUE;
		}
	}
}

static int
await_status(const char *name, GPid pid, int pipe, GString *text, gint64 until, GError **error)
{
	int process = pidfd_open(pid, 0), status = 0;
	gboolean in_time = process >= 0 && await_end(process, pipe, text, until);

	if (!in_time) {
		kill(pid, SIGKILL);
		if (process >= 0 && await_end(process, pipe, text, program_deadline(KILL_S)))
			waitpid(pid, &status, 0);
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_TIMEOUT, "%s took too long", name);
	} else if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status)) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_FAILED, "%s was killed", name);
		in_time = FALSE;
	}
	if (process >= 0)
		close(process);
	return in_time ? WEXITSTATUS(status) : -1;
}

int
program_run(const char *const *argv, gint64 until, char **output, GError **error)
{
	g_auto(GStrv) environment = g_environ_setenv(g_get_environ(), "LC_ALL", "C", TRUE);
	GString *text = g_string_new(NULL);
	int fds[2], status = -1;
	GPid pid;

	if (pipe2(fds, O_CLOEXEC) < 0) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_FAILED, "pipe: %s", g_strerror(errno));
	} else {
		gboolean started = g_spawn_async_with_fds(NULL, (char **)argv, environment,
			G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &pid, -1, fds[1], fds[1], error);

		close(fds[1]);
		fcntl(fds[0], F_SETFL, O_NONBLOCK);
		if (started)
			status = await_status(argv[0], pid, fds[0], text, until, error);
		close(fds[0]);
	}
	if (output)
		*output = g_string_free(text, FALSE);
	else
		g_string_free(text, TRUE);
	return status;
}

char *
program_last_words(const char *output)
{
	g_auto(GStrv) lines = g_strsplit(output, "\n", -1);

	for (guint i = g_strv_length(lines); i-- > 0;) {
		if (*g_strstrip(lines[i]) != '\0')
			return g_utf8_make_valid(lines[i], -1);
	}
	return g_strdup("");
}

gboolean
program_succeeds(const char *const *argv, gint64 until, GError **error)
{
	g_autofree char *output = NULL, *words = NULL;
	int status = program_run(argv, until, &output, error);

	if (status == 0)
		return TRUE;
	if (status < 0)
		return FALSE;
	words = program_last_words(output);
	g_set_error(error, CARREL_ERROR, CARREL_ERROR_FAILED, "%s ended with %d: %s", argv[0], status, words);
	return FALSE;
}
