/* What monitors the X screen should have: decided here, done in randr.h. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "agent/session/vdagent.h"

#define LAYOUT_WIDTH_MIN  320
#define LAYOUT_HEIGHT_MIN 200
#define LAYOUT_OUTPUTS	  VDAGENT_MONITORS_MAX

/* Pixels. width 0: off. */
typedef struct {
	guint x, y, width, height;
} LayoutRect;

typedef struct {
	guint n; /* outputs */
	LayoutRect outputs[LAYOUT_OUTPUTS];
	guint width, height; /* of the screen that holds them all */
} Layout;

/* What RandR allows (RRGetScreenSizeRange). */
typedef struct {
	guint min_width, min_height, max_width, max_height;
} LayoutLimits;

/* Fits what a peer asked for into @n_outputs outputs and @limits: monitors that overlap or reach out of the screen are
 * placed side by side, sizes are brought into range. FALSE when no monitor would be on. */
gboolean layout_make(Layout *layout, const VdagentMonitor *monitors, guint n, guint n_outputs, const LayoutLimits *limits);

/* A mode's timings, in the terms of RandR's RRCreateMode. */
typedef struct {
	guint width, height;
	guint hsync_start, hsync_end, htotal, vsync_start, vsync_end, vtotal;
	guint dot_clock_hz;
} LayoutMode;

/* 60 Hz with reduced blanking, after VESA CVT 1.1, section 3.4; the width is not rounded to a multiple of 8, as no cable
 * asks for it. */
LayoutMode layout_mode(guint width, guint height);
