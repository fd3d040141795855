/* What the host may send to the agent's control port: lines, and the messages in them.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "agent/line-reader.h"
#include "agent/message.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const guint8 *bytes, gsize size);

static void
on_line(const char *line, gsize size, void *data)
{
	g_autoptr(Message) message = message_parse(line, size, NULL);

	if (message && message->fault == NULL && message->text) {
		g_autofree char *again = message_write_notice(message->text, message->timeout_s);
		g_assert(again != NULL);
	}
	if (message && message->fault == NULL && message->kind == MESSAGE_HOME)
		g_assert(message->serial && strlen(message->serial) - 1 < 20 && strpbrk(message->serial, "/ \n") == NULL);
	if (message && message->fault) {
		g_autofree char *answer = message_write_answer(message->id, message->fault);
		g_assert(strlen(answer) < LINE_MAX_BYTES);
	}
}

int
LLVMFuzzerTestOneInput(const guint8 *bytes, gsize size)
{
	g_autoptr(LineReader) reader = line_reader_new(on_line, NULL);
	gsize half = size / 2;

	line_reader_feed(reader, bytes, half);
	line_reader_feed(reader, bytes + half, size - half);
	return 0;
}
