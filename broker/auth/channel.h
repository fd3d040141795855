/* carrel-auth's end of the connection: blocking, with a deadline for every wait, since a process does one sign-in.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "broker/auth/frame.h"

typedef struct Channel Channel;

/* @fd is owned by the caller and outlives the channel. */
Channel *channel_new(int fd);
void channel_free(Channel *channel); /* wipes what was received */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Channel, channel_free)

/* The next frame from the broker, which must be a @kind. FALSE: none came whole within @timeout_ms, the peer has gone, or
 * it was not that. The frame's texts live until the next call; free its fields with frame_clear. */
gboolean channel_receive(Channel *channel, FrameKind kind, guint timeout_ms, Frame *frame);

/* FALSE when the peer has gone or does not read for 10 s. */
gboolean channel_send(Channel *channel, FrameWriter *writer);
