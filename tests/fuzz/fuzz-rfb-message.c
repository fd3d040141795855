/* A VNC client's bytes after its hand-shake. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdint.h>

#include "display/rfb-clipboard.h"
#include "display/rfb-message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	RfbMessage message;
	const char *why;
	gsize used;

	while (rfb_message_parse(data, size, TRUE, TRUE, &message, &used, &why) == RFB_DONE) {
		g_assert(used > 0 && used <= size);
		for (guint i = 0; message.type == RFB_SET_ENCODINGS && i < message.encodings.n; i++)
			rfb_message_encoding(&message, i);
		if (message.type == RFB_CLIPBOARD)
			g_free(rfb_clipboard_parse_provide(message.text.flags, message.text.bytes, message.text.size, 1 << 20,
				NULL));
		if (message.type == RFB_CUT_TEXT)
			g_free(rfb_clipboard_parse_latin1(message.text.bytes, message.text.size));
		data += used;
		size -= used;
	}
	return 0;
}
