/* Runs a helper program to its end, with a deadline. For worker threads: it waits.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>

/* The caller's deadline for something that may take @seconds: a time of g_get_monotonic_time(). */
#define program_deadline(seconds) (g_get_monotonic_time() + (seconds) * G_TIME_SPAN_SECOND)

/* Runs @argv (ending with NULL), which no shell sees, in the C locale. Result: its exit status; -1 and CARREL_ERROR_FAILED when it
 * could not be started or was killed, CARREL_ERROR_TIMEOUT when @until had come, and then it was killed. @output: NULL, or set in
 * any case to what it wrote, at most 4 KiB of it, both streams. Free it with g_free. */
int program_run(const char *const *argv, gint64 until, char **output, GError **error);

/* The same for a program that has to end with 0; else the error has its last words. */
gboolean program_succeeds(const char *const *argv, gint64 until, GError **error);

/* The last line of @output that is not blank, valid UTF-8. Free with g_free. */
char *program_last_words(const char *output);
