/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/vnc-codec.h"

#include <errno.h>
#include <rfb/rfb.h>
#include <rfb/rfbregion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "broker/common/error.h"

/* The library sends a cursor in one piece of its buffer of 32 KiB. */
#define VNC_CURSOR_SIDE_MAX 64

struct VncScreen {
	rfbScreenInfoPtr rfb;
};

struct VncCodec {
	VncScreen *screen;
	rfbClientPtr rfb;
	int ours;   /* our end of the socketpair whose other end the library reads */
	int theirs; /* that other end; belongs to the library */
	int out;    /* a memfd: the library insists on a descriptor, and on waiting until that has taken all, which this one does at once */
};

/* The frame's format; the library would put red into the lowest byte. */
static void
set_format(rfbScreenInfoPtr rfb, const Frame *frame)
{
	rfbClientIteratorPtr iterator;
	rfbClientPtr client;

	rfb->serverFormat.depth = 24;
	rfb->serverFormat.redShift = 16;
	rfb->serverFormat.greenShift = 8;
	rfb->serverFormat.blueShift = 0;
	iterator = rfbGetClientIterator(rfb);
	while ((client = rfbClientIteratorNext(iterator)) != NULL)
		rfb->setTranslateFunction(client);
	rfbReleaseClientIterator(iterator);
}

VncScreen *
vnc_screen_new(const Frame *frame)
{
	VncScreen *screen = g_new0(VncScreen, 1);
	rfbScreenInfoPtr rfb;

	rfbLogEnable(FALSE);
	rfb = rfbGetScreen(NULL, NULL, frame->width, frame->height, 8, 3, 4);
	if (rfb == NULL)
		g_error("libvncserver has no memory");
	rfb->frameBuffer = (char *)frame->pixels;
	rfb->desktopName = "";
	rfb->autoPort = FALSE;
	rfb->port = rfb->ipv6port = rfb->httpPort = rfb->http6Port = rfb->udpPort = 0;
	rfb->alwaysShared = TRUE;
	rfb->deferUpdateTime = 0;
	rfb->cursor = NULL;
	rfb->permitFileTransfer = FALSE;
	set_format(rfb, frame);
	screen->rfb = rfb;
	return screen;
}

void
vnc_screen_free(VncScreen *screen)
{
	if (screen == NULL)
		return;
	rfbSetCursor(screen->rfb, NULL);
	screen->rfb->frameBuffer = NULL;
	rfbScreenCleanup(screen->rfb);
	g_free(screen);
}

void
vnc_screen_set_frame(VncScreen *screen, const Frame *frame)
{
	rfbNewFramebuffer(screen->rfb, (char *)frame->pixels, frame->width, frame->height, 8, 3, 4);
	set_format(screen->rfb, frame);
}

/* The library frees it with free(3). Its mask has a bit a pixel, the leftmost highest. */
void
vnc_screen_set_cursor(VncScreen *screen, const Cursor *cursor)
{
	int width = MIN(cursor->width, VNC_CURSOR_SIDE_MAX), height = MIN(cursor->height, VNC_CURSOR_SIDE_MAX);
	gsize mask_row = ((gsize)width + 7) / 8;
	rfbCursorPtr rfb = calloc(1, sizeof *rfb);
	guint8 *mask = calloc((gsize)height, mask_row);
	guint32 *pixels = calloc((gsize)height * (gsize)width, 4);

	if (rfb == NULL || mask == NULL || pixels == NULL)
		g_error("no memory for a cursor");
	for (int y = 0; y < height; y++) {
		for (int x = 0; x < width; x++) {
			guint32 pixel = cursor->pixels[y * cursor->width + x];

			pixels[y * width + x] = pixel & 0xffffff;
			if (pixel >> 24 >= 0x80)
				mask[(gsize)y * mask_row + (gsize)x / 8] |= (guint8)(0x80 >> (x % 8));
		}
	}
	*rfb = (rfbCursor){.cleanup = TRUE,
	        .cleanupSource = TRUE,
	        .cleanupMask = TRUE,
	        .cleanupRichSource = TRUE,
	        .mask = mask,
	        .richSource = (unsigned char *)pixels,
	        .width = (unsigned short)width,
	        .height = (unsigned short)height,
	        .xhot = (unsigned short)MIN(cursor->hot_x, width - 1),
	        .yhot = (unsigned short)MIN(cursor->hot_y, height - 1),
	        .foreRed = 0xffff,
	        .foreGreen = 0xffff,
	        .foreBlue = 0xffff};
	rfbSetCursor(screen->rfb, rfb);
}

void
vnc_screen_set_pointer(VncScreen *screen, int x, int y)
{
	screen->rfb->cursorX = CLAMP(x, 0, screen->rfb->width - 1);
	screen->rfb->cursorY = CLAMP(y, 0, screen->rfb->height - 1);
}

static void
discard_output(VncCodec *codec)
{
	guint8 buffer[512];

	while (recv(codec->ours, buffer, sizeof buffer, MSG_DONTWAIT) > 0)
		;
}

/* Does the library's hand-shake with it: the client's own was done with us. The bytes are there before the library looks,
 * else it would wait 100 ms for a WebSocket. */
