/* neatvnc's server, fed with the stimulus of tests/bench/display: what is damaged is copied into buffers of its own, as a compositor
 * would draw.
 *
 *   display-neatvnc BOARD SOCKET PORT
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "tests/bench/display-board.h"

#include <aml.h>
#include <err.h>
#include <neatvnc.h>
#include <pixman.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* drm_fourcc.h's DRM_FORMAT_XRGB8888: fourcc_code('X', 'R', '2', '4') */
#define XRGB8888 0x34325258u

/* As a compositor has: one that is shown, one that is being sent, one to draw in. */
#define BUFFERS 3

typedef struct {
	struct nvnc_fb *fb;
	guint32 *pixels;
	struct pixman_region16 old; /* where it is not what the board is */
	gboolean busy;
} Buffer;

static Board board;
static struct nvnc_display *display;
static struct pixman_region16 unseen; /* damage that has not been shown */
static Buffer buffers[BUFFERS];
static struct aml_idle *idle;

static void
copy_from_board(Buffer *buffer)
{
	int n;
	const struct pixman_box16 *boxes = pixman_region_rectangles(&buffer->old, &n);

	for (int i = 0; i < n; i++)
		for (int y = boxes[i].y1; y < boxes[i].y2; y++) {
			int at = y * BOARD_WIDTH + boxes[i].x1;

			memcpy(buffer->pixels + at, board.pixels + at, (gsize)(boxes[i].x2 - boxes[i].x1) * 4);
		}
	pixman_region_clear(&buffer->old);
}

/* Shows what has not been seen, in a buffer that is free; else when one becomes so. */
static void
show(void)
{
	struct pixman_region16 shown;
	guint free = 0;

	while (free < BUFFERS && buffers[free].busy)
		free++;
	if (free == BUFFERS || !pixman_region_not_empty(&unseen))
		return;
	copy_from_board(&buffers[free]);
	buffers[free].busy = TRUE;
	shown = unseen;
	pixman_region_init(&unseen);
	nvnc_display_feed_buffer(display, buffers[free].fb, &shown);
	pixman_region_fini(&shown);
}

static void
on_idle(void *handler)
{
	aml_stop(aml_get_default(), handler);
	show();
}

/* In the middle of the library's work, so what was waiting for this buffer waits for the end of that, too. */
static void
on_release(struct nvnc_fb *fb, void *buffer)
{
	((Buffer *)buffer)->busy = FALSE;
	aml_start(aml_get_default(), idle);
}

static void
add_damage(const BoardDamage *damage)
{
	for (guint i = 0; i < damage->n && i < BOARD_RECTS_MAX; i++) {
		const BoardRect *rect = &damage->rects[i];

		pixman_region_union_rect(&unseen, &unseen, rect->x, rect->y, (unsigned)rect->width, (unsigned)rect->height);
		for (guint b = 0; b < BUFFERS; b++)
			pixman_region_union_rect(
			        &buffers[b].old, &buffers[b].old, rect->x, rect->y, (unsigned)rect->width, (unsigned)rect->height);
	}
	show();
}

static void
on_damage(void *handler)
{
	BoardDamage damage;

	if (recv(aml_get_fd(handler), &damage, sizeof damage, 0) != sizeof damage)
		exit(EXIT_SUCCESS); /* the stimulus has ended */
	add_damage(&damage);
}

static void
on_stimulus(void *handler)
{
	int fd = accept(aml_get_fd(handler), NULL, NULL);

	if (fd < 0)
		err(EXIT_FAILURE, "accept");
	aml_start(aml_get_default(), aml_handler_new(fd, on_damage, NULL, NULL));
}

static int
listen_at(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	g_strlcpy(address.sun_path, path, sizeof address.sun_path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 1) < 0)
		err(EXIT_FAILURE, "%s", path);
	return fd;
}

int
main(int argc, char **argv)
{
	struct aml *aml;
	struct nvnc *server;

	if (argc != 4)
		errx(EXIT_FAILURE, "see the head of display-neatvnc.c");
	board = board_map(argv[1]);
	aml = aml_new();
	aml_set_default(aml);
	idle = aml_idle_new(on_idle, NULL, NULL);
	server = nvnc_open("127.0.0.1", (guint16)atoi(argv[3]));
	if (server == NULL)
		errx(EXIT_FAILURE, "cannot listen on port %s", argv[3]);
	display = nvnc_display_new(0, 0);
	nvnc_add_display(server, display);
	nvnc_set_name(server, "bench");
	for (guint i = 0; i < BUFFERS; i++) {
		buffers[i].pixels = g_malloc0(BOARD_STRIDE * BOARD_HEIGHT);
		/* The stride is in pixels. */
		buffers[i].fb = nvnc_fb_from_buffer(buffers[i].pixels, BOARD_WIDTH, BOARD_HEIGHT, XRGB8888, BOARD_WIDTH);
		nvnc_fb_set_release_fn(buffers[i].fb, on_release, &buffers[i]);
	}
	aml_start(aml, aml_handler_new(listen_at(argv[2]), on_stimulus, NULL, NULL));
	aml_run(aml);
	return EXIT_SUCCESS;
}
