/* The extended clipboard of RFB (rfbproto, "Extended Clipboard Pseudo-Encoding"): text in UTF-8, compressed, announced
 * before it is sent. Only text is served.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>

#define RFB_CLIPBOARD_TEXT    (1u << 0)
#define RFB_CLIPBOARD_CAPS    (1u << 24)
#define RFB_CLIPBOARD_REQUEST (1u << 25)
#define RFB_CLIPBOARD_PEEK    (1u << 26)
#define RFB_CLIPBOARD_NOTIFY  (1u << 27)
#define RFB_CLIPBOARD_PROVIDE (1u << 28)

/* Text that a client may send without being asked. */
#define RFB_CLIPBOARD_UNSOLICITED_MAX (64 * 1024)

/* Complete ServerCutText messages, appended to @out. */
void rfb_clipboard_append_caps(GByteArray *out);
/* A message that is flags alone: notify or request, with RFB_CLIPBOARD_TEXT or without. */
void rfb_clipboard_append_flags(GByteArray *out, guint32 flags);
/* @text: UTF-8, lines ending with LF. */
void rfb_clipboard_append_provide(GByteArray *out, const char *text, gsize size);
/* The plain form: @text as far as Latin-1 has it, '?' for the rest. */
void rfb_clipboard_append_latin1(GByteArray *out, const char *text, gsize size);

/* The text of a "provide": UTF-8, lines ending with LF, NUL-terminated; free with g_free. NULL with
 * CARREL_ERROR_PROTOCOL when @bytes are no such thing, or the text has more than @max bytes. */
char *rfb_clipboard_parse_provide(guint32 flags, const guint8 *bytes, gsize size, gsize max, GError **error);
/* The text of a plain ClientCutText; free with g_free. */
char *rfb_clipboard_parse_latin1(const guint8 *bytes, gsize size);
