/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/recording.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/common/error.h"

#define RECORD_MAX (RECORDING_HEAD_SIZE + RECORDING_PAYLOAD_MAX + RECORDING_HASH_SIZE)
/* Heads looked at to find the marks of a file without an end: a month of ten updates a second. */
#define HEADS_MAX (30u * 86400 * 10)

static guint32
get_u32(const guint8 *bytes)
{
	guint32 number;

	memcpy(&number, bytes, sizeof number);
	return GUINT32_FROM_BE(number);
}

static guint64
get_u64(const guint8 *bytes)
{
	guint64 number;

	memcpy(&number, bytes, sizeof number);
	return GUINT64_FROM_BE(number);
}

/* Without it a changed size would look like a file that was cut. */
static void
check_head(const guint8 head[RECORDING_HEAD_SIZE], guint8 check[3])
{
	guint8 sum[RECORDING_HASH_SIZE], bare[RECORDING_HEAD_SIZE];
	g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);
	gsize size = sizeof sum;

	memcpy(bare, head, sizeof bare);
	memset(bare + 1, 0, 3);
	g_checksum_update(checksum, bare, sizeof bare);
	g_checksum_get_digest(checksum, sum, &size);
	memcpy(check, sum, 3);
}

static gboolean
is_head(const guint8 head[RECORDING_HEAD_SIZE])
{
	guint8 check[3];

	check_head(head, check);
	return memcmp(check, head + 1, sizeof check) == 0 && get_u32(head + 4) <= RECORDING_PAYLOAD_MAX;
}

void
recording_put_head(guint8 head[RECORDING_HEAD_SIZE], guint8 type, gsize size, guint64 ms)
{
	guint32 be_size = GUINT32_TO_BE((guint32)size);
	guint64 be_ms = GUINT64_TO_BE(ms);

	head[0] = type;
	memcpy(head + 4, &be_size, sizeof be_size);
	memcpy(head + 8, &be_ms, sizeof be_ms);
	check_head(head, head + 1);
}

void
recording_chain(guint8 hash[RECORDING_HASH_SIZE], const guint8 head[RECORDING_HEAD_SIZE], const void *bytes, gsize size)
{
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
	gsize hash_size = RECORDING_HASH_SIZE;

	g_checksum_update(sum, hash, RECORDING_HASH_SIZE);
	g_checksum_update(sum, head, RECORDING_HEAD_SIZE);
	g_checksum_update(sum, bytes, (gssize)size);
	g_checksum_get_digest(sum, hash, &hash_size);
}

RecordingParsed
recording_parse(const guint8 *bytes, gsize size, guint8 hash[RECORDING_HASH_SIZE], RecordingRecord *record, gsize *used, const char **why)
{
	guint8 mine[RECORDING_HASH_SIZE];
	gsize payload;

	if (size < RECORDING_HEAD_SIZE)
		return RECORDING_MORE;
	if (!is_head(bytes)) {
		*why = "its head was changed";
		return RECORDING_BAD;
	}
	payload = get_u32(bytes + 4);
	if (size < RECORDING_HEAD_SIZE + payload + RECORDING_HASH_SIZE)
		return RECORDING_MORE;
	memcpy(mine, hash, sizeof mine);
	recording_chain(mine, bytes, bytes + RECORDING_HEAD_SIZE, payload);
	if (memcmp(mine, bytes + RECORDING_HEAD_SIZE + payload, sizeof mine) != 0) {
		*why = "its hash is another: it, or the one before, was changed";
		return RECORDING_BAD;
	}
	memcpy(hash, mine, sizeof mine);
	*record = (RecordingRecord){bytes[0], get_u64(bytes + 8), bytes + RECORDING_HEAD_SIZE, payload};
	*used = RECORDING_HEAD_SIZE + payload + RECORDING_HASH_SIZE;
	return RECORDING_DONE;
}

