/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/watches.h"

#include <string.h>

#include "broker/access.h"
#include "broker/common/error.h"
#include "broker/endings.h"

/* As long as the screen waits (WATCH_ASK_MS of display/watch.h). */
#define ASK_S 30
/* Of granted ones that nobody has used; more are not remembered. */
#define GRANTS_MAX 256

/* Somebody may watch: who, whose, and what. */
typedef struct {
	char *session, *desktop, *holder;
	char *by; /* session in the portal that asked, or NULL */
} Grant;

struct Watches {
	Broker *broker;
	GHashTable *asking; /* desktop -> Asking (owned by its task) */
	GPtrArray *grants;  /* Grant, oldest first */
	guint questions;    /* so far */
};

/* A question under way: the data of a GTask. */
typedef struct {
	Watches *watches;
	char *desktop, *pool, *holder;
	char *who, *actor, *address, *by;
	gint64 until; /* steady */
	guint number;
} Asking;

static void
asking_free(void *data)
{
	Asking *asking = data;

	g_free(asking->desktop);
	g_free(asking->pool);
	g_free(asking->holder);
	g_free(asking->who);
	g_free(asking->actor);
	g_free(asking->address);
	g_free(asking->by);
	g_free(asking);
}

static void
grant_free(void *data)
{
	Grant *grant = data;

	g_free(grant->session);
	g_free(grant->desktop);
	g_free(grant->holder);
	g_free(grant->by);
	g_free(grant);
}

void
watch_result_free(WatchResult *result)
{
	if (result == NULL)
		return;
	g_free(result->answer);
	ticket_row_free(result->ticket);
	g_free(result);
}

Watches *
watches_new(Broker *broker)
{
	Watches *watches = g_new0(Watches, 1);

	watches->broker = broker;
	watches->asking = g_hash_table_new(g_str_hash, g_str_equal);
	watches->grants = g_ptr_array_new_with_free_func(grant_free);
	return watches;
}

void
watches_free(Watches *watches)
{
	if (watches == NULL)
		return;
	g_hash_table_unref(watches->asking);
	g_ptr_array_unref(watches->grants);
	g_free(watches);
}

/* The groups of the person, as they were when they signed in where they look from now; NULL: they do not look. */
static char **
groups_of_viewer(Broker *broker, const char *desktop, const char *holder)
{
	const GPtrArray *viewers = display_client_viewers(broker->display);

	for (guint i = 0; i < viewers->len; i++) {
		const Viewer *viewer = viewers->pdata[i];
		g_autofree char *id = access_client_session(viewer->client);
		g_autoptr(SessionRow) session = strcmp(viewer->desktop, desktop) == 0 ? sessions_by_id(broker->sessions, id) : NULL;

		if (session && strcmp(session->kind, SESSION_WATCH) != 0 && strcmp(session->user, holder) == 0)
			return g_strdupv(session->groups);
	}
	return NULL;
}

/* PoolShadow for who is at the desktop; -1 with @error. */
static int
shadow_of(Broker *broker, const Asking *asking, GError **error)
{
	const PoolFile *file = engine_pool_file(broker->engine, asking->pool);
	g_auto(GStrv) groups = groups_of_viewer(broker, asking->desktop, asking->holder);

	if (groups == NULL) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_NOT_FOUND, "nobody is at %s: there is nothing to watch", asking->desktop);
		return -1;
	}
	if (file == NULL)
		return POOL_SHADOW_OFF;
	return pool_file_policy(file, asking->holder, (const char *const *)groups).shadow;
}

static void
remember(Watches *watches, const char *session, const Asking *asking)
{
	Grant *grant = g_new0(Grant, 1);

	grant->session = g_strdup(session);
	grant->desktop = g_strdup(asking->desktop);
	grant->holder = g_strdup(asking->holder);
	grant->by = g_strdup(asking->by);
	if (watches->grants->len >= GRANTS_MAX)
		g_ptr_array_remove_index(watches->grants, 0);
	g_ptr_array_add(watches->grants, grant);
}

