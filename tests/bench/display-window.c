/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "tests/bench/display-window.h"

#include <err.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include <xcb/shm.h>
#include <xcb/xcb.h>

static xcb_connection_t *x;
static xcb_window_t window;
static xcb_gcontext_t context;
static xcb_shm_seg_t segment;

static void
sync_server(void)
{
	free(xcb_get_input_focus_reply(x, xcb_get_input_focus(x), NULL));
	if (xcb_connection_has_error(x))
		errx(EXIT_FAILURE, "the X server is gone");
}

void
window_open(const Board *board)
{
	const BoardDamage all = {.n = 1, .rects = {{0, 0, BOARD_WIDTH, BOARD_HEIGHT}}};
	const guint32 values[] = {1, XCB_EVENT_MASK_KEY_PRESS}; /* override-redirect */
	xcb_screen_t *screen;
	xcb_generic_error_t *error;

	x = xcb_connect(NULL, NULL);
	if (xcb_connection_has_error(x))
		errx(EXIT_FAILURE, "no X server at DISPLAY");
	screen = xcb_setup_roots_iterator(xcb_get_setup(x)).data;
	window = xcb_generate_id(x);
	context = xcb_generate_id(x);
	segment = xcb_generate_id(x);
	xcb_create_window(x, XCB_COPY_FROM_PARENT, window, screen->root, 0, 0, BOARD_WIDTH, BOARD_HEIGHT, 0, XCB_WINDOW_CLASS_INPUT_OUTPUT,
	        XCB_COPY_FROM_PARENT, XCB_CW_OVERRIDE_REDIRECT | XCB_CW_EVENT_MASK, values);
	xcb_create_gc(x, context, window, 0, NULL);
	/* xcb closes the descriptor that it sends. */
	error = xcb_request_check(x, xcb_shm_attach_fd_checked(x, segment, fcntl(board->fd, F_DUPFD_CLOEXEC, 3), 0));
	if (error)
		errx(EXIT_FAILURE, "the X server does not take shared memory");
	xcb_map_window(x, window);
	xcb_set_input_focus(x, XCB_INPUT_FOCUS_PARENT, window, XCB_CURRENT_TIME);
	sync_server();
	window_flush(&all);
}

void
window_flush(const BoardDamage *damage)
{
	for (guint i = 0; i < damage->n; i++) {
		gint16 left = (gint16)damage->rects[i].x, top = (gint16)damage->rects[i].y;

		xcb_shm_put_image(x, window, context, BOARD_WIDTH, BOARD_HEIGHT, (guint16)left, (guint16)top,
		        (guint16)damage->rects[i].width, (guint16)damage->rects[i].height, left, top, 24, XCB_IMAGE_FORMAT_Z_PIXMAP, 0,
		        segment, BOARD_PIXELS_AT);
	}
	sync_server();
}

int
window_fd(void)
{
	return xcb_get_file_descriptor(x);
}

gboolean
window_key_pressed(void)
{
	gboolean pressed = FALSE;

	for (xcb_generic_event_t *event; (event = xcb_poll_for_event(x)) != NULL; free(event))
		pressed |= (event->response_type & 127) == XCB_KEY_PRESS;
	if (xcb_connection_has_error(x))
		errx(EXIT_FAILURE, "the X server is gone");
	return pressed;
}
