/* Looks at a desktop's screen for a recording: has its updates composed as a VNC client has, of what changed, a few times a second
 * at most, and not at all while nothing does. What it is given it puts into a file (recording.h).
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>

#include "display/client.h"
#include "display/vnc-update.h"

typedef struct Recorder Recorder;

typedef struct {
	const VncView *view;
	/* It has ended because of @why (static): free it, but not before this has returned. */
	void (*on_failed)(const char *why, void *data);
	void *data;
} RecorderHost;

/* Consumes @fd, which is open for appending. @params: "desktop", "pool", "user", "title" s; "input" b. NULL with @error, and @fd
 * closed, when it cannot begin. */
Recorder *recorder_new(const RecorderHost *host, int fd, GVariant *params, GError **error);
/* Before the view. */
void recorder_free(Recorder *recorder);

/* All of these may be called with NULL: nothing is recorded then. */
void recorder_change(Recorder *recorder, const Change *change);
void recorder_kick(Recorder *recorder);    /* the pointer may look otherwise, or be elsewhere */
void recorder_resized(Recorder *recorder); /* the view has another frame */
void recorder_joined(Recorder *recorder, const Client *client);
void recorder_left(Recorder *recorder, const char *client, const char *why);
/* Left out unless "input" is TRUE. */
void recorder_key(Recorder *recorder, guint qnum, gboolean down);
void recorder_motion(Recorder *recorder, int x, int y);
void recorder_button(Recorder *recorder, guint button, gboolean down);

/* Ends the file. Result: as recording_writer_finish. */
char *recorder_finish(Recorder *recorder);