/* A session of its own, and a ticket into it. */
static TicketRow *
make_ticket(Watches *watches, const Asking *asking, GError **error)
{
	static const char *const no_groups[] = {NULL};
	Broker *broker = watches->broker;
	g_autoptr(SessionRow) session = NULL;
	TicketRow *ticket;

	endings_make_room(broker, asking->who);
	session = sessions_begin(broker->sessions, asking->who, no_groups, FALSE, asking->address, SESSION_WATCH, NULL, error);
	if (session == NULL)
		return NULL;
	ticket = tickets_issue(broker->tickets, session->id, asking->desktop, asking->address, error);
	if (ticket)
		remember(watches, session->id, asking);
	return ticket;
}

static gboolean
is_still_theirs(Broker *broker, const Asking *asking)
{
	const DesktopView *desktop = engine_desktop(broker->engine, asking->desktop);

	return desktop && g_strcmp0(desktop->user, asking->holder) == 0;
}

/* Consumes @task. @by: whose word it was, for the audit. */
static void
finish(GTask *task, const char *answer, const char *by)
{
	Asking *asking = g_task_get_task_data(task);
	Broker *broker = asking->watches->broker;
	gboolean granted = strcmp(answer, "granted") == 0;
	g_autofree char *detail = g_strdup_printf("%s: %s", asking->who, answer);
	WatchResult *result;
	TicketRow *ticket = NULL;
	GError *error = NULL;

	if (granted && !is_still_theirs(broker, asking)) {
		g_task_return_new_error(task, CARREL_ERROR, CARREL_ERROR_NOT_FOUND, "the desktop changed hands meanwhile");
		g_object_unref(task);
		return;
	}
	broker_audit(broker, by, NULL, granted ? "watch-granted" : "watch-refused", asking->desktop, asking->pool, detail);
	if (granted && (ticket = make_ticket(asking->watches, asking, &error)) == NULL) {
		g_task_return_error(task, error);
		g_object_unref(task);
		return;
	}
	result = g_new0(WatchResult, 1);
	result->answer = g_strdup(answer);
	result->ticket = ticket;
	g_task_return_pointer(task, result, (GDestroyNotify)watch_result_free);
	g_object_unref(task);
}

