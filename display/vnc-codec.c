/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/vnc-codec.h"

#include <fcntl.h>
#include <rfb/rfb.h>
#include <rfb/rfbregion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "broker/common/error.h"

/* An update covers at most so many bytes of the frame: what one client can make us hold. Larger frames come in slices. */
#define UPDATE_BYTES_MAX (16 * 1024 * 1024)
/* The library sends a cursor in one piece of its buffer of 32 KiB. */
#define VNC_CURSOR_SIDE_MAX 64

struct VncScreen {
	rfbScreenInfoPtr rfb;
	const Heads *heads;
};

struct VncCodec {
	VncScreen *screen;
	rfbClientPtr rfb;
	int ours;   /* our end of the socketpair whose other end the library reads */
	int theirs; /* that other end; belongs to the library */
	int out;    /* a duplicate of the outbox's, so that the library may close it */
};

/* The frame's format; the library would put red into the lowest byte. */
static void
set_format(rfbScreenInfoPtr rfb, const Frame *frame)
{
	rfbClientIteratorPtr iterator;
	rfbClientPtr client;
	gint64 rows = UPDATE_BYTES_MAX / ((gint64)frame->width * 4);

	rfb->serverFormat.depth = 24;
	rfb->serverFormat.redShift = 16;
	rfb->serverFormat.greenShift = 8;
	rfb->serverFormat.blueShift = 0;
	rfb->progressiveSliceHeight = rows >= frame->height ? 0 : (int)rows;
	iterator = rfbGetClientIterator(rfb);
	while ((client = rfbClientIteratorNext(iterator)) != NULL)
		rfb->setTranslateFunction(client);
	rfbReleaseClientIterator(iterator);
}

static int
number_of_screens(rfbClientPtr client)
{
	const VncScreen *screen = client->screen->screenData;

	return (int)heads_count(screen->heads);
}

/* The @seq-th of those. Their ids are the numbers of the heads, which last. */
static rfbBool
get_screen(int seq, rfbExtDesktopScreen *out, rfbClientPtr client)
{
	const VncScreen *screen = client->screen->screenData;

	for (guint i = 0; i < HEADS_MAX; i++) {
		const Rect *rect = &screen->heads->rects[i];

		if (rect_is_empty(rect) || seq-- > 0)
			continue;
		*out = (rfbExtDesktopScreen){.id = i,
			.x = (uint16_t)rect->x,
			.y = (uint16_t)rect->y,
			.width = (uint16_t)rect->width,
			.height = (uint16_t)rect->height};
		return TRUE;
	}
	return FALSE;
}

VncScreen *
vnc_screen_new(const Frame *frame, const Heads *heads)
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
	rfb->screenData = screen;
	rfb->numberOfExtDesktopScreensHook = number_of_screens;
	rfb->getExtDesktopScreenHook = get_screen;
	rfb->permitFileTransfer = FALSE;
	set_format(rfb, frame);
	screen->rfb = rfb;
	screen->heads = heads;
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
vnc_screen_set_frame(VncScreen *screen, const Frame *frame, const Heads *heads)
{
	screen->heads = heads;
	rfbNewFramebuffer(screen->rfb, (char *)frame->pixels, frame->width, frame->height, 8, 3, 4);
	set_format(screen->rfb, frame);
}

void
vnc_screen_change(VncScreen *screen, const Change *change)
{
	/* The library takes one copy a client that it has not sent; those before become pixels. */
	for (guint i = 0; i < change->n_copies; i++) {
		const Copy *copy = &change->copies[i];
		const Rect *to = &copy->to;

		rfbScheduleCopyRect(screen->rfb, to->x, to->y, to->x + to->width, to->y + to->height, copy->dx, copy->dy);
	}
	for (guint i = 0; i < change->damage.n; i++) {
		const Rect *rect = &change->damage.rects[i];

		rfbMarkRectAsModified(screen->rfb, rect->x, rect->y, rect->x + rect->width, rect->y + rect->height);
	}
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
	*rfb = (rfbCursor){.cleanup = TRUE, .cleanupSource = TRUE, .cleanupMask = TRUE, .cleanupRichSource = TRUE,
		.mask = mask, .richSource = (unsigned char *)pixels, .width = (unsigned short)width,
		.height = (unsigned short)height, .xhot = (unsigned short)MIN(cursor->hot_x, width - 1),
		.yhot = (unsigned short)MIN(cursor->hot_y, height - 1), .foreRed = 0xffff, .foreGreen = 0xffff,
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
vnc_codec_new(VncScreen *screen, Outbox *outbox, GError **error)
{
	VncCodec *codec = g_new0(VncCodec, 1);
	int ends[2] = {-1, -1};

	codec->screen = screen;
	codec->out = fcntl(outbox_fd(outbox), F_DUPFD_CLOEXEC, 0);
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
		/* Closes the library's end; when it has given up in mid-update, that was the duplicate instead. */
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

/* What the library does when it reads SetDesktopSize itself; but it leaks an iterator each time (rfbserver.c of 0.9.14). */
void
vnc_codec_expect_resize(VncCodec *codec)
{
	rfbClientIteratorPtr iterator = rfbGetClientIterator(codec->screen->rfb);
	rfbClientPtr client;

	while ((client = rfbClientIteratorNext(iterator)) != NULL)
		client->requestedDesktopSizeChange = rfbExtDesktopSize_OtherClientRequestedChange;
	rfbReleaseClientIterator(iterator);
	codec->rfb->requestedDesktopSizeChange = rfbExtDesktopSize_ClientRequestedChange;
}

void
vnc_codec_request(VncCodec *codec, const Rect *rect)
{
	sraRegionPtr region = sraRgnCreateRect(rect->x, rect->y, rect->x + rect->width, rect->y + rect->height);

	sraRgnOr(codec->rfb->requestedRegion, region);
	sraRgnDestroy(region);
}

static int
slices(rfbScreenInfoPtr rfb)
{
	return rfb->progressiveSliceHeight > 0 ? rfb->height / rfb->progressiveSliceHeight + 1 : 1;
}

gboolean
vnc_codec_encode(VncCodec *codec)
{
	rfbClientPtr rfb = codec->rfb;
	off_t start = lseek(codec->out, 0, SEEK_CUR);

	if (rfb->sock < 0)
		return FALSE;
	/* The library reads and writes one descriptor. During an update it only writes. Of a frame in slices it may take one in
	 * which there is nothing to send. */
	rfb->sock = codec->out;
	for (int i = 0, n = slices(rfb->screen); i < n && rfb->sock >= 0 && lseek(codec->out, 0, SEEK_CUR) == start; i++)
		rfbUpdateClient(rfb);
	if (rfb->sock < 0) {
		codec->out = -1; /* closed by the library */
		return FALSE;
	}
	rfb->sock = codec->theirs;
	return TRUE;
}

gboolean
vnc_codec_has_update(const VncCodec *codec, gboolean asked)
{
	rfbClientPtr rfb = codec->rfb;

	return rfb->sock >= 0 && FB_UPDATE_PENDING(rfb) && (asked || !sraRgnEmpty(rfb->requestedRegion));
}
