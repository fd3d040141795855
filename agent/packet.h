/* Packets between the daemon and the session helper: one JSON object each (message.h), over a SOCK_SEQPACKET socket, with
 * at most one file descriptor. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>

/* Where the daemon listens, in its runtime folder. */
#define PACKET_SOCKET "session.sock"
#define PACKET_RUNTIME "/run/carrel-agent"

/* Sends @text without waiting; @fd is sent along unless it is -1, and stays the caller's. */
gboolean packet_send(int socket, const char *text, int fd, GError **error);

typedef enum {
	PACKET_NONE,   /* nothing more now */
	PACKET_GOT,
	PACKET_CLOSED, /* the peer is gone, or sent something that is not a packet */
} PacketResult;

/* Reads one packet into @buffer (LINE_MAX_BYTES bytes) without waiting. @fd becomes the descriptor that came along, to be
 * closed by the caller, or -1. */
PacketResult packet_receive(int socket, char *buffer, gsize *size, int *fd);

/* A listening socket at @path, mode 0666: who connects is told by the kernel. -1 on failure. */
int packet_listen(const char *path, GError **error);

/* -1 on failure. */
int packet_connect(const char *path, GError **error);
