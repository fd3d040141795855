/* A VNC client of tests/bench/display, without a window: libvncclient, taught what it lacks, ContinuousUpdates and Fence.
 *
 *   display-vnc [--board FILE --load LOAD] --port PORT [--quality 0-9] [--continuous]
 *
 * Without --board it is display-guest's, and the server may be any. Without --quality it takes no JPEG. Prints "connected" after the first
 * picture. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "tests/bench/display-measure.h"
#include "tests/bench/display-watch.h"

#include <err.h>
#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <rfb/rfbclient.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* https://github.com/rfbproto/rfbproto/blob/master/rfbproto.rst, "Fence" and "EnableContinuousUpdates" */
#define ENCODING_FENCE -312
#define ENCODING_CONTINUOUS -313
#define MESSAGE_CONTINUOUS 150
#define MESSAGE_FENCE 248
#define FENCE_REQUEST (1u << 31)
#define FENCE_KNOWN 7u
#define FENCE_MAX 64

static char *board, *load = "";
static int port, quality = -1;
static gboolean continuous, enabled, connected;
static Measure *measure; /* or the other */
static Watch *watch;
static rfbClient *server; /* whom press speaks to */
static const GOptionEntry options[] = {{"board", 0, 0, G_OPTION_ARG_FILENAME, &board, "", NULL},
        {"load", 0, 0, G_OPTION_ARG_STRING, &load, "", NULL}, {"port", 0, 0, G_OPTION_ARG_INT, &port, "", NULL},
        {"quality", 0, 0, G_OPTION_ARG_INT, &quality, "", NULL}, {"continuous", 0, 0, G_OPTION_ARG_NONE, &continuous, "", NULL}, {NULL}};

static rfbBool
answer_fence(rfbClient *client)
{
	guint8 message[9 + FENCE_MAX];
	guint32 flags;

	message[0] = MESSAGE_FENCE;
	if (!ReadFromRFBServer(client, (char *)message + 1, 8) || message[8] > FENCE_MAX ||
	        !ReadFromRFBServer(client, (char *)message + 9, message[8]))
		errx(EXIT_FAILURE, "the server sends a bad fence");
	memcpy(&flags, message + 4, 4);
	flags = GUINT32_FROM_BE(flags);
	if (!(flags & FENCE_REQUEST))
		return TRUE;
	flags = GUINT32_TO_BE(flags & FENCE_KNOWN);
	memcpy(message + 4, &flags, 4);
	return WriteToRFBServer(client, (char *)message, 9u + message[8]);
}

/* The server knows continuous updates: it says so by ending them. From now on it sends unasked. */
static rfbBool
enable_continuous(rfbClient *client)
{
	const guint8 enable[] = {
	        MESSAGE_CONTINUOUS, 1, 0, 0, 0, 0, BOARD_WIDTH >> 8, BOARD_WIDTH & 255, BOARD_HEIGHT >> 8, BOARD_HEIGHT & 255};

	if (enabled)
		return TRUE;
	enabled = TRUE;
	return WriteToRFBServer(client, (const char *)enable, sizeof enable);
}

static rfbBool
on_message(rfbClient *client, rfbServerToClientMsg *message)
{
	if (message->type == MESSAGE_FENCE)
		return answer_fence(client);
	return message->type == MESSAGE_CONTINUOUS && enable_continuous(client);
}

static void
on_part(rfbClient *client, int x, int y, int width, int height)
{
	watch_part(watch, client->frameBuffer, client->width * 4, client->width, client->height, x, y, width, height);
}

static void
press(guint32 keysym, gboolean down)
{
	if (!SendKeyEvent(server, keysym, down))
		errx(EXIT_FAILURE, "the server is gone");
}

static void
on_finished(rfbClient *client)
{
	if (!connected) {
		connected = TRUE;
		puts("connected");
		fflush(stdout);
	}
	if (watch)
		watch_shown(watch);
	else
		measure_picture(measure, client->frameBuffer, client->width * 4);
}

static guint64
received(const rfbClient *client)
{
	struct tcp_info info = {0};
	socklen_t size = sizeof info;

	getsockopt(client->sock, IPPROTO_TCP, TCP_INFO, &info, &size);
	return info.tcpi_bytes_received;
}

static rfbClient *
connect_server(void)
{
	static int encodings[] = {ENCODING_FENCE, ENCODING_CONTINUOUS, 0};
	static rfbClientProtocolExtension extension = {.encodings = encodings, .handleMessage = on_message};
	rfbClient *client = rfbGetClient(8, 3, 4);

	rfbEnableClientLogging = FALSE;
	if (continuous)
		rfbClientRegisterExtension(&extension);
	client->serverHost = strdup("127.0.0.1");
	client->serverPort = port;
	client->appData.encodingsString = "tight copyrect";
	client->appData.compressLevel = 1;
	client->appData.enableJPEG = quality >= 0;
	client->appData.qualityLevel = MAX(quality, 0);
	client->appData.useRemoteCursor = TRUE;
	client->canHandleNewFBSize = watch != NULL;
	client->format.redShift = 16;
	client->format.greenShift = 8;
	client->format.blueShift = 0;
	client->FinishedFrameBufferUpdate = on_finished;
	if (watch)
		client->GotFrameBufferUpdate = on_part;
	if (!rfbInitClient(client, NULL, NULL))
		errx(EXIT_FAILURE, "no VNC server at port %d", port);
	if (measure && (client->width != BOARD_WIDTH || client->height != BOARD_HEIGHT))
		errx(EXIT_FAILURE, "the screen is %dx%d", client->width, client->height);
	return client;
}

int
main(int argc, char **argv)
{
	GOptionContext *context = g_option_context_new(NULL);
	rfbClient *client;

	g_option_context_add_main_entries(context, options, NULL);
	if (!g_option_context_parse(context, &argc, &argv, NULL) || argc != 1)
		errx(EXIT_FAILURE, "see the head of display-vnc.c");
	if (board)
		measure = measure_new(board, load);
	else
		watch = watch_new(press);
	client = server = connect_server();
	for (;;) {
		struct pollfd polled[] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = client->sock, .events = POLLIN}};

		if (client->buffered == 0 && poll(polled, G_N_ELEMENTS(polled), -1) < 0 && errno != EINTR)
			err(EXIT_FAILURE, "poll");
		if (polled[0].revents && !(watch ? watch_obey(watch, received(client)) : measure_obey(measure, received(client))))
			return EXIT_SUCCESS;
		if ((client->buffered > 0 || polled[1].revents) && !HandleRFBServerMessage(client))
			errx(EXIT_FAILURE, "the server is gone");
	}
}
