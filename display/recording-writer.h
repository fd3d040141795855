/* Writes a recording (recording.h) into a descriptor, from a thread of its own: a disk that is slow or full never holds up who
 * puts records in. What waits is bounded by the caller, who asks how much it is.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>

typedef struct RecordingWriter RecordingWriter;

/* The disk is full, or takes nothing. Once, from the main loop; what is put in afterwards is dropped. */
typedef void (*RecordingWriterFailed)(const char *why, void *data);

/* Consumes @fd, which is open for appending. @about: the payload of the first record. */
RecordingWriter *recording_writer_new(int fd, const char *about, RecordingWriterFailed failed, void *data);
/* The file ends without END's record unless recording_writer_finish was called. */
void recording_writer_free(RecordingWriter *writer);

/* @type: RecordingType. Larger payloads than one record takes are divided. Stamped with the time of now. */
void recording_writer_put(RecordingWriter *writer, guint8 type, const void *bytes, gsize size);
/* Bytes that wait for the disk. */
gsize recording_writer_pending(RecordingWriter *writer);
/* ms since the recording began. */
guint64 recording_writer_ms(const RecordingWriter *writer);

/* Writes END, and waits for the disk, @timeout_ms at most. Result: the file's last hash in hexadecimal, or NULL when it is not
 * complete. Free with g_free. */
char *recording_writer_finish(RecordingWriter *writer, guint timeout_ms);
