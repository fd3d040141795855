/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/rfb-message.h"

#include <string.h>

guint16
rfb_read_u16(const guint8 *bytes)
{
	return (guint16)(bytes[0] << 8 | bytes[1]);
}

guint32
rfb_read_u32(const guint8 *bytes)
{
	return (guint32)bytes[0] << 24 | (guint32)bytes[1] << 16 | (guint32)bytes[2] << 8 | bytes[3];
}

/* What a type's parser sees. It gives the message's whole size in *@need, more than @size where not all is here. */
typedef struct {
	const guint8 *bytes;
	gsize size;
	gboolean extended_clipboard, extended_mouse;
	const char *why;
} Input;

/* Each returns the size of the whole message as far as it can be told from what is here (at least 1 byte), or 0 when it
 * is wrong; it fills the message only when that many bytes are here. */
typedef gsize (*Parse)(Input *input, RfbMessage *message);

static gsize
parse_pixel_format(Input *input, RfbMessage *message)
{
	guint bits;

	if (input->size < 20)
		return 20;
	bits = input->bytes[4];
	if (bits != 8 && bits != 16 && bits != 32) {
		input->why = "a pixel format of that many bits a pixel is not served";
		return 0;
	}
	/* A colour map would have to be sent, and has had no user for decades. */
	if (input->bytes[7] == 0) {
		input->why = "a pixel format with a colour map is not served";
		return 0;
	}
	for (int i = 0; i < 3; i++) {
		if (rfb_read_u16(input->bytes + 8 + 2 * i) == 0 || input->bytes[14 + i] >= bits) {
			input->why = "the pixel format's maxima or shifts make no sense";
			return 0;
		}
	}
	message->type = RFB_SET_PIXEL_FORMAT;
	return 20;
}

static gsize
parse_encodings(Input *input, RfbMessage *message)
{
	guint n;

	if (input->size < 4)
		return 4;
	n = rfb_read_u16(input->bytes + 2);
	if (n > RFB_ENCODINGS_MAX) {
		input->why = "too many encodings";
		return 0;
	}
	message->type = RFB_SET_ENCODINGS;
	message->encodings.n = n;
	message->encodings.bytes = input->bytes + 4;
	return 4 + (gsize)n * 4;
}

static gsize
parse_update(Input *input, RfbMessage *message)
{
	if (input->size < 10)
		return 10;
	message->type = input->bytes[0] == 3 ? RFB_UPDATE_REQUEST : RFB_CONTINUOUS_UPDATES;
	message->update.incremental = input->bytes[1] != 0;
	message->update.x = rfb_read_u16(input->bytes + 2);
	message->update.y = rfb_read_u16(input->bytes + 4);
	message->update.width = rfb_read_u16(input->bytes + 6);
	message->update.height = rfb_read_u16(input->bytes + 8);
	return 10;
}

static gsize
parse_key(Input *input, RfbMessage *message)
{
	if (input->size < 8)
		return 8;
	message->type = RFB_KEY;
	message->key.down = input->bytes[1] != 0;
	message->key.keysym = rfb_read_u32(input->bytes + 4);
	message->key.qnum = 0;
	return 8;
}

static gsize
parse_pointer(Input *input, RfbMessage *message)
{
	guint low, high = 0;
	gsize need = 6;

	if (input->size < 2)
		return 2;
	low = input->bytes[1];
	if (input->extended_mouse && (low & 0x80)) {
		need = 7;
		low &= 0x7f;
	}
	if (input->size < need)
		return need;
	if (need == 7)
		high = input->bytes[6] & 3u;
	message->type = RFB_POINTER;
	message->pointer.buttons = low | high << 7;
	message->pointer.x = rfb_read_u16(input->bytes + 2);
	message->pointer.y = rfb_read_u16(input->bytes + 4);
	return need;
}

static gsize
parse_cut_text(Input *input, RfbMessage *message)
{
	guint32 length;
	gboolean extended;

	if (input->size < 8)
		return 8;
	length = rfb_read_u32(input->bytes + 4);
	extended = input->extended_clipboard && (length & 0x80000000u);
	if (extended)
		length = -length;
	if (length > RFB_CUT_TEXT_MAX || (extended && length < 4)) {
		input->why = "clipboard text of a length that is not served";
		return 0;
	}
	if (input->size < 8 + (gsize)length)
		return 8 + (gsize)length;
	message->type = extended ? RFB_CLIPBOARD : RFB_CUT_TEXT;
	message->text.flags = extended ? rfb_read_u32(input->bytes + 8) : 0;
	message->text.bytes = input->bytes + (extended ? 12 : 8);
	message->text.size = length - (extended ? 4 : 0);
	return 8 + (gsize)length;
}

