/* A recording of a desktop's screen: the format of its file, and how one is read. Written by recording-writer.h.
 *
 * All numbers are big-endian. The file is the 8 bytes "CarrelR1" and then records, each
 *
 *   0   u8    type (RecordingType)
 *   1   u8[3] the first three bytes of the SHA-256 of these 16 bytes with zeros here
 *   4   u32   size of the payload, at most RECORDING_PAYLOAD_MAX
 *   8   u64   time: milliseconds since the recording began, never less than the record's before
 *   16        payload
 *   16+size   SHA-256 of the hash of the record before (32 zeros for the first), these 16 bytes, and the payload
 *
 * The first is ABOUT. The last of a recording that was ended is END, and behind it are 16 bytes: the offset of END's record (u64)
 * and "CarrelE1", so that the index is found from the file's end. A file that lacks them was cut (its screen or host died, or
 * the disk was full): it is good up to the last whole record, and its index is found again by going over the heads.
 *
 * A hash holds all that is before it, so whoever knows the last one (the audit table does) sees any change.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>

#define RECORDING_MAGIC "CarrelR1"
#define RECORDING_MAGIC_SIZE 8
#define RECORDING_HEAD_SIZE 16
#define RECORDING_HASH_SIZE 32
#define RECORDING_END_MAGIC "CarrelE1"
#define RECORDING_FOOT_SIZE 16
/* What a reader has to hold at once. Server bytes are divided to fit. */
#define RECORDING_PAYLOAD_MAX (1024 * 1024)
#define RECORDING_SUFFIX ".crec"

typedef enum {
	/* UTF-8 lines "key=value": desktop, pool, user, title, started (UTC ms), input ("yes", "no"). Once. */
	RECORDING_ABOUT = 'A',
	/* RFB's ServerInit (RFC 6143, 7.3.2), size, pixel format and title of the desktop: what follows up to the next CHUNK can be played
	 * by itself, since it begins with a whole picture and with fresh zlib streams. */
	RECORDING_CHUNK = 'C',
	/* RFB messages of the server, lossless, the mouse pointer drawn in. A picture may go on in the next of these. */
	RECORDING_SERVER = 'S',
	RECORDING_KEY = 'K',     /* u16 QEMU's key number, u8 down; only with RecordInput=yes, as the next two */
	RECORDING_MOTION = 'M',  /* u16 x, u16 y */
	RECORDING_BUTTON = 'B',  /* u8 button as in display/console.h, u8 down */
	RECORDING_JOINED = 'J',  /* UTF-8 lines "key=value": client, protocol, user, address */
	RECORDING_LEFT = 'L',    /* the same: client, why */
	RECORDING_RESIZED = 'R', /* u16 width, u16 height */
	/* The index: u32 n, and n times u8 type, u64 time and u64 offset of a record of CHUNK, JOINED, LEFT or RESIZED, in the order of
	 * the file. */
	RECORDING_END = 'E',
} RecordingType;

/* A mark more than this is not in the index. With a chunk each minute or eight MiB, nobody has them. */
#define RECORDING_MARKS_MAX 60000
#define RECORDING_MARK_SIZE 17

typedef struct {
	guint64 ms, offset;
	guint8 type;
} RecordingMark;

/* Adds the record to @marks (RecordingMark) where it is one for the index, which has room. */
void recording_add_mark(GArray *marks, guint8 type, guint64 ms, guint64 offset);

/* One record, of bytes that stay the caller's. */
typedef struct {
	guint8 type;
	guint64 ms;
	const guint8 *bytes;
	gsize size;
} RecordingRecord;

/* Writes the 16 bytes of a record's head. */
void recording_put_head(guint8 head[RECORDING_HEAD_SIZE], guint8 type, gsize size, guint64 ms);
/* Goes on with the chain: @hash is the last record's before, and this one's behind. */
void recording_chain(guint8 hash[RECORDING_HASH_SIZE], const guint8 head[RECORDING_HEAD_SIZE], const void *bytes, gsize size);

typedef enum {
	RECORDING_MORE, /* not all of it is there */
	RECORDING_DONE,
	RECORDING_BAD,
} RecordingParsed;

/* The record at the start of @bytes. @hash as with recording_chain, changed only by DONE. *@used: its bytes in the file, with DONE.
 * *@why: static text, with BAD. Nothing is allocated. */
RecordingParsed recording_parse(
        const guint8 *bytes, gsize size, guint8 hash[RECORDING_HASH_SIZE], RecordingRecord *record, gsize *used, const char **why);

/* What reading a whole file came to. */
typedef struct {
	enum {
		RECORDING_COMPLETE, /* to the end, and nothing was changed */
		RECORDING_CUT,      /* nothing was changed in what is there, and the end is missing */
		RECORDING_BROKEN,   /* see why */
	} state;
	const char *why;                  /* BROKEN, static: what is wrong with the first record that is not good */
	guint64 records;                  /* good ones; so the number of the first that is not, from 0 */
	guint64 ms;                       /* time of the last good record */
	guint64 size;                     /* bytes up to there */
	guint8 hash[RECORDING_HASH_SIZE]; /* of it */
} RecordingReport;

/* Called with each good record. @offset: where it begins in the file. */
typedef void (*RecordingFunc)(const RecordingRecord *record, guint64 offset, void *data);

/* Reads the file @fd from its start, with pread(2), and proves the chain. @func may be NULL. FALSE: it could not be read, or is no
 * recording at all. */
gboolean recording_verify(int fd, RecordingFunc func, void *data, RecordingReport *report, GError **error);

/* What can be known without reading all of it; nothing is proved. */
typedef struct {
	char *desktop, *pool, *user, *title; /* never NULL */
	gint64 started;                      /* UTC ms */
	gboolean input;
	gboolean complete;
	guint64 ms; /* its length; 0 where it is cut and @marks was FALSE */
	guint64 size;
	GArray *marks; /* RecordingMark */
} RecordingFacts;

/* @marks: also find those of a file without an end, which reads the head of every record. CARREL_ERROR_INVALID: it is none. */
RecordingFacts *recording_facts(int fd, gboolean marks, GError **error);
void recording_facts_free(RecordingFacts *facts);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RecordingFacts, recording_facts_free)

/* A value of "key=value" lines; NULL when there is none. Free with g_free. */
char *recording_line(const guint8 *bytes, gsize size, const char *key);
/* Adds one; what would end the line stands as a blank. */
void recording_add_line(GString *lines, const char *key, const char *value);
