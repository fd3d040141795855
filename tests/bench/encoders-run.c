/* What display/tight.c takes and makes, beside libvncserver's Tight on the same rectangles of the same frames, in one run. Loads are
 * drawn; text is Pango's. Arguments: rounds (the best counts; 5), and the name of one load.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <math.h>
#include <pango/pangocairo.h>
#include <rfb/rfb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "display/fork-join.h"
#include "display/h264.h"
#include "display/tight.h"
#include "tests/lib/h264-decoder.h"
#include "tests/lib/tight-decoder.h"

#define WIDTH 1920
#define HEIGHT 1080
#define FRAMES 8
#define QUALITY 75

typedef struct {
	Frame *frames[FRAMES];
	Rect rects[FRAMES][2];
	guint n_rects;
} Load;

typedef struct {
	const char *name;
	void (*draw)(Load *load);
	gboolean film; /* H.264 could be sent */
} Recipe;

/* Of a whole round. */
typedef struct {
	double wall, cpu; /* seconds */
	gsize bytes;
	guint n;
	double psnr;
} Result;

static guint32 seed = 12345;

static guint32
next_random(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed;
}

static void
fill(Frame *frame, Rect rect, guint32 colour)
{
	for (int y = 0; y < rect.height; y++) {
		for (int x = 0; x < rect.width; x++)
			*frame_at(frame, rect.x + x, rect.y + y) = colour;
	}
}

/* Lines of something like a program, each of them the same for the same number. */
static void
draw_lines(Frame *frame, Rect rect, guint32 background, guint first)
{
	static const double colours[4][3] = {{.12, .12, .12}, {0, 0, .63}, {0, .44, 0}, {.56, 0, .56}};
	cairo_surface_t *surface = cairo_image_surface_create_for_data(
	        (guchar *)frame_at(frame, rect.x, rect.y), CAIRO_FORMAT_RGB24, rect.width, rect.height, frame->width * 4);
	cairo_t *cairo = cairo_create(surface);
	PangoLayout *layout = pango_cairo_create_layout(cairo);
	PangoFontDescription *font = pango_font_description_from_string("Monospace 11px");

	fill(frame, rect, background);
	pango_layout_set_font_description(layout, font);
	for (int i = 0; i < rect.height / 18; i++) {
		guint32 random = (first + (guint)i) * 2654435761u | 1;
		double x = (random >> 8) % 5 * 28;
		guint words = random % 14;

		for (guint word = 0; word < words && x < rect.width - 70; word++) {
			char text[12] = {0};
			int width;

			for (guint c = 0; c < 2 + (random >> 20) % 8; c++) {
				random = random * 1664525 + 1013904223;
				text[c] = (char)('a' + (random >> 16) % 26);
			}
			const double *colour = colours[(random >> 9) % 4];

			cairo_set_source_rgb(cairo, colour[0], colour[1], colour[2]);
			cairo_move_to(cairo, x, i * 18);
			pango_layout_set_text(layout, text, -1);
			pango_cairo_show_layout(cairo, layout);
			pango_layout_get_pixel_size(layout, &width, NULL);
			x += width + 7;
		}
	}
	pango_font_description_free(font);
	g_object_unref(layout);
	cairo_destroy(cairo);
	cairo_surface_destroy(surface);
}

static void
draw_wallpaper(Frame *frame)
{
	for (int y = 0; y < frame->height; y++) {
		for (int x = 0; x < frame->width; x++)
			*frame_at(frame, x, y) = (guint32)(40 + y * 60 / HEIGHT) << 16 | (guint32)(70 + x * 80 / WIDTH) << 8 |
			        (guint32)(120 + (x + y) * 60 / (WIDTH + HEIGHT));
	}
}

static void
draw_video(Frame *frame, Rect rect, int k)
{
	for (int y = 0; y < rect.height; y++) {
		for (int x = 0; x < rect.width; x++) {
			guint32 r = next_random();
			double a = sin((x + k * 25) * .006) + sin((y + k * 14) * .009) + sin((x + y + k * 30) * .004);
			int v = 128 + (int)(a * 38) + (int)(r % 9) - 4,
			    u = 110 + (int)(sin(x * .004 + k * .3) * 60) + (int)((r >> 8) % 9) - 4;

			*frame_at(frame, rect.x + x, rect.y + y) =
			        (guint32)(v & 255) << 16 | (guint32)(u & 255) << 8 | (guint32)((v + u) / 2 & 255);
		}
	}
}

