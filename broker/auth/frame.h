/* What carrel-broker and carrel-auth say to each other: one sign-in a connection, in frames.
 *
 * A frame is a kind (1 byte), the size of what follows (4 bytes, big-endian), and fields. A field is a tag (1 byte), a size
 * (2 bytes, big-endian) and that many bytes. Which kinds there are, who may send them, and which fields each holds is a
 * table in frame.c; a frame that does not fit it is BAD, and the connection is closed.
 *
 *   broker          auth
 *   START    ->                  user, address, the password that was typed with the name
 *                <-  PROMPT      messages and questions, in the order of the PAM module
 *   ANSWERS  ->                  as many answers as there were questions
 *                <-  ACCEPTED    the user's canonical name and groups       (the end)
 *                <-  DENIED      for every reason that lies with the person (the end); a word says which; with messages
 *                                where an expired password was not changed: the person has shown the old one
 *                <-  FAILED      PAM could not be asked at all              (the end)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

#define FRAME_HEAD_SIZE 5
#define FRAME_PAYLOAD_MAX (64 * 1024) /* the groups of a person with a thousand of them */
#define FRAME_FIELDS_MAX 1100

/* Of single fields, in bytes. PAM_MAX_MSG_SIZE and PAM_MAX_RESP_SIZE are 512; a password may come with its name. */
#define FRAME_USER_MAX 256
#define FRAME_ADDRESS_MAX 64
#define FRAME_ANSWER_MAX 512
#define FRAME_TEXT_MAX 512
#define FRAME_REASON_MAX 32
#define FRAME_ANSWERS_MAX 16 /* questions that a PAM module may ask at once, and their answers */

typedef enum {
	FRAME_START = 'S',
	FRAME_ANSWERS = 'A',
	FRAME_PROMPT = 'P',
	FRAME_ACCEPTED = 'Y',
	FRAME_DENIED = 'N',
	FRAME_FAILED = 'F',
} FrameKind;

typedef enum {
	FIELD_USER = 'u',
	FIELD_ADDRESS = 'a',
	FIELD_ANSWER = 's',  /* secret, the password included: any bytes but NUL */
	FIELD_GROUP = 'g',
	FIELD_MESSAGE = 'm', /* to be shown */
	FIELD_HIDDEN = 'h',  /* a question whose answer is not echoed */
	FIELD_SHOWN = 'q',   /* a question whose answer is */
	FIELD_REASON = 'r',  /* of a denial, one of the words below: for the broker's log and counters, never for the person */
} FieldTag;

#define REASON_UNKNOWN "unknown-user"
#define REASON_PASSWORD "wrong-password" /* or a wrong answer to a further question */
#define REASON_ACCOUNT "account-closed"  /* locked, expired, or not now */
#define REASON_CHANGE "password-not-changed"
#define REASON_ROUNDS "too-many-questions"

typedef struct {
	FieldTag tag;
	const char *text; /* points into the parsed bytes; not NUL-terminated; holds no NUL */
	guint16 size;
} FrameField;

typedef struct {
	FrameKind kind;
	guint n;
	FrameField *fields; /* an array of n */
} Frame;

typedef enum { FRAME_MORE, FRAME_DONE, FRAME_BAD } FrameStatus;
typedef enum { FRAME_FROM_BROKER, FRAME_FROM_AUTH } FrameSender;

/* Parses the one frame at the start of @bytes, sent by @sender. MORE: there is no whole frame yet (nothing is allocated
 * before one is there). DONE: *@frame holds it (free its fields with frame_clear) and *@used how many bytes it took; its
 * texts live as long as @bytes. */
FrameStatus frame_parse(const guint8 *bytes, gsize size, FrameSender sender, Frame *frame, gsize *used);
void frame_clear(Frame *frame);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Frame, frame_clear)

/* The first field with @tag, as a new string, or NULL. */
char *frame_dup_field(const Frame *frame, FieldTag tag);

/* A frame being written, with room for FRAME_PAYLOAD_MAX. It may hold secrets: frame_writer_free wipes it. */
typedef struct FrameWriter FrameWriter;
FrameWriter *frame_writer_new(FrameKind kind);
/* FALSE, and nothing added, when the field or the frame would be too long, or @text holds a NUL. */
gboolean frame_writer_add(FrameWriter *writer, FieldTag tag, const char *text, gsize size);
/* The bytes to send; owned by the writer, which takes no more fields after this. */
const guint8 *frame_writer_finish(FrameWriter *writer, gsize *size);
void frame_writer_free(FrameWriter *writer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FrameWriter, frame_writer_free)
