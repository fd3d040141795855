/* What a person may go back to: snapshots of memory and disk, in the desktop's overlay. The row comes before the snapshot, with no
 * time, and is whole when it has one. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "pools/engine-task.h"
#include "pools/qmp.h"

#include "broker/common/error.h"
#include "broker/store/snapshots.h"

#include <string.h>

#define DEADLINE_MS 150000
#define NAME_MAX_CHARS 32

typedef struct {
	QmpSnapshot what;
	char *name;
	GTask *task;
	Task *about;
} Work;

static void
work_free(void *data)
{
	Work *work = data;

	task_free(work->about);
	g_free(work->name);
	g_free(work);
}

gboolean
snapshot_name_is_valid(const char *name)
{
	gsize length = strlen(name);

	return length > 0 && length <= NAME_MAX_CHARS && g_ascii_isalnum(*name) &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == length;
}

static gboolean
work_in_worker(virConnectPtr connection, void *data, GError **error)
{
	const Work *work = data;

	return vm_snapshot(connection, work->about->uuid, work->what, work->name, error);
}

static gboolean
write_down(Engine *engine, const char *desktop, const Work *work, GError **error)
{
	switch (work->what) {
	case QMP_SNAPSHOT_SAVE:
		return snapshot_row_put(engine->store, desktop, work->name, engine_now(), error);
	case QMP_SNAPSHOT_DELETE:
		return snapshot_row_delete(engine->store, desktop, work->name, error);
	default:
		return TRUE;
	}
}

static void
on_done(void *data, const GError *error, void *engine_data)
{
	Engine *engine = engine_data;
	const Work *work = data;
	g_autoptr(GTask) task = work->task;
	GError *failure = error ? g_error_copy(error) : NULL;
	Desktop *desktop = effect_finish_wanted(engine, work->about);

	if (desktop == NULL) {
		g_clear_error(&failure);
		g_task_return_new_error(task, CARREL_ERROR, CARREL_ERROR_NOT_FOUND, "the desktop ended meanwhile");
		return;
	}
	desktop->step = NULL;
	desktop_mark(desktop);
	/* What the guest was doing it does again, with the clock and the random numbers of that time until it is told. */
	if (work->what == QMP_SNAPSHOT_LOAD && desktop->link)
		agent_link_expect_hello(desktop->link);
	if (failure && work->what == QMP_SNAPSHOT_SAVE)
		snapshot_row_delete(engine->store, desktop->row->id, work->name, NULL);
	if (failure || !write_down(engine, desktop->row->id, work, &failure))
		g_task_return_error(task, failure);
	else
		g_task_return_boolean(task, TRUE);
	reconcile_soon(engine, 1000);
}

static gboolean
is_there(const GPtrArray *rows, const char *name)
{
	for (guint i = 0; i < rows->len; i++) {
		const SnapshotRow *row = rows->pdata[i];

		if (row->created > 0 && strcmp(row->name, name) == 0)
			return TRUE;
	}
	return FALSE;
}

static gboolean
check(Engine *engine, const Desktop *desktop, QmpSnapshot what, const char *name, GError **error)
{
	const Pool *pool = pools_find(engine, desktop->row->pool);
	g_autoptr(GPtrArray) rows = snapshot_rows_of(engine->store, desktop->row->id, error);
	guint most = pool && pool->file ? (guint)pool->file->snapshots : 0;

	if (rows == NULL)
		return FALSE;
	if (!snapshot_name_is_valid(name))
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_INVALID,
			"a snapshot is called by 1 to %d of a-z, A-Z, 0-9, and . _ - behind the first", NAME_MAX_CHARS);
	else if (desktop->row->state != DESKTOP_ASSIGNED || !desktop->running || desktop->waking)
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_BUSY, "the desktop does not run");
	else if (desktop->busy)
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_BUSY, "the desktop is busy: try again in a moment");
	else if (what == QMP_SNAPSHOT_SAVE && most == 0)
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_DENIED, "the pool %s keeps no snapshots", desktop->row->pool);
	else if (what == QMP_SNAPSHOT_SAVE && !is_there(rows, name) && rows->len >= most)
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_EXHAUSTED, "there are %u snapshots, as many as may be kept: delete one first",
			rows->len);
	else if (what != QMP_SNAPSHOT_SAVE && !is_there(rows, name))
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_NOT_FOUND, "there is no snapshot %s", name);
	else
		return TRUE;
	return FALSE;
}

static void
begin(Engine *engine, const char *id, QmpSnapshot what, const char *name, GAsyncReadyCallback callback, void *data)
{
	static const char *const steps[] = {"Saving a snapshot", "Going back to a snapshot", "Deleting a snapshot"};
	g_autoptr(GTask) task = g_task_new(NULL, NULL, callback, data);
	Desktop *desktop = people_find(engine, id);
	GError *error = NULL;
	Work *work;

	if (desktop == NULL) {
		g_task_return_new_error(task, CARREL_ERROR, CARREL_ERROR_NOT_FOUND, "there is no desktop %s", id);
		return;
	}
	if (!check(engine, desktop, what, name, &error) ||
		(what == QMP_SNAPSHOT_SAVE && !snapshot_row_put(engine->store, desktop->row->id, name, 0, &error))) {
		g_task_return_error(task, error);
		return;
	}
	work = g_new0(Work, 1);
	work->what = what;
	work->name = g_strdup(name);
	work->task = g_steal_pointer(&task);
	work->about = task_new_about(desktop);
	desktop->busy = TRUE;
	desktop->step = steps[what];
	desktop_mark(desktop);
	host_run(engine->host, DEADLINE_MS, work_in_worker, work, work_free, on_done, engine);
}

void
engine_snapshot_async(Engine *engine, const char *desktop, const char *name, GAsyncReadyCallback callback, void *data)
{
	begin(engine, desktop, QMP_SNAPSHOT_SAVE, name, callback, data);
}

void
engine_revert_async(Engine *engine, const char *desktop, const char *name, GAsyncReadyCallback callback, void *data)
{
	begin(engine, desktop, QMP_SNAPSHOT_LOAD, name, callback, data);
}

void
engine_delete_snapshot_async(Engine *engine, const char *desktop, const char *name, GAsyncReadyCallback callback, void *data)
{
	begin(engine, desktop, QMP_SNAPSHOT_DELETE, name, callback, data);
}

gboolean
engine_snapshot_finish(GAsyncResult *result, GError **error)
{
	return g_task_propagate_boolean(G_TASK(result), error);
}
