/* Shows a text in a small window at the top of the screen for some seconds. The window is not managed and takes no
 * focus; a click takes it away. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <glib-unix.h>
#include <pango/pangocairo.h>
#include <stdlib.h>
#include <string.h>
#include <xcb/xcb.h>

/* Pixels. */
#define TEXT_WIDTH  420
#define PADDING	    18
#define MARGIN	    24
#define STRIPE	    5
#define HEIGHT_MAX  600

#define FONT "Sans 11"

typedef struct {
	xcb_connection_t *connection;
	xcb_screen_t *screen;
	xcb_window_t window;
	xcb_gcontext_t gc;
	cairo_surface_t *picture;
	int width, height;
	GMainLoop *loop;
} Notice;

static void
draw(Notice *notice, const char *text)
{
	cairo_surface_t *scratch = cairo_image_surface_create(CAIRO_FORMAT_RGB24, 1, 1);
	cairo_t *cairo = cairo_create(scratch);
	PangoLayout *layout = pango_cairo_create_layout(cairo);
	PangoFontDescription *font = pango_font_description_from_string(FONT);
	int width, height;

	pango_layout_set_font_description(layout, font);
	pango_layout_set_width(layout, TEXT_WIDTH * PANGO_SCALE);
	pango_layout_set_wrap(layout, PANGO_WRAP_WORD_CHAR);
	pango_layout_set_text(layout, text, -1);
	pango_layout_get_pixel_size(layout, &width, &height);
	cairo_destroy(cairo);
	cairo_surface_destroy(scratch);

	notice->width = TEXT_WIDTH + 2 * PADDING + STRIPE;
	notice->height = MIN(height + 2 * PADDING, HEIGHT_MAX);
	notice->picture = cairo_image_surface_create(CAIRO_FORMAT_RGB24, notice->width, notice->height);
	cairo = cairo_create(notice->picture);
	cairo_set_source_rgb(cairo, 0.113, 0.145, 0.172);
	cairo_paint(cairo);
	cairo_set_source_rgb(cairo, 0.56, 0.82, 0.77);
	cairo_rectangle(cairo, 0, 0, STRIPE, notice->height);
	cairo_fill(cairo);
	cairo_set_source_rgb(cairo, 0.337, 0.396, 0.439);
	cairo_set_line_width(cairo, 1);
	cairo_rectangle(cairo, STRIPE - 0.5, 0.5, notice->width - STRIPE, notice->height - 1);
	cairo_stroke(cairo);
	cairo_set_source_rgb(cairo, 0.957, 0.969, 0.973);
	cairo_move_to(cairo, STRIPE + PADDING, PADDING);
	pango_cairo_update_layout(cairo, layout);
	pango_cairo_show_layout(cairo, layout);
	cairo_destroy(cairo);
	cairo_surface_flush(notice->picture);
	pango_font_description_free(font);
	g_object_unref(layout);
}

/* A row at a time: a whole picture may be larger than one request. */
static void
expose(Notice *notice)
{
	const guint8 *pixels = cairo_image_surface_get_data(notice->picture);
	int stride = cairo_image_surface_get_stride(notice->picture);

	for (int y = 0; y < notice->height; y++)
		xcb_put_image(notice->connection, XCB_IMAGE_FORMAT_Z_PIXMAP, notice->window, notice->gc,
			(uint16_t)notice->width, 1, 0, (int16_t)y, 0, notice->screen->root_depth,
			(uint32_t)notice->width * 4, pixels + (gsize)y * (gsize)stride);
	xcb_flush(notice->connection);
}

static gboolean
on_event(gint fd, GIOCondition condition, gpointer data)
{
	Notice *notice = data;
	xcb_generic_event_t *event;

	while ((event = xcb_poll_for_event(notice->connection)) != NULL) {
		if ((event->response_type & 0x7f) == XCB_EXPOSE)
			expose(notice);
		else if ((event->response_type & 0x7f) == XCB_BUTTON_PRESS)
			g_main_loop_quit(notice->loop);
		free(event);
	}
	if (xcb_connection_has_error(notice->connection))
		g_main_loop_quit(notice->loop);
	return G_SOURCE_CONTINUE;
}

