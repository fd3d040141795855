/* A Session is one connection with its threads. The main loop never closes a connection and never waits for a thread: when
 * the host hangs, the session is left to its threads, which end when libvirt (or the kernel) lets them go, and a new one is made.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "pools/host.h"

#include "broker/common/error.h"
#include "pools/libvirt-loop.h"

#include <libvirt/virterror.h>
#include <string.h>

#define WORKERS 2
#define QUEUE_MAX 256
/* Calls that hang in one session. One VM that hangs must not cost the connection; libvirt answers five calls of a
 * connection at once, so that a few more would. */
#define STUCK_CALLS_MAX 3
/* Sessions given up whose threads hang. Beyond this no new one is made until one ends: a host that never answers must not
 * collect threads. */
#define STUCK_SESSIONS_MAX 4
#define CONNECT_DEADLINE_MS 15000
/* A libvirt that does not answer for so long is taken for dead; libvirt's own library notices. */
#define KEEPALIVE_S 4
#define KEEPALIVE_COUNT 3
#define RETRY_MIN_MS 500
#define RETRY_MAX_MS 15000
#define N_SUBSCRIPTIONS 2

typedef struct {
	gatomicrefcount refs; /* Host, each worker, each job, each subscription of libvirt */
	Host *host;	      /* main loop only; NULL once given up */
	char *uri;
	GAsyncQueue *jobs;
	GPtrArray *pending; /* main loop only: Job * not yet answered, one count each */
	virConnectPtr connection; /* set by the first job, closed by the last worker */
	int subscriptions[N_SUBSCRIPTIONS];
	int workers;	/* atomic: threads that have not ended */
	guint stuck;	/* main loop only: calls past their deadline that still run */
} Session;

struct Host {
	char *uri;
	HostEvents events;
	Session *session;
	gboolean connected;
	char *trouble;
	gboolean trouble_said;
	guint retry_id, retry_ms;
	guint watch_id; /* while connected */
};

typedef struct {
	gatomicrefcount refs; /* the queue or the worker that runs it; the session's list */
	Session *session;
	guint deadline_ms, deadline_id;
	HostWork work;
	HostDone done;
	void *task, *data;
	GDestroyNotify free_task;
	/* Under the lock. */
	gint64 started_us; /* 0: still in the queue */
	gboolean cancelled, finished, expired;
	GError *error; /* of the work; read after it has been delivered */
} Job;

static GMutex lock;
static GPrivate current; /* Job, of a worker */
static int live_sessions; /* atomic: those that still have threads */
static char quit_mark;

static void give_up(Host *host, const char *why);
static void on_close(virConnectPtr connection, int reason, void *data);
static void start_session(Host *host);

void
host_set_error(GError **error, const char *what)
{
	virErrorPtr last = virGetLastError();
	const char *message = last && last->message ? last->message : "libvirt does not say why";
	const char *document;
	CarrelErrorCode code = CARREL_ERROR_FAILED;

	switch (last ? last->code : VIR_ERR_OK) {
	case VIR_ERR_NO_DOMAIN:
	case VIR_ERR_NO_NETWORK:
	case VIR_ERR_NO_STORAGE_POOL:
	case VIR_ERR_NO_STORAGE_VOL:
		code = CARREL_ERROR_NOT_FOUND;
		break;
	case VIR_ERR_AUTH_FAILED:
	case VIR_ERR_AUTH_CANCELLED:
	case VIR_ERR_AUTH_UNAVAILABLE:
	case VIR_ERR_ACCESS_DENIED:
	case VIR_ERR_OPERATION_DENIED:
		code = CARREL_ERROR_DENIED;
		break;
	case VIR_ERR_RPC:
	case VIR_ERR_NO_CONNECT:
	case VIR_ERR_INVALID_CONN:
		code = CARREL_ERROR_BUSY;
		break;
	case VIR_ERR_OPERATION_TIMEOUT:
		code = CARREL_ERROR_TIMEOUT;
		break;
	case VIR_ERR_NO_MEMORY:
		code = CARREL_ERROR_EXHAUSTED;
		break;
	default:
		break;
	}
	if (strstr(message, "No space left on device") || strstr(message, "Cannot allocate memory"))
		code = CARREL_ERROR_EXHAUSTED;
	/* A complaint about XML may bring the document, on a line of its own. */
	document = strstr(message, "\n<");
	g_set_error(error, CARREL_ERROR, code, "%s: %.*s", what, document ? (int)(document - message) : -1, message);
}

