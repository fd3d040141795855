/* What changed in a frame, and what was only moved: whoever follows the changes has the guest's picture.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "display/guest-memory.h"
#include "display/refine.h"

#define WIDTH 640
#define HEIGHT 480
#define CELL 9 /* of a letter */
#define LINE 18

/* The guest's screen in its memory, our frame, and the picture of a client that is told of changes only. */
typedef struct {
	guint32 *guest;
	Frame *frame, *client;
	Damage reported;
	Change last, pending; /* of the last step; all that the client has not been told */
} World;

static guint32 state = 1;

static guint
rnd(guint below)
{
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state % below;
}

static void
fill(World *world, int x, int y, int width, int height, guint32 colour)
{
	for (int row = y; row < y + height; row++) {
		for (int column = x; column < x + width; column++)
			world->guest[row * WIDTH + column] = colour;
	}
}

/* Letters are strokes of a few greys, as they look with their edges smoothed. */
static void
write_line(World *world, int x, int y, int letters)
{
	fill(world, x, y, letters * CELL, LINE, 0xffffff);
	for (int i = 0; i < letters; i++) {
		if (rnd(6) == 0)
			continue;
		for (int stroke = 0; stroke < 4; stroke++)
			fill(world, x + i * CELL + (int)rnd(7), y + 3 + (int)rnd(9), 1 + (int)rnd(2), 1 + (int)rnd(4), 0x101010 * rnd(12));
	}
}

static void
report(World *world, int x, int y, int width, int height)
{
	Rect rect = {x, y, width, height};

	rect_clip(&rect, WIDTH, HEIGHT);
	damage_add(&world->reported, &rect);
}

static void
apply(Frame *frame, const Frame *now, const Change *change)
{
	for (guint i = 0; i < change->n_copies; i++) {
		const Copy *copy = &change->copies[i];
		Rect from = copy_source(copy), clipped = from;
		g_autofree guint32 *pixels = g_new(guint32, (gsize)rect_area(&from));

		rect_clip(&clipped, frame->width, frame->height);
		ck_assert_mem_eq(&clipped, &from, sizeof from);
		for (int y = 0; y < from.height; y++)
			memcpy(pixels + y * from.width, frame_at(frame, from.x, from.y + y), (gsize)from.width * 4);
		for (int y = 0; y < from.height; y++)
			memcpy(frame_at(frame, copy->to.x, copy->to.y + y), pixels + y * from.width, (gsize)from.width * 4);
	}
	for (guint i = 0; i < change->damage.n; i++) {
		const Rect *rect = &change->damage.rects[i];

		for (int y = rect->y; y < rect->y + rect->height; y++)
			memcpy(frame_at(frame, rect->x, y), frame_at(now, rect->x, y), (gsize)rect->width * 4);
	}
}

static void
step(World *world)
{
	PixelSource source = {.pixels = world->guest, .stride = WIDTH};

	change_clear(&world->last);
	refine_update(world->frame, &source, &world->reported, &world->last);
	damage_clear(&world->reported);
	ck_assert_mem_eq(world->frame->pixels, world->guest, WIDTH * HEIGHT * 4);
	change_add(&world->pending, &world->last);
}

static void
catch_up(World *world)
{
	apply(world->client, world->frame, &world->pending);
	change_clear(&world->pending);
	ck_assert_mem_eq(world->client->pixels, world->guest, WIDTH * HEIGHT * 4);
}

static gint64
damaged(const World *world)
{
	gint64 area = 0;

	for (guint i = 0; i < world->last.damage.n; i++)
		area += rect_area(&world->last.damage.rects[i]);
	return area;
}

/* A wallpaper, and a page of text on it. */
static void
world_init(World *world)
{
	*world = (World){.guest = g_new(guint32, WIDTH * HEIGHT), .frame = frame_new(WIDTH, HEIGHT), .client = frame_new(WIDTH, HEIGHT)};
	state = 12345;
	for (int y = 0; y < HEIGHT; y++) {
		for (int x = 0; x < WIDTH; x++)
			world->guest[y * WIDTH + x] = (guint32)((40 + y / 9) << 16 | (70 + x / 8) << 8 | (120 + (x + y) / 20));
	}
	for (int row = 0; row < 20; row++)
		write_line(world, 100, 50 + row * LINE, 50);
	report(world, 0, 0, WIDTH, HEIGHT);
	step(world);
	catch_up(world);
}

