/* The helper's side of the socket to the root daemon; connects again when the daemon was restarted.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "agent/message.h"

typedef struct Link Link;

typedef struct {
	/* Connected: what to say first (message_write_session). Free with g_free. */
	char *(*on_connected)(void *data);
	/* @fd is the handler's to close, or -1. */
	void (*on_message)(const Message *message, int fd, void *data);
} LinkHandlers;

/* Free with link_free. */
Link *link_new(const char *runtime, const LinkHandlers *handlers, void *data);
void link_free(Link *link);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Link, link_free)

/* Lost when there is no daemon: whatever still matters then is said by on_connected. */
void link_send(Link *link, const char *text);
