/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/files-wire.h"

#include <string.h>

static guint32
read_u32(const guint8 *bytes)
{
	guint32 value;

	memcpy(&value, bytes, sizeof value);
	return GUINT32_FROM_BE(value);
}

void
files_append_u32(GByteArray *out, guint32 value)
{
	value = GUINT32_TO_BE(value);
	g_byte_array_append(out, (const guint8 *)&value, sizeof value);
}

void
files_append_u64(GByteArray *out, guint64 value)
{
	value = GUINT64_TO_BE(value);
	g_byte_array_append(out, (const guint8 *)&value, sizeof value);
}

void
files_frame_append(GByteArray *out, FilesKind kind, guint32 id, const void *body, gsize size)
{
	guint8 byte = (guint8)kind;

	files_append_u32(out, (guint32)(size + FILES_HEAD - 4));
	g_byte_array_append(out, &byte, 1);
	files_append_u32(out, id);
	if (size > 0)
		g_byte_array_append(out, body, (guint)size);
}

/* How long the body of this kind may be; the least in *@min. -1: a browser has no such kind. */
static gssize
body_max(guint8 kind, gsize *min)
{
	*min = 0;
	switch (kind) {
	case FILES_SEND:
		*min = 9;
		return 8 + 1024;
	case FILES_BYTES:
		*min = 1;
		return FILES_BODY_MAX;
	case FILES_TOOK:
		*min = 4;
		return 4;
	case FILES_CANCEL:
	case FILES_TAKE:
	case FILES_REFUSE:
	case FILES_STOP:
		return 0;
	default:
		return -1;
	}
}

FilesParsed
files_frame_parse(const guint8 *bytes, gsize size, FilesFrame *frame, gsize *used)
{
	gsize body, min;
	gssize max;

	if (size < 5)
		return FILES_FRAME_MORE;
	max = body_max(bytes[4], &min);
	body = (gsize)read_u32(bytes) - (FILES_HEAD - 4);
	if (max < 0 || read_u32(bytes) < FILES_HEAD - 4 || body < min || body > (gsize)max)
		return FILES_FRAME_BAD;
	if (size - 4 < (FILES_HEAD - 4) + body)
		return FILES_FRAME_MORE;
	*frame = (FilesFrame){.kind = bytes[4], .id = read_u32(bytes + 5), .body = bytes + FILES_HEAD, .size = body};
	if (frame->kind == FILES_SEND) {
		frame->number = (guint64)read_u32(frame->body) << 32 | read_u32(frame->body + 4);
		frame->body += 8;
		frame->size -= 8;
	} else if (frame->kind == FILES_TOOK) {
		frame->number = read_u32(frame->body);
	}
	*used = FILES_HEAD + body;
	return FILES_FRAME_DONE;
}
