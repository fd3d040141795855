/* libvirt calls these functions from any of our threads; dispatch is on the main loop only. An entry is counted: by the table
 * while libvirt has it, and by its source while that may still be dispatched. libvirt's "ff", which frees what its callback
 * uses, is called on the main loop once neither holds the entry, and never from within a call of libvirt (it may hold the
 * locks that ff wants). SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "pools/libvirt-loop.h"

#include <glib-unix.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

typedef struct {
	int id;
	int fd;		  /* -1: a timer */
	gboolean removed; /* under the lock */
	GSource *source;  /* NULL: nothing is waited for */
	virEventHandleCallback on_handle;
	virEventTimeoutCallback on_timeout;
	void *opaque;
	virFreeCallback ff;
} Entry;

static GMutex lock;
static GHashTable *entries; /* id -> Entry, counted */
static int last_id;

static gboolean
call_ff(gpointer data)
{
	Entry *entry = data;

	entry->ff(entry->opaque);
	g_free(entry);
	return G_SOURCE_REMOVE;
}

static void
entry_finalize(gpointer data)
{
	const Entry *entry = data;

	if (entry->ff)
		g_idle_add_full(G_PRIORITY_HIGH, call_ff, g_memdup2(entry, sizeof *entry), NULL);
}

static void
entry_unref(gpointer entry)
{
	g_atomic_rc_box_release_full(entry, entry_finalize);
}

static gboolean
is_removed(Entry *entry)
{
	g_mutex_lock(&lock);
	gboolean removed = entry->removed;
	g_mutex_unlock(&lock);
	return removed;
}

static gboolean
on_fd(int fd, GIOCondition condition, gpointer data)
{
	Entry *entry = data;
	int events = 0;

	if (is_removed(entry))
		return G_SOURCE_REMOVE;
	if (condition & G_IO_IN)
		events |= VIR_EVENT_HANDLE_READABLE;
	if (condition & G_IO_OUT)
		events |= VIR_EVENT_HANDLE_WRITABLE;
	if (condition & (G_IO_ERR | G_IO_NVAL))
		events |= VIR_EVENT_HANDLE_ERROR;
	if (condition & G_IO_HUP)
		events |= VIR_EVENT_HANDLE_HANGUP;
	entry->on_handle(entry->id, fd, events, entry->opaque);
	return G_SOURCE_CONTINUE;
}

static gboolean
on_timer(gpointer data)
{
	Entry *entry = data;

	if (is_removed(entry))
		return G_SOURCE_REMOVE;
	entry->on_timeout(entry->id, entry->opaque);
	return G_SOURCE_CONTINUE;
}

/* With the lock held. */
static void
drop_source(Entry *entry)
{
	if (entry->source == NULL)
		return;
	g_source_destroy(entry->source);
	g_source_unref(entry->source);
	entry->source = NULL;
}

static void
set_source(Entry *entry, GSource *source, GSourceFunc callback)
{
	g_source_set_callback(source, callback, g_atomic_rc_box_acquire(entry), entry_unref);
	g_source_attach(source, NULL);
	entry->source = source;
}

static void
watch_fd(Entry *entry, int events)
{
	GIOCondition condition = 0;

	if (events & VIR_EVENT_HANDLE_READABLE)
		condition |= G_IO_IN;
	if (events & VIR_EVENT_HANDLE_WRITABLE)
		condition |= G_IO_OUT;
	if (events & VIR_EVENT_HANDLE_ERROR)
		condition |= G_IO_ERR;
	if (events & VIR_EVENT_HANDLE_HANGUP)
		condition |= G_IO_HUP;
	if (condition != 0)
		set_source(entry, g_unix_fd_source_new(entry->fd, condition), G_SOURCE_FUNC(on_fd));
}

static void
watch_time(Entry *entry, int interval_ms)
{
	if (interval_ms >= 0)
		set_source(entry, g_timeout_source_new((guint)interval_ms), on_timer);
}

/* The result is counted for the table alone. With the lock held. */
static Entry *
add_entry(int fd, void *opaque, virFreeCallback ff)
{
	Entry *entry = g_atomic_rc_box_new0(Entry);

	entry->id = ++last_id;
	entry->fd = fd;
	entry->opaque = opaque;
	entry->ff = ff;
	g_hash_table_insert(entries, GINT_TO_POINTER(entry->id), entry);
	return entry;
}

static int
add_handle(int fd, int events, virEventHandleCallback callback, void *opaque, virFreeCallback ff)
{
	g_mutex_lock(&lock);
	Entry *entry = add_entry(fd, opaque, ff);
	int id = entry->id;

	entry->on_handle = callback;
	watch_fd(entry, events);
	g_mutex_unlock(&lock);
	return id;
}

static void
update_handle(int id, int events)
{
	g_mutex_lock(&lock);
	Entry *entry = g_hash_table_lookup(entries, GINT_TO_POINTER(id));

	if (entry) {
		drop_source(entry);
		watch_fd(entry, events);
	}
	g_mutex_unlock(&lock);
}

static int
add_timeout(int interval_ms, virEventTimeoutCallback callback, void *opaque, virFreeCallback ff)
{
	g_mutex_lock(&lock);
	Entry *entry = add_entry(-1, opaque, ff);
	int id = entry->id;

	entry->on_timeout = callback;
	watch_time(entry, interval_ms);
	g_mutex_unlock(&lock);
	return id;
}

static void
update_timeout(int id, int interval_ms)
{
	g_mutex_lock(&lock);
	Entry *entry = g_hash_table_lookup(entries, GINT_TO_POINTER(id));

	if (entry) {
		drop_source(entry);
		watch_time(entry, interval_ms);
	}
	g_mutex_unlock(&lock);
}

static int
remove_entry(int id)
{
	g_mutex_lock(&lock);
	Entry *entry = g_hash_table_lookup(entries, GINT_TO_POINTER(id));

	if (entry) {
		entry->removed = TRUE;
		drop_source(entry);
		g_hash_table_remove(entries, GINT_TO_POINTER(id));
	}
	g_mutex_unlock(&lock);
	return entry ? 0 : -1;
}

/* libvirt prints errors to stderr unless told otherwise; each is ours to report, once. */
static void
ignore_error(void *data, virErrorPtr error)
{
}

void
libvirt_loop_register(void)
{
	if (entries != NULL)
		return;
	entries = g_hash_table_new_full(NULL, NULL, NULL, entry_unref);
	virInitialize();
	virSetErrorFunc(NULL, ignore_error);
	virEventRegisterImpl(add_handle, update_handle, remove_entry, add_timeout, update_timeout, remove_entry);
}
