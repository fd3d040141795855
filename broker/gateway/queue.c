/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/gateway/queue.h"

#include <string.h>

#define SMALLEST 1024

/* Never g_realloc: it may leave a copy of a password behind. */
static void
grow(Queue *queue, gsize needed)
{
	/* What comes in one piece is mostly all that comes: a stalled reader's 64 KiB and a bit do not take 128. */
	gsize size = queue->size == 0 ? MAX(needed, SMALLEST) : queue->size, length = queue_length(queue);
	guint8 *bytes;

	while (size < needed)
		size *= 2;
	bytes = g_malloc(size);
	if (length > 0)
		memcpy(bytes, queue_bytes(queue), length);
	queue_clear(queue);
	*queue = (Queue){.bytes = bytes, .end = length, .size = size};
}

void
queue_append(Queue *queue, const void *bytes, gsize n)
{
	if (n == 0)
		return;
	if (queue->end + n > queue->size) {
		gsize length = queue_length(queue);

		if (queue->start >= n && queue->start >= length) {
			memcpy(queue->bytes, queue_bytes(queue), length);
			queue->start = 0;
			queue->end = length;
		} else {
			grow(queue, length + n);
		}
	}
	memcpy(queue->bytes + queue->end, bytes, n);
	queue->end += n;
}

void
queue_consume(Queue *queue, gsize n)
{
	g_assert(n <= queue_length(queue));
	if (n == queue_length(queue)) {
		queue_clear(queue);
		return;
	}
	explicit_bzero(queue->bytes + queue->start, n);
	queue->start += n;
}

void
queue_clear(Queue *queue)
{
	g_free(queue->bytes); /* which wipes it, see broker/common/wipe-freed.c */
	*queue = (Queue){0};
}
