/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "connect/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "broker/common/error.h"

static const int stops[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};
static volatile sig_atomic_t stopped_by;

static void
on_signal(int number)
{
	stopped_by = number;
}

/* Signals wait while the terminal is changed, and come in only while ppoll() does: none finds it without echo and goes
 * its own way. */
typedef struct {
	int fd;
	gboolean echo;
	struct termios before;
	sigset_t mask;
	struct sigaction actions[G_N_ELEMENTS(stops)];
} Terminal;

static void
write_all(int fd, const char *text)
{
	for (gsize size = strlen(text); size > 0;) {
		ssize_t n = write(fd, text, size);

		if (n < 0 && errno != EINTR)
			return;
		if (n > 0) {
			text += n;
			size -= (gsize)n;
		}
	}
}

static void
take_over(Terminal *terminal, const char *question)
{
	struct sigaction action = {.sa_handler = on_signal};
	struct termios quiet = terminal->before;
	sigset_t set;

	sigemptyset(&set);
	for (gsize i = 0; i < G_N_ELEMENTS(stops); i++)
		sigaddset(&set, stops[i]);
	sigprocmask(SIG_BLOCK, &set, &terminal->mask);
	stopped_by = 0;
	for (gsize i = 0; i < G_N_ELEMENTS(stops); i++)
		sigaction(stops[i], &action, &terminal->actions[i]);
	if (!terminal->echo) {
		quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK);
		quiet.c_lflag |= ECHONL;
	}
	tcsetattr(terminal->fd, TCSAFLUSH, &quiet);
	write_all(terminal->fd, question);
}

/* The terminal and the signals as they were; then the one that came, if one did. */
static void
give_back(Terminal *terminal)
{
	tcsetattr(terminal->fd, TCSAFLUSH, &terminal->before);
	for (gsize i = 0; i < G_N_ELEMENTS(stops); i++)
		sigaction(stops[i], &terminal->actions[i], NULL);
	if (stopped_by != 0) {
		write_all(terminal->fd, "\n");
		kill(getpid(), stopped_by);
	}
	sigprocmask(SIG_SETMASK, &terminal->mask, NULL);
}

/* -1: a signal came. Else as read(2), of one byte. */
static int
read_byte(const Terminal *terminal, char *byte)
{
	struct pollfd wait = {terminal->fd, POLLIN, 0};

	if (ppoll(&wait, 1, NULL, &terminal->mask) < 0)
		return -1;
	ssize_t n = read(terminal->fd, byte, 1);

	return n < 0 ? 0 : (int)n;
}

typedef enum { LINE_READ, LINE_STOPPED, LINE_ENDED, LINE_TOO_LONG } LineResult;

static LineResult
read_line(const Terminal *terminal, char *line, gsize max, gsize *size)
{
	char byte;
	int n;

	*size = 0;
	while ((n = read_byte(terminal, &byte)) == 1 && byte != '\n' && byte != '\r') {
		if (*size < max)
			line[*size] = byte;
		++*size;
	}
	if (n < 0)
		return LINE_STOPPED;
	if (n == 0 && *size == 0)
		return LINE_ENDED;
	return *size > max ? LINE_TOO_LONG : LINE_READ;
}

Secret *
terminal_ask(const char *question, gboolean echo, GError **error)
{
	Terminal terminal = {.fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY), .echo = echo};
	g_autofree char *clean = terminal_clean(question, TERMINAL_ANSWER_MAX);
	char line[TERMINAL_ANSWER_MAX];
	Secret *answer = NULL;
	LineResult result;
	gsize size;

	if (terminal.fd < 0 || tcgetattr(terminal.fd, &terminal.before) < 0) {
		g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_FAILED, "there is no terminal to ask on: see --password-file");
		if (terminal.fd >= 0)
			close(terminal.fd);
		return NULL;
	}
	do { /* whoever comes back from Ctrl-Z is asked again */
		take_over(&terminal, clean);
		result = read_line(&terminal, line, sizeof line, &size);
		give_back(&terminal);
	} while (result == LINE_STOPPED);
	close(terminal.fd);
	if (result == LINE_READ)
		answer = secret_new(line, size);
	else
		g_set_error(error, CARREL_ERROR, result == LINE_ENDED ? CARREL_ERROR_DENIED : CARREL_ERROR_INVALID,
			result == LINE_ENDED ? "given up" : "that is longer than %d bytes", TERMINAL_ANSWER_MAX);
	explicit_bzero(line, sizeof line);
	return answer;
}

gboolean
terminal_confirm(const char *question, GError **error)
{
	for (;;) {
		g_autoptr(Secret) answer = terminal_ask(question, TRUE, error);

		if (answer == NULL || g_ascii_strcasecmp(secret_text(answer), "no") == 0)
			return FALSE;
		if (g_ascii_strcasecmp(secret_text(answer), "yes") == 0)
			return TRUE;
		question = "Type yes or no: ";
	}
}

void
terminal_progress(const char *line)
{
	static char *last;
	g_autofree char *clean = line ? terminal_clean(line, 120) : NULL;

	if (g_strcmp0(last, clean) == 0)
		return;
	if (isatty(STDERR_FILENO))
		g_printerr("\r\033[K%s", clean ? clean : "");
	else if (clean)
		g_printerr("%s\n", clean);
	g_free(last);
	last = g_steal_pointer(&clean);
}

char *
terminal_clean(const char *text, gsize max)
{
	g_autofree char *valid = g_utf8_make_valid(text, (gssize)strnlen(text, max));
	GString *clean = g_string_new(NULL);

	for (const char *at = valid; *at != '\0'; at = g_utf8_next_char(at)) {
		gunichar letter = g_utf8_get_char(at);

		g_string_append_unichar(clean, g_unichar_iscntrl(letter) ? ' ' : letter);
	}
	return g_string_free(clean, FALSE);
}
