/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/spice-core.h"

#include <glib-unix.h>
#include <spice/enums.h>
#include <string.h>
#include <sys/socket.h>

struct SpiceTimer {
	SpiceTimerFunc func;
	void *opaque;
	guint id;
};

struct SpiceWatch {
	int fd;
	SpiceWatchFunc func;
	void *opaque;
	guint id;
};

static SpiceCoreEvent receiver;
static void *receiver_data;
static guint log_id;

static SpiceTimer *
timer_add(SpiceTimerFunc func, void *opaque)
{
	SpiceTimer *timer = g_new0(SpiceTimer, 1);

	timer->func = func;
	timer->opaque = opaque;
	return timer;
}

static void
timer_cancel(SpiceTimer *timer)
{
	g_clear_handle_id(&timer->id, g_source_remove);
}

static gboolean
on_timer(gpointer data)
{
	SpiceTimer *timer = data;

	timer->id = 0;
	timer->func(timer->opaque); /* may remove the timer */
	return G_SOURCE_REMOVE;
}

static void
timer_start(SpiceTimer *timer, uint32_t ms)
{
	timer_cancel(timer);
	timer->id = g_timeout_add(ms, on_timer, timer);
}

static void
timer_remove(SpiceTimer *timer)
{
	timer_cancel(timer);
	g_free(timer);
}

static gboolean
on_watch(gint fd, GIOCondition condition, gpointer data)
{
	SpiceWatch *watch = data;
	int event = (condition & (G_IO_IN | G_IO_HUP | G_IO_ERR) ? SPICE_WATCH_EVENT_READ : 0) |
		    (condition & G_IO_OUT ? SPICE_WATCH_EVENT_WRITE : 0);

	watch->func(fd, event, watch->opaque); /* may remove the watch */
	return G_SOURCE_CONTINUE;
}

static void
watch_update_mask(SpiceWatch *watch, int mask)
{
	GIOCondition condition = (mask & SPICE_WATCH_EVENT_READ ? G_IO_IN : 0) |
				 (mask & SPICE_WATCH_EVENT_WRITE ? G_IO_OUT : 0);

	g_clear_handle_id(&watch->id, g_source_remove);
	if (condition)
		watch->id = g_unix_fd_add(watch->fd, condition, on_watch, watch);
}

static SpiceWatch *
watch_add(int fd, int mask, SpiceWatchFunc func, void *opaque)
{
	SpiceWatch *watch = g_new0(SpiceWatch, 1);

	watch->fd = fd;
	watch->func = func;
	watch->opaque = opaque;
	watch_update_mask(watch, mask);
	return watch;
}

static void
watch_remove(SpiceWatch *watch)
{
	watch_update_mask(watch, 0);
	g_free(watch);
}

/* Which then complains, with each measurement of the round trip, that a unix socket has no TCP_NODELAY. */
static void
log_of_library(const char *domain, GLogLevelFlags level, const char *message, gpointer data)
{
	if (strstr(message, "red_socket_get_no_delay") == NULL)
		g_log_default_handler(domain, level, message, data);
}

static void
channel_event(int event, SpiceChannelEventInfo *info)
{
	/* It takes who comes by a unix socket for somebody on the same machine, compresses no picture (dcc-send.cpp, fill_bits), and does not
	 * measure the way, so that films get 10 Mbit/s whatever there is (reds.cpp, reds_handle_main_link; video-stream.cpp). Ours come from
	 * afar, by the gateway. What is said here is what it goes by. */
	if (event == SPICE_CHANNEL_EVENT_INITIALIZED && (info->type == SPICE_CHANNEL_DISPLAY || info->type == SPICE_CHANNEL_MAIN))
		info->laddr_ext.ss_family = AF_UNSPEC;
	if (receiver)
		receiver(event, info, receiver_data);
}

static SpiceCoreInterface core = {
	.base = {SPICE_INTERFACE_CORE, "GLib", SPICE_INTERFACE_CORE_MAJOR, SPICE_INTERFACE_CORE_MINOR},
	.timer_add = timer_add,
	.timer_start = timer_start,
	.timer_cancel = timer_cancel,
	.timer_remove = timer_remove,
	.watch_add = watch_add,
	.watch_update_mask = watch_update_mask,
	.watch_remove = watch_remove,
	.channel_event = channel_event,
};

SpiceCoreInterface *
spice_core_interface(SpiceCoreEvent on_event, void *data)
{
	if (log_id == 0)
		log_id = g_log_set_handler("Spice", G_LOG_LEVEL_WARNING, log_of_library, NULL);
	receiver = on_event;
	receiver_data = data;
	return &core;
}
