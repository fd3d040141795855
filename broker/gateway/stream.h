/* Connections to carrel-display's stream socket. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "broker/gateway/broker-link.h"

#include <sys/types.h>

/* Connects to @grant's socket, which must belong to @uid, to root or to us ((uid_t)-1: anyone), and sends the grant. While the
 * listener's queue is full it tries again, up to 2 s. */
void stream_open(const Grant *grant, uid_t uid, GCancellable *cancellable, GAsyncReadyCallback callback, void *data);

/* A connected, non-blocking socket, the caller's; -1 and an error. */
int stream_open_finish(GAsyncResult *result, GError **error);
