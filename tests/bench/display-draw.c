/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "tests/bench/display-draw.h"

#include <cairo.h>
#include <math.h>
#include <string.h>

#define CELL_WIDTH 9
#define CELL_HEIGHT 18
#define PAGE_X 200
#define PAGE_Y 100
#define COLUMNS 150
#define ROWS 50
#define SCROLLED 3 /* lines a tick */
#define WINDOW_WIDTH 640
#define WINDOW_HEIGHT 480
#define PAPER 0xffffff
#define INK 0x202020

typedef enum { IDLE, TYPING, OVER, SCROLL, WINDOW, VIDEO, VIDEO_SMALL, LOADS } Load;

static const char *const names[LOADS] = {"idle", "typing", "over", "scroll", "window", "video", "video-small"};
static const BoardRect whole = {0, 0, BOARD_WIDTH, BOARD_HEIGHT}, small = {640, 360, 640, 360};

struct Drawing {
	Load load;
	guint32 *pixels;
	guint32 random;
	guint8 glyphs[127][CELL_HEIGHT][CELL_WIDTH]; /* how much ink */
	guint32 *behind, *window;                    /* of WINDOW: the page, and the window's own pixels */
	BoardRect video, stamp;
	guint32 *frames[DRAWING_FRAMES];
};

/* xorshift32: the same numbers everywhere. */
static guint32
next_random(guint32 *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

static void
load_glyphs(Drawing *drawing)
{
	cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_A8, CELL_WIDTH, CELL_HEIGHT);
	cairo_t *cairo = cairo_create(surface);
	const guint8 *data = cairo_image_surface_get_data(surface);
	int stride = cairo_image_surface_get_stride(surface);

	cairo_select_font_face(cairo, "DejaVu Sans Mono", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
	cairo_set_font_size(cairo, 15);
	for (char c = '!'; c < 127; c++) {
		cairo_set_operator(cairo, CAIRO_OPERATOR_CLEAR);
		cairo_paint(cairo);
		cairo_set_operator(cairo, CAIRO_OPERATOR_OVER);
		cairo_move_to(cairo, 0, 14);
		cairo_show_text(cairo, (char[]){c, '\0'});
		cairo_surface_flush(surface);
		for (int y = 0; y < CELL_HEIGHT; y++)
			memcpy(drawing->glyphs[(int)c][y], data + y * stride, CELL_WIDTH);
	}
	cairo_destroy(cairo);
	cairo_surface_destroy(surface);
}

static guint32
mix(guint32 from, guint32 to, int part)
{
	guint32 mixed = 0;

	for (int shift = 0; shift < 24; shift += 8) {
		int a = (from >> shift) & 255, b = (to >> shift) & 255;

		mixed |= (guint32)(a + (b - a) * part / 255) << shift;
	}
	return mixed;
}

static void
fill(Drawing *drawing, BoardRect area, guint32 colour)
{
	for (int y = area.y; y < area.y + area.height; y++)
		for (int x = area.x; x < area.x + area.width; x++)
			drawing->pixels[y * BOARD_WIDTH + x] = colour;
}

static void
draw_letter(Drawing *drawing, int x, int y, guint letter, guint32 ink, guint32 paper)
{
	for (int row = 0; row < CELL_HEIGHT; row++)
		for (int column = 0; column < CELL_WIDTH; column++)
			drawing->pixels[(y + row) * BOARD_WIDTH + x + column] = mix(paper, ink, drawing->glyphs[letter][row][column]);
}

static guint
random_letter(Drawing *drawing)
{
	return 33 + next_random(&drawing->random) % 94;
}

/* A line of something like source code: indented, in words of four colours, of any length. */
static void
draw_line(Drawing *drawing, int x, int y, int columns, guint32 paper)
{
	static const guint32 inks[] = {INK, 0x0000a0, 0x007000, 0x900090};
	int end = (int)(next_random(&drawing->random) % (guint)columns);
	int first = (int)(next_random(&drawing->random) % 5) * 4;
	guint32 ink = inks[next_random(&drawing->random) % 4];
	guint word = 0;

	fill(drawing, (BoardRect){x, y, columns * CELL_WIDTH, CELL_HEIGHT}, paper);
	for (int i = first; i < end; i++) {
		if (word-- == 0) {
			word = 2 + next_random(&drawing->random) % 8;
			ink = inks[next_random(&drawing->random) % 4];
			continue;
		}
		draw_letter(drawing, x + i * CELL_WIDTH, y, random_letter(drawing), ink, paper);
	}
}

static void
draw_desktop(Drawing *drawing)
{
	for (int y = 0; y < BOARD_HEIGHT; y++)
		for (int x = 0; x < BOARD_WIDTH; x++)
			drawing->pixels[y * BOARD_WIDTH + x] = (guint32)((40 + y * 60 / BOARD_HEIGHT) << 16 |
			        (70 + x * 80 / BOARD_WIDTH) << 8 | (120 + (x + y) * 60 / (BOARD_WIDTH + BOARD_HEIGHT)));
	for (int row = 0; row < ROWS; row++)
		draw_line(drawing, PAGE_X, PAGE_Y + row * CELL_HEIGHT, COLUMNS, PAPER);
	fill(drawing, (BoardRect){100, 1040, 1700, 24}, 0x303030);
	for (int i = 0; i < 160; i++)
		draw_letter(drawing, 110 + i * CELL_WIDTH, 1043, 33 + (guint)i % 90, 0xe0e0e0, 0x303030);
}

static void
copy(guint32 *to, const guint32 *from, int width, int height, int to_stride, int from_stride)
{
	for (int y = 0; y < height; y++)
		memcpy(to + y * to_stride, from + y * from_stride, (gsize)width * 4);
}

static void
make_window(Drawing *drawing)
{
	guint32 *pixels = drawing->pixels;

	drawing->behind = g_memdup2(pixels, BOARD_STRIDE * BOARD_HEIGHT);
	drawing->window = g_malloc(WINDOW_WIDTH * WINDOW_HEIGHT * 4);
	fill(drawing, (BoardRect){0, 0, WINDOW_WIDTH, WINDOW_HEIGHT}, 0xf0f0f0);
	fill(drawing, (BoardRect){0, 0, WINDOW_WIDTH, 28}, 0x4060c0);
	for (int row = 0; row < 24; row++)
		draw_line(drawing, 10, 34 + row * CELL_HEIGHT, 68, 0xf0f0f0);
	copy(drawing->window, pixels, WINDOW_WIDTH, WINDOW_HEIGHT, WINDOW_WIDTH, BOARD_WIDTH);
	memcpy(pixels, drawing->behind, BOARD_STRIDE * BOARD_HEIGHT);
}

gboolean
drawing_video(const char *load, BoardRect *area)
{
	*area = g_str_equal(load, names[VIDEO_SMALL]) ? small : whole;
	return g_str_equal(load, names[VIDEO]) || g_str_equal(load, names[VIDEO_SMALL]);
}

BoardRect
drawing_stamp(const BoardRect *area)
{
	return (BoardRect){area->x + area->width - BOARD_STAMP_WIDTH, area->y + area->height - BOARD_STAMP_HEIGHT, BOARD_STAMP_WIDTH,
	        BOARD_STAMP_HEIGHT};
}

/* Waves that move, bricks with hard edges that move otherwise, and a little noise as of a camera: no two frames have a row in common. */
void
drawing_video_frame(const BoardRect *area, guint number, guint32 *pixels)
{
	double across[BOARD_WIDTH], diagonal[BOARD_WIDTH + BOARD_HEIGHT], tint[BOARD_WIDTH];
	guint32 random = 12345 + number;

	for (int x = 0; x < BOARD_WIDTH; x++) {
		across[x] = sin((x + (int)number * 25) * .006);
		tint[x] = 110 + sin(x * .004 + number * .3) * 60;
	}
	for (int i = 0; i < BOARD_WIDTH + BOARD_HEIGHT; i++)
		diagonal[i] = sin((i + (int)number * 30) * .004);
	for (int y = area->y; y < area->y + area->height; y++) {
		double down = sin((y + (int)number * 14) * .009);

		for (int x = area->x; x < area->x + area->width; x++) {
			guint32 noise = next_random(&random);
			int brick = (x + (int)number * 7) / 24 + (y + (int)number * 3) / 12;
			int v = 128 + (int)((across[x] + down + diagonal[x + y]) * 30) + (int)(noise % 11) - 5 + (brick % 3) * 12;
			int u = (int)tint[x] + (int)((noise >> 8) % 9) - 4;

			pixels[y * BOARD_WIDTH + x] = (guint32)v << 16 | (guint32)u << 8 | (guint32)((v + u) / 2);
		}
	}
}

Drawing *
drawing_new(const char *load, guint32 *pixels)
{
	Drawing *drawing = g_new0(Drawing, 1);

	while (drawing->load < LOADS && !g_str_equal(names[drawing->load], load))
		drawing->load++;
	if (drawing->load == LOADS) {
		g_free(drawing);
		return NULL;
	}
	drawing->pixels = pixels;
	drawing->random = 12345;
	load_glyphs(drawing);
	draw_desktop(drawing);
	if (drawing->load == WINDOW)
		make_window(drawing);
	if (drawing_video(load, &drawing->video)) {
		for (guint i = 0; i < DRAWING_FRAMES; i++) {
			drawing->frames[i] = g_malloc(BOARD_STRIDE * BOARD_HEIGHT);
			drawing_video_frame(&drawing->video, i, drawing->frames[i]);
		}
	}
	drawing->stamp = drawing_stamp(&drawing->video);
	return drawing;
}

static BoardRect
type_letter(Drawing *drawing, guint tick)
{
	int at = (int)(tick % (COLUMNS * ROWS)), x = PAGE_X + at % COLUMNS * CELL_WIDTH, y = PAGE_Y + at / COLUMNS * CELL_HEIGHT;

	draw_letter(drawing, x, y, random_letter(drawing), INK, PAPER);
	fill(drawing, (BoardRect){x + CELL_WIDTH, y, 2, CELL_HEIGHT}, 0); /* the cursor */
	return (BoardRect){x, y, 2 * CELL_WIDTH, CELL_HEIGHT};
}

static BoardRect
scroll_page(Drawing *drawing)
{
	const BoardRect page = {PAGE_X, PAGE_Y, COLUMNS * CELL_WIDTH, ROWS * CELL_HEIGHT};
	guint32 *at = drawing->pixels + PAGE_Y * BOARD_WIDTH + PAGE_X;
	int kept = ROWS - SCROLLED;

	copy(at, at + SCROLLED * CELL_HEIGHT * BOARD_WIDTH, page.width, kept * CELL_HEIGHT, BOARD_WIDTH, BOARD_WIDTH);
	for (int row = kept; row < ROWS; row++)
		draw_line(drawing, PAGE_X, PAGE_Y + row * CELL_HEIGHT, COLUMNS, PAPER);
	return page;
}

static BoardRect
window_at(guint tick)
{
	return (BoardRect){(int)(tick * 9 % 1200), 20 + (int)(tick * 5 % 540), WINDOW_WIDTH, WINDOW_HEIGHT};
}

static void
drag_window(Drawing *drawing, guint tick, BoardDamage *damage)
{
	BoardRect old = window_at(tick - 1), new = window_at(tick), *both = damage->rects;
	guint32 *pixels = drawing->pixels;
	int at = old.y * BOARD_WIDTH + old.x;

	copy(pixels + at, drawing->behind + at, old.width, old.height, BOARD_WIDTH, BOARD_WIDTH);
	copy(pixels + new.y *BOARD_WIDTH + new.x, drawing->window, new.width, new.height, BOARD_WIDTH, WINDOW_WIDTH);
	both->x = MIN(old.x, new.x);
	both->y = MIN(old.y, new.y);
	both->width = MAX(old.x, new.x) + WINDOW_WIDTH - both->x;
	both->height = MAX(old.y, new.y) + WINDOW_HEIGHT - both->y;
	damage->n = 1;
	if (both->width > 900 || both->height > 700) { /* it jumped back to an edge */
		damage->rects[0] = old;
		damage->rects[1] = new;
		damage->n = 2;
	}
}

void
drawing_tick(Drawing *drawing, guint tick, BoardDamage *damage)
{
	*damage = (BoardDamage){.tick = tick, .n = 1};
	switch (drawing->load) {
	case TYPING:
		damage->rects[0] = type_letter(drawing, tick);
		break;
	case OVER:
		type_letter(drawing, tick);
		damage->rects[0] = whole;
		break;
	case SCROLL:
		damage->rects[0] = scroll_page(drawing);
		break;
	case WINDOW:
		drag_window(drawing, tick, damage);
		break;
	case VIDEO:
	case VIDEO_SMALL: {
		const BoardRect *area = &drawing->video;
		int at = area->y * BOARD_WIDTH + area->x;

		copy(drawing->pixels + at, drawing->frames[tick % DRAWING_FRAMES] + at, area->width, area->height, BOARD_WIDTH,
		        BOARD_WIDTH);
		damage->rects[0] = *area;
		break;
	}
	default:
		damage->n = 0;
		break;
	}
	board_stamp(drawing->pixels + drawing->stamp.y * BOARD_WIDTH + drawing->stamp.x, tick);
	if (drawing->load != OVER && drawing->load != VIDEO && drawing->load != VIDEO_SMALL)
		damage->rects[damage->n++] = drawing->stamp;
}
