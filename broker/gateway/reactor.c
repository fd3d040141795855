/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/gateway/reactor.h"

#include "broker/common/error.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define BATCH 256
#define TURNS 16 /* batches before GLib's other sources get their turn */

struct Reactor {
	GSource source;
	int epoll;
	int n; /* of the batch that is being dispatched */
	struct epoll_event batch[BATCH];
	GQueue poked; /* Watch, by its own link */
};

struct Watch {
	Reactor *reactor;
	int fd;
	guint32 events;
	gboolean poked;
	GList link;
	WatchReady on_ready;
	void *data;
};

static gboolean
prepare(GSource *source, int *timeout_ms)
{
	Reactor *reactor = (Reactor *)source;

	*timeout_ms = -1;
	return reactor->poked.length > 0;
}

static void
dispatch_poked(Reactor *reactor)
{
	/* What is poked meanwhile waits for the next turn: nobody starves the kernel's events. */
	for (guint left = reactor->poked.length; left > 0 && reactor->poked.length > 0; left--) {
		Watch *watch = g_queue_pop_head_link(&reactor->poked)->data;

		watch->poked = FALSE;
		if (watch->events & EPOLLIN)
			watch->on_ready(watch->data, EPOLLIN);
	}
}

static gboolean
dispatch(GSource *source, GSourceFunc callback, gpointer data)
{
	Reactor *reactor = (Reactor *)source;

	/* While there is much to do, one system call a batch: GLib's loop would add a poll(2) to each. */
	for (int turn = 0; turn < TURNS; turn++) {
		dispatch_poked(reactor);
		reactor->n = epoll_wait(reactor->epoll, reactor->batch, BATCH, 0);
		if (reactor->n <= 0)
			break;
		for (int i = 0; i < reactor->n; i++) {
			Watch *watch = reactor->batch[i].data.ptr;

			if (watch)
				watch->on_ready(watch->data, reactor->batch[i].events);
		}
	}
	reactor->n = 0;
	return G_SOURCE_CONTINUE;
}

static GSourceFuncs functions = {.prepare = prepare, .dispatch = dispatch};

Reactor *
reactor_new(GError **error)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	if (epoll < 0) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_FAILED, "epoll: %s", g_strerror(errno));
		return NULL;
	}
	Reactor *reactor = (Reactor *)g_source_new(&functions, sizeof *reactor);

	reactor->epoll = epoll;
	g_source_add_unix_fd(&reactor->source, epoll, G_IO_IN);
	g_source_attach(&reactor->source, NULL);
	return reactor;
}

void
reactor_free(Reactor *reactor)
{
	if (reactor == NULL)
		return;
	close(reactor->epoll);
	g_source_destroy(&reactor->source);
	g_source_unref(&reactor->source);
}

Watch *
watch_new(Reactor *reactor, int fd, WatchReady on_ready, void *data)
{
	Watch *watch = g_new0(Watch, 1);

	watch->reactor = reactor;
	watch->fd = fd;
	watch->on_ready = on_ready;
	watch->data = data;
	watch->link.data = watch;
	return watch;
}

void
watch_set(Watch *watch, guint32 events)
{
	struct epoll_event event = {.events = events, .data.ptr = watch};
	int operation = watch->events == 0 ? EPOLL_CTL_ADD : events == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;

	if (watch->events == events)
		return;
	/* Only memory can run out here, and then nothing else would work either. */
	if (epoll_ctl(watch->reactor->epoll, operation, watch->fd, &event) < 0)
		g_error("epoll_ctl: %s", g_strerror(errno));
	watch->events = events;
}

void
watch_poke(Watch *watch)
{
	if (watch->poked)
		return;
	watch->poked = TRUE;
	g_queue_push_tail_link(&watch->reactor->poked, &watch->link);
}

void
watch_free(Watch *watch)
{
	Reactor *reactor;

	if (watch == NULL)
		return;
	reactor = watch->reactor;
	watch_set(watch, 0);
	if (watch->poked)
		g_queue_unlink(&reactor->poked, &watch->link);
	for (int i = 0; i < reactor->n; i++) {
		if (reactor->batch[i].data.ptr == watch)
			reactor->batch[i].data.ptr = NULL;
	}
	g_free(watch);
}
