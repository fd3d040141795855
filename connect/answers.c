/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "connect/answers.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "broker/common/error.h"
#include "connect/terminal.h"

#define FILE_MAX (64 * 1024)

struct Answers {
	char *bytes; /* NULL: the terminal */
	gsize size, at;
};

static gboolean
read_all(int fd, Answers *answers)
{
	answers->bytes = g_malloc0(FILE_MAX);
	while (answers->size < FILE_MAX) {
		ssize_t n = read(fd, answers->bytes + answers->size, FILE_MAX - answers->size);

		if (n == 0)
			return TRUE;
		if (n > 0)
			answers->size += (gsize)n;
		else if (errno != EINTR)
			return FALSE;
	}
	errno = EFBIG;
	return FALSE;
}

Answers *
answers_new(const char *file, GError **error)
{
	g_autoptr(Answers) answers = g_new0(Answers, 1);
	gboolean is_stdin = g_strcmp0(file, "-") == 0, done;
	int fd, number;

	if (file == NULL)
		return g_steal_pointer(&answers);
	fd = is_stdin ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC);
	done = fd >= 0 && read_all(fd, answers);
	number = errno;
	if (fd >= 0 && !is_stdin)
		close(fd);
	if (done)
		return g_steal_pointer(&answers);
	g_set_error(error, CARREL_ERROR, CARREL_ERROR_INVALID, "cannot read the password from %s: %s", is_stdin ? "standard input" : file,
		g_strerror(number));
	return NULL;
}

void
answers_free(Answers *answers)
{
	if (answers == NULL)
		return;
	if (answers->bytes)
		explicit_bzero(answers->bytes, FILE_MAX);
	g_free(answers->bytes);
	g_free(answers);
}

Secret *
answers_ask(const char *question, gboolean echo, void *data, GError **error)
{
	Answers *answers = data;
	const char *line, *end;
	gsize left;

	terminal_progress(NULL);
	if (answers->bytes == NULL)
		return terminal_ask(question, echo, error);
	line = answers->bytes + answers->at;
	left = answers->size - answers->at;
	if (left == 0) {
		g_autofree char *clean = terminal_clean(question, 120);

		g_set_error(error, CARREL_ERROR, CARREL_ERROR_DENIED, "the password file has no line to answer “%s” with", clean);
		return NULL;
	}
	end = memchr(line, '\n', left);
	answers->at += end ? (gsize)(end - line) + 1 : left;
	return secret_new(line, end ? (gsize)(end - line) : left);
}

void
answers_tell(const char *message)
{
	g_autofree char *clean = terminal_clean(message, 500);

	g_printerr("%s\n", clean);
}
