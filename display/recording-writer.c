/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/recording-writer.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "display/recording.h"

/* What a host that loses its power may cost. */
#define SYNC_US (2 * G_USEC_PER_SEC)
/* Callers wait at a few MiB (recorder.c); what they cannot hold back is small: keys, the pointer, who came and went. */
#define QUEUE_MAX (64 * 1024 * 1024)
/* A disk that takes nothing for so long. */
#define STUCK_US (30 * G_USEC_PER_SEC)

typedef struct {
	guint8 type;
	guint64 ms;
	gsize size;
	guint8 bytes[];
} Item;

struct RecordingWriter {
	int fd;
	gint64 start_us; /* monotonic */
	RecordingWriterFailed failed;
	void *data;
	GThread *thread;
	guint failed_id; /* under the lock */

	GMutex mutex; /* of what follows */
	GCond more, less;
	GQueue queue; /* Item */
	gsize pending;
	gint64 progress_us; /* when the thread last finished a record */
	gboolean ending, broken, complete;
	gboolean orphan, returned; /* its owner is gone; its thread is */
	const char *why;

	/* The thread's own. */
	guint64 offset;
	guint8 hash[RECORDING_HASH_SIZE];
	GArray *marks;   /* RecordingMark */
	gint64 dirty_us; /* since when something is not synchronized; 0: nothing */
};

static gboolean
on_failed(gpointer data)
{
	RecordingWriter *writer = data;

	g_mutex_lock(&writer->mutex);
	writer->failed_id = 0;
	g_mutex_unlock(&writer->mutex);
	writer->failed(writer->why, writer->data);
	return G_SOURCE_REMOVE;
}

/* Under the lock. */
static void
fail(RecordingWriter *writer, const char *why)
{
	if (writer->broken)
		return;
	writer->broken = TRUE;
	writer->why = why;
	g_cond_signal(&writer->more);
	writer->failed_id = g_idle_add(on_failed, writer);
}

static gboolean
write_all(int fd, const struct iovec *parts, int n_parts)
{
	struct iovec left[4];
	struct iovec *next = left;

	memcpy(left, parts, (gsize)n_parts * sizeof *parts);
	while (n_parts > 0) {
		ssize_t n = writev(fd, next, n_parts);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return FALSE;
		for (; n_parts > 0 && (gsize)n >= next->iov_len; next++, n_parts--)
			n -= (ssize_t)next->iov_len;
		if (n_parts > 0) {
			next->iov_base = (guint8 *)next->iov_base + n;
			next->iov_len -= (gsize)n;
		}
	}
	return TRUE;
}

static const char *
failure(void)
{
	switch (errno) {
	case ENOSPC:
		return "the disk is full";
	case EDQUOT:
		return "the quota is used up";
	case EFBIG:
		return "the file cannot be larger";
	default:
		return "the disk failed";
	}
}

/* In the thread. NULL, or what went wrong, static. */
static const char *
write_record(RecordingWriter *writer, guint8 type, guint64 ms, const void *bytes, gsize size)
{
	guint8 head[RECORDING_HEAD_SIZE];
	const struct iovec parts[] = {{head, sizeof head}, {(void *)bytes, size}, {writer->hash, sizeof writer->hash}};

	recording_add_mark(writer->marks, type, ms, writer->offset);
	recording_put_head(head, type, size, ms);
	recording_chain(writer->hash, head, bytes, size);
	if (!write_all(writer->fd, parts, G_N_ELEMENTS(parts)))
		return failure();
	writer->offset += sizeof head + size + sizeof writer->hash;
	if (writer->dirty_us == 0)
		writer->dirty_us = g_get_monotonic_time();
	return NULL;
}

static const char *
sync_file(RecordingWriter *writer)
{
	writer->dirty_us = 0;
	/* Not every file has a disk. */
	return fdatasync(writer->fd) == 0 || errno == EINVAL || errno == EROFS ? NULL : failure();
}

