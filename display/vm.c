/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/vm.h"

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <unistd.h>

#include "broker/common/error.h"

#define WAITING_MAX 64

/* Counted: by its owner, and by the call that runs. */
struct Vm {
	GThreadPool *pool; /* one thread */
	char *uri;
	virConnectPtr connection; /* the thread's alone */
};

typedef struct {
	Vm *vm;
	char *uuid;
	guint deadline_id; /* the main loop's alone */
	gboolean answered; /* the main loop's alone */
	int fd;
	GError *error;
} Job;

static void
vm_finalize(void *data)
{
	Vm *vm = data;

	if (vm->connection)
		virConnectClose(vm->connection);
	g_free(vm->uri);
}

static void
job_free(void *data)
{
	Job *job = data;

	if (job->fd >= 0)
		close(job->fd);
	g_clear_error(&job->error);
	g_clear_handle_id(&job->deadline_id, g_source_remove);
	g_rc_box_release_full(job->vm, vm_finalize);
	g_free(job->uuid);
	g_free(job);
}

static void
set_libvirt_error(GError **error, const char *what)
{
	virErrorPtr last = virGetLastError();
	gboolean missing = last && (last->code == VIR_ERR_NO_DOMAIN || last->code == VIR_ERR_OPERATION_INVALID);

	g_set_error(error, CARREL_ERROR, missing ? CARREL_ERROR_NOT_FOUND : CARREL_ERROR_FAILED, "%s: %s", what,
		last && last->message ? last->message : "libvirt does not say why");
}

static gboolean
connect_libvirt(Vm *vm, GError **error)
{
	if (vm->connection && virConnectIsAlive(vm->connection) == 1)
		return TRUE;
	if (vm->connection)
		virConnectClose(vm->connection);
	vm->connection = virConnectOpen(vm->uri);
	if (vm->connection == NULL)
		set_libvirt_error(error, vm->uri);
	return vm->connection != NULL;
}

static int
try_display(Vm *vm, const char *uuid, GError **error)
{
	virDomainPtr domain;
	int fd = -1;

	if (!connect_libvirt(vm, error))
		return -1;
	domain = virDomainLookupByUUIDString(vm->connection, uuid);
	if (domain)
		fd = virDomainOpenGraphicsFD(domain, 0, 0);
	if (fd < 0)
		set_libvirt_error(error, domain ? "the VM's display" : "the VM");
	if (domain)
		virDomainFree(domain);
	return fd;
}

static int
open_display(Vm *vm, const char *uuid, GError **error)
{
	g_autoptr(GError) failure = NULL;
	int fd = try_display(vm, uuid, &failure);

	/* That libvirtd was restarted shows in the first call only. */
	if (fd < 0 && vm->connection && virConnectIsAlive(vm->connection) != 1)
		return try_display(vm, uuid, error);
	if (fd < 0)
		g_propagate_error(error, g_steal_pointer(&failure));
	return fd;
}

static gboolean
on_done(gpointer data)
{
	GTask *task = data;
	Job *job = g_task_get_task_data(task);

	g_clear_handle_id(&job->deadline_id, g_source_remove);
	if (!job->answered && job->error)
		g_task_return_error(task, g_steal_pointer(&job->error));
	else if (!job->answered)
		g_task_return_int(task, job->fd);
	if (!job->answered)
		job->fd = -1; /* the task's result now */
	g_object_unref(task);
	return G_SOURCE_REMOVE;
}

/* In the thread. */
static void
run(gpointer data, gpointer unused)
{
	Job *job = g_task_get_task_data(data);

	job->fd = open_display(job->vm, job->uuid, &job->error);
	g_idle_add_full(G_PRIORITY_DEFAULT, on_done, data, NULL);
}

static gboolean
on_deadline(gpointer data)
{
	GTask *task = data;
	Job *job = g_task_get_task_data(task);

	job->deadline_id = 0;
	job->answered = TRUE;
	g_task_return_new_error(task, CARREL_ERROR, CARREL_ERROR_TIMEOUT, "libvirt does not answer");
	return G_SOURCE_REMOVE;
}

static void
ignore_error(void *data, virErrorPtr error)
{
	/* libvirt would print it; it is logged where it is handled. */
}

Vm *
vm_new(const char *uri)
{
	Vm *vm = g_rc_box_new0(Vm);

	virSetErrorFunc(NULL, ignore_error);
	vm->uri = g_strdup(uri);
	vm->pool = g_thread_pool_new(run, NULL, 1, TRUE, NULL);
	return vm;
}

void
vm_free(Vm *vm)
{
	if (vm == NULL)
		return;
	g_thread_pool_free(vm->pool, TRUE, FALSE);
	g_rc_box_release_full(vm, vm_finalize);
}

void
vm_open_display_async(Vm *vm, const char *uuid, guint timeout_ms, GAsyncReadyCallback callback, void *data)
{
	GTask *task = g_task_new(NULL, NULL, callback, data);
	Job *job;

	if (g_thread_pool_unprocessed(vm->pool) >= WAITING_MAX) {
		g_task_return_new_error(task, CARREL_ERROR, CARREL_ERROR_EXHAUSTED, "%d calls wait for libvirt already",
			WAITING_MAX);
		g_object_unref(task);
		return;
	}
	job = g_new0(Job, 1);
	job->vm = g_rc_box_acquire(vm);
	job->uuid = g_strdup(uuid);
	job->fd = -1;
	g_task_set_task_data(task, job, job_free);
	job->deadline_id = g_timeout_add(timeout_ms, on_deadline, task);
	g_thread_pool_push(vm->pool, task, NULL);
}

int
vm_open_display_finish(GAsyncResult *result, GError **error)
{
	return (int)g_task_propagate_int(G_TASK(result), error);
}
