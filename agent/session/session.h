/* The session helper: X on one side, the SPICE agent's port and the root daemon on the other.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>

typedef struct Session Session;

typedef struct {
	const char *display;        /* NULL: $DISPLAY */
	const char *runtime;        /* folder of the daemon's socket */
	const char *notice_program; /* carrel-agent-notice */
	gsize clipboard_max;        /* bytes */
	const char *downloads;      /* folder for files that come */
	const char *send_socket;    /* where carrel-send connects; NULL: nowhere */
} SessionConfig;

/* @on_ended is called, once, when the X server is gone. @config's strings must outlive the session. Free with
 * session_free. */
Session *session_new(const SessionConfig *config, void (*on_ended)(void *data), void *data, GError **error);
void session_free(Session *session);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Session, session_free)
