/* What recording costs: a screen with one VNC client, with and without a recorder, under four loads in real time. The pictures
 * are made here, so the figures are of the encoders, the writer and the disk. Prints one line a load. SPDX-License-Identifier:
 * GPL-2.0-or-later */
#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "display/recorder.h"
#include "display/vnc.h"

#define WIDTH 1280
#define HEIGHT 800
#define GLYPH_W 8
#define GLYPH_H 16
#define COLUMNS 100
#define ROWS 40
#define LEFT 160
#define TOP 80

typedef struct Bench Bench;

typedef struct {
	const char *name;
	guint fps;
	void (*step)(Bench *bench, Damage *damage);
} Load;

struct Bench {
	Frame *frame;
	Vnc *vnc;
	Recorder *recorder;
	const Load *load;
	guint n; /* steps so far */
	guint32 random;
	gint64 own_ns; /* CPU that making the pictures took */
	GMainLoop *loop;
};

static gint64
cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return now.tv_sec * G_GINT64_CONSTANT(1000000000) + now.tv_nsec;
}

static guint32
next_random(guint32 *random)
{
	*random = *random * 1664525u + 1013904223u;
	return *random >> 8;
}

static void
draw_glyph(Frame *frame, int column, int row, guint character)
{
	guint32 shape = character * 2654435761u;

	for (int y = 0; y < GLYPH_H; y++) {
		guint32 bits = y < 3 || y > 12 ? 0 : (shape >> (y & 7)) ^ (shape >> 13);

		for (int x = 0; x < GLYPH_W; x++)
			*frame_at(frame, LEFT + column * GLYPH_W + x, TOP + row * GLYPH_H + y) =
			        x > 0 && (bits >> x & 1) ? 0x202020 : 0xffffff;
	}
}

static Rect
text_area(void)
{
	return (Rect){LEFT, TOP, COLUMNS * GLYPH_W, ROWS * GLYPH_H};
}

static void
draw_row(Bench *bench, int row)
{
	for (int column = 0; column < COLUMNS; column++)
		draw_glyph(bench->frame, column, row, column % 7 == 6 ? 0 : 1 + next_random(&bench->random) % 60);
}

static void
scroll_text(Bench *bench)
{
	const Rect area = text_area();

	for (int y = area.y; y < area.y + area.height - GLYPH_H; y++)
		memmove(frame_at(bench->frame, area.x, y), frame_at(bench->frame, area.x, y + GLYPH_H), (gsize)area.width * 4);
	draw_row(bench, ROWS - 1);
}

/* A quick typist: eight keys a second, a line a quarter of a minute. */
static void
step_typing(Bench *bench, Damage *damage)
{
	int column = (int)(bench->n % COLUMNS), row = MIN((int)(bench->n / COLUMNS), ROWS - 1);

	draw_glyph(bench->frame, column, row, 1 + next_random(&bench->random) % 60);
	*damage = (Damage){.n = 1, .rects = {{LEFT + column * GLYPH_W, TOP + row * GLYPH_H, GLYPH_W, GLYPH_H}}};
}

static void
step_scroll(Bench *bench, Damage *damage)
{
	scroll_text(bench);
	*damage = (Damage){.n = 1, .rects = {text_area()}};
}

/* Waves with noise, as a camera's picture has. */
static void
step_video(Bench *bench, Damage *damage)
{
	*damage = (Damage){.n = 1, .rects = {{320, 200, 640, 360}}};
	for (int y = 200; y < 560; y++) {
		for (int x = 320; x < 960; x++) {
			guint32 wave = (guint32)((x + y + (int)bench->n * 7) & 0xff), noise = next_random(&bench->random) & 7;

			*frame_at(bench->frame, x, y) = (wave ^ noise) << 16 | ((wave + noise) & 0xff) << 8 | ((255 - wave) & 0xf8);
		}
	}
}

static void
step_idle(Bench *bench, Damage *damage)
{
	damage->n = 0;
}

static const Load loads[] = {{"idle", 1, step_idle}, {"typing", 8, step_typing}, {"scroll", 30, step_scroll}, {"video", 30, step_video}};

static gboolean
on_step(gpointer data)
{
	Bench *bench = data;
	Damage damage = {.n = 0};
	gint64 before = cpu_ns();

	bench->load->step(bench, &damage);
	bench->n++;
	bench->own_ns += cpu_ns() - before;
	if (damage.n > 0) {
		const Change change = {.damage = damage};

		vnc_change(bench->vnc, &change);
		recorder_change(bench->recorder, &change);
	}
	return G_SOURCE_CONTINUE;
}

static gboolean
on_end(gpointer data)
{
	g_main_loop_quit(((Bench *)data)->loop);
	return G_SOURCE_REMOVE;
}

