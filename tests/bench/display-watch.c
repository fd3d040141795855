/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "tests/bench/display-watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RGB 0x00ffffffu
#define STEP 8            /* pixels between two that are looked at for colours, each way */
#define PAINTED_PERCENT 5 /* a terminal's part of the screen, and no icon's */
#define CLOCK_HEIGHT 48   /* what changes down there is no answer to a key */
#define FRAME_US (1000000 / 60)
#define COLOURS_MAX 64

struct Watch {
	void (*key)(guint32 key, gboolean down);
	guint32 *pixels; /* as of the last update */
	int width, height;
	gboolean changed, answered;
	gint64 pressed_us, started_us, last_us; /* pressed: 0: no answer is awaited */
	guint32 colour;
	gboolean awaiting;
	guint64 updates, frames, received;
};

Watch *
watch_new(void (*key)(guint32 key, gboolean down))
{
	Watch *watch = g_new0(Watch, 1);

	watch->key = key;
	return watch;
}

static void G_GNUC_PRINTF(1, 2) say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	fflush(stdout);
}

void
watch_part(Watch *watch, const guint8 *pixels, int stride, int width, int height, int x, int y, int part_width, int part_height)
{
	if (width != watch->width || height != watch->height) {
		watch->pixels = g_realloc_n(watch->pixels, (gsize)width * (gsize)height, 4);
		memset(watch->pixels, 0, (gsize)width * (gsize)height * 4);
		watch->width = width;
		watch->height = height;
		x = y = 0;
		part_width = width;
		part_height = height;
	}
	for (int row = MAX(y, 0); row < MIN(y + part_height, height); row++) {
		const guint32 *from = (const guint32 *)(pixels + (gsize)row * (gsize)stride);
		guint32 *to = watch->pixels + (gsize)row * (gsize)width, different = 0;

		for (int column = MAX(x, 0); column < MIN(x + part_width, width); column++) {
			different |= (to[column] ^ from[column]) & RGB;
			to[column] = from[column];
		}
		watch->changed |= different != 0;
		watch->answered |= different != 0 && row < height - CLOCK_HEIGHT;
	}
}

static gboolean
is_painted(const Watch *watch)
{
	guint found = 0, looked = 0;

	for (int y = 0; y < watch->height; y += STEP) {
		for (int x = 0; x < watch->width; x += STEP) {
			found += (watch->pixels[y * watch->width + x] & RGB) == watch->colour;
			looked++;
		}
	}
	return found * 100 > looked * PAINTED_PERCENT;
}

static guint
colours(const Watch *watch)
{
	g_autoptr(GHashTable) found = g_hash_table_new(NULL, NULL);

	for (int y = 0; y < watch->height; y += STEP)
		for (int x = 0; x < watch->width && g_hash_table_size(found) < COLOURS_MAX; x += STEP)
			g_hash_table_add(found, GUINT_TO_POINTER((watch->pixels[y * watch->width + x] & RGB) + 1));
	return g_hash_table_size(found);
}

/* A frame is a sixtieth of a second in which something new came: SPICE has no other, and more are not seen. */
void
watch_shown(Watch *watch)
{
	gint64 now = g_get_monotonic_time();

	if (!watch->changed)
		return;
	watch->changed = FALSE;
	watch->updates++;
	watch->frames += now / FRAME_US != watch->last_us / FRAME_US;
	watch->last_us = now;
	if (watch->pressed_us > 0 && watch->answered) {
		say("answered %.2f\n", (double)(now - watch->pressed_us) / 1000);
		watch->pressed_us = 0;
	}
	watch->answered = FALSE;
	if (watch->awaiting && is_painted(watch)) {
		say("painted %06x\n", watch->colour);
		watch->awaiting = FALSE;
	}
}

static void
start(Watch *watch, guint64 received)
{
	watch->started_us = g_get_monotonic_time();
	watch->received = received;
	watch->updates = watch->frames = 0;
	say("started\n");
}

static void
obey(Watch *watch, const char *line, guint64 received)
{
	unsigned int number;

	if (sscanf(line, "down %u", &number) == 1) {
		watch->key(number, TRUE);
	} else if (sscanf(line, "up %u", &number) == 1) {
		watch->key(number, FALSE);
	} else if (sscanf(line, "time %u", &number) == 1) {
		watch->answered = FALSE;
		watch->pressed_us = g_get_monotonic_time();
		watch->key(number, TRUE);
		watch->key(number, FALSE);
	} else if (sscanf(line, "await %x", &number) == 1) {
		watch->colour = number;
		watch->awaiting = TRUE;
	} else if (g_str_equal(line, "colours")) {
		say("%u\n", colours(watch));
	} else if (g_str_equal(line, "start")) {
		start(watch, received);
	} else if (g_str_equal(line, "report")) {
		say("{\"seconds\": %.3f, \"bytes\": %" G_GUINT64_FORMAT ", \"updates\": %" G_GUINT64_FORMAT
		    ", \"frames\": %" G_GUINT64_FORMAT "}\n",
		        (double)(g_get_monotonic_time() - watch->started_us) / 1e6, received - watch->received, watch->updates,
		        watch->frames);
	}
}

gboolean
watch_obey(Watch *watch, guint64 received)
{
	char text[1024]; /* several lines, when the client was busy; the driver sends whole ones, and waits for answers */
	ssize_t n = read(STDIN_FILENO, text, sizeof text - 1);

	if (n <= 0)
		return FALSE;
	text[n] = '\0';
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	for (char **line = lines; *line; line++)
		obey(watch, *line, received);
	return TRUE;
}