static const char *
write_end(RecordingWriter *writer)
{
	g_autoptr(GByteArray) index = g_byte_array_new();
	guint32 n = GUINT32_TO_BE(writer->marks->len);
	guint64 foot = GUINT64_TO_BE(writer->offset);
	const struct iovec parts[] = {{&foot, 8}, {(void *)RECORDING_END_MAGIC, 8}};
	const char *why;

	g_byte_array_append(index, (const guint8 *)&n, sizeof n);
	for (guint i = 0; i < writer->marks->len; i++) {
		const RecordingMark *mark = &g_array_index(writer->marks, RecordingMark, i);
		const guint64 pair[2] = {GUINT64_TO_BE(mark->ms), GUINT64_TO_BE(mark->offset)};

		g_byte_array_append(index, &mark->type, 1);
		g_byte_array_append(index, (const guint8 *)pair, sizeof pair);
	}
	why = write_record(writer, RECORDING_END, recording_writer_ms(writer), index->data, index->len);
	if (why)
		return why;
	return write_all(writer->fd, parts, G_N_ELEMENTS(parts)) ? sync_file(writer) : failure();
}

/* Under the lock, which is let go of meanwhile. */
static void
take_one(RecordingWriter *writer)
{
	Item *item = g_queue_pop_head(&writer->queue);
	const char *why;

	g_mutex_unlock(&writer->mutex);
	why = write_record(writer, item->type, item->ms, item->bytes, item->size);
	g_mutex_lock(&writer->mutex);
	writer->pending -= item->size;
	writer->progress_us = g_get_monotonic_time();
	g_free(item);
	if (why)
		fail(writer, why);
}

static void
destroy(RecordingWriter *writer)
{
	g_queue_clear_full(&writer->queue, g_free);
	g_array_unref(writer->marks);
	g_mutex_clear(&writer->mutex);
	g_cond_clear(&writer->more);
	g_cond_clear(&writer->less);
	close(writer->fd);
	g_free(writer);
}

static gpointer
run(gpointer data)
{
	RecordingWriter *writer = data;
	const char *why = NULL;
	gboolean orphan;

	g_mutex_lock(&writer->mutex);
	while (!writer->broken) {
		if (!g_queue_is_empty(&writer->queue)) {
			take_one(writer);
		} else if (writer->ending) {
			break;
		} else if (writer->dirty_us == 0) {
			g_cond_wait(&writer->more, &writer->mutex);
			continue;
		} else if (g_cond_wait_until(&writer->more, &writer->mutex, writer->dirty_us + SYNC_US)) {
			continue;
		}
		if (writer->dirty_us > 0 && g_get_monotonic_time() - writer->dirty_us >= SYNC_US) {
			g_mutex_unlock(&writer->mutex);
			why = sync_file(writer);
			g_mutex_lock(&writer->mutex);
			if (why)
				fail(writer, why);
		}
	}
	if (!writer->broken) {
		g_mutex_unlock(&writer->mutex);
		why = write_end(writer);
		g_mutex_lock(&writer->mutex);
		writer->complete = why == NULL;
	}
	writer->ending = writer->broken = TRUE; /* nothing more is taken */
	writer->returned = TRUE;
	orphan = writer->orphan;
	g_cond_signal(&writer->less);
	g_mutex_unlock(&writer->mutex);
	if (orphan)
		destroy(writer);
	return NULL;
}