static void
session_unref(gpointer data)
{
	Session *session = data;

	if (!g_atomic_ref_count_dec(&session->refs))
		return;
	g_async_queue_unref(session->jobs);
	g_ptr_array_unref(session->pending);
	g_free(session->uri);
	g_free(session);
}

static Session *
session_ref(Session *session)
{
	g_atomic_ref_count_inc(&session->refs);
	return session;
}

static void
job_unref(gpointer data)
{
	Job *job = data;

	if (!g_atomic_ref_count_dec(&job->refs))
		return;
	if (job->free_task)
		job->free_task(job->task);
	g_clear_error(&job->error);
	session_unref(job->session);
	g_free(job);
}

/* Main loop. Takes @job off the list, so that it is answered once. */
static void
answer(Job *job, const GError *error)
{
	Session *session = job->session;

	g_clear_handle_id(&job->deadline_id, g_source_remove);
	if (!g_ptr_array_find(session->pending, job, NULL))
		return;
	g_atomic_ref_count_inc(&job->refs);
	g_ptr_array_remove_fast(session->pending, job);
	if (job->done && session->host)
		job->done(job->task, error, job->data);
	job_unref(job);
}

static gboolean
deliver(gpointer data)
{
	Job *job = data;

	answer(job, job->error);
	return G_SOURCE_REMOVE;
}

gboolean
host_is_wanted(GError **error)
{
	Job *job = g_private_get(&current);

	if (job == NULL)
		return TRUE;
	g_mutex_lock(&lock);
	gboolean wanted = !job->expired && !job->cancelled;
	g_mutex_unlock(&lock);
	if (!wanted)
		g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_TIMEOUT, "it took too long, and nobody waits for it any more");
	return wanted;
}

static gboolean
begin(Job *job)
{
	g_mutex_lock(&lock);
	gboolean wanted = !job->cancelled;

	if (wanted)
		job->started_us = g_get_monotonic_time();
	g_mutex_unlock(&lock);
	return wanted;
}

static void
close_connection(Session *session)
{
	if (session->connection == NULL)
		return;
	for (int i = 0; i < N_SUBSCRIPTIONS; i++) {
		if (session->subscriptions[i] >= 0)
			virConnectDomainEventDeregisterAny(session->connection, session->subscriptions[i]);
	}
	virConnectUnregisterCloseCallback(session->connection, on_close);
	virConnectClose(session->connection);
	session->connection = NULL;
}

static gboolean
on_unstuck(gpointer data)
{
	((Session *)data)->stuck--;
	return G_SOURCE_REMOVE;
}

static gboolean lose_session(gpointer data);

/* A connection that libvirt has marked as closed calls on_close only when a call that waits on it is woken, which may be never:
 * all others fail at once from then on. So the failed ones look; and while none fails, watch() does. */
static void
check_alive(Session *session)
{
	if (session->connection && virConnectIsAlive(session->connection) == 0)
		g_idle_add_full(G_PRIORITY_DEFAULT, lose_session, session_ref(session), session_unref);
}

/* FALSE: its deadline passed meanwhile, and another thread has taken this one's place. */
static gboolean
carry_out(Session *session, Job *job)
{
	virResetLastError();
	g_private_set(&current, job);
	if (!job->work(session->connection, job->task, &job->error) && job->error == NULL)
		g_set_error_literal(&job->error, CARREL_ERROR, CARREL_ERROR_FAILED, "failed without a reason");
	g_private_set(&current, NULL);
	if (job->error)
		check_alive(session);
	g_mutex_lock(&lock);
	job->finished = TRUE;
	gboolean expired = job->expired;
	g_mutex_unlock(&lock);
	if (expired)
		g_idle_add_full(G_PRIORITY_DEFAULT, on_unstuck, session_ref(session), session_unref);
	g_idle_add_full(G_PRIORITY_DEFAULT, deliver, job, job_unref);
	return !expired;
}

