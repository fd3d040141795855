/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/overlay.h"

#include <string.h>

#include "display/mark.h"
#include "display/watermark.h"

struct Overlay {
	const OverlayEvents *events;
	void *data;
	const Frame *source;
	Frame *frame; /* NULL: nothing is drawn */
	char *watermark_text, *plate_text;
	gboolean plate_large;
	Watermark *watermark; /* of watermark_text, for this size */
	Frame *plate;         /* of plate_text, for this size */
	Rect plate_rect;
	guint64 composed;
};

static void
compose(Overlay *overlay, const Rect *rect)
{
	Rect plate = rect_intersect(rect, &overlay->plate_rect);

	for (int y = rect->y; y < rect->y + rect->height; y++) {
		guint32 *to = frame_at(overlay->frame, rect->x, y);

		memcpy(to, frame_at(overlay->source, rect->x, y), (gsize)rect->width * 4);
		if (overlay->watermark)
			watermark_blend(overlay->watermark, to, rect->x, y, rect->width);
	}
	for (int y = plate.y; y < plate.y + plate.height; y++)
		memcpy(frame_at(overlay->frame, plate.x, y),
		        frame_at(overlay->plate, plate.x - overlay->plate_rect.x, y - overlay->plate_rect.y), (gsize)plate.width * 4);
	overlay->composed += (guint64)rect_area(rect);
}

static void
compose_damage(Overlay *overlay, const Damage *damage)
{
	for (guint i = 0; i < damage->n; i++)
		compose(overlay, &damage->rects[i]);
}

/* A screen that should be marked and cannot be is not shown: it ends, and the next client's is made anew. */
static void *
or_end(void *memory)
{
	if (memory == NULL)
		g_error("no memory for what is drawn over a frame");
	return memory;
}

static void
make_plate(Overlay *overlay)
{
	int width = overlay->source->width, scale = mark_scale(overlay->source->height);

	g_clear_pointer(&overlay->plate, frame_free);
	overlay->plate_rect = (Rect){0};
	if (overlay->plate_text == NULL)
		return;
	/* What stays for long is small: no more than the title of a window. */
	overlay->plate = or_end(mark_plate_new(overlay->plate_text, overlay->plate_large ? scale : MAX(1, scale / 2), width));
	overlay->plate_rect = (Rect){(width - overlay->plate->width) / 2, 0, overlay->plate->width, overlay->plate->height};
	rect_clip(&overlay->plate_rect, width, overlay->source->height);
}

static void
make_watermark(Overlay *overlay)
{
	g_clear_pointer(&overlay->watermark, watermark_free);
	if (overlay->watermark_text)
		overlay->watermark = watermark_new(overlay->watermark_text, overlay->source->width, overlay->source->height);
}

/* Makes or drops our own frame, as what is drawn asks for it. TRUE: the servers have been told of another frame. */
static gboolean
fit_frame(Overlay *overlay, gboolean anew)
{
	gboolean wanted = overlay->watermark || overlay->plate;
	Frame *old = overlay->frame;
	Rect all = {0, 0, overlay->source->width, overlay->source->height};

	if (!anew && wanted == (old != NULL))
		return FALSE;
	overlay->frame = wanted ? or_end(frame_new(all.width, all.height)) : NULL;
	if (wanted)
		compose(overlay, &all);
	overlay->events->on_frame(overlay_frame(overlay), overlay->data);
	frame_free(old);
	return TRUE;
}

/* What is drawn has changed in these places. */
static void
redraw(Overlay *overlay, const Damage *damage)
{
	Change change = {.damage = *damage};

	if (fit_frame(overlay, FALSE) || overlay->frame == NULL || damage->n == 0)
		return;
	compose_damage(overlay, damage);
	overlay->events->on_change(overlay->frame, &change, overlay->data);
}

