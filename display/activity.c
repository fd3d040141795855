/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/activity.h"

struct Activity {
	guint period_ms;
	void (*report)(void *data);
	void *data;
	guint period_id; /* 0: all is told, and no timer runs */
	gboolean more;	 /* since the last report */
};

Activity *
activity_new(guint period_ms, void (*report)(void *data), void *data)
{
	Activity *activity = g_new0(Activity, 1);

	activity->period_ms = period_ms;
	activity->report = report;
	activity->data = data;
	return activity;
}

void
activity_free(Activity *activity)
{
	if (activity == NULL)
		return;
	g_clear_handle_id(&activity->period_id, g_source_remove);
	g_free(activity);
}

static gboolean
on_period(gpointer data)
{
	Activity *activity = data;

	if (!activity->more) {
		activity->period_id = 0;
		return G_SOURCE_REMOVE;
	}
	activity->more = FALSE;
	activity->report(activity->data);
	return G_SOURCE_CONTINUE;
}

void
activity_note(Activity *activity)
{
	if (activity->period_id != 0) {
		activity->more = TRUE;
		return;
	}
	activity->period_id = g_timeout_add(activity->period_ms, on_period, activity);
	activity->report(activity->data);
}