static gpointer
work(gpointer data)
{
	Session *session = data;
	gpointer item;

	while ((item = g_async_queue_pop(session->jobs)) != &quit_mark) {
		if (!begin(item))
			job_unref(item);
		else if (!carry_out(session, item))
			break;
	}
	if (g_atomic_int_dec_and_test(&session->workers)) {
		close_connection(session);
		g_atomic_int_add(&live_sessions, -1);
	}
	session_unref(session);
	return NULL;
}

static void
add_worker(Session *session)
{
	g_atomic_int_inc(&session->workers);
	g_thread_unref(g_thread_new("carrel-libvirt", work, session_ref(session)));
}

/* The call goes on for as long as it likes, in a thread that nobody counts on any more. */
static void
leave_stuck(Session *session, const GError *error)
{
	session->stuck++;
	if (session->host == NULL || session->host->session != session)
		return;
	if (session->stuck >= STUCK_CALLS_MAX)
		give_up(session->host, error->message);
	else
		add_worker(session);
}

static gboolean
on_deadline(gpointer data)
{
	Job *job = data;
	Session *session = job->session;
	gint64 left_ms = 0;
	g_autoptr(GError) error = NULL;

	job->deadline_id = 0;
	g_mutex_lock(&lock);
	gboolean running = job->started_us != 0, finished = job->finished;

	if (running)
		left_ms = job->deadline_ms - (g_get_monotonic_time() - job->started_us) / 1000;
	else
		job->cancelled = TRUE;
	if (running && !finished && left_ms <= 0)
		job->expired = TRUE;
	g_mutex_unlock(&lock);
	if (finished)
		return G_SOURCE_REMOVE; /* its answer is on its way */
	if (left_ms > 0) {
		job->deadline_id = g_timeout_add((guint)left_ms, on_deadline, job);
		return G_SOURCE_REMOVE;
	}
	error = g_error_new(CARREL_ERROR, running ? CARREL_ERROR_TIMEOUT : CARREL_ERROR_BUSY,
		running ? "libvirt did not answer within %u s" : "libvirt had no time for it within %u s",
		job->deadline_ms / 1000);
	session_ref(session);
	answer(job, error);
	if (running)
		leave_stuck(session, error);
	session_unref(session);
	return G_SOURCE_REMOVE;
}

static void
submit(Session *session, guint deadline_ms, HostWork job_work, void *task, GDestroyNotify free_task, HostDone done, void *data)
{
	Job *job = g_new0(Job, 1);

	g_atomic_ref_count_init(&job->refs);
	g_atomic_ref_count_inc(&job->refs);
	job->session = session_ref(session);
	job->work = job_work;
	job->done = done;
	job->task = task;
	job->data = data;
	job->free_task = free_task;
	job->deadline_ms = deadline_ms;
	job->deadline_id = g_timeout_add(deadline_ms, on_deadline, job);
	g_ptr_array_add(session->pending, job);
	g_async_queue_push(session->jobs, job);
}

/* A call that cannot be made is answered on the next turn of the loop, as one that was made would be. */
typedef struct {
	HostDone done;
	void *task, *data;
	GDestroyNotify free_task;
	char *why;
} Refusal;

static gboolean
refuse(gpointer data)
{
	Refusal *refusal = data;
	g_autoptr(GError) error = g_error_new_literal(CARREL_ERROR, CARREL_ERROR_BUSY, refusal->why);

	if (refusal->done)
		refusal->done(refusal->task, error, refusal->data);
	return G_SOURCE_REMOVE;
}

static void
refusal_free(gpointer data)
{
	Refusal *refusal = data;

	if (refusal->free_task)
		refusal->free_task(refusal->task);
	g_free(refusal->why);
	g_free(refusal);
}