RecordingWriter *
recording_writer_new(int fd, const char *about, RecordingWriterFailed failed, void *data)
{
	RecordingWriter *writer = g_new0(RecordingWriter, 1);

	writer->fd = fd;
	writer->failed = failed;
	writer->data = data;
	writer->start_us = writer->progress_us = g_get_monotonic_time();
	writer->marks = g_array_new(FALSE, FALSE, sizeof(RecordingMark));
	g_mutex_init(&writer->mutex);
	g_cond_init(&writer->more);
	g_cond_init(&writer->less);
	g_queue_init(&writer->queue);
	if (!write_all(fd, &(struct iovec){(void *)RECORDING_MAGIC, RECORDING_MAGIC_SIZE}, 1))
		fail(writer, failure());
	writer->offset = RECORDING_MAGIC_SIZE;
	recording_writer_put(writer, RECORDING_ABOUT, about, MIN(strlen(about), RECORDING_PAYLOAD_MAX));
	writer->thread = g_thread_new("recording", run, writer);
	return writer;
}

/* Not by waiting for the thread: it may hang in a write for as long as the disk does. The last one clears up. */
void
recording_writer_free(RecordingWriter *writer)
{
	gboolean returned;

	if (writer == NULL)
		return;
	g_mutex_lock(&writer->mutex);
	writer->broken = writer->orphan = TRUE;
	g_clear_handle_id(&writer->failed_id, g_source_remove);
	returned = writer->returned;
	g_cond_signal(&writer->more);
	g_thread_unref(writer->thread);
	g_mutex_unlock(&writer->mutex);
	if (returned)
		destroy(writer);
}

/* Under the lock. */
static void
check_stuck(RecordingWriter *writer)
{
	if (writer->pending > 0 && g_get_monotonic_time() - writer->progress_us > STUCK_US)
		fail(writer, "the disk takes nothing");
}

/* Under the lock. */
static void
put_one(RecordingWriter *writer, guint8 type, guint64 ms, const void *bytes, gsize size)
{
	Item *item = g_malloc(sizeof *item + size);

	item->type = type;
	item->ms = ms;
	item->size = size;
	if (size > 0)
		memcpy(item->bytes, bytes, size);
	g_queue_push_tail(&writer->queue, item);
	if (writer->pending == 0)
		writer->progress_us = g_get_monotonic_time();
	writer->pending += size;
}

void
recording_writer_put(RecordingWriter *writer, guint8 type, const void *bytes, gsize size)
{
	guint64 ms = recording_writer_ms(writer);
	const guint8 *next = bytes;

	g_mutex_lock(&writer->mutex);
	if (writer->pending + size > QUEUE_MAX)
		fail(writer, "the disk is too slow");
	check_stuck(writer);
	while (!writer->broken && !writer->ending) {
		gsize part = MIN(size, RECORDING_PAYLOAD_MAX);

		put_one(writer, type, ms, next, part);
		next += part;
		size -= part;
		if (size == 0)
			break;
	}
	g_cond_signal(&writer->more);
	g_mutex_unlock(&writer->mutex);
}

gsize
recording_writer_pending(RecordingWriter *writer)
{
	gsize pending;

	g_mutex_lock(&writer->mutex);
	check_stuck(writer);
	pending = writer->broken ? 0 : writer->pending;
	g_mutex_unlock(&writer->mutex);
	return pending;
}

guint64
recording_writer_ms(const RecordingWriter *writer)
{
	return (guint64)(g_get_monotonic_time() - writer->start_us) / 1000;
}

char *
recording_writer_finish(RecordingWriter *writer, guint timeout_ms)
{
	gint64 deadline = g_get_monotonic_time() + timeout_ms * G_GINT64_CONSTANT(1000);
	GString *hex = NULL;

	g_mutex_lock(&writer->mutex);
	writer->ending = TRUE;
	g_cond_signal(&writer->more);
	while (!writer->broken && g_cond_wait_until(&writer->less, &writer->mutex, deadline))
		;
	if (writer->complete) {
		hex = g_string_new(NULL);
		for (gsize i = 0; i < sizeof writer->hash; i++)
			g_string_append_printf(hex, "%02x", writer->hash[i]);
	}
	g_mutex_unlock(&writer->mutex);
	return hex ? g_string_free(hex, FALSE) : NULL;
}