/* What a player shows: a textured picture that a camera moves over, with as little noise as is left after it was compressed once. */
static void
draw_film(Frame *frame, Rect rect, int k)
{
	for (int y = 0; y < rect.height; y++) {
		for (int x = 0; x < rect.width; x++) {
			int sx = x + k * 5, sy = y + k * 3;
			guint32 grain = ((guint32)(sx / 3) * 2654435761u ^ (guint32)(sy / 3) * 2246822519u) * 3266489917u >> 16,
			        r = next_random();
			double a = sin(sx * .013) + sin(sy * .017) + sin((sx + sy) * .05) * .5, b = sin(sx * .004 + sy * .006);
			int noise = (int)(r % 3) - 1, texture = (int)(grain & 15);
			int red = 118 + (int)(a * 30) + texture + noise, green = 110 + (int)(a * 20 + b * 40) + texture + noise;
			int blue = 100 + (int)(b * 50) + texture + noise;

			*frame_at(frame, rect.x + x, rect.y + y) =
			        (guint32)CLAMP(red, 0, 255) << 16 | (guint32)CLAMP(green, 0, 255) << 8 | (guint32)CLAMP(blue, 0, 255);
		}
	}
}

static void
draw_desktop(Load *load)
{
	for (guint i = 0; i < FRAMES; i++) {
		fill(load->frames[i], (Rect){0, 0, WIDTH, HEIGHT}, 0x305070);
		fill(load->frames[i], (Rect){0, 0, WIDTH, 28}, 0xe8e8e8);
		draw_lines(load->frames[i], (Rect){12, 6, 400, 18}, 0xe8e8e8, 3);
		fill(load->frames[i], (Rect){300, 200, 900, 600}, 0xffffff);
		draw_lines(load->frames[i], (Rect){310, 210, 800, 500}, 0xffffff, i * 3);
		load->rects[i][0] = (Rect){0, 0, WIDTH, HEIGHT};
	}
}

static void
draw_page(Load *load)
{
	for (guint i = 0; i < FRAMES; i++) {
		draw_lines(load->frames[i], (Rect){200, 100, 1350, 900}, 0xffffff, i * 3);
		load->rects[i][0] = (Rect){200, 100, 1350, 900};
	}
}

static void
draw_strip(Load *load)
{
	draw_page(load);
	for (guint i = 0; i < FRAMES; i++)
		load->rects[i][0] = (Rect){200, 946, 1350, 54};
}

static void
draw_typing(Load *load)
{
	draw_page(load);
	for (guint i = 0; i < FRAMES; i++)
		load->rects[i][0] = (Rect){228 + (int)i * 9, 334, 18, 18};
}

static void
draw_window(Load *load)
{
	for (guint i = 0; i < FRAMES; i++) {
		int x = (int)i * 9, y = 20 + (int)i * 5;

		draw_wallpaper(load->frames[i]);
		fill(load->frames[i], (Rect){x + 9, y + 5, 640, 28}, 0x4060c0);
		draw_lines(load->frames[i], (Rect){x + 9, y + 33, 640, 452}, 0xf0f0f0, 7);
		load->rects[i][0] = (Rect){x, y, 649, 485};
	}
}

static void
draw_gradient(Load *load)
{
	for (guint i = 0; i < FRAMES; i++) {
		draw_wallpaper(load->frames[i]);
		load->rects[i][0] = (Rect){0, 0, WIDTH, HEIGHT};
	}
}

static void
draw_full_video(Load *load)
{
	for (guint i = 0; i < FRAMES; i++) {
		load->rects[i][0] = (Rect){0, 0, WIDTH, HEIGHT};
		draw_video(load->frames[i], load->rects[i][0], (int)i);
	}
}

static void
draw_small_video(Load *load)
{
	draw_page(load);
	for (guint i = 0; i < FRAMES; i++) {
		load->rects[i][0] = (Rect){400, 200, 640, 360};
		draw_video(load->frames[i], load->rects[i][0], (int)i);
	}
}

static void
draw_full_film(Load *load)
{
	for (guint i = 0; i < FRAMES; i++) {
		load->rects[i][0] = (Rect){0, 0, WIDTH, HEIGHT};
		draw_film(load->frames[i], load->rects[i][0], (int)i);
	}
}

