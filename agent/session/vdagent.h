/* The guest's side of the SPICE agent protocol (spice/vd_agent.h): what is said on the port, and what was heard.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

/* The selections of X that the protocol carries, numbered as there (VD_AGENT_CLIPBOARD_SELECTION_*). */
enum { VDAGENT_CLIPBOARD, VDAGENT_PRIMARY, VDAGENT_SELECTIONS };

/* More monitors than this are not asked for by anyone. */
#define VDAGENT_MONITORS_MAX 16

typedef struct {
	guint width, height; /* pixels; 0: this monitor is off */
	int x, y;
} VdagentMonitor;

typedef struct Vdagent Vdagent;

typedef struct {
	/* FALSE when it cannot be queued. */
	gboolean (*write)(const void *bytes, gsize size, void *data);
	/* The peer said what it can do: what it missed may be said again. */
	void (*on_peer)(void *data);
	/* The host's clipboard has text now (or something that is of no use here, and @has_text is FALSE). */
	void (*on_grab)(guint selection, gboolean has_text, void *data);
	/* The host's clipboard is empty, or the client is gone. */
	void (*on_release)(guint selection, void *data);
	/* The host wants the text of a selection: answer with vdagent_send_text. */
	void (*on_request)(guint selection, void *data);
	/* The answer to vdagent_send_request. NULL: there is none. @text is UTF-8, made valid. */
	void (*on_text)(guint selection, const char *text, gsize size, void *data);
	/* @n monitors, at most VDAGENT_MONITORS_MAX. FALSE when this cannot be. */
	gboolean (*on_monitors)(const VdagentMonitor *monitors, guint n, void *data);
	/* The pointer is at this pixel of a monitor, with these buttons down (VD_AGENT_*BUTTON_MASK). NULL: pointers are not taken,
	 * and the host is told so. */
	void (*on_pointer)(guint monitor, guint x, guint y, guint32 buttons, void *data);
	/* About files: VD_AGENT_FILE_XFER_*, and AGENT_FILE_* of broker/common/agent-files.h. NULL: there are none. */
	void (*on_file)(guint32 type, const guint8 *bytes, gsize size, void *data);
	/* No client is there any more (while the host's side stays open). */
	void (*on_client_gone)(void *data);
} VdagentHandlers;

/* @clipboard_max: the largest text in bytes, either way. Free with vdagent_free. */
Vdagent *vdagent_new(gsize clipboard_max, const VdagentHandlers *handlers, void *data);
void vdagent_free(Vdagent *agent);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Vdagent, vdagent_free)

/* The host's side was opened: says what we can do, and asks the same. */
void vdagent_open(Vdagent *agent);
/* It was closed: whatever the host had in its clipboard is released. */
void vdagent_close(Vdagent *agent);
/* FALSE: not the protocol, see vdagent_parser_feed. */
gboolean vdagent_feed(Vdagent *agent, const guint8 *bytes, gsize size);

/* A message about files; dropped when it cannot be queued. */
void vdagent_send_file(Vdagent *agent, guint32 type, const void *bytes, gsize size);
/* Whether the peer takes files of the desktop (AGENT_CAP_FILES_FROM). */
gboolean vdagent_takes_files(const Vdagent *agent);
/* Whether it reads VD_AGENT_FILE_XFER_STATUS with details. */
gboolean vdagent_knows_file_details(const Vdagent *agent);

/* Whether the peer wants to hear of this selection at all. */
gboolean vdagent_carries(const Vdagent *agent, guint selection);

void vdagent_send_grab(Vdagent *agent, guint selection);
void vdagent_send_release(Vdagent *agent, guint selection);
gboolean vdagent_send_request(Vdagent *agent, guint selection);
/* @text NULL: there is none. A text that is larger than the peer takes is sent as none. */
void vdagent_send_text(Vdagent *agent, guint selection, const char *text, gsize size);