static gboolean
on_over(gpointer data)
{
	g_main_loop_quit(data);
	return G_SOURCE_REMOVE;
}

/* FALSE: no X server, or one whose pixels are not 32 bits. */
static gboolean
connect_x(Notice *notice)
{
	int number = 0;
	xcb_screen_iterator_t screens;

	notice->connection = xcb_connect(NULL, &number);
	if (xcb_connection_has_error(notice->connection))
		return FALSE;
	screens = xcb_setup_roots_iterator(xcb_get_setup(notice->connection));
	for (; number > 0 && screens.rem > 1; number--)
		xcb_screen_next(&screens);
	notice->screen = screens.data;
	return notice->screen->root_depth == 24 || notice->screen->root_depth == 32;
}

static void
show(Notice *notice)
{
	xcb_connection_t *c = notice->connection;
	int x = MAX(0, ((int)notice->screen->width_in_pixels - notice->width) / 2);
	/* In the order of their bits: override-redirect keeps the window manager, and so the focus, out of it. */
	const uint32_t values[] = {1, XCB_EVENT_MASK_EXPOSURE | XCB_EVENT_MASK_BUTTON_PRESS};
	const uint32_t above = XCB_STACK_MODE_ABOVE;

	notice->window = xcb_generate_id(c);
	notice->gc = xcb_generate_id(c);
	xcb_create_window(c, XCB_COPY_FROM_PARENT, notice->window, notice->screen->root, (int16_t)x, MARGIN,
		(uint16_t)notice->width, (uint16_t)notice->height, 0, XCB_WINDOW_CLASS_INPUT_OUTPUT, XCB_COPY_FROM_PARENT,
		XCB_CW_OVERRIDE_REDIRECT | XCB_CW_EVENT_MASK, values);
	xcb_create_gc(c, notice->gc, notice->window, 0, NULL);
	xcb_map_window(c, notice->window);
	xcb_configure_window(c, notice->window, XCB_CONFIG_WINDOW_STACK_MODE, &above);
	xcb_flush(c);
}

int
main(int argc, char **argv)
{
	int timeout_s = 15;
	gboolean version = FALSE;
	const GOptionEntry options[] = {
		{"timeout", 0, 0, G_OPTION_ARG_INT, &timeout_s, "How long it is shown, in seconds (15)", "S"},
		{"version", 0, 0, G_OPTION_ARG_NONE, &version, "Print the version and exit", NULL},
		{NULL},
	};
	g_autoptr(GOptionContext) context = g_option_context_new("TEXT");
	g_autoptr(GError) error = NULL;
	Notice notice = {.loop = g_main_loop_new(NULL, FALSE)};

	g_set_prgname("carrel-agent-notice");
	g_option_context_add_main_entries(context, options, NULL);
	if (!g_option_context_parse(context, &argc, &argv, &error)) {
		g_printerr("carrel-agent-notice: %s\n", error->message);
		return 2;
	}
	if (version) {
		g_print("carrel-agent-notice %s\n", PACKAGE_VERSION);
		return 0;
	}
	if (argc > 1 && strcmp(argv[1], "--") == 0)
		argv++, argc--;
	if (argc != 2 || !g_utf8_validate(argv[1], -1, NULL)) {
		g_printerr("carrel-agent-notice: one text is needed; see --help\n");
		return 2;
	}
	if (!connect_x(&notice)) {
		g_printerr("carrel-agent-notice: there is no X server to show it on\n");
		return 1;
	}
	draw(&notice, argv[1]);
	show(&notice);
	g_unix_fd_add(xcb_get_file_descriptor(notice.connection), G_IO_IN | G_IO_HUP, on_event, &notice);
	g_timeout_add_seconds((guint)CLAMP(timeout_s, 1, 3600), on_over, notice.loop);
	on_event(-1, 0, &notice);
	g_main_loop_run(notice.loop);
	cairo_surface_destroy(notice.picture);
	xcb_disconnect(notice.connection);
	g_main_loop_unref(notice.loop);
	return 0;
}
