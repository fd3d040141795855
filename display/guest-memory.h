/* Memory that QEMU shares with us, to be read. Whoever shares it may change it while it is read, and may even shrink its file: reading what
 * is not there any more ends a process (SIGBUS), and QEMU's memfd carries no seal against that. Here it reads as zeroes, and is known
 * afterwards. (Reading it with pread(2) instead costs more than all that is done with the pixels.)
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

/* So many may be mapped at a time: one a head. */
#define GUEST_MEMORY_MAX 8

typedef struct GuestMemory GuestMemory;

/* Maps @size bytes from @offset of @fd, which is a file's and stays the caller's. NULL where that cannot be (errno), or where too many
 * are. All calls come from one thread, which is also the only one that reads. */
GuestMemory *guest_memory_new(int fd, guint64 offset, gsize size);
void guest_memory_free(GuestMemory *memory);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GuestMemory, guest_memory_free)

const void *guest_memory_bytes(const GuestMemory *memory);
/* FALSE once something was read that was not there. */
gboolean guest_memory_is_whole(const GuestMemory *memory);