void
host_run(Host *host, guint deadline_ms, HostWork job_work, void *task, GDestroyNotify free_task, HostDone done, void *data)
{
	gboolean full = host->connected && host->session->pending->len >= QUEUE_MAX;
	Refusal *refusal;

	if (host->connected && !full) {
		submit(host->session, deadline_ms, job_work, task, free_task, done, data);
		return;
	}
	refusal = g_new0(Refusal, 1);
	refusal->done = done;
	refusal->task = task;
	refusal->data = data;
	refusal->free_task = free_task;
	refusal->why = full ? g_strdup("libvirt has too much to do already")
			    : g_strdup_printf("libvirt is away: %s", host->trouble ? host->trouble : "connecting");
	g_idle_add_full(G_PRIORITY_DEFAULT, refuse, refusal, refusal_free);
}

static int
on_lifecycle(virConnectPtr connection, virDomainPtr domain, int event, int detail, void *data)
{
	Session *session = data;
	char uuid[VIR_UUID_STRING_BUFLEN];

	if (session->host == NULL || virDomainGetUUIDString(domain, uuid) < 0)
		return 0;
	session->host->events.on_domain(uuid,
		event == VIR_DOMAIN_EVENT_STARTED   ? HOST_DOMAIN_STARTED
		: event == VIR_DOMAIN_EVENT_STOPPED ? HOST_DOMAIN_STOPPED
						    : HOST_DOMAIN_OTHER,
		detail, session->host->events.data);
	return 0;
}

static void
on_reboot(virConnectPtr connection, virDomainPtr domain, void *data)
{
	Session *session = data;
	char uuid[VIR_UUID_STRING_BUFLEN];

	if (session->host && virDomainGetUUIDString(domain, uuid) == 0)
		session->host->events.on_domain(uuid, HOST_DOMAIN_REBOOTED, 0, session->host->events.data);
}

static gboolean
lose_session(gpointer data)
{
	Session *session = data;

	if (session->host && session->host->session == session)
		give_up(session->host, "the connection to libvirt was closed");
	return G_SOURCE_REMOVE;
}

/* In whichever thread notices. */
static void
on_close(virConnectPtr connection, int reason, void *data)
{
	g_idle_add_full(G_PRIORITY_DEFAULT, lose_session, session_ref(data), session_unref);
}

static gboolean
open_connection(virConnectPtr none, void *task, GError **error)
{
	Session *session = task;
	virConnectPtr connection = virConnectOpen(session->uri);
	const int ids[N_SUBSCRIPTIONS] = {VIR_DOMAIN_EVENT_ID_LIFECYCLE, VIR_DOMAIN_EVENT_ID_REBOOT};
	const virConnectDomainEventGenericCallback callbacks[N_SUBSCRIPTIONS] = {
		VIR_DOMAIN_EVENT_CALLBACK(on_lifecycle), VIR_DOMAIN_EVENT_CALLBACK(on_reboot)};

	if (connection == NULL) {
		host_set_error(error, session->uri);
		return FALSE;
	}
	session->connection = connection;
	/* Not every driver has these two; the remote one does, and needs them. */
	virConnectSetKeepAlive(connection, KEEPALIVE_S, KEEPALIVE_COUNT);
	/* Not counted: a worker, which is, takes it back before the last of them ends. */
	virConnectRegisterCloseCallback(connection, on_close, session, NULL);
	for (int i = 0; i < N_SUBSCRIPTIONS; i++) {
		session->subscriptions[i] = virConnectDomainEventRegisterAny(connection, NULL, ids[i], callbacks[i],
			session_ref(session), session_unref);
		if (session->subscriptions[i] < 0) {
			session_unref(session);
			host_set_error(error, "events of libvirt");
			return FALSE;
		}
	}
	return TRUE;
}

static gboolean
watch(gpointer data)
{
	Host *host = data;

	/* Connected, so that it is there until this gives it up. It asks nobody: libvirt's library has counted what was not answered. */
	if (virConnectIsAlive(host->session->connection) != 0)
		return G_SOURCE_CONTINUE;
	host->watch_id = 0;
	give_up(host, "it does not answer");
	return G_SOURCE_REMOVE;
}

