/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/common/log.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#define BURST 20.0
#define PER_SECOND 2.0

static gboolean log_verbose;
static gboolean log_is_lines;	/* log_to_stderr was called */
static gboolean log_has_levels; /* and stderr is the journal */

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

static int
priority(GLogLevelFlags level)
{
	if (level & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL))
		return 3;
	return level & G_LOG_LEVEL_WARNING ? 4 : level & G_LOG_LEVEL_MESSAGE ? 5 : level & G_LOG_LEVEL_INFO ? 6 : 7;
}

/* localtime_r, not GDateTime: that asks the file system for the time zone each time, and log_init has done so for good. */
static char *
prefix(GLogLevelFlags level)
{
	gint64 now = g_get_real_time();
	time_t seconds = (time_t)(now / G_USEC_PER_SEC);
	struct tm local;
	char text[32];

	if (log_has_levels)
		return g_strdup_printf("<%d>", priority(level));
	if (localtime_r(&seconds, &local) == NULL || strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &local) == 0)
		*text = '\0';
	return g_strdup_printf("%s.%03d ", text, (int)(now / 1000 % 1000));
}

/* GLib does not say who speaks, and journalctl -t and syslog go by that. */
static GLogWriterOutput
write_journal(GLogLevelFlags level, const GLogField *fields, gsize n, gpointer data)
{
	g_autofree GLogField *named = g_new(GLogField, n + 1);

	memcpy(named, fields, n * sizeof *fields);
	named[n] = (GLogField){"SYSLOG_IDENTIFIER", g_get_prgname() ? g_get_prgname() : "carrel", -1};
	return g_log_writer_journald(level, named, n + 1, data);
}

static GLogWriterOutput
write_log(GLogLevelFlags level, const GLogField *fields, gsize n, gpointer data)
{
	const char *message = find_field(fields, n, "MESSAGE");
	const char *domain = find_field(fields, n, "GLIB_DOMAIN");

	/* Libraries' debug output is not ours to print. */
	if ((level & (G_LOG_LEVEL_DEBUG | G_LOG_LEVEL_INFO)) && (!log_verbose || domain != NULL))
		return G_LOG_WRITER_HANDLED;
	if (!log_is_lines && g_log_writer_is_journald(STDERR_FILENO) && write_journal(level, fields, n, data) == G_LOG_WRITER_HANDLED)
		return G_LOG_WRITER_HANDLED;
	g_autofree char *start = prefix(level);
	g_autofree char *text = one_line(message ? message : "(no message)");
	g_autofree char *line = g_strdup_printf("%s%s: %s%s\n", start, g_get_prgname() ? g_get_prgname() : "carrel",
		level_word(level), text);

	/* One write a line, so that programs that share a log file do not mix. */
	if (write(STDERR_FILENO, line, strlen(line)) < 0)
		return G_LOG_WRITER_UNHANDLED;
	return G_LOG_WRITER_HANDLED;
}

void
log_init(gboolean verbose)
{
	log_verbose = verbose;
	tzset();
	g_log_set_writer_func(write_log, NULL, NULL);
}

void
log_to_stderr(void)
{
	log_is_lines = TRUE;
	log_has_levels = g_log_writer_is_journald(STDERR_FILENO);
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
