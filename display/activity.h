/* Tells that clients send keys, pointer or touch: at once when it begins, then at most once a period, and nothing while nothing
 * comes. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

typedef struct Activity Activity;

/* @report is called for the first input, and at a period's end when there was more in it. */
Activity *activity_new(guint period_ms, void (*report)(void *data), void *data);
void activity_free(Activity *activity);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Activity, activity_free)

void activity_note(Activity *activity);
