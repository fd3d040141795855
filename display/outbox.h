/* Bytes that wait for a client's socket to take them.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>

typedef struct Outbox Outbox;

Outbox *outbox_new(void);
void outbox_free(Outbox *outbox);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Outbox, outbox_free)

/* What waits is at its end: append to it. It belongs to the outbox, and is only to grow. */
GByteArray *outbox_bytes(Outbox *outbox);
/* What waits, in bytes. */
gsize outbox_pending(const Outbox *outbox);
/* Sends as much as @socket takes now without blocking. FALSE when it has failed (errno). */
gboolean outbox_flush(Outbox *outbox, int socket);