/* Fewer than @size only at the end of the file; -1 with @error. */
static gssize
read_at(int fd, guint8 *bytes, gsize size, guint64 offset, GError **error)
{
	gsize done = 0;

	while (done < size) {
		ssize_t n = pread(fd, bytes + done, size - done, (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			g_set_error(error, CARREL_ERROR, CARREL_ERROR_FAILED, "the recording cannot be read: %s", g_strerror(errno));
			return -1;
		}
		if (n == 0)
			break;
		done += (gsize)n;
	}
	return (gssize)done;
}

static gboolean
check_magic(int fd, GError **error)
{
	guint8 magic[RECORDING_MAGIC_SIZE];
	gssize n = read_at(fd, magic, sizeof magic, 0, error);

	if (n < 0)
		return FALSE;
	if (n == sizeof magic && memcmp(magic, RECORDING_MAGIC, sizeof magic) == 0)
		return TRUE;
	g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_INVALID, "this is no recording");
	return FALSE;
}

void
recording_add_mark(GArray *marks, guint8 type, guint64 ms, guint64 offset)
{
	const RecordingMark mark = {ms, offset, type};

	if (marks->len < RECORDING_MARKS_MAX &&
	        (type == RECORDING_CHUNK || type == RECORDING_JOINED || type == RECORDING_LEFT || type == RECORDING_RESIZED))
		g_array_append_val(marks, mark);
}

static void
take_index(GArray *marks, const guint8 *bytes, gsize size)
{
	guint32 n = size >= 4 ? get_u32(bytes) : 0;

	if (n > RECORDING_MARKS_MAX || size != 4 + (gsize)n * RECORDING_MARK_SIZE)
		return;
	for (const guint8 *p = bytes + 4; p < bytes + size; p += RECORDING_MARK_SIZE)
		recording_add_mark(marks, p[0], get_u64(p + 1), get_u64(p + 9));
}

static gboolean
is_same(const GArray *a, const GArray *b)
{
	if (a->len != b->len)
		return FALSE;
	for (guint i = 0; i < a->len; i++) {
		const RecordingMark *x = &g_array_index(a, RecordingMark, i), *y = &g_array_index(b, RecordingMark, i);

		if (x->ms != y->ms || x->offset != y->offset || x->type != y->type)
			return FALSE;
	}
	return TRUE;
}

/* What holds between records, whatever their hashes say. NULL: all well. */
static const char *
check_order(const RecordingReport *report, const RecordingRecord *record, const GArray *marks)
{
	g_autoptr(GArray) index = NULL;

	if ((report->records == 0) != (record->type == RECORDING_ABOUT))
		return "the record about the recording is not the first alone";
	if (record->ms < report->ms)
		return "its time is before that of the record before";
	if (record->type != RECORDING_END)
		return NULL;
	index = g_array_new(FALSE, FALSE, sizeof(RecordingMark));
	take_index(index, record->bytes, record->size);
	if (!is_same(index, marks))
		return "the index names other records than there are";
	return NULL;
}

/* What must be behind END: its offset and the magic, and nothing. */
static gboolean
check_foot(const guint8 *bytes, gsize size, guint64 end)
{
	return size == RECORDING_FOOT_SIZE && get_u64(bytes) == end &&
	        memcmp(bytes + 8, RECORDING_END_MAGIC, strlen(RECORDING_END_MAGIC)) == 0;
}

/* As much of it as there is, and no more. */
static gboolean
is_part_of_foot(const guint8 *bytes, gsize size, guint64 end)
{
	guint8 foot[RECORDING_FOOT_SIZE];
	guint64 be_end = GUINT64_TO_BE(end);

	memcpy(foot, &be_end, 8);
	memcpy(foot + 8, RECORDING_END_MAGIC, 8);
	return size < sizeof foot && memcmp(bytes, foot, size) == 0;
}

