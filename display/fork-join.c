/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/fork-join.h"

typedef struct {
	ForkJoinWork work;
	gpointer data;
	guint n;
	gint next;
} Task;

static GMutex busy; /* held for a whole computation */
static GMutex lock; /* for what follows */
static GCond wake, idle;
static Task *task;   /* NULL: nobody may begin any more */
static guint serial; /* of the task: no thread takes part in one twice */
static guint wanted; /* how many may still join it */
static guint active; /* how many are at it */
static guint started;
static guint threads;

static void
take_items(Task *taken, guint thread)
{
	for (;;) {
		guint i = (guint)g_atomic_int_add(&taken->next, 1);

		if (i >= taken->n)
			return;
		taken->work(taken->data, i, thread);
	}
}

static gpointer
run_thread(gpointer number)
{
	guint seen = 0;

	g_mutex_lock(&lock);
	for (;;) {
		while (task == NULL || wanted == 0 || serial == seen)
			g_cond_wait(&wake, &lock);
		Task *taken = task;

		seen = serial;
		wanted--;
		active++;
		g_mutex_unlock(&lock);
		take_items(taken, GPOINTER_TO_UINT(number));
		g_mutex_lock(&lock);
		if (--active == 0)
			g_cond_signal(&idle);
	}
	return NULL;
}

guint
fork_join_threads(void)
{
	if (threads == 0)
		threads = CLAMP(g_get_num_processors(), 1, FORK_JOIN_THREADS_MAX);
	return threads;
}

void
fork_join_set_threads(guint wish)
{
	threads = MIN(wish, FORK_JOIN_THREADS_MAX);
}

/* With the lock. Where the system gives no more threads, fewer do it. */
static void
start_threads(guint n)
{
	while (started < n) {
		GThread *thread = g_thread_try_new("encode", run_thread, GUINT_TO_POINTER(started + 1), NULL);

		if (thread == NULL)
			return;
		g_thread_unref(thread);
		started++;
	}
}

static void
share(Task *shared, guint helpers)
{
	g_mutex_lock(&lock);
	start_threads(helpers);
	task = shared;
	serial++;
	wanted = helpers;
	g_cond_broadcast(&wake);
	g_mutex_unlock(&lock);
	take_items(shared, 0);
	/* Who has not woken up by now finds nothing, and is not waited for. */
	g_mutex_lock(&lock);
	task = NULL;
	while (active > 0)
		g_cond_wait(&idle, &lock);
	g_mutex_unlock(&lock);
}

void
fork_join(ForkJoinWork work, gpointer data, guint n)
{
	Task all = {.work = work, .data = data, .n = n};
	guint helpers = MIN(fork_join_threads(), n);

	if (helpers < 2) {
		take_items(&all, 0);
		return;
	}
	g_mutex_lock(&busy);
	share(&all, helpers - 1);
	g_mutex_unlock(&busy);
}
