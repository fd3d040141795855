/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/outbox.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "broker/common/error.h"

/* An empty outbox keeps this much memory, so that most frames need no new pages. */
#define KEEP_MAX (1024 * 1024)

struct Outbox {
	int fd;
	off_t sent;
};

Outbox *
outbox_new(GError **error)
{
	int fd = memfd_create("outbox", MFD_CLOEXEC);
	Outbox *outbox;

	if (fd < 0) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_FAILED, "memfd_create: %s", g_strerror(errno));
		return NULL;
	}
	outbox = g_new0(Outbox, 1);
	outbox->fd = fd;
	return outbox;
}

void
outbox_free(Outbox *outbox)
{
	if (outbox == NULL)
		return;
	close(outbox->fd);
	g_free(outbox);
}

int
outbox_fd(const Outbox *outbox)
{
	return outbox->fd;
}

gboolean
outbox_append(Outbox *outbox, const void *bytes, gsize size)
{
	const guint8 *p = bytes;

	while (size > 0) {
		ssize_t n = write(outbox->fd, p, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return FALSE;
		p += n;
		size -= (gsize)n;
	}
	return TRUE;
}

gsize
outbox_pending(const Outbox *outbox)
{
	off_t end = lseek(outbox->fd, 0, SEEK_CUR);

	return end > outbox->sent ? (gsize)(end - outbox->sent) : 0;
}

static void
rewind_empty(Outbox *outbox)
{
	if (outbox->sent > KEEP_MAX && ftruncate(outbox->fd, 0) < 0)
		g_debug("ftruncate of an outbox failed"); /* costs memory, nothing else */
	lseek(outbox->fd, 0, SEEK_SET);
	outbox->sent = 0;
}

/* Not sendfile(2): a unix socket would keep references to the memfd's pages, and we write into them again while the peer
 * has not read them yet. */
gboolean
outbox_flush(Outbox *outbox, int socket)
{
	guint8 buffer[65536];

	for (gsize pending = outbox_pending(outbox); pending > 0; pending = outbox_pending(outbox)) {
		ssize_t n = pread(outbox->fd, buffer, MIN(pending, sizeof buffer), outbox->sent);

		if (n <= 0)
			return FALSE;
		n = send(socket, buffer, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN || errno == EWOULDBLOCK;
		outbox->sent += n;
	}
	rewind_empty(outbox);
	return TRUE;
}
