/* The clipboard between the guest and one VNC client, plain and extended: who may what is the client's rights (display/client.h). Text is
 * UTF-8, lines ending with LF.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "display/client.h"
#include "display/rfb-message.h"

typedef struct VncClipboard VncClipboard;

/* @who must outlive it. @on_text: the client put this on the clipboard, and may. */
VncClipboard *vnc_clipboard_new(const Client *who, void (*on_text)(const char *text, gsize size, void *data), void *data);
void vnc_clipboard_free(VncClipboard *clipboard);

/* Whether the client names the extended form among its encodings; what it is to be told of that is appended to @out. */
void vnc_clipboard_set_extended(VncClipboard *clipboard, gboolean extended, GByteArray *out);
gboolean vnc_clipboard_is_extended(const VncClipboard *clipboard);

/* RFB_CUT_TEXT or RFB_CLIPBOARD. The answer, if any, is appended to @out. */
void vnc_clipboard_take(VncClipboard *clipboard, const RfbMessage *message, GByteArray *out);

/* The guest's text is @text. It is due unless the client may not have it; one that is due is replaced. */
void vnc_clipboard_set_text(VncClipboard *clipboard, const char *text, gsize size);
gboolean vnc_clipboard_is_due(const VncClipboard *clipboard);
/* The text, or that there is one, as the client wants it. It is not due any more. */
void vnc_clipboard_append_offer(VncClipboard *clipboard, GByteArray *out);
