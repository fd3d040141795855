/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/vnc-clipboard.h"

#include <string.h>

#include "display/rfb-clipboard.h"

struct VncClipboard {
	const Client *who;
	void (*on_text)(const char *text, gsize size, void *data);
	void *data;
	gboolean extended;
	guint32 caps;
	guint32 unsolicited_max; /* bytes of text that the client takes unasked */
	char *text;              /* the guest's last */
	gsize text_size;
	gboolean due;
};

static void
take_provided(VncClipboard *clipboard, const RfbMessage *message)
{
	const Client *who = clipboard->who;
	g_autoptr(GError) error = NULL;
	g_autofree char *text = NULL;

	if (!who->clipboard_to_desktop)
		return;
	text = rfb_clipboard_parse_provide(message->text.flags, message->text.bytes, message->text.size, who->clipboard_max, &error);
	if (text)
		clipboard->on_text(text, strlen(text), clipboard->data);
	else
		g_message("VNC client %s: %s", who->name, error->message);
}

static void
take_extended(VncClipboard *clipboard, const RfbMessage *message, GByteArray *out)
{
	guint32 flags = message->text.flags;

	if (flags & RFB_CLIPBOARD_CAPS) {
		clipboard->caps = flags;
		/* One size for each format, in the order of their bits: text's is the first. */
		clipboard->unsolicited_max = (flags & RFB_CLIPBOARD_TEXT) && message->text.size >= 4 ? rfb_read_u32(message->text.bytes) : 0;
	} else if (flags & RFB_CLIPBOARD_REQUEST) {
		if (clipboard->text)
			rfb_clipboard_append_provide(out, clipboard->text, clipboard->text_size);
	} else if (flags & RFB_CLIPBOARD_NOTIFY) {
		if ((flags & RFB_CLIPBOARD_TEXT) && clipboard->who->clipboard_to_desktop)
			rfb_clipboard_append_flags(out, RFB_CLIPBOARD_REQUEST | RFB_CLIPBOARD_TEXT);
	} else if (flags & RFB_CLIPBOARD_PEEK) {
		rfb_clipboard_append_flags(out, RFB_CLIPBOARD_NOTIFY | (clipboard->text ? RFB_CLIPBOARD_TEXT : 0));
	} else if (flags & RFB_CLIPBOARD_PROVIDE) {
		take_provided(clipboard, message);
	}
}

static void
take_plain(VncClipboard *clipboard, const RfbMessage *message)
{
	const Client *who = clipboard->who;
	g_autofree char *text = NULL;

	if (!who->clipboard_to_desktop)
		return;
	if (message->text.size > who->clipboard_max) {
		g_message("VNC client %s: a clipboard of %zu bytes is not passed on, it may have %zu", who->name, message->text.size,
			who->clipboard_max);
		return;
	}
	text = rfb_clipboard_parse_latin1(message->text.bytes, message->text.size);
	clipboard->on_text(text, strlen(text), clipboard->data);
}

void
vnc_clipboard_take(VncClipboard *clipboard, const RfbMessage *message, GByteArray *out)
{
	if (message->type == RFB_CLIPBOARD)
		take_extended(clipboard, message, out);
	else
		take_plain(clipboard, message);
}

void
vnc_clipboard_set_extended(VncClipboard *clipboard, gboolean extended, GByteArray *out)
{
	if (extended && !clipboard->extended)
		rfb_clipboard_append_caps(out);
	clipboard->extended = extended;
}

gboolean
vnc_clipboard_is_extended(const VncClipboard *clipboard)
{
	return clipboard->extended;
}

void
vnc_clipboard_set_text(VncClipboard *clipboard, const char *text, gsize size)
{
	if (!clipboard->who->clipboard_from_desktop)
		return;
	g_free(clipboard->text);
	clipboard->text = g_strndup(text, size);
	clipboard->text_size = size;
	clipboard->due = TRUE;
}

gboolean
vnc_clipboard_is_due(const VncClipboard *clipboard)
{
	return clipboard->due;
}

void
vnc_clipboard_append_offer(VncClipboard *clipboard, GByteArray *out)
{
	clipboard->due = FALSE;
	if (!clipboard->extended || !(clipboard->caps & RFB_CLIPBOARD_TEXT))
		rfb_clipboard_append_latin1(out, clipboard->text, clipboard->text_size);
	else if ((clipboard->caps & RFB_CLIPBOARD_PROVIDE) && clipboard->text_size < clipboard->unsolicited_max)
		rfb_clipboard_append_provide(out, clipboard->text, clipboard->text_size);
	else if (clipboard->caps & RFB_CLIPBOARD_NOTIFY)
		rfb_clipboard_append_flags(out, RFB_CLIPBOARD_NOTIFY | RFB_CLIPBOARD_TEXT);
}

VncClipboard *
vnc_clipboard_new(const Client *who, void (*on_text)(const char *text, gsize size, void *data), void *data)
{
	VncClipboard *clipboard = g_new0(VncClipboard, 1);

	clipboard->who = who;
	clipboard->on_text = on_text;
	clipboard->data = data;
	return clipboard;
}

void
vnc_clipboard_free(VncClipboard *clipboard)
{
	if (clipboard == NULL)
		return;
	g_free(clipboard->text);
	g_free(clipboard);
}
