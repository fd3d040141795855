/* A VNC client's bytes after its hand-shake. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdint.h>
#include <string.h>

#include "display/rfb-clipboard.h"
#include "display/rfb-message.h"

#define CLIPBOARD_MAX (1 << 16)
#define CUTS_MAX 256

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_text(char *text, gsize max)
{
	if (text && (strlen(text) > max || !g_utf8_validate(text, -1, NULL)))
		g_error("a clipboard of %zu bytes where %zu are allowed, or no text", strlen(text), max);
	g_free(text);
}

static void
check_message(const RfbMessage *message, const uint8_t *data, gsize used)
{
	for (guint i = 0; message->type == RFB_SET_ENCODINGS && i < message->encodings.n; i++)
		rfb_message_encoding(message, i);
	if (message->type == RFB_CLIPBOARD)
		check_text(rfb_clipboard_parse_provide(message->text.flags, message->text.bytes, message->text.size, CLIPBOARD_MAX,
				   NULL),
			CLIPBOARD_MAX);
	if (message->type == RFB_CUT_TEXT)
		check_text(rfb_clipboard_parse_latin1(message->text.bytes, message->text.size), 2 * message->text.size);
	for (gsize cut = 0; cut < MIN(used, CUTS_MAX); cut++) {
		RfbMessage part;
		const char *why;
		gsize n;

		if (rfb_message_parse(data, cut, TRUE, TRUE, &part, &n, &why) != RFB_MORE)
			g_error("cut after %zu of %zu bytes it is another message", cut, used);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	RfbMessage message;
	const char *why;
	gsize used;

	while (rfb_message_parse(data, size, TRUE, TRUE, &message, &used, &why) == RFB_DONE) {
		if (used == 0 || used > size)
			g_error("%zu of %zu bytes used", used, size);
		check_message(&message, data, used);
		data += used;
		size -= used;
	}
	return 0;
}
