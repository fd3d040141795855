/* A secret (a password, a ticket's second half): never logged, never in a GError, wiped when freed.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

typedef struct Secret Secret;

/* Copies @size bytes. The bytes may hold anything; a NUL is kept behind them. Free with secret_free. */
Secret *secret_new(const void *bytes, gsize size);

/* @bytes random bytes from the kernel as lower-case hexadecimal (twice as many characters). */
Secret *secret_new_random(gsize bytes);

const char *secret_text(const Secret *secret); /* NUL-terminated, owned by the secret */
gsize secret_size(const Secret *secret);       /* bytes, without the NUL */

/* Takes the same time whatever differs, as long as the sizes are equal. */
gboolean secret_equal(const Secret *a, const Secret *b);

void secret_free(Secret *secret);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Secret, secret_free)

/* Whether what this thread frees is wiped (wipe-freed.c), which is so from the start. FALSE for a moment is for who carries bytes that
 * are none of ours, and many of them: GnuTLS takes, and gives back, 17 KB for a record of any size. */
extern _Thread_local gboolean secret_wipes_freed;

/* Fills @bytes from getrandom(2); aborts where the kernel cannot. */
void secret_random(void *bytes, gsize size);