static gsize
parse_fence(Input *input, RfbMessage *message)
{
	gsize length;

	if (input->size < 9)
		return 9;
	length = input->bytes[8];
	if (length > RFB_FENCE_MAX) {
		input->why = "a fence with too long a payload";
		return 0;
	}
	message->type = RFB_FENCE;
	message->fence.flags = rfb_read_u32(input->bytes + 4);
	message->fence.bytes = input->bytes + 9;
	message->fence.size = length;
	return 9 + length;
}

static gsize
parse_xvp(Input *input, RfbMessage *message)
{
	message->type = RFB_IGNORED;
	return 4;
}

static gsize
parse_desktop_size(Input *input, RfbMessage *message)
{
	guint n;

	if (input->size < 8)
		return 8;
	n = input->bytes[6];
	message->size.width = rfb_read_u16(input->bytes + 2);
	message->size.height = rfb_read_u16(input->bytes + 4);
	if (n > RFB_SCREENS_MAX) {
		input->why = "a desktop of too many screens";
		return 0;
	}
	message->size.n = n;
	message->size.bytes = input->bytes + 8;
	message->type = n == 0 || message->size.width == 0 || message->size.height == 0 ? RFB_IGNORED : RFB_SET_DESKTOP_SIZE;
	return 8 + (gsize)n * 16;
}

/* QEMU's client messages: 0 is a key, 1 is about sound, which is not offered; some viewers ask all the same. */
static gsize
parse_qemu(Input *input, RfbMessage *message)
{
	if (input->size < 4)
		return 4;
	if (input->bytes[1] == 0) {
		if (input->size < 12)
			return 12;
		message->type = RFB_QEMU_KEY;
		message->key.down = rfb_read_u16(input->bytes + 2) != 0;
		message->key.keysym = rfb_read_u32(input->bytes + 4);
		message->key.qnum = rfb_read_u32(input->bytes + 8);
		return 12;
	}
	if (input->bytes[1] == 1 && rfb_read_u16(input->bytes + 2) <= 2) {
		message->type = RFB_IGNORED;
		return rfb_read_u16(input->bytes + 2) == 2 ? 10 : 4;
	}
	input->why = "a QEMU message that is not known";
	return 0;
}

static const struct {
	guint8 number;
	Parse parse;
} parsers[] = {
	{0, parse_pixel_format},
	{2, parse_encodings},
	{3, parse_update},
	{4, parse_key},
	{5, parse_pointer},
	{6, parse_cut_text},
	{150, parse_update},
	{248, parse_fence},
	{250, parse_xvp},
	{251, parse_desktop_size},
	{255, parse_qemu},
};

RfbResult
rfb_message_parse(const guint8 *bytes, gsize size, gboolean extended_clipboard, gboolean extended_mouse,
	RfbMessage *message, gsize *used, const char **why)
{
	Input input = {bytes, size, extended_clipboard, extended_mouse, "a message of a type that is not known"};
	RfbMessage parsed = {0};
	gsize need = 0;

	if (size == 0)
		return RFB_MORE;
	for (gsize i = 0; i < G_N_ELEMENTS(parsers); i++) {
		if (parsers[i].number == bytes[0])
			need = parsers[i].parse(&input, &parsed);
	}
	if (need == 0) {
		*why = input.why;
		return RFB_BAD;
	}
	if (need > size)
		return RFB_MORE;
	*message = parsed;
	*used = need;
	return RFB_DONE;
}

gint32
rfb_message_encoding(const RfbMessage *message, guint i)
{
	return (gint32)rfb_read_u32(message->encodings.bytes + 4 * i);
}

RfbScreen
rfb_message_screen(const RfbMessage *message, guint i)
{
	const guint8 *at = message->size.bytes + (gsize)RFB_SCREEN_BYTES * i;

	return (RfbScreen){rfb_read_u32(at), rfb_read_u16(at + 4), rfb_read_u16(at + 6), rfb_read_u16(at + 8),
		rfb_read_u16(at + 10)};
}

int
rfb_parse_version(const guint8 *bytes)
{
	static const char pattern[] = "RFB 000.000\n";
	int major = 0, minor = 0;

	for (int i = 0; i < 12; i++) {
		if (pattern[i] == '0' ? !g_ascii_isdigit(bytes[i]) : bytes[i] != pattern[i])
			return 0;
	}
	for (int i = 4; i < 7; i++)
		major = major * 10 + bytes[i] - '0';
	for (int i = 8; i < 11; i++)
		minor = minor * 10 + bytes[i] - '0';
	if (major < 3 || (major == 3 && minor < 7))
		return major < 3 ? 0 : 3;
	return major > 3 || minor >= 8 ? 8 : 7;
}