static void
draw_small_film(Load *load)
{
	for (guint i = 0; i < FRAMES; i++) {
		load->rects[i][0] = (Rect){400, 200, 640, 360};
		draw_film(load->frames[i], load->rects[i][0], (int)i);
	}
}

/* A player on a page, all of which is damaged. */
static void
draw_mixed(Load *load)
{
	draw_small_video(load);
	for (guint i = 0; i < FRAMES; i++)
		load->rects[i][0] = (Rect){200, 100, 1350, 900};
}

static const Recipe recipes[] = {{"strip", draw_strip}, {"page", draw_page}, {"typing", draw_typing}, {"window", draw_window},
        {"desktop", draw_desktop}, {"gradient", draw_gradient}, {"video", draw_full_video, TRUE}, {"small-video", draw_small_video, TRUE},
        {"film", draw_full_film, TRUE}, {"small-film", draw_small_film, TRUE}, {"mixed", draw_mixed}};

static double
now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

typedef struct {
	TightDecoder *decoder;
	Frame *frame;
	double square;
	gsize samples;
} Check;

static void
add_error(Check *check, const Frame *frame, const Rect *rect)
{
	for (int y = rect->y; y < rect->y + rect->height; y++) {
		for (int x = rect->x; x < rect->x + rect->width; x++) {
			guint32 a = *frame_at(frame, x, y), b = *frame_at(check->frame, x, y);

			for (int shift = 0; shift < 24; shift += 8) {
				int d = (int)(a >> shift & 255) - (int)(b >> shift & 255);

				check->square += d * d;
			}
		}
	}
	check->samples += (gsize)rect_area(rect) * 3;
}

static double
psnr(const Check *check)
{
	return check->square == 0 ? INFINITY : 10 * log10(255. * 255. * (double)check->samples / check->square);
}

static void
check_frame(Check *check, const Frame *frame, const Rect *rect, const guint8 *bytes, gsize size, Result *result)
{
	int n = tight_decode(check->decoder, check->frame, bytes, size, NULL, NULL);

	if (n < 0)
		g_error("what was encoded cannot be decoded");
	result->n += (guint)n;
	result->bytes += size;
	add_error(check, frame, rect);
}

static void
keep_best(Result *best, const Result *result)
{
	double wall = best->wall > 0 ? MIN(best->wall, result->wall) : result->wall;
	double cpu = best->cpu > 0 ? MIN(best->cpu, result->cpu) : result->cpu;

	*best = *result;
	best->wall = wall;
	best->cpu = cpu;
}

/* @viewers encoders get each frame, and share where there are several. */
static Result
measure_ours(const Load *load, const TightOptions *options, guint threads, guint viewers, guint rounds)
{
	TightShare *share = tight_share_new();
	TightEncoder *encoders[2] = {NULL};
	g_autoptr(GByteArray) out = g_byte_array_new();
	Result best = {0};
	Check check = {.decoder = tight_decoder_new(), .frame = frame_new(WIDTH, HEIGHT)};

	for (guint i = 0; i < viewers; i++)
		encoders[i] = tight_encoder_new(share);
	fork_join_set_threads(threads);
	for (guint round = 0; round < rounds; round++) {
		Result result = {0};

		for (guint i = 0; i < FRAMES; i++) {
			for (guint viewer = 0; viewer < viewers; viewer++) {
				Damage lossy = {.n = 0};
				guint n = 0;

				g_byte_array_set_size(out, 0);
				double wall = now(CLOCK_MONOTONIC), cpu = now(CLOCK_PROCESS_CPUTIME_ID);

				if (viewer == 0)
					tight_share_forget(share, NULL);
				tight_encode(encoders[viewer], load->frames[i], load->rects[i], 1, options, out, &n, &lossy);
				result.wall += now(CLOCK_MONOTONIC) - wall;
				result.cpu += now(CLOCK_PROCESS_CPUTIME_ID) - cpu;
				if (viewer == 0)
					check_frame(&check, load->frames[i], load->rects[i], out->data, out->len, &result);
			}
		}
		keep_best(&best, &result);
	}
	best.psnr = psnr(&check);
	for (guint i = 0; i < viewers; i++)
		tight_encoder_free(encoders[i]);
	tight_share_free(share);
	tight_decoder_free(check.decoder);
	frame_free(check.frame);
	return best;
}

