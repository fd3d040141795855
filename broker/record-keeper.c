/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/record-keeper.h"

#include <gio/gunixfdlist.h>
#include <string.h>

#include "broker/common/error.h"
#include "broker/dbus/display.h"
#include "broker/endings.h"

#define CALL_MS 15000

char *
record_keeper_pool_of(const char *id)
{
	const char *dot = strchr(id, '.');
	g_autofree char *pool = dot ? g_strndup(id, (gsize)(dot - id)) : NULL;

	return pool && pool_name_is_valid(pool) ? g_steal_pointer(&pool) : NULL;
}

static void
on_pruned(GObject *source, GAsyncResult *result, gpointer data)
{
	g_auto(GStrv) removed = NULL;
	g_autoptr(GError) error = NULL;
	Broker *broker = data;

	if (!carrel_display1_call_prune_recordings_finish(CARREL_DISPLAY1(source), &removed, result, &error)) {
		if (!g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
			g_warning("carrel-display did not look through its recordings: %s", error->message);
		return;
	}
	for (char **id = removed; *id; id++) {
		g_autofree char *of = record_keeper_pool_of(*id);

		broker_audit(broker, "carrel", NULL, "recording-expired", NULL, of, *id);
	}
}

void
record_keeper_prune(Broker *broker)
{
	CarrelDisplay1 *display = display_client_proxy(broker->display);

	for (guint i = 0; display && broker->engine && i < engine_n_pools(broker->engine); i++) {
		const PoolView *pool = engine_pool_at(broker->engine, i);

		if (pool->file && (pool->file->record_keep > 0 || pool->file->record_max > 0))
			carrel_display1_call_prune_recordings(display, pool->name, pool->file->record_keep, pool->file->record_max,
			        G_DBUS_CALL_FLAGS_NONE, CALL_MS, display_client_cancellable(broker->display), on_pruned, broker);
	}
}

void
record_keeper_on_started(Broker *broker, const char *desktop, const char *id)
{
	g_autofree char *pool = record_keeper_pool_of(id);

	broker_audit(broker, "carrel", NULL, "recording", desktop, pool, id);
}

void
record_keeper_on_ended(Broker *broker, const char *desktop, const char *id, const char *hash, const char *why, gboolean required)
{
	g_autofree char *pool = record_keeper_pool_of(id);
	/* The hash stands for the whole file: what is here cannot be changed there. */
	g_autofree char *detail = g_strdup_printf("%s%s%s%s%s", id, *hash ? " sha256 " : "", hash, *why ? ": " : *hash ? "" : ": cut", why);

	broker_audit(broker, "carrel", NULL, *why ? "recording-failed" : "recording-ended", desktop, pool, detail);
	if (*why && required)
		endings_end_clients(broker, desktop, END_UNRECORDED);
	record_keeper_prune(broker);
}

/* FALSE: there is nobody to ask, and @task was told. */
static gboolean
is_there(Broker *broker, GTask *task)
{
	if (display_client_proxy(broker->display))
		return TRUE;
	g_task_return_new_error(task, CARREL_ERROR, CARREL_ERROR_BUSY, "the display server is away: try again");
	return FALSE;
}

static void
pass_on(GTask *task, GError *error)
{
	g_dbus_error_strip_remote_error(error);
	if (error->domain == CARREL_ERROR)
		g_task_return_error(task, error);
	else {
		g_task_return_new_error(task, CARREL_ERROR, CARREL_ERROR_BUSY, "carrel-display: %s", error->message);
		g_error_free(error);
	}
}

static void
on_listed(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(GTask) task = data;
	GVariant *rows = NULL;
	GError *error = NULL;
	guint total = 0;

	if (!carrel_display1_call_list_recordings_finish(CARREL_DISPLAY1(source), &rows, &total, result, &error)) {
		pass_on(task, error);
		return;
	}
	g_task_set_task_data(task, GUINT_TO_POINTER(total), NULL);
	g_task_return_pointer(task, rows, (GDestroyNotify)g_variant_unref);
}

void
record_keeper_list_async(Broker *broker, GVariant *filter, GAsyncReadyCallback callback, void *data)
{
	g_autoptr(GTask) task = g_task_new(NULL, NULL, callback, data);
	g_autoptr(GVariant) owned = g_variant_ref_sink(filter);

	if (is_there(broker, task))
		carrel_display1_call_list_recordings(display_client_proxy(broker->display), owned, G_DBUS_CALL_FLAGS_NONE, CALL_MS, NULL,
		        on_listed, g_steal_pointer(&task));
}

GVariant *
record_keeper_list_finish(GAsyncResult *result, guint *total, GError **error)
{
	*total = GPOINTER_TO_UINT(g_task_get_task_data(G_TASK(result)));
	return g_task_propagate_pointer(G_TASK(result), error);
}

static void
on_opened(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(GTask) task = data;
	g_autoptr(GVariant) handle = NULL;
	g_autoptr(GUnixFDList) fds = NULL;
	GError *error = NULL;
	int fd = -1;

	if (!carrel_display1_call_open_recording_finish(CARREL_DISPLAY1(source), &handle, &fds, result, &error)) {
		pass_on(task, error);
		return;
	}
	if (fds && g_variant_get_handle(handle) >= 0 && g_variant_get_handle(handle) < g_unix_fd_list_get_length(fds))
		fd = g_unix_fd_list_get(fds, g_variant_get_handle(handle), NULL);
	if (fd < 0)
		g_task_return_new_error(task, CARREL_ERROR, CARREL_ERROR_PROTOCOL, "carrel-display gave no file");
	else
		g_task_return_int(task, fd);
}

void
record_keeper_open_async(Broker *broker, const char *id, GAsyncReadyCallback callback, void *data)
{
	g_autoptr(GTask) task = g_task_new(NULL, NULL, callback, data);

	if (is_there(broker, task))
		carrel_display1_call_open_recording(display_client_proxy(broker->display), id, G_DBUS_CALL_FLAGS_NONE, CALL_MS, NULL, NULL,
		        on_opened, g_steal_pointer(&task));
}

int
record_keeper_open_finish(GAsyncResult *result, GError **error)
{
	return (int)g_task_propagate_int(G_TASK(result), error);
}

typedef struct {
	Broker *broker;
	char *id, *actor, *address;
} Removal;

static void
removal_free(void *data)
{
	Removal *removal = data;

	g_free(removal->id);
	g_free(removal->actor);
	g_free(removal->address);
	g_free(removal);
}

static void
on_removed(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(GTask) task = data;
	const Removal *removal = g_task_get_task_data(task);
	g_autofree char *pool = record_keeper_pool_of(removal->id);
	GError *error = NULL;

	if (!carrel_display1_call_remove_recording_finish(CARREL_DISPLAY1(source), result, &error)) {
		if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
			g_task_return_error(task, error);
		else
			pass_on(task, error);
		return;
	}
	broker_audit(removal->broker, removal->actor, removal->address, "recording-removed", NULL, pool, removal->id);
	g_task_return_boolean(task, TRUE);
}

void
record_keeper_remove_async(Broker *broker, const char *id, const char *actor, const char *address, GAsyncReadyCallback callback, void *data)
{
	g_autoptr(GTask) task = g_task_new(NULL, NULL, callback, data);
	Removal *removal = g_new0(Removal, 1);

	removal->broker = broker;
	removal->id = g_strdup(id);
	removal->actor = g_strdup(actor);
	removal->address = g_strdup(address);
	g_task_set_task_data(task, removal, removal_free);
	if (is_there(broker, task))
		carrel_display1_call_remove_recording(display_client_proxy(broker->display), id, G_DBUS_CALL_FLAGS_NONE, CALL_MS,
		        display_client_cancellable(broker->display), on_removed, g_steal_pointer(&task));
}

gboolean
record_keeper_remove_finish(GAsyncResult *result, GError **error)
{
	return g_task_propagate_boolean(G_TASK(result), error);
}