static void
world_clear(World *world)
{
	g_free(world->guest);
	frame_free(world->frame);
	frame_free(world->client);
}

/* Moves the area's pixels; what they leave is as it was. */
static void
move(World *world, int x, int y, int width, int height, int dx, int dy)
{
	g_autofree guint32 *pixels = g_new(guint32, (gsize)width * (gsize)height);

	for (int row = 0; row < height; row++)
		memcpy(pixels + row * width, world->guest + (y + row) * WIDTH + x, (gsize)width * 4);
	for (int row = 0; row < height; row++)
		memcpy(world->guest + (y + dy + row) * WIDTH + x + dx, pixels + row * width, (gsize)width * 4);
}

START_TEST(only_what_differs_is_damage)
{
	World world;

	world_init(&world);
	world.guest[40 * WIDTH + 250] ^= 1;
	world.guest[41 * WIDTH + 251] ^= 2;
	report(&world, 0, 0, WIDTH, HEIGHT);
	step(&world);
	ck_assert_uint_eq(world.last.damage.n, 1);
	ck_assert_int_eq(world.last.damage.rects[0].x, 250);
	ck_assert_int_eq(world.last.damage.rects[0].width, 2);
	report(&world, 0, 0, WIDTH, HEIGHT);
	step(&world);
	ck_assert(change_is_empty(&world.last));
	world_clear(&world);
}
END_TEST

START_TEST(changes_far_apart_in_a_row_are_not_sent_with_all_between)
{
	World world;

	world_init(&world);
	world.guest[40 * WIDTH + 10] ^= 1;
	world.guest[40 * WIDTH + 600] ^= 1;
	report(&world, 0, 0, WIDTH, HEIGHT);
	step(&world);
	ck_assert_uint_eq(world.last.damage.n, 2);
	ck_assert_int_lt(damaged(&world), 2 * 32 * 16 + 1);
	catch_up(&world);
	world_clear(&world);
}
END_TEST

/* Whole pages, a line, a wheel's three lines; up and down. */
START_TEST(a_scrolled_page_is_a_copy_and_its_new_lines)
{
	static const int distances[] = {-1, 1, -3, 3, -10, 7};
	int lines = distances[_i];
	World world;

	world_init(&world);
	move(&world, 100, 50 + (lines < 0 ? -lines * LINE : 0), 50 * CELL, (20 - abs(lines)) * LINE, 0, lines * LINE);
	for (int i = 0; i < abs(lines); i++)
		write_line(&world, 100, 50 + (lines < 0 ? 19 - i : i) * LINE, 50);
	report(&world, 100, 50, 50 * CELL, 20 * LINE);
	step(&world);
	ck_assert_uint_eq(world.last.n_copies, 1);
	ck_assert_int_eq(world.last.copies[0].dx, 0);
	ck_assert_int_eq(world.last.copies[0].dy, lines * LINE);
	ck_assert_int_le(damaged(&world), ((gint64)abs(lines) * LINE + 2 * 16) * 50 * CELL);
	catch_up(&world);
	world_clear(&world);
}
END_TEST

START_TEST(a_page_that_is_moved_sideways_is_a_copy)
{
	World world;

	world_init(&world);
	move(&world, 140, 50, 410, 20 * LINE, -40, 0);
	report(&world, 100, 50, 50 * CELL, 20 * LINE);
	step(&world);
	ck_assert_uint_eq(world.last.n_copies, 1);
	ck_assert_int_eq(world.last.copies[0].dx, -40);
	ck_assert_int_le(damaged(&world), 40 * 20 * LINE + 410 * 4);
	catch_up(&world);
	world_clear(&world);
}
END_TEST

