/* Cuts a stream of bytes into lines with a bound. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

/* The longest line of the control port, with its newline (PROTOCOL.md). */
#define LINE_MAX_BYTES 4096

typedef struct LineReader LineReader;

/* @line has @size bytes without its newline, and no NUL behind them. */
typedef void (*LineReaderFunc)(const char *line, gsize size, void *data);

LineReader *line_reader_new(LineReaderFunc on_line, void *data);
void line_reader_free(LineReader *reader);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LineReader, line_reader_free)

/* Calls on_line for each line that is complete now. Empty lines and lines above LINE_MAX_BYTES are dropped. Result: how
 * many were too long. */
guint line_reader_feed(LineReader *reader, const void *bytes, gsize size);

/* Forgets half a line: the peer that began it is gone. */
void line_reader_reset(LineReader *reader);
