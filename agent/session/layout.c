/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "agent/session/layout.h"

#include <math.h>

/* VESA CVT 1.1, reduced blanking. */
#define RATE_HZ		 60.0
#define RB_MIN_VBLANK_US 460.0
#define RB_H_FRONT	 48
#define RB_H_SYNC	 32
#define RB_H_BLANK	 160
#define RB_V_FRONT	 3
#define RB_V_SYNC	 8 /* between 4 and 10 by aspect ratio; nobody measures it here */
#define RB_MIN_V_BACK	 6

static gboolean
overlap(const LayoutRect *a, const LayoutRect *b)
{
	return a->x < b->x + b->width && b->x < a->x + a->width && a->y < b->y + b->height && b->y < a->y + a->height;
}

/* Whether the monitors' own positions can be kept. */
static gboolean
is_placeable(const VdagentMonitor *monitors, const Layout *layout, const LayoutLimits *limits)
{
	for (guint i = 0; i < layout->n; i++) {
		const LayoutRect *rect = &layout->outputs[i];

		if (rect->width == 0)
			continue;
		if (monitors[i].x < 0 || monitors[i].y < 0 || rect->x + rect->width > limits->max_width ||
			rect->y + rect->height > limits->max_height)
			return FALSE;
		for (guint k = 0; k < i; k++) {
			if (layout->outputs[k].width > 0 && overlap(rect, &layout->outputs[k]))
				return FALSE;
		}
	}
	return TRUE;
}

static void
place_in_a_row(Layout *layout, const LayoutLimits *limits)
{
	guint x = 0;

	for (guint i = 0; i < layout->n; i++) {
		LayoutRect *rect = &layout->outputs[i];

		if (rect->width == 0)
			continue;
		/* One that finds no room stays dark. */
		if (x + rect->width > limits->max_width) {
			*rect = (LayoutRect){0};
			continue;
		}
		rect->x = x;
		rect->y = 0;
		x += rect->width;
	}
}

/* The screen begins where the first monitor does. */
static void
crop(Layout *layout)
{
	guint left = G_MAXUINT, top = G_MAXUINT;

	layout->width = layout->height = 0;
	for (guint i = 0; i < layout->n; i++) {
		if (layout->outputs[i].width > 0) {
			left = MIN(left, layout->outputs[i].x);
			top = MIN(top, layout->outputs[i].y);
		}
	}
	for (guint i = 0; i < layout->n; i++) {
		LayoutRect *rect = &layout->outputs[i];

		if (rect->width == 0)
			continue;
		rect->x -= left;
		rect->y -= top;
		layout->width = MAX(layout->width, rect->x + rect->width);
		layout->height = MAX(layout->height, rect->y + rect->height);
	}
}

gboolean
layout_make(Layout *layout, const VdagentMonitor *monitors, guint n, guint n_outputs, const LayoutLimits *limits)
{
	const guint min_width = MAX(limits->min_width, LAYOUT_WIDTH_MIN);
	const guint min_height = MAX(limits->min_height, LAYOUT_HEIGHT_MIN);
	Layout made = {.n = MIN(MIN(n, n_outputs), LAYOUT_OUTPUTS)};

	if (limits->max_width < min_width || limits->max_height < min_height || limits->max_width > G_MAXUINT16 ||
		limits->max_height > G_MAXUINT16)
		return FALSE;
	for (guint i = 0; i < made.n; i++) {
		if (monitors[i].width == 0 || monitors[i].height == 0)
			continue;
		made.outputs[i] = (LayoutRect){
			.x = (guint)CLAMP(monitors[i].x, 0, G_MAXUINT16),
			.y = (guint)CLAMP(monitors[i].y, 0, G_MAXUINT16),
			.width = CLAMP(monitors[i].width, min_width, limits->max_width),
			.height = CLAMP(monitors[i].height, min_height, limits->max_height),
		};
	}
	if (!is_placeable(monitors, &made, limits))
		place_in_a_row(&made, limits);
	crop(&made);
	if (made.width == 0)
		return FALSE;
	*layout = made;
	return TRUE;
}

LayoutMode
layout_mode(guint width, guint height)
{
	/* How long a line takes when the blanking is as short as allowed. */
	double line_us = (1e6 / RATE_HZ - RB_MIN_VBLANK_US) / height;
	guint vblank = MAX((guint)floor(RB_MIN_VBLANK_US / line_us) + 1, RB_V_FRONT + RB_V_SYNC + RB_MIN_V_BACK);
	LayoutMode mode = {
		.width = width,
		.height = height,
		.hsync_start = width + RB_H_FRONT,
		.hsync_end = width + RB_H_FRONT + RB_H_SYNC,
		.htotal = width + RB_H_BLANK,
		.vsync_start = height + RB_V_FRONT,
		.vsync_end = height + RB_V_FRONT + RB_V_SYNC,
		.vtotal = height + vblank,
	};

	/* 32767 x 32767 at 60 Hz does not fit; such a mode ticks as fast as it can be said. */
	mode.dot_clock_hz = (guint)MIN(RATE_HZ * mode.htotal * mode.vtotal, (double)G_MAXUINT32);
	return mode;
}
