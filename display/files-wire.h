/* What a browser and the screen say to each other about files, over a WebSocket of its own ("files" beside "screen"), whose bytes
 * come here as a stream: where WebSocket messages begin and end means nothing.
 *
 * A frame: u32 size of what follows it, u8 kind, u32 id, body. Numbers are big-endian. At most FILES_BODY_MAX bytes of body.
 * The ids of files to the desktop are the browser's to choose, those of offers the screen's; the two do not meet.
 *
 * From the browser:
 *   SEND     u64 size, name (UTF-8): a file for the desktop. Answered by GO, or by SENT
 *   BYTES    1 to FILES_BODY_MAX bytes of it, after GO; FILES_WINDOW bytes at most before MORE allows others. An empty file has none
 *   CANCEL   of what is sent
 *   TAKE     the offer; REFUSE the offer; STOP what was taken
 *   TOOK     u32: so many more bytes of what was taken were put away
 * From the screen:
 *   HELLO    (id 0) first. u8 rights: 1 to the desktop, 2 from it; u64 largest file in bytes, 0: any; u32 FILES_WINDOW;
 *            u32 files that move at once. Others wait, up to FILES_WAITING_MAX
 *   GO       send it
 *   MORE     u32: so many bytes went on, and as many may follow
 *   SENT     u8 FilesResult (display/files.h), u64 bytes that are free in the desktop (with FILES_NO_SPACE): the end
 *   OFFER    u64 size, name (UTF-8, cleaned)
 *   CAME     bytes of an offer that was taken
 *   OVER     u8 FilesResult: the offer, or its file, is at its end
 * A browser that says anything else is disconnected.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

#define FILES_BODY_MAX (64 * 1024)
#define FILES_HEAD 9

typedef enum {
	FILES_SEND = 1,
	FILES_BYTES,
	FILES_CANCEL,
	FILES_TAKE,
	FILES_REFUSE,
	FILES_STOP,
	FILES_TOOK,
	FILES_HELLO = 16,
	FILES_GO,
	FILES_MORE,
	FILES_SENT,
	FILES_OFFER,
	FILES_CAME,
	FILES_OVER,
} FilesKind;

typedef struct {
	FilesKind kind;
	guint32 id;
	const guint8 *body; /* in the bytes that were parsed */
	gsize size;
	guint64 number; /* SEND: the file's size; TOOK */
} FilesFrame;

typedef enum {
	FILES_FRAME_MORE,
	FILES_FRAME_DONE,
	FILES_FRAME_BAD,
} FilesParsed;

/* One frame of a browser at the front of @bytes, checked for all that needs no memory of earlier ones. DONE: *@used bytes are it;
 * of SEND the body is the name. BAD: it cannot be. Else both are untouched. */
FilesParsed files_frame_parse(const guint8 *bytes, gsize size, FilesFrame *frame, gsize *used);

/* Appends a frame whose body is @size bytes at @body. */
void files_frame_append(GByteArray *out, FilesKind kind, guint32 id, const void *body, gsize size);
void files_append_u32(GByteArray *out, guint32 value);
void files_append_u64(GByteArray *out, guint64 value);
