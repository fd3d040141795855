/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/auth/frame.h"

#include <string.h>

/* How often a field may stand in a frame, and how long it may be. */
typedef struct {
	FieldTag tag;
	guint min, max;
	guint16 size_max;
} FieldRule;

typedef struct {
	FrameKind kind;
	FrameSender sender;
	FieldRule fields[4]; /* ends with a zero tag */
} FrameRule;

static const FrameRule rules[] = {
	{FRAME_START, FRAME_FROM_BROKER,
		{{FIELD_USER, 1, 1, FRAME_USER_MAX}, {FIELD_ADDRESS, 1, 1, FRAME_ADDRESS_MAX},
			{FIELD_ANSWER, 1, 1, FRAME_ANSWER_MAX}}},
	{FRAME_ANSWERS, FRAME_FROM_BROKER, {{FIELD_ANSWER, 1, FRAME_ANSWERS_MAX, FRAME_ANSWER_MAX}}},
	{FRAME_PROMPT, FRAME_FROM_AUTH,
		{{FIELD_MESSAGE, 0, FRAME_ANSWERS_MAX, FRAME_TEXT_MAX}, {FIELD_HIDDEN, 0, FRAME_ANSWERS_MAX, FRAME_TEXT_MAX},
			{FIELD_SHOWN, 0, FRAME_ANSWERS_MAX, FRAME_TEXT_MAX}}},
	{FRAME_ACCEPTED, FRAME_FROM_AUTH,
		{{FIELD_USER, 1, 1, FRAME_USER_MAX}, {FIELD_GROUP, 0, FRAME_FIELDS_MAX - 1, FRAME_USER_MAX}}},
	{FRAME_DENIED, FRAME_FROM_AUTH,
		{{FIELD_REASON, 0, 1, FRAME_REASON_MAX}, {FIELD_MESSAGE, 0, FRAME_ANSWERS_MAX, FRAME_TEXT_MAX}}},
	{FRAME_FAILED, FRAME_FROM_AUTH, {{0}}},
};

static const FrameRule *
find_rule(guint8 kind, FrameSender sender)
{
	for (gsize i = 0; i < G_N_ELEMENTS(rules); i++) {
		if ((guint8)rules[i].kind == kind && rules[i].sender == sender)
			return &rules[i];
	}
	return NULL;
}

/* The index of @tag in the rule's fields, or -1. */
static int
find_field_rule(const FrameRule *rule, guint8 tag)
{
	for (int i = 0; i < (int)G_N_ELEMENTS(rule->fields) && rule->fields[i].tag != 0; i++) {
		if ((guint8)rule->fields[i].tag == tag)
			return i;
	}
	return -1;
}

/* Walks the fields; fills @fields where it is not NULL. Result: how many there are, or -1 when one breaks the rule. */
static int
walk(const FrameRule *rule, const guint8 *payload, gsize size, FrameField *fields)
{
	guint counts[G_N_ELEMENTS(rule->fields)] = {0};
	int n = 0;

	for (gsize at = 0; at < size; n++) {
		if (size - at < 3 || n >= FRAME_FIELDS_MAX)
			return -1;
		int which = find_field_rule(rule, payload[at]);
		guint16 length = (guint16)(payload[at + 1] << 8 | payload[at + 2]);

		if (which < 0 || ++counts[which] > rule->fields[which].max || length > rule->fields[which].size_max ||
			length > size - at - 3 || memchr(payload + at + 3, '\0', length) != NULL)
			return -1;
		if (fields)
			fields[n] = (FrameField){(FieldTag)payload[at], (const char *)payload + at + 3, length};
		at += 3 + (gsize)length;
	}
	for (gsize i = 0; i < G_N_ELEMENTS(rule->fields); i++) {
		if (counts[i] < rule->fields[i].min)
			return -1;
	}
	return n;
}

FrameStatus
frame_parse(const guint8 *bytes, gsize size, FrameSender sender, Frame *frame, gsize *used)
{
	const FrameRule *rule;
	guint32 payload;
	int n;

	if (size == 0)
		return FRAME_MORE;
	rule = find_rule(bytes[0], sender);
	if (rule == NULL)
		return FRAME_BAD;
	if (size < FRAME_HEAD_SIZE)
		return FRAME_MORE;
	payload = (guint32)bytes[1] << 24 | (guint32)bytes[2] << 16 | (guint32)bytes[3] << 8 | bytes[4];
	if (payload > FRAME_PAYLOAD_MAX)
		return FRAME_BAD;
	if (size - FRAME_HEAD_SIZE < payload)
		return FRAME_MORE;
	n = walk(rule, bytes + FRAME_HEAD_SIZE, payload, NULL);
	if (n < 0)
		return FRAME_BAD;
	frame->kind = rule->kind;
	frame->n = (guint)n;
	frame->fields = g_new(FrameField, (gsize)n + 1);
	walk(rule, bytes + FRAME_HEAD_SIZE, payload, frame->fields);
	*used = FRAME_HEAD_SIZE + (gsize)payload;
	return FRAME_DONE;
}

void
frame_clear(Frame *frame)
{
	g_clear_pointer(&frame->fields, g_free);
	frame->n = 0;
}

char *
frame_dup_field(const Frame *frame, FieldTag tag)
{
	for (guint i = 0; i < frame->n; i++) {
		if (frame->fields[i].tag == tag)
			return g_strndup(frame->fields[i].text, frame->fields[i].size);
	}
	return NULL;
}

struct FrameWriter {
	gsize size, room;
	guint8 *bytes;
};

FrameWriter *
frame_writer_new(FrameKind kind)
{
	FrameWriter *writer = g_new0(FrameWriter, 1);

	writer->room = 512;
	writer->bytes = g_malloc0(writer->room);
	writer->bytes[0] = (guint8)kind;
	writer->size = FRAME_HEAD_SIZE;
	return writer;
}

/* Not realloc: it would leave a copy of the secrets behind. */
static void
make_room(FrameWriter *writer, gsize size)
{
	guint8 *larger;
	gsize room = writer->room;

	while (room - writer->size < size)
		room *= 2;
	if (room == writer->room)
		return;
	larger = g_malloc0(room);
	memcpy(larger, writer->bytes, writer->size);
	explicit_bzero(writer->bytes, writer->size);
	g_free(writer->bytes);
	writer->bytes = larger;
	writer->room = room;
}

gboolean
frame_writer_add(FrameWriter *writer, FieldTag tag, const char *text, gsize size)
{
	if (size > G_MAXUINT16 || memchr(text, '\0', size) != NULL ||
		writer->size - FRAME_HEAD_SIZE + 3 + size > FRAME_PAYLOAD_MAX)
		return FALSE;
	make_room(writer, 3 + size);
	writer->bytes[writer->size] = (guint8)tag;
	writer->bytes[writer->size + 1] = (guint8)(size >> 8);
	writer->bytes[writer->size + 2] = (guint8)size;
	memcpy(writer->bytes + writer->size + 3, text, size);
	writer->size += 3 + size;
	return TRUE;
}

const guint8 *
frame_writer_finish(FrameWriter *writer, gsize *size)
{
	guint32 payload = (guint32)(writer->size - FRAME_HEAD_SIZE);

	for (int i = 0; i < 4; i++)
		writer->bytes[1 + i] = (guint8)(payload >> (24 - 8 * i));
	*size = writer->size;
	return writer->bytes;
}

void
frame_writer_free(FrameWriter *writer)
{
	if (writer == NULL)
		return;
	explicit_bzero(writer->bytes, writer->size);
	g_free(writer->bytes);
	g_free(writer);
}