/* A viewer that takes all that comes: Tight with JPEG of quality 6, and continuous updates. */
static void
read_all(int fd)
{
	static const char hello[] = "RFB 003.008\n\1\1";
	static const unsigned char wants[] = {2, 0, 0, 4, 0, 0, 0, 7, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xe6, 0xff, 0xff, 0xfe, 0xc7, 3, 0, 0,
	        0, 0, 0, WIDTH >> 8, WIDTH & 0xff, HEIGHT >> 8, HEIGHT & 0xff, 150, 1, 0, 0, 0, 0, WIDTH >> 8, WIDTH & 0xff, HEIGHT >> 8,
	        HEIGHT & 0xff};
	char buffer[65536];

	if (write(fd, hello, sizeof hello - 1) < 0 || write(fd, wants, sizeof wants) < 0)
		_exit(1);
	while (read(fd, buffer, sizeof buffer) > 0)
		;
	_exit(0);
}

static void
on_joined(const Client *client, void *data)
{
}
static void
on_left(const Client *client, const char *why, void *data)
{
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
on_failed(const char *why, void *data)
{
	g_error("%s", why);
}
static const VncEvents events = {on_joined, on_left, on_resize, on_text};
static const InputSink sink;

static GVariant *
client_params(void)
{
	return g_variant_ref_sink(
	        g_variant_new_parsed("{'protocol': <'vnc'>, 'client': <'bench'>, 'title': <'bench'>, 'desktop': <'bench'>}"));
}

/* CPU in ns a second, without that of the pictures; *@size: bytes of the file. */
static double
run(const Load *load, guint seconds, const char *path, gint64 *size)
{
	Bench bench = {.load = load, .random = 1, .loop = g_main_loop_new(NULL, FALSE)};
	g_autoptr(GVariant) params = client_params();
	RecorderHost host = {.on_failed = on_failed};
	int ends[2];
	pid_t viewer;
	gint64 before;
	Heads heads;

	bench.frame = frame_new(WIDTH, HEIGHT);
	for (int y = 0; y < HEIGHT; y++) {
		for (int x = 0; x < WIDTH; x++)
			*frame_at(bench.frame, x, y) = (guint32)(x * 255 / WIDTH) << 16 | (guint32)(y * 255 / HEIGHT) << 8 | 0x60;
	}
	for (int row = 0; row < ROWS; row++)
		draw_row(&bench, row);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0 || (viewer = fork()) < 0)
		g_error("no viewer");
	if (viewer == 0) {
		close(ends[0]);
		read_all(ends[1]);
	}
	close(ends[1]);
	heads = heads_single(WIDTH, HEIGHT);
	bench.vnc = vnc_new("bench", bench.frame, &heads, &sink, NULL, &events, NULL);
	host.view = vnc_view(bench.vnc);
	if (!vnc_add_client(bench.vnc, ends[0], client_new(params, NULL), NULL))
		g_error("no client");
	if (path)
		bench.recorder = recorder_new(&host, open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600), params, NULL);
	before = cpu_ns();
	g_timeout_add(1000 / load->fps, on_step, &bench);
	g_timeout_add_seconds(seconds, on_end, &bench);
	g_main_loop_run(bench.loop);
	before = cpu_ns() - before - bench.own_ns;
	if (path) {
		struct stat status;

		g_free(recorder_finish(bench.recorder));
		recorder_free(bench.recorder);
		*size = stat(path, &status) == 0 ? status.st_size : 0;
		unlink(path);
	}
	vnc_free(bench.vnc);
	frame_free(bench.frame);
	g_main_loop_unref(bench.loop);
	waitpid(viewer, NULL, 0);
	return (double)before / seconds;
}

int
main(int argc, char **argv)
{
	guint seconds = argc > 1 ? (guint)atoi(argv[1]) : 20;
	const char *path = argc > 2 ? argv[2] : "recording-load.crec";

	for (gsize i = 0; i < G_N_ELEMENTS(loads); i++) {
		/* One process each: timers of one must not run in the next. */
		pid_t child = fork();

		if (child == 0) {
			gint64 size = 0;
			double without = run(&loads[i], seconds, NULL, NULL);
			pid_t second = fork();

			if (second == 0) {
				double with = run(&loads[i], seconds, path, &size);

				g_print("%-7s CPU ms/s: %6.2f with a viewer, %6.2f recorded as well, %+6.2f; %8.2f MiB an hour\n",
				        loads[i].name, without / 1e6, with / 1e6, (with - without) / 1e6,
				        (double)size * 3600 / seconds / 1048576);
				fflush(stdout);
				_exit(0);
			}
			waitpid(second, NULL, 0);
			_exit(0);
		}
		waitpid(child, NULL, 0);
	}
	return EXIT_SUCCESS;
}