/* One box around where it was and is, or one for each; a clock on the side changes as well. */
START_TEST(a_dragged_window_is_a_copy_and_what_it_uncovered)
{
	World world;

	world_init(&world);
	for (int i = 0; i < 20; i++) {
		int x = 100 + i * 7, y = 50 + i * 5;

		if (y + 5 + 10 * LINE > HEIGHT - 60)
			break;
		move(&world, x, y, 30 * CELL, 10 * LINE, 7, 5);
		fill(&world, x, y, 30 * CELL, 5, 0x336699);
		fill(&world, x, y, 7, 10 * LINE, 0x336699);
		if (_i == 0) {
			report(&world, x, y, 30 * CELL + 7, 10 * LINE + 5);
		} else {
			report(&world, x, y, 30 * CELL, 10 * LINE);
			report(&world, x + 7, y + 5, 30 * CELL, 10 * LINE);
		}
		write_line(&world, 10, 10, 5);
		report(&world, 0, 0, WIDTH, 40);
		step(&world);
		ck_assert_uint_eq(world.last.n_copies, 1);
		ck_assert_int_eq(world.last.copies[0].dx, 7);
		ck_assert_int_eq(world.last.copies[0].dy, 5);
		ck_assert_int_le(damaged(&world), 16 * (30 * CELL + 10 * LINE) + 6 * CELL * LINE + 2000);
		if (i % 3 == 0)
			catch_up(&world);
	}
	catch_up(&world);
	world_clear(&world);
}
END_TEST

/* A film has no place that comes from another. */
START_TEST(what_is_new_everywhere_is_one_rectangle)
{
	World world;

	world_init(&world);
	for (int i = 0; i < 3; i++) {
		for (int y = 100; y < 300; y++) {
			for (int x = 200; x < 500; x++)
				world.guest[y * WIDTH + x] = rnd(1 << 24);
		}
		report(&world, 200, 100, 300, 200);
		step(&world);
		ck_assert_uint_eq(world.last.n_copies, 0);
		ck_assert_uint_eq(world.last.damage.n, 1);
		catch_up(&world);
	}
	world_clear(&world);
}
END_TEST

/* Anything may happen between two looks at the memory, and a client may fetch late. */
START_TEST(a_client_that_follows_the_changes_has_the_guests_picture)
{
	World world;

	world_init(&world);
	state = (guint32)_i * 7919 + 1;
	for (int i = 0; i < 120; i++) {
		int width = 60 + (int)rnd(400), height = 60 + (int)rnd(300);
		int x = 80 + (int)rnd((guint)(WIDTH - width - 160 > 0 ? WIDTH - width - 160 : 1));
		int y = 60 + (int)rnd((guint)(HEIGHT - height - 120 > 0 ? HEIGHT - height - 120 : 1));

		width = MIN(width, WIDTH - 80 - x);
		height = MIN(height, HEIGHT - 60 - y);
		switch (rnd(4)) {
		case 0:
			write_line(&world, 100, 50 + (int)rnd(20) * LINE, 50);
			report(&world, 0, 0, WIDTH, HEIGHT);
			break;
		case 1:
			move(&world, x, y, width, height, (int)rnd(120) - 60, (int)rnd(100) - 50);
			report(&world, x - 60, y - 50, width + 120, height + 100);
			break;
		case 2:
			move(&world, x, y, width, height, 0, (int)rnd(110) - 55);
			report(&world, x, y - 55, width, height + 110);
			break;
		case 3:
			fill(&world, x, y, width, height, rnd(1 << 24));
			report(&world, x, y, width, height);
		}
		if (rnd(3) > 0)
			continue;
		step(&world);
		if (rnd(4) == 0)
			catch_up(&world);
	}
	step(&world);
	catch_up(&world);
	world_clear(&world);
}
END_TEST

/* As QEMU sends them where it cannot share memory. */
START_TEST(a_source_may_be_a_part_of_the_frame)
{
	g_autoptr(Frame) frame = frame_new(4, 4);
	guint32 pixels[2][3] = {{1, 2, 9}, {3, 4, 9}};
	PixelSource source = {.pixels = pixels[0], .x = 1, .y = 2, .stride = 3};
	Damage reported = {{{1, 2, 2, 2}}, 1};
	Change change = {.n_copies = 0};

	refine_update(frame, &source, &reported, &change);
	ck_assert_uint_eq(*frame_at(frame, 1, 2), 1);
	ck_assert_uint_eq(*frame_at(frame, 2, 3), 4);
	ck_assert_uint_eq(*frame_at(frame, 3, 3), 0);
	ck_assert_uint_eq(change.damage.n, 1);
}
END_TEST

