/* Questions to the person at the terminal. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>

#include "broker/common/secret.h"

#define TERMINAL_ANSWER_MAX 512 /* bytes: what the portal takes (FRAME_ANSWER_MAX) */

/* Asks on the controlling terminal, whatever standard input is, and waits without a limit for a line. Without @echo what is
 * typed is not shown. A signal (Ctrl-C, Ctrl-Z) finds the terminal as it was. FAILED: there is no terminal. INVALID: the line is
 * too long. DENIED: end of file instead of a line. */
Secret *terminal_ask(const char *question, gboolean echo, GError **error);

/* Asks until the answer is "yes" or "no". FALSE with no error: no. */
gboolean terminal_confirm(const char *question, GError **error);

/* One line, on standard error, that stands in the place of the last one where that is a terminal. NULL: no more of it.
 * Control characters in it are replaced: it may come from the network. */
void terminal_progress(const char *line);

/* @text for a terminal: without control characters, and not longer than @max bytes. Free with g_free. */
char *terminal_clean(const char *text, gsize max);
