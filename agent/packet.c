/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "agent/packet.h"

#include "agent/line-reader.h"
#include "broker/common/error.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

gboolean
packet_send(int socket, const char *text, int fd, GError **error)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {{0}};
	struct iovec part = {(char *)text, strlen(text)};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

	if (fd >= 0) {
		message.msg_control = control.bytes;
		message.msg_controllen = sizeof control.bytes;
		struct cmsghdr *header = CMSG_FIRSTHDR(&message);

		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof fd);
		memcpy(CMSG_DATA(header), &fd, sizeof fd);
	}
	if (sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_FAILED, "sendmsg: %s", g_strerror(errno));
		return FALSE;
	}
	return TRUE;
}

/* The first descriptor stays, any other is closed. */
static int
take_fd(struct msghdr *message)
{
	int kept = -1;

	for (struct cmsghdr *p = CMSG_FIRSTHDR(message); p != NULL; p = CMSG_NXTHDR(message, p)) {
		if (p->cmsg_level != SOL_SOCKET || p->cmsg_type != SCM_RIGHTS)
			continue;
		gsize n = (p->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		for (gsize i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(p) + i * sizeof fd, sizeof fd);
			if (kept < 0)
				kept = fd;
			else
				close(fd);
		}
	}
	return kept;
}

PacketResult
packet_receive(int socket, char *buffer, gsize *size, int *fd)
{
	union {
		char bytes[CMSG_SPACE(4 * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec part = {buffer, LINE_MAX_BYTES};
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof control.bytes,
	};
	ssize_t n = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	int got;

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? PACKET_NONE : PACKET_CLOSED;
	got = take_fd(&message);
	if (n == 0 || (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
		if (got >= 0)
			close(got);
		return PACKET_CLOSED;
	}
	*size = (gsize)n;
	*fd = got;
	return PACKET_GOT;
}

static gboolean
make_address(const char *path, struct sockaddr_un *address, GError **error)
{
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof address->sun_path) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_INVALID, "%s is too long for a socket", path);
		return FALSE;
	}
	memcpy(address->sun_path, path, strlen(path));
	return TRUE;
}

int
packet_listen(const char *path, GError **error)
{
	struct sockaddr_un address;
	int fd;

	if (!make_address(path, &address, error))
		return -1;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	unlink(path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || chmod(path, 0666) < 0 ||
		listen(fd, 8) < 0) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_FAILED, "cannot listen at %s: %s", path, g_strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return fd;
}

int
packet_connect(const char *path, GError **error)
{
	struct sockaddr_un address;
	int fd;

	if (!make_address(path, &address, error))
		return -1;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_NOT_FOUND, "cannot reach %s: %s", path, g_strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return fd;
}
