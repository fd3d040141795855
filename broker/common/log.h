/* The log of every program: g_message(), g_warning() and so on go to stderr, one line each with time and program, or to
 * journald with its fields when stderr is the journal. Call from any thread.
 * A peer that has not signed in is never quoted in it unescaped. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

/* @verbose lets g_debug() through. */
void log_init(gboolean verbose);

/* After log_init, for a program that may open no socket: to the journal, too, by stderr alone, as sd-daemon(3) has it. */
void log_to_stderr(void);

/* For lines that strangers can cause: of more than 20 in a burst two a second go on, so that nobody fills a disk. Zero-initialise.
 * FALSE: leave the line at @now (microseconds, monotonic) out. TRUE: write it; *@left_out lines were left out before it. */
typedef struct {
	double tokens;
	gint64 last;
	guint left_out;
} LogRate;

gboolean log_rate_take(LogRate *rate, gint64 now, guint *left_out);

/* "ADDRESS: TEXT", as the rate allows. @text holds no secret. TRUE: it was written. */
gboolean log_refusal(LogRate *rate, const char *address, const char *text);