/* Writes into a memfd, as display/vnc-codec.c has it. */
static rfbClientPtr
new_client(rfbScreenInfoPtr screen, const TightOptions *options, int out)
{
	static const char greeting[] = "RFB 003.008\n\1\1";
	int ends[2];
	rfbClientPtr client;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0 || write(ends[0], greeting, sizeof greeting - 1) < 0)
		g_error("no socket");
	client = rfbNewClient(screen, ends[1]);
	for (int i = 0; i < 3; i++)
		rfbProcessClientMessage(client);
	client->sock = out;
	client->format = screen->serverFormat;
	client->translateFn = rfbTranslateNone;
	client->enableLastRectEncoding = TRUE;
	client->tightCompressLevel = options->level;
	client->turboQualityLevel = options->quality > 0 ? options->quality : -1;
	client->tightQualityLevel = options->quality > 0 ? 6 : -1;
	client->turboSubsampLevel = options->subsampling == TIGHT_420 ? 1 : options->subsampling == TIGHT_422 ? 2 : 0;
	return client;
}

static void
read_out(int fd, GByteArray *out)
{
	g_byte_array_set_size(out, (guint)lseek(fd, 0, SEEK_CUR));
	if (pread(fd, out->data, out->len, 0) != (ssize_t)out->len || lseek(fd, 0, SEEK_SET) != 0)
		g_error("cannot read what was encoded");
}

static Result
measure_libvncserver(const Load *load, const TightOptions *options, guint rounds)
{
	rfbScreenInfoPtr screen;
	g_autoptr(GByteArray) out = g_byte_array_new();
	int fd = memfd_create("out", MFD_CLOEXEC);
	Result best = {0};
	Check check = {.decoder = tight_decoder_new(), .frame = frame_new(WIDTH, HEIGHT)};

	rfbLogEnable(FALSE);
	screen = rfbGetScreen(NULL, NULL, WIDTH, HEIGHT, 8, 3, 4);
	screen->frameBuffer = (char *)load->frames[0]->pixels;
	screen->port = screen->ipv6port = 0;
	screen->serverFormat.redShift = 16;
	screen->serverFormat.blueShift = 0;
	screen->serverFormat.depth = 24;
	rfbClientPtr client = new_client(screen, options, fd);

	for (guint round = 0; round < rounds; round++) {
		Result result = {0};

		for (guint i = 0; i < FRAMES; i++) {
			const Rect *rect = &load->rects[i][0];
			double wall = now(CLOCK_MONOTONIC), cpu = now(CLOCK_PROCESS_CPUTIME_ID);

			screen->frameBuffer = (char *)load->frames[i]->pixels;
			client->scaledScreen->frameBuffer = screen->frameBuffer;
			rfbSendRectEncodingTight(client, rect->x, rect->y, rect->width, rect->height);
			rfbSendUpdateBuf(client);
			result.wall += now(CLOCK_MONOTONIC) - wall;
			result.cpu += now(CLOCK_PROCESS_CPUTIME_ID) - cpu;
			read_out(fd, out);
			check_frame(&check, load->frames[i], rect, out->data, out->len, &result);
		}
		keep_best(&best, &result);
	}
	best.psnr = psnr(&check);
	tight_decoder_free(check.decoder);
	frame_free(check.frame);
	return best;
}

/* There and back again, so that no frame but the first is a cut. The rate control has some frames to find its way. */
static const Frame *
nth(const Load *load, guint i)
{
	guint k = i % (2 * FRAMES - 2);

	return load->frames[k < FRAMES ? k : 2 * FRAMES - 2 - k];
}