/* One record at @report's end. FALSE: the state says how it ended. */
static gboolean
verify_one(const guint8 *bytes, gsize size, GArray *marks, RecordingFunc func, void *data, RecordingReport *report, gsize *used)
{
	guint8 hash[RECORDING_HASH_SIZE];
	RecordingRecord record;

	memcpy(hash, report->hash, sizeof hash);
	switch (recording_parse(bytes, size, hash, &record, used, &report->why)) {
	case RECORDING_MORE:
		report->state = RECORDING_CUT;
		return FALSE;
	case RECORDING_BAD:
		report->state = RECORDING_BROKEN;
		return FALSE;
	case RECORDING_DONE:
		break;
	}
	report->why = check_order(report, &record, marks);
	if (report->why) {
		report->state = RECORDING_BROKEN;
		return FALSE;
	}
	recording_add_mark(marks, record.type, record.ms, report->size);
	if (func)
		func(&record, report->size, data);
	memcpy(report->hash, hash, sizeof hash);
	report->ms = record.ms;
	report->records++;
	report->size += *used;
	return record.type != RECORDING_END;
}

static void
verify_foot(const guint8 *bytes, gsize size, guint64 end, RecordingReport *report)
{
	if (check_foot(bytes, size, end)) {
		report->state = RECORDING_COMPLETE;
		report->size += size;
	} else if (is_part_of_foot(bytes, size, end)) {
		report->state = RECORDING_CUT;
	} else {
		report->state = RECORDING_BROKEN;
		report->why = "what is behind the end does not belong there";
	}
}

gboolean
recording_verify(int fd, RecordingFunc func, void *data, RecordingReport *report, GError **error)
{
	g_autofree guint8 *buffer = g_malloc(RECORD_MAX);
	g_autoptr(GArray) marks = g_array_new(FALSE, FALSE, sizeof(RecordingMark));
	gsize have = 0, at = 0, used = 0;
	guint64 read_to = RECORDING_MAGIC_SIZE, last = 0;

	if (!check_magic(fd, error))
		return FALSE;
	*report = (RecordingReport){.size = RECORDING_MAGIC_SIZE};
	for (;;) {
		gsize size = have - at;

		/* A head says how much is needed; a whole record at most. */
		if (size < RECORD_MAX &&
		        (size < RECORDING_HEAD_SIZE ||
		                size < RECORDING_HEAD_SIZE + (gsize)get_u32(buffer + at + 4) + RECORDING_HASH_SIZE)) {
			gssize n;

			memmove(buffer, buffer + at, size);
			at = 0;
			n = read_at(fd, buffer + size, RECORD_MAX - size, read_to, error);
			if (n < 0)
				return FALSE;
			read_to += (guint64)n;
			have = size + (gsize)n;
		}
		last = report->size;
		if (!verify_one(buffer + at, have - at, marks, func, data, report, &used))
			break;
		at += used;
	}
	if (report->size > last) {
		guint8 foot[RECORDING_FOOT_SIZE + 1];
		gssize n = read_at(fd, foot, sizeof foot, report->size, error);

		if (n < 0)
			return FALSE;
		verify_foot(foot, (gsize)n, last, report);
	}
	return TRUE;
}

char *
recording_line(const guint8 *bytes, gsize size, const char *key)
{
	g_autofree char *text = g_utf8_make_valid((const char *)bytes, (gssize)size);
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	gsize length = strlen(key);

	for (char **line = lines; *line; line++) {
		if (strncmp(*line, key, length) == 0 && (*line)[length] == '=')
			return g_strdup(*line + length + 1);
	}
	return NULL;
}

void
recording_add_line(GString *lines, const char *key, const char *value)
{
	gsize start = lines->len;

	g_string_append_printf(lines, "%s=%s", key, value);
	for (char *p = lines->str + start; *p != '\0'; p++) {
		if (g_ascii_iscntrl(*p))
			*p = ' ';
	}
	g_string_append_c(lines, '\n');
}

/* The record at @offset without its hash; NULL without an error: it is not whole. Free with g_free. */
static guint8 *
read_record(int fd, guint64 offset, guint8 type, gsize *size, guint64 *ms, GError **error)
{
	guint8 head[RECORDING_HEAD_SIZE];
	g_autofree guint8 *bytes = NULL;
	gssize n = read_at(fd, head, sizeof head, offset, error);

	if (n < 0 || n < (gssize)sizeof head || head[0] != type || !is_head(head))
		return NULL;
	*size = get_u32(head + 4);
	*ms = get_u64(head + 8);
	bytes = g_malloc(*size + 1);
	n = read_at(fd, bytes, *size, offset + RECORDING_HEAD_SIZE, error);
	return n == (gssize)*size ? g_steal_pointer(&bytes) : NULL;
}

