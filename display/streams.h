/* stream.sock: whoever connects sends a grant, and is then a client of a screen. Nothing beyond the grant is read here.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "display/desks.h"

typedef struct Streams Streams;

/* Lets @uid and root connect to @path. Neither is owned. */
Streams *streams_new(const char *path, uid_t uid, Desks *desks, GError **error);
void streams_free(Streams *streams);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Streams, streams_free)