/* @size: of a frame. */
static Result
measure_h264(const Load *load, H264Decoder *decoder, guint64 size, guint rounds)
{
	const Rect *rect = &load->rects[0][0];
	H264Encoder *encoder = h264_encoder_new(rect->width, rect->height);
	g_autoptr(GByteArray) out = g_byte_array_new();
	Result best = {0};
	Check check = {.frame = frame_new(WIDTH, HEIGHT)};
	guint n = 0;

	for (guint round = 0; round < rounds + 3; round++) {
		Result result = {.n = FRAMES};

		for (guint i = 0; i < FRAMES; i++, n++) {
			double wall = now(CLOCK_MONOTONIC), cpu = now(CLOCK_PROCESS_CPUTIME_ID);

			g_byte_array_set_size(out, 0);
			if (!h264_encode(encoder, nth(load, n), rect->x, rect->y, FALSE, size, (n + 1) * 33333, out))
				g_error("H.264 fails");
			result.wall += now(CLOCK_MONOTONIC) - wall;
			result.cpu += now(CLOCK_PROCESS_CPUTIME_ID) - cpu;
			result.bytes += out->len;
			if (!h264_decode(decoder, out->data, out->len, check.frame, rect->x, rect->y))
				g_error("what was encoded cannot be decoded");
			if (round >= 3)
				add_error(&check, nth(load, n), rect);
		}
		if (round >= 3)
			keep_best(&best, &result);
	}
	best.psnr = psnr(&check);
	h264_encoder_free(encoder);
	frame_free(check.frame);
	return best;
}

/* At the size that brings the same PSNR as @like, found by halving. */
static gboolean
measure_like(const Load *load, const Result *like, guint rounds, Result *result)
{
	double low = 500, high = (double)like->bytes / FRAMES * 2;
	H264Decoder *decoder = h264_load(NULL) ? h264_decoder_new() : NULL;

	if (decoder == NULL)
		return FALSE;
	for (int i = 0; i < 7; i++) {
		double size = sqrt(low * high);

		*result = measure_h264(load, decoder, (guint64)size, 2);
		if (result->psnr < like->psnr)
			low = size;
		else
			high = size;
	}
	*result = measure_h264(load, decoder, (guint64)high, rounds);
	h264_decoder_free(decoder);
	return TRUE;
}

static void
print_result(const char *who, const Load *load, const Result *result)
{
	double pixels = 0;

	for (guint i = 0; i < FRAMES; i++)
		pixels += (double)rect_area(&load->rects[i][0]);
	printf("  %-22s %9.3f ms %9.3f ms CPU %8.0f MB/s %9.3f kB %5.0f rects", who, result->wall * 1e3 / FRAMES,
	        result->cpu * 1e3 / FRAMES, pixels * 4 / result->wall / 1e6, (double)result->bytes / 1e3 / FRAMES,
	        (double)result->n / FRAMES);
	if (isinf(result->psnr))
		printf("  exact\n");
	else
		printf("  %5.2f dB\n", result->psnr);
	fflush(stdout);
}

static void
run_load(const Recipe *recipe, guint rounds)
{
	static const TightOptions options[] = {{0, TIGHT_420, 1}, {QUALITY, TIGHT_420, 2}};
	Load load = {.n_rects = 1};

	for (guint i = 0; i < FRAMES; i++)
		load.frames[i] = frame_new(WIDTH, HEIGHT);
	recipe->draw(&load);
	for (guint i = 0; i < G_N_ELEMENTS(options); i++) {
		Result result, film;

		printf("%s, %s\n", recipe->name, options[i].quality > 0 ? "JPEG allowed" : "lossless");
		result = measure_libvncserver(&load, &options[i], rounds);
		print_result("libvncserver", &load, &result);
		result = measure_ours(&load, &options[i], 1, 1, rounds);
		print_result("ours, 1 thread", &load, &result);
		result = measure_ours(&load, &options[i], 2, 1, rounds);
		print_result("ours, 2 threads", &load, &result);
		result = measure_ours(&load, &options[i], 1, 2, rounds);
		print_result("ours, 1, two viewers", &load, &result);
		if (recipe->film && options[i].quality > 0 && measure_like(&load, &result, rounds, &film))
			print_result("H.264 as good", &load, &film);
	}
	for (guint i = 0; i < FRAMES; i++)
		frame_free(load.frames[i]);
}

int
main(int argc, char **argv)
{
	guint rounds = argc > 1 ? (guint)CLAMP(atoi(argv[1]), 1, 1000) : 5;

	printf("A frame's time, the best of %u rounds of %d frames; JPEG of quality %d, 4:2:0.\n", rounds, FRAMES, QUALITY);
	for (guint i = 0; i < G_N_ELEMENTS(recipes); i++) {
		if (argc < 3 || strcmp(argv[2], recipes[i].name) == 0)
			run_load(&recipes[i], rounds);
	}
	return EXIT_SUCCESS;
}
