/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "agent/line-reader.h"

#include <string.h>

struct LineReader {
	LineReaderFunc on_line;
	void *data;
	gboolean skipping; /* inside a line that is too long */
	gsize used;
	char buffer[LINE_MAX_BYTES];
};

LineReader *
line_reader_new(LineReaderFunc on_line, void *data)
{
	LineReader *reader = g_new0(LineReader, 1);

	reader->on_line = on_line;
	reader->data = data;
	return reader;
}

void
line_reader_free(LineReader *reader)
{
	g_free(reader);
}

guint
line_reader_feed(LineReader *reader, const void *bytes, gsize size)
{
	const char *p = bytes;
	guint dropped = 0;

	while (size > 0) {
		const char *newline = memchr(p, '\n', size);
		gsize piece = newline ? (gsize)(newline - p) : size;
		gsize eaten = newline ? piece + 1 : piece;

		/* One byte of the buffer is the newline's, which is not kept. */
		if (!reader->skipping && piece > LINE_MAX_BYTES - 1 - reader->used) {
			reader->skipping = TRUE;
			dropped++;
		}
		if (!reader->skipping) {
			memcpy(reader->buffer + reader->used, p, piece);
			reader->used += piece;
		}
		if (newline) {
			if (!reader->skipping && reader->used > 0)
				reader->on_line(reader->buffer, reader->used, reader->data);
			line_reader_reset(reader);
		}
		p += eaten;
		size -= eaten;
	}
	return dropped;
}

void
line_reader_reset(LineReader *reader)
{
	reader->used = 0;
	reader->skipping = FALSE;
}
