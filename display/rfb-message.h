/* Messages of an RFB client, taken from its bytes: RFC 6143 section 7.5, and the extensions of the community's "RFB
 * Protocol" (rfbproto): extended clipboard, ExtendedDesktopSize, ContinuousUpdates, Fence, QEMU's keys, extended mouse
 * buttons. Pure functions: every length is checked before what it measures is waited for.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

/* A viewer knows a few dozen encodings. */
#define RFB_ENCODINGS_MAX 256
/* Clipboard text, in either form. */
#define RFB_CUT_TEXT_MAX  (16 * 1024 * 1024)
#define RFB_SCREENS_MAX	  16
#define RFB_FENCE_MAX	  64 /* payload; the protocol's own limit */
#define RFB_MESSAGE_MAX	  (RFB_CUT_TEXT_MAX + 8)

typedef enum {
	RFB_SET_PIXEL_FORMAT,
	RFB_SET_ENCODINGS,
	RFB_UPDATE_REQUEST,
	RFB_KEY,
	RFB_QEMU_KEY,
	RFB_POINTER,
	RFB_CUT_TEXT,	  /* Latin-1 */
	RFB_CLIPBOARD,	  /* extended */
	RFB_CONTINUOUS_UPDATES,
	RFB_FENCE,
	RFB_SET_DESKTOP_SIZE,
	RFB_IGNORED,	  /* understood, and of no use here */
} RfbMessageType;

typedef struct {
	RfbMessageType type;
	union {
		struct {
			guint n;
			const guint8 *bytes; /* 4 each, big-endian */
		} encodings;
		struct {
			gboolean incremental;
			int x, y, width, height;
		} update; /* RFB_UPDATE_REQUEST; RFB_CONTINUOUS_UPDATES, incremental being "enable" */
		struct {
			gboolean down;
			guint32 keysym;
			guint qnum; /* RFB_QEMU_KEY; else 0 */
		} key;
		struct {
			int x, y;
			guint buttons; /* bit n: button n+1 */
		} pointer;
		struct {
			guint32 flags; /* RFB_CLIPBOARD */
			const guint8 *bytes;
			gsize size;
		} text;
		struct {
			guint32 flags;
			const guint8 *bytes;
			gsize size;
		} fence;
		struct {
			int width, height; /* neither is 0 */
			guint n;	   /* 1..RFB_SCREENS_MAX */
			const guint8 *bytes;
		} size;
	};
} RfbMessage;

typedef enum {
	RFB_MORE, /* so far so good, but not all of it is here */
	RFB_DONE,
	RFB_BAD,
} RfbResult;

/* Looks at the message that begins at @bytes. RFB_DONE: @message is filled (its pointers lead into @bytes) and *@used is
 * its size. RFB_BAD: *@why says what is wrong (static). @extended_clipboard and @extended_mouse: the client named these in
 * its encodings, so that a negative length or a pointer's highest bit has its other meaning. */
RfbResult rfb_message_parse(const guint8 *bytes, gsize size, gboolean extended_clipboard, gboolean extended_mouse,
	RfbMessage *message, gsize *used, const char **why);

/* The encoding number @i of RFB_SET_ENCODINGS. */
gint32 rfb_message_encoding(const RfbMessage *message, guint i);

/* A screen of a desktop: ExtendedDesktopSize in rfbproto. */
typedef struct {
	guint32 id;
	int x, y, width, height;
} RfbScreen;

#define RFB_SCREEN_BYTES 16

/* The screen number @i of RFB_SET_DESKTOP_SIZE, as the client gave it. */
RfbScreen rfb_message_screen(const RfbMessage *message, guint i);
/* What a client is told of its wish (the status in rfbproto's ExtendedDesktopSize). */
enum {
	RFB_RESIZE_PROHIBITED = 1,
	RFB_RESIZE_OUT_OF_RESOURCES = 2,
	RFB_RESIZE_INVALID_LAYOUT = 3,
};

/* The minor version (3, 7 or 8) of a ProtocolVersion of 12 bytes (section 7.1.1); 0 when it is none. Versions that were
 * never published mean 3.3, as the RFC wants; later ones 3.8. */
int rfb_parse_version(const guint8 *bytes);

/* Big-endian numbers at @bytes, which need no alignment. */
guint16 rfb_read_u16(const guint8 *bytes);
guint32 rfb_read_u32(const guint8 *bytes);
