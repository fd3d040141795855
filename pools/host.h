/* One libvirt connection, kept alive. Calls to libvirt block, so they are made by two worker threads of this module; whoever asks
 * for one is answered on the main loop. A host that hangs costs its callers a deadline and nobody else anything: the connection
 * is given up, and made anew when libvirt answers again. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>
#include <libvirt/libvirt.h>

typedef struct Host Host;

/* All on the main loop. */
typedef struct {
	/* Connected, and subscribed to events: whatever was known of the domains is out of date. */
	void (*on_connected)(void *data);
	/* Lost, or never had; @why is for the log. It is tried again by itself. Said once a loss. */
	void (*on_lost)(const char *why, void *data);
	/* A domain started, stopped or rebooted. event: HostDomainEvent; detail: libvirt's number for why it stopped. */
	void (*on_domain)(const char *uuid, int event, int detail, void *data);
	void *data;
} HostEvents;

typedef enum { HOST_DOMAIN_STARTED, HOST_DOMAIN_STOPPED, HOST_DOMAIN_REBOOTED, HOST_DOMAIN_OTHER } HostDomainEvent;

/* Begins to connect to @uri. Call on the main thread. */
Host *host_new(const char *uri, const HostEvents *events);
/* Calls that are under way go on in their threads, but nobody hears of them any more. */
void host_free(Host *host);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Host, host_free)

gboolean host_is_connected(const Host *host);
/* Why it is not, or NULL. Until the next call into the host. */
const char *host_trouble(const Host *host);

/* Runs in a worker thread, where it may block; touches nothing but @task and @connection. FALSE: @error is set. */
typedef gboolean (*HostWork)(virConnectPtr connection, void *task, GError **error);
/* Within a worker's call, before each step that changes something: is it still waited for? FALSE, and an error: its deadline has passed or
 * its connection was given up, what it was about may be begun anew by another call, and this one leaves everything as it is. TRUE
 * also in threads that are no workers. */
gboolean host_is_wanted(GError **error);
/* On the main loop, once a call. @error NULL: the work returned TRUE. Otherwise the work may still be running when the code
 * is TIMEOUT, so that only what was in the task from the start may be read then. */
typedef void (*HostDone)(void *task, const GError *error, void *data);

/* Has @work done within @deadline_ms of its start. @free_task frees @task when both sides are through with it, in either
 * thread. @done may be NULL. Never calls back before it returns. Errors of the host itself: BUSY when it is not connected, lost
 * meanwhile, or has too much to do already; TIMEOUT. */
void host_run(Host *host, guint deadline_ms, HostWork work, void *task, GDestroyNotify free_task, HostDone done, void *data);

/* Sets @error from libvirt's last error in this thread: NOT_FOUND where what was named is not there, BUSY where the connection
 * broke, DENIED, EXHAUSTED (disk, memory), TIMEOUT, or FAILED. The one place where libvirt's errors become ours. */
void host_set_error(GError **error, const char *what);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(virDomain, virDomainFree)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(virStoragePool, virStoragePoolFree)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(virStorageVol, virStorageVolFree)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(virNetwork, virNetworkFree)