Overlay *
overlay_new(const Frame *source, const OverlayEvents *events, void *data)
{
	Overlay *overlay = g_new0(Overlay, 1);

	overlay->source = source;
	overlay->events = events;
	overlay->data = data;
	return overlay;
}

void
overlay_free(Overlay *overlay)
{
	if (overlay == NULL)
		return;
	frame_free(overlay->frame);
	frame_free(overlay->plate);
	watermark_free(overlay->watermark);
	g_free(overlay->watermark_text);
	g_free(overlay->plate_text);
	g_free(overlay);
}

const Frame *
overlay_frame(const Overlay *overlay)
{
	return overlay->frame ? overlay->frame : overlay->source;
}

void
overlay_set_source(Overlay *overlay, const Frame *source)
{
	overlay->source = source;
	make_watermark(overlay);
	make_plate(overlay);
	fit_frame(overlay, TRUE);
}

/* What was drawn into the area that a copy comes from goes along with it, and what it is moved onto is drawn over: both are wrong after
 * the copy, and so is all that later copies take from there, which change_add_copy sees to. */
static void
add_marks_of_copy(Change *change, const Copy *copy, const Rect *mark)
{
	Rect from = copy_source(copy), moved = rect_intersect(mark, &from), here = rect_intersect(mark, &copy->to);

	moved.x += copy->dx;
	moved.y += copy->dy;
	change_add_damage(change, &moved);
	change_add_damage(change, &here);
}

static void
add_copy(Overlay *overlay, Change *change, const Copy *copy)
{
	Rect areas[WATERMARK_LINES_MAX];
	guint n = overlay->watermark ? watermark_areas(overlay->watermark, areas) : 0;

	change_add_copy(change, copy);
	for (guint i = 0; i < n; i++)
		add_marks_of_copy(change, copy, &areas[i]);
	if (overlay->plate)
		add_marks_of_copy(change, copy, &overlay->plate_rect);
}

void
overlay_source_changed(Overlay *overlay, const Change *change)
{
	Change drawn = {0};

	if (overlay->frame == NULL) {
		overlay->events->on_change(overlay->source, change, overlay->data);
		return;
	}
	for (guint i = 0; i < change->n_copies; i++) {
		add_copy(overlay, &drawn, &change->copies[i]);
		compose(overlay, &change->copies[i].to);
	}
	damage_add_all(&drawn.damage, &change->damage);
	compose_damage(overlay, &change->damage);
	overlay->events->on_change(overlay->frame, &drawn, overlay->data);
}

void
overlay_set_watermark(Overlay *overlay, const char *text)
{
	g_autoptr(Watermark) old = NULL;
	Damage damage = {0};

	if (text && *text == '\0')
		text = NULL;
	if (g_strcmp0(text, overlay->watermark_text) == 0)
		return;
	g_free(overlay->watermark_text);
	overlay->watermark_text = g_strdup(text);
	old = g_steal_pointer(&overlay->watermark);
	make_watermark(overlay);
	if (old && overlay->watermark) {
		watermark_differences(old, overlay->watermark, &damage);
	} else {
		Rect areas[WATERMARK_LINES_MAX];
		guint n = watermark_areas(old ? old : overlay->watermark, areas);

		for (guint i = 0; i < n; i++)
			damage_add(&damage, &areas[i]);
	}
	redraw(overlay, &damage);
}

void
overlay_set_plate(Overlay *overlay, const char *text, gboolean large)
{
	Damage damage = {0};

	if (g_strcmp0(text, overlay->plate_text) == 0 && large == overlay->plate_large)
		return;
	damage_add(&damage, &overlay->plate_rect);
	g_free(overlay->plate_text);
	overlay->plate_text = g_strdup(text);
	overlay->plate_large = large;
	make_plate(overlay);
	damage_add(&damage, &overlay->plate_rect);
	redraw(overlay, &damage);
}

guint64
overlay_composed(const Overlay *overlay)
{
	return overlay->composed;
}