static gboolean
shake_hands(VncCodec *codec)
{
	static const char greeting[] = "RFB 003.008\n\1\1"; /* version, security None, shared */

	if (send(codec->ours, greeting, sizeof greeting - 1, MSG_NOSIGNAL) != sizeof greeting - 1)
		return FALSE;
	codec->rfb = rfbNewClient(codec->screen->rfb, codec->theirs);
	if (codec->rfb == NULL) {
		codec->theirs = -1; /* closed by the library */
		return FALSE;
	}
	for (int i = 0; i < 3 && codec->rfb->sock >= 0; i++)
		rfbProcessClientMessage(codec->rfb);
	discard_output(codec);
	return codec->rfb->sock >= 0 && codec->rfb->state == RFB_NORMAL;
}

VncCodec *
vnc_codec_new(VncScreen *screen, GError **error)
{
	VncCodec *codec = g_new0(VncCodec, 1);
	int ends[2] = {-1, -1};

	codec->screen = screen;
	codec->out = memfd_create("update", MFD_CLOEXEC);
	if (codec->out >= 0 && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		ends[0] = ends[1] = -1;
	codec->ours = ends[0];
	codec->theirs = ends[1];
	/* Beyond that a descriptor overflows the library's fd_set. */
	if (codec->theirs < 0 || codec->theirs >= FD_SETSIZE || codec->out >= FD_SETSIZE || !shake_hands(codec)) {
		g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_FAILED, "cannot start an RFB encoder");
		vnc_codec_free(codec);
		return NULL;
	}
	return codec;
}

void
vnc_codec_free(VncCodec *codec)
{
	if (codec == NULL)
		return;
	if (codec->rfb) {
		/* Closes the library's end; when it has given up in mid-update, that was the memfd instead. */
		if (codec->rfb->sock < 0 && codec->theirs >= 0)
			close(codec->theirs);
		rfbClientConnectionGone(codec->rfb);
	} else if (codec->theirs >= 0) {
		close(codec->theirs);
	}
	if (codec->ours >= 0)
		close(codec->ours);
	if (codec->out >= 0)
		close(codec->out);
	g_free(codec);
}

gboolean
vnc_codec_feed(VncCodec *codec, const guint8 *bytes, gsize size)
{
	/* At most a few KiB (rfb-message.h), and read at once: it always fits. */
	if (codec->rfb->sock < 0 || send(codec->ours, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)size)
		return FALSE;
	rfbProcessClientMessage(codec->rfb);
	discard_output(codec);
	if (codec->rfb->sock < 0)
		codec->theirs = -1; /* closed by the library */
	return codec->rfb->sock >= 0;
}

/* What the library would say by itself, and what is said elsewhere (vnc-update.h). */
static void
silence(rfbClientPtr rfb)
{
	sraRgnMakeEmpty(rfb->modifiedRegion);
	sraRgnMakeEmpty(rfb->copyRegion);
	rfb->newFBSizePending = FALSE;
	if (rfb->enableCursorShapeUpdates)
		rfb->cursorWasChanged = FALSE;
}

static gboolean
take_output(VncCodec *codec, GByteArray *out)
{
	off_t size = lseek(codec->out, 0, SEEK_CUR);
	guint start = out->len;

	if (size <= 0)
		return TRUE;
	g_byte_array_set_size(out, start + (guint)size);
	for (off_t at = 0; at < size;) {
		ssize_t n = pread(codec->out, out->data + start + at, (gsize)(size - at), at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return FALSE;
		at += n;
	}
	return ftruncate(codec->out, 0) == 0 && lseek(codec->out, 0, SEEK_SET) == 0;
}

gboolean
vnc_codec_append(VncCodec *codec, const Rect *rects, guint n, GByteArray *out)
{
	rfbClientPtr rfb = codec->rfb;
	sraRegionPtr all = sraRgnCreateRect(0, 0, rfb->screen->width, rfb->screen->height), changed = sraRgnCreate();

	silence(rfb);
	for (guint i = 0; i < n; i++) {
		sraRegionPtr rect = sraRgnCreateRect(rects[i].x, rects[i].y, rects[i].x + rects[i].width, rects[i].y + rects[i].height);

		sraRgnOr(changed, rect);
		sraRgnDestroy(rect);
	}
	sraRgnOr(rfb->requestedRegion, all);
	/* The library reads and writes one descriptor. During an update it only writes. */
	if (rfb->sock >= 0) {
		rfb->sock = codec->out;
		rfbSendFramebufferUpdate(rfb, changed);
		if (rfb->sock < 0)
			codec->out = -1; /* closed by the library */
		else
			rfb->sock = codec->theirs;
	}
	sraRgnDestroy(all);
	sraRgnDestroy(changed);
	return rfb->sock >= 0 && take_output(codec, out);
}

gboolean
vnc_codec_has_cursor(const VncCodec *codec)
{
	const rfbClientRec *rfb = codec->rfb;

	return !rfb->enableCursorShapeUpdates && (rfb->cursorX != rfb->screen->cursorX || rfb->cursorY != rfb->screen->cursorY);
}
