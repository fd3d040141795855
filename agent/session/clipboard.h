/* Keeps the X selections CLIPBOARD and PRIMARY and the host's clipboard in step, text only, on demand: text travels when
 * someone pastes, not when someone copies. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "agent/session/vdagent.h"
#include "agent/session/x.h"

typedef struct Clipboard Clipboard;

/* What the clipboard asks of the host's side; vdagent.h says what each means. */
typedef struct {
	void (*grab)(guint selection, void *data);
	void (*release)(guint selection, void *data);
	gboolean (*request)(guint selection, void *data);
	void (*text)(guint selection, const char *text, gsize size, void *data);
} ClipboardHost;

/* NULL and an error when the X server lacks XFixes. @max: the largest text in bytes. Free with clipboard_free. */
Clipboard *clipboard_new(X *x, gsize max, const ClipboardHost *host, void *data, GError **error);
void clipboard_free(Clipboard *clipboard);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Clipboard, clipboard_free)

/* What the host says. */
void clipboard_host_grabbed(Clipboard *clipboard, guint selection, gboolean has_text);
void clipboard_host_released(Clipboard *clipboard, guint selection);
void clipboard_host_requests(Clipboard *clipboard, guint selection);
void clipboard_host_answers(Clipboard *clipboard, guint selection, const char *text, gsize size);
/* The host is there, or there anew: what the guest has is offered again. */
void clipboard_host_came(Clipboard *clipboard);
