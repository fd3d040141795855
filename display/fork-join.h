/* Cuts one computation over a few threads, and waits for it. The threads are made at the first use and stay: they sleep in
 * between, and who calls works along, so that on a machine of one processor there are none.
 * One computation at a time in a process: a second thread that calls meanwhile does its own alone.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

/* The caller's is one of them. More processors than that are there for other desktops. */
#define FORK_JOIN_THREADS_MAX 4

/* Does item @i. @thread: 0..FORK_JOIN_THREADS_MAX-1, not two at a time with the same number, 0 the caller's. */
typedef void (*ForkJoinWork)(gpointer data, guint i, guint thread);

/* Calls @work for each of the @n items, in any order, on up to fork_join_threads() threads; returns when all is done. What the
 * items wrote can then be read. */
void fork_join(ForkJoinWork work, gpointer data, guint n);

/* How many work, with the caller: the processors, up to FORK_JOIN_THREADS_MAX, or what was set (1..FORK_JOIN_THREADS_MAX; 0: as
 * at first). Not during a fork_join. */
guint fork_join_threads(void);
void fork_join_set_threads(guint threads);
