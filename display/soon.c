/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/soon.h"

/* About a frame of the guest's. */
#define LATE_US (20 * 1000)

struct Soon {
	GSource *idle, *late; /* whichever comes first */
	gboolean asked;
	void (*run)(void *data);
	void *data;
};

static gboolean
dispatch(GSource *source, GSourceFunc func, gpointer data)
{
	return func(data);
}

static gboolean
on_ready(gpointer data)
{
	Soon *soon = data;

	g_source_set_ready_time(soon->idle, -1);
	g_source_set_ready_time(soon->late, -1);
	soon->asked = FALSE;
	soon->run(soon->data);
	return G_SOURCE_CONTINUE;
}

static GSource *
add_source(Soon *soon, int priority)
{
	static GSourceFuncs funcs = {.dispatch = dispatch};
	GSource *source = g_source_new(&funcs, sizeof *source);

	g_source_set_priority(source, priority);
	g_source_set_callback(source, on_ready, soon, NULL);
	g_source_attach(source, NULL);
	return source;
}

Soon *
soon_new(int priority, void (*run)(void *data), void *data)
{
	Soon *soon = g_new0(Soon, 1);

	soon->run = run;
	soon->data = data;
	soon->idle = add_source(soon, priority);
	soon->late = add_source(soon, G_PRIORITY_DEFAULT);
	return soon;
}

static void
drop_source(GSource *source)
{
	g_source_destroy(source);
	g_source_unref(source);
}

void
soon_free(Soon *soon)
{
	if (soon == NULL)
		return;
	drop_source(soon->idle);
	drop_source(soon->late);
	g_free(soon);
}

void
soon_ask(Soon *soon)
{
	if (soon->asked)
		return;
	soon->asked = TRUE;
	g_source_set_ready_time(soon->idle, 0);
	g_source_set_ready_time(soon->late, g_get_monotonic_time() + LATE_US);
}
