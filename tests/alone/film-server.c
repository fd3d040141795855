/* A desktop that shows a film, for tests/alone/film: the VNC side of a screen, in its sandbox, with one viewer on file descriptor 3.
 * Words on its standard input: "play" and "rest". It answers with what the viewer should have: "mean R G B" of the film, and "hash N" of
 * the whole picture once it rests. Its status is 77 where there is no H.264. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <glib-unix.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/common/sandbox.h"
#include "display/h264.h"
#include "display/vnc.h"

#define WIDTH 1280
#define HEIGHT 720
#define FRAMES 20
#define FRAME_MS 40

static const Rect film = {300, 152, 640, 360};
static Frame *frame;
static guint32 *frames[FRAMES];
static Heads heads;
static Vnc *vnc;
static GMainLoop *loop;
static guint play_id;
static int shown;

static void
paint(guint32 *pixels, int k)
{
	for (int y = 0; y < film.height; y++) {
		for (int x = 0; x < film.width; x++) {
			double angle = 2 * G_PI * k / FRAMES, a = sin(x * .03 + angle) + sin(y * .04 - angle),
			       b = sin((x - y) * .02 + angle);
			guint32 grain = (guint32)(x * 7919 + y * 104729 + k * 1299709) * 2654435761u >> 28;

			pixels[y * film.width + x] = (guint32)(180 + a * 25 + grain / 2) << 16 | (guint32)(70 + b * 40 + grain / 2) << 8 |
			        (guint32)(60 + a * 20 + grain / 2);
		}
	}
}

static gboolean
on_play(gpointer data)
{
	Change change = {.n_copies = 0};

	shown = (shown + 1) % FRAMES;
	for (int y = 0; y < film.height; y++)
		memcpy(frame_at(frame, film.x, film.y + y), frames[shown] + y * film.width, (gsize)film.width * 4);
	change_add_damage(&change, &film);
	vnc_change(vnc, &change);
	return G_SOURCE_CONTINUE;
}

static void
say_mean(void)
{
	guint64 sums[3] = {0};

	for (gint64 i = 0; i < rect_area(&film); i++) {
		for (int c = 0; c < 3; c++)
			sums[c] += frames[0][i] >> (16 - 8 * c) & 255;
	}
	g_print("mean %.2f %.2f %.2f\n", (double)sums[0] / (double)rect_area(&film), (double)sums[1] / (double)rect_area(&film),
	        (double)sums[2] / (double)rect_area(&film));
}

/* As tests/lib/browser.mjs counts it. */
static void
say_hash(void)
{
	guint32 hash = 2166136261u;

	for (int i = 0; i < WIDTH * HEIGHT; i++)
		hash = (hash ^ (frame->pixels[i] & 0xffffff)) * 16777619u;
	g_print("hash %d\n", (gint32)hash);
}

static gboolean
on_word(gint fd, GIOCondition condition, gpointer data)
{
	char word[16] = {0};

	if (read(fd, word, sizeof word - 1) <= 0) {
		g_main_loop_quit(loop);
		return G_SOURCE_REMOVE;
	}
	if (g_str_has_prefix(word, "play") && play_id == 0) {
		play_id = g_timeout_add(FRAME_MS, on_play, NULL);
		say_mean();
	} else if (g_str_has_prefix(word, "rest")) {
		g_clear_handle_id(&play_id, g_source_remove);
		say_hash();
	}
	return G_SOURCE_CONTINUE;
}

static void
on_joined(const Client *client, void *data)
{
}

static void
on_left(const Client *client, const char *why, void *data)
{
	g_main_loop_quit(loop);
}

static void
on_resize(const Client *client, const Heads *wish, void *data)
{
}

static void
on_text(const char *text, gsize size, void *data)
{
}

static void
on_input(void *data, guint what, gboolean down)
{
}

static void
on_motion(void *data, int x, int y)
{
}

static const VncEvents events = {on_joined, on_left, on_resize, on_text};
static const InputSink sink = {on_input, on_motion, on_input, NULL};
static const SandboxPlan nothing;

int
main(void)
{
	g_autoptr(GError) error = NULL;
	GVariantDict params;
	Client *client;

	if (!h264_load(&error)) {
		g_printerr("%s\n", error->message);
		return 77;
	}
	if (sandbox_enter(&nothing, &error) == NULL)
		g_error("%s", error->message);
	frame = frame_new(WIDTH, HEIGHT);
	heads = heads_single(WIDTH, HEIGHT);
	for (int i = 0; i < WIDTH * HEIGHT; i++)
		frame->pixels[i] = (guint32)(i / WIDTH / 18 * 7 + i % WIDTH / 9) * 2654435761u >> 30 ? 0xf4f4f4 : 0x202020;
	for (int k = 0; k < FRAMES; k++) {
		frames[k] = g_new(guint32, rect_area(&film));
		paint(frames[k], k);
	}
	g_variant_dict_init(&params, NULL);
	g_variant_dict_insert(&params, "client", "s", "c");
	g_variant_dict_insert(&params, "protocol", "s", "vnc");
	g_variant_dict_insert(&params, "user", "s", "u");
	g_variant_dict_insert(&params, "address", "s", "a");
	client = client_new(g_variant_ref_sink(g_variant_dict_end(&params)), &error);
	if (client == NULL)
		g_error("%s", error->message);
	loop = g_main_loop_new(NULL, FALSE);
	vnc = vnc_new("a film", frame, &heads, &sink, NULL, &events, NULL);
	if (!vnc_add_client(vnc, 3, client, &error))
		g_error("%s", error->message);
	g_unix_fd_add(STDIN_FILENO, G_IO_IN | G_IO_HUP, on_word, NULL);
	g_main_loop_run(loop);
	vnc_free(vnc);
	return EXIT_SUCCESS;
}