static gboolean
read_end(int fd, RecordingFacts *facts, GError **error)
{
	guint8 foot[RECORDING_FOOT_SIZE];
	g_autofree guint8 *bytes = NULL;
	guint64 end, ms = 0;
	gsize size = 0;

	if (facts->size < RECORDING_MAGIC_SIZE + RECORDING_FOOT_SIZE)
		return FALSE;
	if (read_at(fd, foot, sizeof foot, facts->size - sizeof foot, error) != sizeof foot)
		return FALSE;
	end = get_u64(foot);
	if (end >= facts->size || !check_foot(foot, sizeof foot, end))
		return FALSE;
	bytes = read_record(fd, end, RECORDING_END, &size, &ms, error);
	if (bytes == NULL || end + RECORDING_HEAD_SIZE + size + RECORDING_HASH_SIZE + RECORDING_FOOT_SIZE != facts->size)
		return FALSE;
	take_index(facts->marks, bytes, size);
	facts->ms = ms;
	return TRUE;
}

static void
find_marks(int fd, RecordingFacts *facts)
{
	guint64 offset = RECORDING_MAGIC_SIZE;
	guint8 head[RECORDING_HEAD_SIZE];

	for (guint i = 0; i < HEADS_MAX && facts->marks->len < RECORDING_MARKS_MAX; i++) {
		guint64 next;

		if (read_at(fd, head, sizeof head, offset, NULL) != sizeof head || !is_head(head))
			return;
		next = offset + RECORDING_HEAD_SIZE + get_u32(head + 4) + RECORDING_HASH_SIZE;
		if (next > facts->size)
			return;
		facts->ms = get_u64(head + 8);
		recording_add_mark(facts->marks, head[0], facts->ms, offset);
		offset = next;
	}
}

static char *
take_line(const guint8 *bytes, gsize size, const char *key)
{
	char *value = recording_line(bytes, size, key);

	return value ? value : g_strdup("");
}

RecordingFacts *
recording_facts(int fd, gboolean marks, GError **error)
{
	g_autoptr(RecordingFacts) facts = NULL;
	g_autofree guint8 *about = NULL;
	g_autofree char *started = NULL, *input = NULL;
	g_autoptr(GError) failed = NULL;
	struct stat status;
	guint64 ms;
	gsize size;

	if (!check_magic(fd, error))
		return NULL;
	about = read_record(fd, RECORDING_MAGIC_SIZE, RECORDING_ABOUT, &size, &ms, &failed);
	if (about == NULL || fstat(fd, &status) < 0) {
		g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_INVALID, "this recording has not begun");
		return NULL;
	}
	facts = g_new0(RecordingFacts, 1);
	facts->desktop = take_line(about, size, "desktop");
	facts->pool = take_line(about, size, "pool");
	facts->user = take_line(about, size, "user");
	facts->title = take_line(about, size, "title");
	started = take_line(about, size, "started");
	facts->started = g_ascii_strtoll(started, NULL, 10);
	input = take_line(about, size, "input");
	facts->input = strcmp(input, "yes") == 0;
	facts->size = (guint64)status.st_size;
	facts->marks = g_array_new(FALSE, FALSE, sizeof(RecordingMark));
	facts->complete = read_end(fd, facts, &failed);
	if (!facts->complete) {
		g_array_set_size(facts->marks, 0);
		if (marks)
			find_marks(fd, facts);
	}
	return g_steal_pointer(&facts);
}

void
recording_facts_free(RecordingFacts *facts)
{
	if (facts == NULL)
		return;
	g_free(facts->desktop);
	g_free(facts->pool);
	g_free(facts->user);
	g_free(facts->title);
	if (facts->marks)
		g_array_unref(facts->marks);
	g_free(facts);
}
