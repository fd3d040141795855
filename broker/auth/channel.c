/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/auth/channel.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#define SEND_TIMEOUT_MS 10000
/* The largest frame of the broker: ANSWERS, or START. */
#define RECEIVE_MAX (FRAME_HEAD_SIZE + FRAME_ANSWERS_MAX * (3 + FRAME_ANSWER_MAX))

struct Channel {
	int fd;
	gsize used;  /* bytes of the frame that was given out last: wiped before the next */
	gsize filled;
	guint8 bytes[RECEIVE_MAX];
};

Channel *
channel_new(int fd)
{
	Channel *channel = g_new0(Channel, 1);

	channel->fd = fd;
	return channel;
}

void
channel_free(Channel *channel)
{
	if (channel == NULL)
		return;
	explicit_bzero(channel->bytes, sizeof channel->bytes);
	g_free(channel);
}

static gboolean
wait_for(int fd, short events, gint64 deadline_us)
{
	for (;;) {
		gint64 left_ms = (deadline_us - g_get_monotonic_time()) / 1000;
		struct pollfd poller = {.fd = fd, .events = events};
		int n;

		if (left_ms <= 0)
			return FALSE;
		n = poll(&poller, 1, (int)MIN(left_ms, G_MAXINT));
		if (n > 0)
			return TRUE;
		if (n < 0 && errno != EINTR)
			return FALSE;
	}
}

static void
forget_last(Channel *channel)
{
	memmove(channel->bytes, channel->bytes + channel->used, channel->filled - channel->used);
	explicit_bzero(channel->bytes + channel->filled - channel->used, channel->used);
	channel->filled -= channel->used;
	channel->used = 0;
}

gboolean
channel_receive(Channel *channel, FrameKind kind, guint timeout_ms, Frame *frame)
{
	gint64 deadline_us = g_get_monotonic_time() + (gint64)timeout_ms * 1000;

	forget_last(channel);
	for (;;) {
		FrameStatus status = frame_parse(channel->bytes, channel->filled, FRAME_FROM_BROKER, frame, &channel->used);
		ssize_t n;

		if (status == FRAME_DONE && frame->kind == kind)
			return TRUE;
		if (status == FRAME_DONE)
			frame_clear(frame);
		if (status != FRAME_MORE || channel->filled == sizeof channel->bytes ||
			!wait_for(channel->fd, POLLIN, deadline_us))
			return FALSE;
		n = recv(channel->fd, channel->bytes + channel->filled, sizeof channel->bytes - channel->filled, MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
			return FALSE;
		if (n > 0)
			channel->filled += (gsize)n;
	}
}

gboolean
channel_send(Channel *channel, FrameWriter *writer)
{
	gint64 deadline_us = g_get_monotonic_time() + SEND_TIMEOUT_MS * 1000;
	gsize size;
	const guint8 *bytes = frame_writer_finish(writer, &size);

	while (size > 0) {
		ssize_t n = send(channel->fd, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return FALSE;
		if (n > 0) {
			bytes += n;
			size -= (gsize)n;
		} else if (!wait_for(channel->fd, POLLOUT, deadline_us)) {
			return FALSE;
		}
	}
	return TRUE;
}
