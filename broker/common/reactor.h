/* An epoll(7) of a program's own that GLib's main loop sees as one file descriptor: the gateway's connections, the broker's ports of
 * agents. A GSource a connection makes the loop poll(2) all of them on each turn, which collapses near ten thousand.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>
#include <sys/epoll.h>

typedef struct Reactor Reactor;
typedef struct Watch Watch;

/* @events: of epoll(7), those that were asked for, and EPOLLHUP and EPOLLERR. */
typedef void (*WatchReady)(void *data, guint32 events);

/* NULL and an error where the kernel gives no epoll. Lives in the default main context. */
Reactor *reactor_new(GError **error);
void reactor_free(Reactor *reactor); /* all its watches are freed by then */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Reactor, reactor_free)

/* Has its epoll stand in for the main loop's poll(2) too: for a program that waits for little else. One at a time. */
void reactor_wait_for_all(Reactor *reactor);

/* Watches @fd, which stays the caller's, for nothing yet. Level-triggered. */
Watch *watch_new(Reactor *reactor, int fd, WatchReady on_ready, void *data);

/* @events: EPOLLIN, EPOLLOUT, both, or 0: then not even a hang-up is told, so that an end which nobody can act on yet
 * does not spin the loop. */
void watch_set(Watch *watch, guint32 events);

/* Calls back with EPOLLIN on the next turn if that is still asked for then: for bytes that a library has read ahead,
 * of which the kernel knows nothing. */
void watch_poke(Watch *watch);

/* No call-back comes after this, not even one that is due. Call it before close(2). */
void watch_free(Watch *watch);
