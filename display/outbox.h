/* Bytes that wait for a client's socket to take them. They are kept in a memfd, so that a library that insists on
 * writing into a descriptor, and on waiting until it has taken all, can write into this one: it never makes it wait.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>

typedef struct Outbox Outbox;

Outbox *outbox_new(GError **error);
void outbox_free(Outbox *outbox);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Outbox, outbox_free)

/* Write here, with write(2). It belongs to the outbox. */
int outbox_fd(const Outbox *outbox);
/* FALSE when the kernel had no memory. */
gboolean outbox_append(Outbox *outbox, const void *bytes, gsize size);
/* What waits, in bytes. */
gsize outbox_pending(const Outbox *outbox);
/* Sends as much as @socket takes now without blocking. FALSE when it has failed (errno). */
gboolean outbox_flush(Outbox *outbox, int socket);
