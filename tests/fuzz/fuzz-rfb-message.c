/* A VNC client's bytes after its hand-shake. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdint.h>
#include <string.h>

#include "display/heads.h"
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

/* All in a frame, apart from each other, the first among them. */
static void
check_heads(const Heads *heads)
{
	if (rect_is_empty(&heads->rects[0]) || heads->width > FRAME_SIDE_MAX || heads->height > FRAME_SIDE_MAX)
		g_error("a frame of %dx%d", heads->width, heads->height);
	for (guint i = 0; i < HEADS_MAX; i++) {
		const Rect *a = &heads->rects[i];
		Rect inside = *a;

		rect_clip(&inside, heads->width, heads->height);
		if (!rect_is_empty(a) && memcmp(&inside, a, sizeof inside) != 0)
			g_error("head %u is out of the frame", i);
		for (guint k = 0; k < i; k++) {
			const Rect *b = &heads->rects[k];

			if (!rect_is_empty(a) && !rect_is_empty(b) && a->x < b->x + b->width && b->x < a->x + a->width &&
			        a->y < b->y + b->height && b->y < a->y + a->height)
				g_error("heads %u and %u overlap", k, i);
		}
	}
}

static void
check_message(const RfbMessage *message, const uint8_t *data, gsize used)
{
	for (guint i = 0; message->type == RFB_SET_ENCODINGS && i < message->encodings.n; i++)
		rfb_message_encoding(message, i);
	if (message->type == RFB_SET_DESKTOP_SIZE) {
		HeadWish wishes[RFB_SCREENS_MAX];
		Heads heads;

		for (guint i = 0; i < message->size.n; i++) {
			RfbScreen screen = rfb_message_screen(message, i);

			wishes[i] = (HeadWish){screen.id, {screen.x, screen.y, screen.width, screen.height}};
		}
		if (heads_from_wishes(&heads, wishes, message->size.n, HEADS_MAX) == HEADS_GOOD)
			check_heads(&heads);
		if (heads_in_a_row(&heads, wishes, message->size.n, HEADS_MAX) == HEADS_GOOD)
			check_heads(&heads);
	}
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
