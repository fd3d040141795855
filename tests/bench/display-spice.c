/* A SPICE client of tests/bench/display, without a window.
 *
 *   display-spice [--board FILE --load LOAD] --port PORT --password PASSWORD
 *
 * Without --board it is display-guest's, and the server may be any. Prints "connected" after the first picture. SPDX-License-Identifier:
 * GPL-2.0-or-later */
#include "config.h"

#include "tests/bench/display-measure.h"
#include "tests/bench/display-watch.h"

#include <err.h>
#include <glib-unix.h>
#include <spice-client.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char *board, *load = "", *port, *password;
static gboolean connected;
static Measure *measure; /* or the other */
static Watch *watch;
static SpiceInputsChannel *inputs;
static GPtrArray *channels;
static const guint8 *pixels;
static int stride, picture_width, picture_height;
static const GOptionEntry options[] = {{"board", 0, 0, G_OPTION_ARG_FILENAME, &board, "", NULL},
        {"load", 0, 0, G_OPTION_ARG_STRING, &load, "", NULL}, {"port", 0, 0, G_OPTION_ARG_STRING, &port, "", NULL},
        {"password", 0, 0, G_OPTION_ARG_STRING, &password, "", NULL}, {NULL}};

static void
on_invalidate(SpiceChannel *channel, int x, int y, int width, int height, gpointer data)
{
	if (pixels == NULL)
		return;
	if (!connected) {
		connected = TRUE;
		puts("connected");
		fflush(stdout);
	}
	if (watch) {
		watch_part(watch, pixels, stride, picture_width, picture_height, x, y, width, height);
		watch_shown(watch);
	} else {
		measure_picture(measure, pixels, stride);
	}
}

static void
on_primary(SpiceChannel *channel, int format, int width, int height, int new_stride, int shm, gpointer new_pixels, gpointer data)
{
	if (measure && (width != BOARD_WIDTH || height != BOARD_HEIGHT))
		return; /* QEMU's own first surface */
	pixels = new_pixels;
	stride = new_stride;
	picture_width = width;
	picture_height = height;
}

static void
on_primary_gone(SpiceChannel *channel, gpointer data)
{
	pixels = NULL;
}

static void
press(guint32 scancode, gboolean down)
{
	if (inputs == NULL)
		return;
	if (down)
		spice_inputs_channel_key_press(inputs, scancode);
	else
		spice_inputs_channel_key_release(inputs, scancode);
}

static void
on_event(SpiceChannel *channel, SpiceChannelEvent event, gpointer data)
{
	if (event != SPICE_CHANNEL_OPENED && event != SPICE_CHANNEL_SWITCHING)
		errx(EXIT_FAILURE, "the SPICE server is gone (%d)", (int)event);
}

static void
on_channel(SpiceSession *session, SpiceChannel *channel, gpointer data)
{
	g_ptr_array_add(channels, g_object_ref(channel));
	if (SPICE_IS_MAIN_CHANNEL(channel)) {
		g_signal_connect(channel, "channel-event", G_CALLBACK(on_event), NULL);
	} else if (SPICE_IS_DISPLAY_CHANNEL(channel)) {
		g_signal_connect(channel, "display-invalidate", G_CALLBACK(on_invalidate), NULL);
		g_signal_connect(channel, "display-primary-create", G_CALLBACK(on_primary), NULL);
		g_signal_connect(channel, "display-primary-destroy", G_CALLBACK(on_primary_gone), NULL);
		spice_channel_connect(channel);
	} else if (watch && SPICE_IS_INPUTS_CHANNEL(channel)) {
		inputs = SPICE_INPUTS_CHANNEL(channel);
		spice_channel_connect(channel);
	}
}

static guint64
received(void)
{
	guint64 sum = 0;

	for (guint i = 0; i < channels->len; i++) {
		gulong bytes = 0;

		g_object_get(channels->pdata[i], "total-read-bytes", &bytes, NULL);
		sum += bytes;
	}
	return sum;
}

static gboolean
on_command(gint fd, GIOCondition condition, gpointer loop)
{
	if (!(watch ? watch_obey(watch, received()) : measure_obey(measure, received())))
		g_main_loop_quit(loop);
	return G_SOURCE_CONTINUE;
}

int
main(int argc, char **argv)
{
	GOptionContext *context = g_option_context_new(NULL);
	GMainLoop *loop = g_main_loop_new(NULL, FALSE);
	SpiceSession *session;

	g_option_context_add_main_entries(context, options, NULL);
	if (!g_option_context_parse(context, &argc, &argv, NULL) || argc != 1)
		errx(EXIT_FAILURE, "see the head of display-spice.c");
	if (board)
		measure = measure_new(board, load);
	else
		watch = watch_new(press);
	channels = g_ptr_array_new();
	session = spice_session_new();
	g_object_set(session, "host", "127.0.0.1", "port", port, "password", password, "enable-audio", FALSE, "enable-usbredir", FALSE,
	        "enable-smartcard", FALSE, NULL);
	g_signal_connect(session, "channel-new", G_CALLBACK(on_channel), NULL);
	if (!spice_session_connect(session))
		errx(EXIT_FAILURE, "no SPICE server at port %s", port);
	g_unix_fd_add(STDIN_FILENO, G_IO_IN | G_IO_HUP, on_command, loop);
	g_main_loop_run(loop);
	_exit(EXIT_SUCCESS); /* the library's own threads are not waited for */
}
