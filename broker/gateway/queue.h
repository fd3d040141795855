/* Bytes that wait for a slow peer. An empty queue holds no memory, so that ten thousand idle connections cost none.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

/* Zero-initialise; queue_clear frees. Fields are read through the functions. */
typedef struct {
	guint8 *bytes;
	gsize start, end, size;
} Queue;

/* Copies @n bytes behind what waits. The caller bounds how much that may become. */
void queue_append(Queue *queue, const void *bytes, gsize n);

/* The first @n bytes are done with, and wiped: a password may be among them. Memory is freed when nothing is left. */
void queue_consume(Queue *queue, gsize n);

void queue_clear(Queue *queue);

static inline gsize
queue_length(const Queue *queue)
{
	return queue->end - queue->start;
}

/* Valid until the queue is next changed; NULL when it is empty. */
static inline const guint8 *
queue_bytes(const Queue *queue)
{
	return queue->bytes ? queue->bytes + queue->start : NULL;
}
