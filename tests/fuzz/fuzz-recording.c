/* A recording's file. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "display/recording.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What stands in front of each hash is known, so that the input's records get their own: else nothing would come past the first. */
static GByteArray *
mend(const uint8_t *data, size_t size)
{
	GByteArray *file = g_byte_array_new();
	guint8 hash[RECORDING_HASH_SIZE] = {0}, head[RECORDING_HEAD_SIZE];
	guint64 ms = 0;

	g_byte_array_append(file, (const guint8 *)RECORDING_MAGIC, RECORDING_MAGIC_SIZE);
	while (size >= 4) {
		gsize payload = MIN((gsize)data[1] << 8 | data[2], size - 4);

		ms += data[3];
		recording_put_head(head, data[0], payload, ms);
		recording_chain(hash, head, data + 4, payload);
		g_byte_array_append(file, head, sizeof head);
		g_byte_array_append(file, data + 4, (guint)payload);
		g_byte_array_append(file, hash, sizeof hash);
		data += 4 + payload;
		size -= 4 + payload;
	}
	g_byte_array_append(file, data, (guint)size);
	return file;
}

static void
count(const RecordingRecord *record, guint64 offset, void *data)
{
	g_autofree char *line = recording_line(record->bytes, record->size, "user");

	if (line && !g_utf8_validate(line, -1, NULL))
		g_error("a line that is no text");
	*(guint64 *)data += 1;
}

static void
read_whole(const uint8_t *data, size_t size)
{
	int fd = memfd_create("recording", MFD_CLOEXEC);
	RecordingReport report;
	guint64 records = 0;

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		g_error("no memory for a file");
	if (recording_verify(fd, count, &records, &report, NULL)) {
		if (records != report.records || report.size > size || (report.state == RECORDING_COMPLETE && report.size != size))
			g_error("%zu bytes: state %d after %" G_GUINT64_FORMAT " records, %" G_GUINT64_FORMAT " bytes", size, report.state,
			        report.records, report.size);
		if ((report.state == RECORDING_BROKEN) != (report.why != NULL))
			g_error("a reason where there is none, or none where there is one");
	}
	g_autoptr(RecordingFacts) facts = recording_facts(fd, TRUE, NULL);

	if (facts && facts->marks->len > RECORDING_MARKS_MAX)
		g_error("%u marks", facts->marks->len);
	close(fd);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autoptr(GByteArray) mended = NULL;

	read_whole(data, size);
	mended = mend(data, size);
	read_whole(mended->data, mended->len);
	return 0;
}
