/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/outbox.h"

#include <errno.h>
#include <sys/socket.h>

/* An empty outbox keeps this much memory, so that most updates need none. */
#define KEEP_MAX (1024 * 1024)

struct Outbox {
	GByteArray *bytes;
	gsize sent; /* of them */
	gsize most; /* that it ever held */
};

Outbox *
outbox_new(void)
{
	Outbox *outbox = g_new0(Outbox, 1);

	outbox->bytes = g_byte_array_new();
	return outbox;
}

void
outbox_free(Outbox *outbox)
{
	if (outbox == NULL)
		return;
	g_byte_array_unref(outbox->bytes);
	g_free(outbox);
}

GByteArray *
outbox_bytes(Outbox *outbox)
{
	return outbox->bytes;
}

gsize
outbox_pending(const Outbox *outbox)
{
	return outbox->bytes->len - outbox->sent;
}

static void
empty(Outbox *outbox)
{
	if (outbox->most > KEEP_MAX) {
		g_byte_array_unref(outbox->bytes);
		outbox->bytes = g_byte_array_new();
		outbox->most = 0;
	}
	g_byte_array_set_size(outbox->bytes, 0);
	outbox->sent = 0;
}

gboolean
outbox_flush(Outbox *outbox, int socket)
{
	outbox->most = MAX(outbox->most, outbox->bytes->len);
	while (outbox_pending(outbox) > 0) {
		ssize_t n = send(socket, outbox->bytes->data + outbox->sent, outbox_pending(outbox), MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN || errno == EWOULDBLOCK;
		outbox->sent += (gsize)n;
	}
	empty(outbox);
	return TRUE;
}