static void
on_answered(GObject *source, GAsyncResult *result, gpointer data)
{
	GTask *task = data;
	Asking *asking = g_task_get_task_data(task);
	GError *error = NULL;
	g_autofree char *answer = display_client_ask_watch_finish(result, &error);

	/* Cancelled: the broker is gone. */
	if (!g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
		g_hash_table_remove(asking->watches->asking, asking->desktop);
	if (answer) {
		finish(task, answer, asking->holder);
		return;
	}
	g_task_return_error(task, error);
	g_object_unref(task);
}

static void
begin(Watches *watches, GTask *task, Asking *asking)
{
	Broker *broker = watches->broker;
	GError *error = NULL;
	int shadow = shadow_of(broker, asking, &error);

	if (shadow < 0) {
		g_task_return_error(task, error);
		g_object_unref(task);
		return;
	}
	broker_audit(broker, asking->actor, asking->address, "watch-asked", asking->desktop, asking->pool, asking->holder);
	if (shadow == POOL_SHADOW_NOTIFY) {
		finish(task, "granted", "carrel");
	} else if (shadow == POOL_SHADOW_OFF) {
		broker_audit(broker, "carrel", NULL, "watch-refused", asking->desktop, asking->pool, "Shadow=off");
		g_task_return_new_error(task, CARREL_ERROR, CARREL_ERROR_DENIED, "nobody may watch desktops of this pool (Shadow=off)");
		g_object_unref(task);
	} else if (g_hash_table_contains(watches->asking, asking->desktop)) {
		g_task_return_new_error(task, CARREL_ERROR, CARREL_ERROR_BUSY, "somebody else asks to watch this desktop just now");
		g_object_unref(task);
	} else {
		asking->number = ++watches->questions;
		asking->until = broker->steady() + ASK_S;
		g_hash_table_insert(watches->asking, asking->desktop, asking);
		display_client_ask_watch_async(broker->display, asking->desktop, asking->who, on_answered, task);
	}
}

void
watches_ask_async(Watches *watches, const char *id, const char *who, const char *actor, const char *address, const char *by,
        GAsyncReadyCallback callback, void *data)
{
	GTask *task = g_task_new(NULL, NULL, callback, data);
	const DesktopView *desktop = engine_desktop(watches->broker->engine, id);
	Asking *asking;

	if (desktop == NULL || desktop->user == NULL || !access_is_held(desktop) || strcmp(desktop->id, id) != 0) {
		g_task_return_new_error(task, CARREL_ERROR, CARREL_ERROR_NOT_FOUND, "nobody has a desktop %s", id);
		g_object_unref(task);
		return;
	}
	asking = g_new0(Asking, 1);
	asking->watches = watches;
	asking->desktop = g_strdup(desktop->id);
	asking->pool = g_strdup(desktop->pool);
	asking->holder = g_strdup(desktop->user);
	asking->who = g_strdup(who);
	asking->actor = g_strdup(actor);
	asking->address = g_strdup(address);
	asking->by = g_strdup(by);
	g_task_set_task_data(task, asking, asking_free);
	begin(watches, task, asking);
}

WatchResult *
watches_ask_finish(GAsyncResult *result, GError **error)
{
	return g_task_propagate_pointer(G_TASK(result), error);
}

WatchQuestion
watches_asking(const Watches *watches, const char *desktop)
{
	const Asking *asking = g_hash_table_lookup(watches->asking, desktop);

	if (asking == NULL)
		return (WatchQuestion){0};
	return (WatchQuestion){asking->who, asking->number, MAX(0, asking->until - watches->broker->steady())};
}

char *
watches_watching(const Watches *watches, const char *desktop)
{
	const GPtrArray *viewers = display_client_viewers(watches->broker->display);
	GString *names = g_string_new(NULL);

	for (guint i = 0; i < viewers->len; i++) {
		const Viewer *viewer = viewers->pdata[i];
		g_autofree char *id = access_client_session(viewer->client);
		g_autoptr(SessionRow) session =
		        strcmp(viewer->desktop, desktop) == 0 ? sessions_by_id(watches->broker->sessions, id) : NULL;

		if (session && strcmp(session->kind, SESSION_WATCH) == 0)
			g_string_append_printf(names, "%s%s", names->len > 0 ? ", " : "", session->user);
	}
	if (names->len > 0)
		return g_string_free(names, FALSE);
	g_string_free(names, TRUE);
	return NULL;
}

void
watches_answer(Watches *watches, const char *desktop, gboolean yes)
{
	display_client_answer_watch(watches->broker->display, desktop, yes);
}

SessionRow *
watches_of(const Watches *watches, const char *by, const char *desktop)
{
	/* The last word first. */
	for (guint i = watches->grants->len; i-- > 0;) {
		const Grant *grant = watches->grants->pdata[i];

		if (g_strcmp0(grant->by, by) == 0 && strcmp(grant->desktop, desktop) == 0)
			return sessions_by_id(watches->broker->sessions, grant->session);
	}
	return NULL;
}

void
watches_end_of(Watches *watches, const char *by)
{
	for (guint i = watches->grants->len; i-- > 0;) {
		const Grant *grant = watches->grants->pdata[i];

		if (g_strcmp0(grant->by, by) != 0)
			continue;
		sessions_end(watches->broker->sessions, grant->session, NULL);
		watches_answer(watches, grant->desktop, FALSE);
		g_ptr_array_remove_index(watches->grants, i);
	}
}

gboolean
watches_allows(const Watches *watches, const char *session, const char *desktop, const char *holder)
{
	for (guint i = 0; i < watches->grants->len; i++) {
		const Grant *grant = watches->grants->pdata[i];

		if (strcmp(grant->session, session) == 0)
			return strcmp(grant->desktop, desktop) == 0 && g_strcmp0(grant->holder, holder) == 0;
	}
	return FALSE;
}
