/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/common/log.h"

#include <string.h>
#include <unistd.h>

#define BURST 20.0
#define PER_SECOND 2.0

static gboolean log_verbose;

static const char *
level_word(GLogLevelFlags level)
{
	if (level & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL))
		return "error: ";
	if (level & G_LOG_LEVEL_WARNING)
		return "warning: ";
	if (level & G_LOG_LEVEL_DEBUG)
		return "debug: ";
	return "";
}

/* What a client, a guest or libvirt said may stand in a message: keep it on its line and off the terminal. */
static char *
one_line(const char *message)
{
	g_autofree char *valid = g_utf8_make_valid(message, -1);
	GString *text = g_string_new(NULL);

	for (const char *p = valid; *p != '\0'; p++) {
		if (*p == '\n' && p[1] != '\0')
			g_string_append(text, "\n\t");
		else if (g_ascii_iscntrl(*p) && *p != '\t')
			g_string_append_printf(text, "\\x%02x", (guchar)*p);
		else
			g_string_append_c(text, *p);
	}
	return g_string_free(text, FALSE);
}

static const char *
find_field(const GLogField *fields, gsize n, const char *key)
{
	for (gsize i = 0; i < n; i++) {
		if (strcmp(fields[i].key, key) == 0 && fields[i].length < 0)
			return fields[i].value;
	}
	return NULL;
}

static GLogWriterOutput
write_log(GLogLevelFlags level, const GLogField *fields, gsize n, gpointer data)
{
	const char *message = find_field(fields, n, "MESSAGE");
	const char *domain = find_field(fields, n, "GLIB_DOMAIN");

	/* Libraries' debug output is not ours to print. */
	if ((level & (G_LOG_LEVEL_DEBUG | G_LOG_LEVEL_INFO)) && (!log_verbose || domain != NULL))
		return G_LOG_WRITER_HANDLED;
	if (g_log_writer_is_journald(STDERR_FILENO) && g_log_writer_journald(level, fields, n, data) == G_LOG_WRITER_HANDLED)
		return G_LOG_WRITER_HANDLED;
	g_autoptr(GDateTime) now = g_date_time_new_now_local();
	g_autofree char *time = g_date_time_format(now, "%Y-%m-%d %H:%M:%S");
	g_autofree char *text = one_line(message ? message : "(no message)");
	g_autofree char *line = g_strdup_printf("%s.%03d %s: %s%s\n", time, g_date_time_get_microsecond(now) / 1000,
		g_get_prgname() ? g_get_prgname() : "carrel", level_word(level), text);

	/* One write a line, so that programs that share a log file do not mix. */
	if (write(STDERR_FILENO, line, strlen(line)) < 0)
		return G_LOG_WRITER_UNHANDLED;
	return G_LOG_WRITER_HANDLED;
}

void
log_init(gboolean verbose)
{
	log_verbose = verbose;
	g_log_set_writer_func(write_log, NULL, NULL);
}

gboolean
log_rate_take(LogRate *rate, gint64 now, guint *left_out)
{
	if (rate->last == 0)
		rate->tokens = BURST;
	else
		rate->tokens = MIN(BURST, rate->tokens + (double)(now - rate->last) / G_USEC_PER_SEC * PER_SECOND);
	rate->last = now;
	if (rate->tokens < 1) {
		rate->left_out++;
		return FALSE;
	}
	rate->tokens -= 1;
	*left_out = rate->left_out;
	rate->left_out = 0;
	return TRUE;
}

gboolean
log_refusal(LogRate *rate, const char *address, const char *text)
{
	guint left_out;

	if (!log_rate_take(rate, g_get_monotonic_time(), &left_out))
		return FALSE;
	if (left_out > 0)
		g_message("%s: %s (%u more lines like this were left out before)", address, text, left_out);
	else
		g_message("%s: %s", address, text);
	return TRUE;
}
