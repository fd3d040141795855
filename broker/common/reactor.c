/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/common/reactor.h"

#include "broker/common/error.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define BATCH 256
#define TURNS 16 /* batches before GLib's other sources get their turn */

struct Reactor {
	GSource source;
	int epoll;
	int woken_by; /* GLib's descriptor for waking its loop, in our epoll, too; -1: none yet */
	int n;        /* of the batch that is to be dispatched, or is */
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

static Reactor *polled; /* whose epoll stands in for the main loop's poll(2) */

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

static void
dispatch_batch(Reactor *reactor)
{
	for (int i = 0; i < reactor->n; i++) {
		Watch *watch = reactor->batch[i].data.ptr;

		if (watch)
			watch->on_ready(watch->data, reactor->batch[i].events);
	}
}

static gboolean
dispatch(GSource *source, GSourceFunc callback, gpointer data)
{
	Reactor *reactor = (Reactor *)source;

	/* While there is much to do, one system call a batch and no turn of GLib's loop. After a single event there mostly is not. */
	for (int turn = 0; turn < TURNS; turn++) {
		int n = reactor->n;

		dispatch_batch(reactor);
		dispatch_poked(reactor);
		if (n == 1)
			break;
		reactor->n = epoll_wait(reactor->epoll, reactor->batch, BATCH, 0);
		if (reactor->n <= 0)
			break;
	}
	reactor->n = 0;
	return G_SOURCE_CONTINUE;
}

static GSourceFuncs functions = {.prepare = prepare, .dispatch = dispatch};

/* GLib's descriptor joins ours. FALSE: it cannot. */
static gboolean
watch_waking(Reactor *reactor, int fd)
{
	struct epoll_event event = {.events = EPOLLIN};

	if (fd == reactor->woken_by)
		return TRUE;
	if (reactor->woken_by >= 0)
		epoll_ctl(reactor->epoll, EPOLL_CTL_DEL, reactor->woken_by, NULL);
	reactor->woken_by = epoll_ctl(reactor->epoll, EPOLL_CTL_ADD, fd, &event) == 0 ? fd : -1;
	return fd == reactor->woken_by;
}

/* The main loop's poll(2). It has our descriptor and the one that wakes it, and nothing else as a rule: then one epoll_wait(2) both
 * waits and says what there is, in place of a poll(2) that only says that it is worth asking. */
static int
wait_for_all(GPollFD *fds, guint n_fds, int timeout_ms)
{
	Reactor *reactor = polled;
	GPollFD *ours = n_fds == 2 && reactor ? &fds[fds[0].fd == reactor->epoll ? 0 : 1] : NULL;
	GPollFD *waking = ours ? &fds[ours == fds] : NULL;
	int n = 0;

	if (ours == NULL || ours->fd != reactor->epoll || waking->events != G_IO_IN || !watch_waking(reactor, waking->fd))
		return g_poll(fds, n_fds, timeout_ms);
	ours->revents = waking->revents = 0;
	n = epoll_wait(reactor->epoll, reactor->batch, BATCH, timeout_ms);
	if (n < 0)
		return n;
	reactor->n = n;
	for (int i = 0; i < n; i++) {
		if (reactor->batch[i].data.ptr == NULL)
			waking->revents = G_IO_IN;
		else
			ours->revents = G_IO_IN;
	}
	return (ours->revents != 0) + (waking->revents != 0);
}

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
	reactor->woken_by = -1;
	g_source_add_unix_fd(&reactor->source, epoll, G_IO_IN);
	/* Nothing in dispatch runs a loop of its own. GLib takes the descriptor of a source that may not recurse out of its poll(2)
	 * around each dispatch, and wakes itself twice for that: two writes, a read and a poll(2) that returns at once. */
	g_source_set_can_recurse(&reactor->source, TRUE);
	g_source_attach(&reactor->source, NULL);
	return reactor;
}

void
reactor_wait_for_all(Reactor *reactor)
{
	polled = reactor;
	g_main_context_set_poll_func(NULL, wait_for_all);
}

void
reactor_free(Reactor *reactor)
{
	if (reactor == NULL)
		return;
	if (polled == reactor) {
		polled = NULL;
		g_main_context_set_poll_func(NULL, NULL);
	}
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