/* Unsealed, as QEMU's is: what is cut off reads as zeroes, at any page. */
START_TEST(memory_that_shrinks_under_us_is_no_signal)
{
	enum { PAGES = 16, PAGE = 4096 };
	g_autofree guint8 *bytes = g_malloc(PAGES * PAGE);
	int fd = memfd_create("guest", MFD_CLOEXEC);

	memset(bytes, 7, PAGES * PAGE);
	ck_assert_int_eq(pwrite(fd, bytes, PAGES * PAGE, 0), PAGES * PAGE);
	g_autoptr(GuestMemory) memory = guest_memory_new(fd, 100, (PAGES - 1) * PAGE);
	g_autoptr(GuestMemory) other = guest_memory_new(fd, 0, PAGE);
	const guint8 *p = guest_memory_bytes(memory);

	ck_assert_uint_eq(p[0], 7);
	ck_assert_int_eq(ftruncate(fd, _i * PAGE), 0);
	ck_assert_uint_eq(p[(PAGES - 2) * PAGE], 0);
	ck_assert(!guest_memory_is_whole(memory));
	ck_assert_uint_eq(p[0], 0);
	ck_assert(guest_memory_is_whole(other));
	close(fd);
}
END_TEST

START_TEST(only_so_many_memories_are_mapped)
{
	GuestMemory *memories[GUEST_MEMORY_MAX + 1];
	int fd = memfd_create("guest", MFD_CLOEXEC);

	ck_assert_int_eq(ftruncate(fd, 4096), 0);
	for (int i = 0; i <= GUEST_MEMORY_MAX; i++)
		memories[i] = guest_memory_new(fd, 0, 4096);
	ck_assert_ptr_null(memories[GUEST_MEMORY_MAX]);
	guest_memory_free(memories[0]);
	memories[0] = guest_memory_new(fd, 0, 4096);
	ck_assert_ptr_nonnull(memories[0]);
	for (int i = 0; i < GUEST_MEMORY_MAX; i++)
		guest_memory_free(memories[i]);
	close(fd);
}
END_TEST

START_TEST(damage_that_is_copied_away_is_damage_there_too)
{
	Change change = {.n_copies = 0};
	Copy copy = {{100, 100, 50, 50}, 100, 0};
	Rect dirty = {40, 120, 20, 10};

	change_add_damage(&change, &dirty);
	change_add_copy(&change, &copy);
	ck_assert_uint_eq(change.n_copies, 1);
	ck_assert_uint_eq(change.damage.n, 2);
	ck_assert_int_eq(change.damage.rects[1].x, 140);
	ck_assert_int_eq(change.damage.rects[1].width, 10);
	/* What is overwritten by the copy is not. */
	change_clear(&change);
	change_add_damage(&change, &(Rect){110, 110, 20, 10});
	change_add_copy(&change, &copy);
	ck_assert_uint_eq(change.damage.n, 0);
	for (int i = 0; i < 2 * CHANGE_COPIES_MAX; i++)
		change_add_copy(&change, &copy);
	ck_assert_uint_eq(change.n_copies, CHANGE_COPIES_MAX);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("refine");
	TCase *tcase = tcase_create("refine");

	tcase_add_test(tcase, only_what_differs_is_damage);
	tcase_add_test(tcase, changes_far_apart_in_a_row_are_not_sent_with_all_between);
	tcase_add_loop_test(tcase, a_scrolled_page_is_a_copy_and_its_new_lines, 0, 6);
	tcase_add_test(tcase, a_page_that_is_moved_sideways_is_a_copy);
	tcase_add_loop_test(tcase, a_dragged_window_is_a_copy_and_what_it_uncovered, 0, 2);
	tcase_add_test(tcase, what_is_new_everywhere_is_one_rectangle);
	tcase_add_loop_test(tcase, a_client_that_follows_the_changes_has_the_guests_picture, 0, 12);
	tcase_add_test(tcase, a_source_may_be_a_part_of_the_frame);
	tcase_add_loop_test(tcase, memory_that_shrinks_under_us_is_no_signal, 0, 3);
	tcase_add_test(tcase, only_so_many_memories_are_mapped);
	tcase_add_test(tcase, damage_that_is_copied_away_is_damage_there_too);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