static void
on_opened(void *task, const GError *error, void *data)
{
	Host *host = data;

	if (error != NULL) {
		if (host->session == task)
			give_up(host, error->message);
		return;
	}
	host->connected = TRUE;
	host->watch_id = g_timeout_add_seconds(KEEPALIVE_S, watch, host);
	host->retry_ms = RETRY_MIN_MS;
	host->trouble_said = FALSE;
	g_clear_pointer(&host->trouble, g_free);
	host->events.on_connected(host->events.data);
}

/* Tells the threads to end after what they are doing, and everybody who waits that it will not come. */
static void
abandon(Session *session)
{
	g_autoptr(GError) error =
		g_error_new_literal(CARREL_ERROR, CARREL_ERROR_BUSY, "the connection to libvirt was lost meanwhile");

	g_mutex_lock(&lock);
	for (guint i = 0; i < session->pending->len; i++)
		((Job *)session->pending->pdata[i])->cancelled = TRUE;
	g_mutex_unlock(&lock);
	for (int i = 0; i < WORKERS; i++)
		g_async_queue_push(session->jobs, &quit_mark);
	while (session->pending->len > 0)
		answer(session->pending->pdata[0], error);
	session->host = NULL;
	session_unref(session);
}

static gboolean
on_retry(gpointer data)
{
	Host *host = data;

	if (g_atomic_int_get(&live_sessions) >= STUCK_SESSIONS_MAX)
		return G_SOURCE_CONTINUE;
	host->retry_id = 0;
	start_session(host);
	return G_SOURCE_REMOVE;
}

static void
give_up(Host *host, const char *why)
{
	Session *session = g_steal_pointer(&host->session);
	g_autofree char *trouble = g_strdup(why);

	host->connected = FALSE;
	g_clear_handle_id(&host->watch_id, g_source_remove);
	g_free(host->trouble);
	host->trouble = g_steal_pointer(&trouble);
	if (host->retry_id == 0)
		host->retry_id = g_timeout_add(host->retry_ms, on_retry, host);
	host->retry_ms = MIN(host->retry_ms * 2, RETRY_MAX_MS);
	if (session)
		abandon(session);
	if (!host->trouble_said) {
		host->trouble_said = TRUE;
		host->events.on_lost(host->trouble, host->events.data);
	}
}

static void
start_session(Host *host)
{
	Session *session = g_new0(Session, 1);

	g_atomic_ref_count_init(&session->refs);
	session->host = host;
	session->uri = g_strdup(host->uri);
	session->jobs = g_async_queue_new();
	session->pending = g_ptr_array_new_with_free_func(job_unref);
	for (int i = 0; i < N_SUBSCRIPTIONS; i++)
		session->subscriptions[i] = -1;
	g_atomic_int_inc(&live_sessions);
	host->session = session;
	for (int i = 0; i < WORKERS; i++)
		add_worker(session);
	submit(session, CONNECT_DEADLINE_MS, open_connection, session_ref(session), session_unref, on_opened, host);
}

Host *
host_new(const char *uri, const HostEvents *events)
{
	Host *host = g_new0(Host, 1);

	libvirt_loop_register();
	host->uri = g_strdup(uri);
	host->events = *events;
	host->retry_ms = RETRY_MIN_MS;
	start_session(host);
	return host;
}

void
host_free(Host *host)
{
	if (host == NULL)
		return;
	g_clear_handle_id(&host->retry_id, g_source_remove);
	g_clear_handle_id(&host->watch_id, g_source_remove);
	if (host->session) {
		Session *session = g_steal_pointer(&host->session);

		session->host = NULL;
		abandon(session);
	}
	g_free(host->trouble);
	g_free(host->uri);
	g_free(host);
}

gboolean
host_is_connected(const Host *host)
{
	return host->connected;
}

const char *
host_trouble(const Host *host)
{
	return host->connected ? NULL : host->trouble;
}
