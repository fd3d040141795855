/* Draws a load, at a pace, and tells one server what is damaged.
 *
 *   display-stimulus --board FILE (--qtest SOCKET [--keys] | --x [--keys] | --feed SOCKET) LOAD
 *
 * --qtest: to QEMU's virtio-gpu. --x: in a window at DISPLAY. --feed: BoardDamage as datagrams. Prints "ready"; then, for each line
 * "FPS TICKS" that it reads, draws so many, and prints in how many it came too late for the next one. --keys: draws a tick for each key
 * that the server is given instead, by virtio-keyboard or to the window, until its input ends.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "tests/bench/display-board.h"
#include "tests/bench/display-draw.h"
#include "tests/bench/display-gpu.h"
#include "tests/bench/display-keys.h"
#include "tests/bench/display-window.h"

#include <err.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define SECOND_NS 1000000000ull
#define BEHIND_MAX_NS (SECOND_NS / 5) /* more than this is not caught up */
#define LOOK_NS 100000                /* between two looks for a key in the guest's RAM */

static char *board_path, *qtest, *feed;
static gboolean x, keys;
static int feed_fd;
static const GOptionEntry options[] = {{"board", 0, 0, G_OPTION_ARG_FILENAME, &board_path, "", NULL},
        {"qtest", 0, 0, G_OPTION_ARG_FILENAME, &qtest, "", NULL}, {"feed", 0, 0, G_OPTION_ARG_FILENAME, &feed, "", NULL},
        {"x", 0, 0, G_OPTION_ARG_NONE, &x, "", NULL}, {"keys", 0, 0, G_OPTION_ARG_NONE, &keys, "", NULL}, {NULL}};

static void
feed_flush(const BoardDamage *damage)
{
	if (send(feed_fd, damage, sizeof *damage, MSG_NOSIGNAL) != sizeof *damage)
		err(EXIT_FAILURE, "%s", feed);
}

static void
feed_open(void)
{
	const BoardDamage all = {.n = 1, .rects = {{0, 0, BOARD_WIDTH, BOARD_HEIGHT}}};
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	g_strlcpy(address.sun_path, feed, sizeof address.sun_path);
	feed_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (feed_fd < 0 || connect(feed_fd, (struct sockaddr *)&address, sizeof address) < 0)
		err(EXIT_FAILURE, "%s", feed);
	feed_flush(&all);
}

static void
sleep_until(guint64 ns)
{
	struct timespec until = {(time_t)(ns / SECOND_NS), (long)(ns % SECOND_NS)};

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

static void
draw(const Board *board, Drawing *drawing, guint tick)
{
	void (*flush)(const BoardDamage *) = qtest ? gpu_flush : x ? window_flush : feed_flush;
	BoardDamage damage;

	drawing_tick(drawing, tick, &damage);
	board->times->times[tick] = board_now_ns();
	__atomic_store_n(&board->times->tick, tick, __ATOMIC_RELEASE);
	flush(&damage);
}

/* Result: how many ticks were late. */
static guint
run(const Board *board, Drawing *drawing, guint fps, guint ticks)
{
	guint first = (guint)board->times->tick + 1, late = 0;
	guint64 next = board_now_ns();

	for (guint tick = first; tick < first + ticks && tick <= BOARD_TICKS_MAX; tick++) {
		draw(board, drawing, tick);
		next += SECOND_NS / fps;
		if (board_now_ns() < next) {
			sleep_until(next);
			continue;
		}
		late++;
		if (board_now_ns() - next > BEHIND_MAX_NS)
			next = board_now_ns();
	}
	return late;
}

/* A driver in a guest has an interrupt: here its memory is looked at. */
static void
obey_keys(const Board *board, Drawing *drawing)
{
	const struct timespec wait = {0, LOOK_NS};
	struct pollfd polled[] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = x ? window_fd() : -1, .events = POLLIN}};
	guint tick = 0;

	while (tick < BOARD_TICKS_MAX && ppoll(polled, G_N_ELEMENTS(polled), x ? NULL : &wait, NULL) >= 0 && !polled[0].revents)
		while (x ? window_key_pressed() : keys_pressed())
			draw(board, drawing, ++tick);
}

int
main(int argc, char **argv)
{
	GOptionContext *context = g_option_context_new("LOAD");
	guint fps, ticks;
	char line[64];
	Drawing *drawing;
	Board board;

	g_option_context_add_main_entries(context, options, NULL);
	if (!g_option_context_parse(context, &argc, &argv, NULL) || argc != 2 || (qtest != NULL) + x + (feed != NULL) != 1 ||
	        (keys && feed))
		errx(EXIT_FAILURE, "see the head of display-stimulus.c");
	board = board_map(board_path);
	drawing = drawing_new(argv[1], board.pixels);
	if (drawing == NULL)
		errx(EXIT_FAILURE, "no load is named %s", argv[1]);
	if (qtest)
		gpu_open(qtest, &board);
	else if (x)
		window_open(&board);
	else
		feed_open();
	if (keys && qtest)
		keys_open(&board);
	puts("ready");
	fflush(stdout);
	if (keys)
		obey_keys(&board, drawing);
	while (!keys && fgets(line, sizeof line, stdin) && sscanf(line, "%u %u", &fps, &ticks) == 2 && fps > 0) {
		printf("%u\n", run(&board, drawing, fps, ticks));
		fflush(stdout);
	}
	return EXIT_SUCCESS;
}
