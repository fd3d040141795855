/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/vnc-entry.h"

#include <string.h>

#include "broker/access.h"
#include "broker/common/error.h"
#include "broker/endings.h"

/* The gateway allows 180 s for all of it. */
#define WAIT_S 160
#define ENTRIES_MAX 256

struct VncEntries {
	Broker *broker;
	GPtrArray *waiting; /* Entry: those whose desktop cannot be seen yet; owned by their tasks */
	guint n;            /* entries that are not finished */
	gboolean closing;
};

/* One viewer on its way in: the data of a GTask. */
typedef struct {
	VncEntries *owner;
	GTask *task;   /* owned while the entry is under way */
	char *pool;    /* asked for, then chosen; NULL: not chosen yet */
	char *user, *address;
	char **groups;
	char *desktop;
	char *session; /* its id, once there is one */
	guint deadline_id;
} Entry;

static void
entry_free(void *data)
{
	Entry *entry = data;

	entry->owner->n--;
	g_clear_handle_id(&entry->deadline_id, g_source_remove);
	g_ptr_array_remove_fast(entry->owner->waiting, entry);
	g_free(entry->pool);
	g_free(entry->user);
	g_free(entry->address);
	g_strfreev(entry->groups);
	g_free(entry->desktop);
	g_free(entry->session);
	g_free(entry);
}

static void
finish_with_error(Entry *entry, GError *error)
{
	g_autoptr(GTask) task = entry->task;

	g_clear_handle_id(&entry->deadline_id, g_source_remove);
	g_ptr_array_remove_fast(entry->owner->waiting, entry);
	if (entry->session)
		sessions_end(entry->owner->broker->sessions, entry->session, NULL);
	g_task_return_error(task, error);
}

static void
on_admitted(GObject *source, GAsyncResult *result, gpointer data)
{
	Entry *entry = data;
	GError *error = NULL;
	GVariant *grant = access_admit_finish(result, &error);

	if (grant == NULL) {
		finish_with_error(entry, error);
		return;
	}
	g_autoptr(GTask) task = entry->task;

	g_task_return_pointer(task, grant, (GDestroyNotify)g_variant_unref);
}

static void
admit(Entry *entry)
{
	Broker *broker = entry->owner->broker;
	const char *const *groups = (const char *const *)entry->groups;
	GError *error = NULL;
	g_autoptr(SessionRow) session = NULL;
	g_autofree char *client = NULL;

	g_clear_handle_id(&entry->deadline_id, g_source_remove);
	g_ptr_array_remove_fast(entry->owner->waiting, entry);
	endings_make_room(broker, entry->user);
	session = sessions_begin(broker->sessions, entry->user, groups, broker_is_admin(broker, entry->user, groups),
		entry->address, SESSION_VNC, NULL, &error);
	if (session == NULL) {
		finish_with_error(entry, error);
		return;
	}
	entry->session = g_strdup(session->id);
	client = access_client_name(session->id, NULL);
	access_admit_async(broker, session, entry->desktop, "vnc", client, entry->address, NULL, on_admitted, entry);
}

static gboolean
on_deadline(gpointer data)
{
	Entry *entry = data;

	entry->deadline_id = 0;
	finish_with_error(entry, g_error_new(CARREL_ERROR, CARREL_ERROR_TIMEOUT, "the desktop could not be seen in time"));
	return G_SOURCE_REMOVE;
}

/* Claims a desktop, and goes on at once or when it can be seen. */
static void
claim(Entry *entry)
{
	VncEntries *entries = entry->owner;
	GError *error = NULL;
	const DesktopView *desktop = access_claim(entries->broker, entry->pool, entry->user, &error);

	if (desktop == NULL) {
		finish_with_error(entry, error);
		return;
	}
	g_free(entry->desktop);
	entry->desktop = g_strdup(desktop->id);
	if (desktop->usable) {
		broker_audit(entries->broker, entry->user, entry->address, "open", entry->desktop, entry->pool, "vnc");
		admit(entry);
		return;
	}
	if (!g_ptr_array_find(entries->waiting, entry, NULL))
		g_ptr_array_add(entries->waiting, entry);
	if (entry->deadline_id == 0)
		entry->deadline_id = g_timeout_add_seconds(WAIT_S, on_deadline, entry);
}

typedef struct {
	Broker *broker;
	const Entry *entry;
	char *pool;
	guint n;
} Choice;

static gboolean
count_own(const DesktopView *desktop, void *data)
{
	Choice *choice = data;

	if (g_strcmp0(desktop->user, choice->entry->user) == 0 &&
		access_is_held(desktop) && strcmp(desktop->state, "failed") != 0) {
		choice->n++;
		g_free(choice->pool);
		choice->pool = g_strdup(desktop->pool);
	}
	return TRUE;
}

/* The pool of the one desktop that the person has, else the first that they may use; NULL: none. */
static char *
choose_pool(Broker *broker, const Entry *entry)
{
	Choice choice = {broker, entry, NULL, 0};
	const char *const *groups = (const char *const *)entry->groups;

	engine_each_desktop(broker->engine, count_own, &choice);
	if (choice.n == 1 && access_may_use_pool(broker, choice.pool, entry->user, groups))
		return choice.pool;
	g_free(choice.pool);
	for (guint i = 0; i < engine_n_pools(broker->engine); i++) {
		g_autofree char *name = g_strdup(engine_pool_at(broker->engine, i)->name);

		if (access_may_use_pool(broker, name, entry->user, groups))
			return g_steal_pointer(&name);
	}
	return NULL;
}

static void
on_signed_in(const SignInResult *result, void *data)
{
	Entry *entry = data;
	Broker *broker = entry->owner->broker;

	if (result->kind != SIGN_IN_ACCEPTED) {
		g_autofree char *detail = g_strdup_printf("vnc: %s", result->reason ? result->reason : "PAM could not be asked");

		broker_audit(broker, entry->user, entry->address, "sign-in-failed", NULL, NULL, detail);
		finish_with_error(entry,
			result->kind == SIGN_IN_FAILED
				? g_error_new(CARREL_ERROR, CARREL_ERROR_FAILED, "nobody can sign in at the moment")
				: g_error_new(CARREL_ERROR, CARREL_ERROR_DENIED, "wrong user name or password"));
		return;
	}
	g_free(entry->user);
	entry->user = g_strdup(result->user);
	entry->groups = g_strdupv((char **)result->groups);
	broker_audit(broker, entry->user, entry->address, "sign-in", NULL, NULL, "vnc");
	if (entry->pool == NULL)
		entry->pool = choose_pool(broker, entry);
	if (entry->pool == NULL ||
		!access_may_use_pool(broker, entry->pool, entry->user, (const char *const *)entry->groups)) {
		/* Who has shown the right password is told what is wrong: it is not the password, and came too soon to be one. The portal
		 * would show them an empty list. */
		finish_with_error(entry, g_error_new(CARREL_ERROR, CARREL_ERROR_NOT_FOUND, "there is no such pool for you"));
		return;
	}
	claim(entry);
}

/* The tickets have it in log and audit already. */
static void
on_ticket_denied(const SignInResult *result, void *data)
{
	finish_with_error(data, g_error_new(CARREL_ERROR, CARREL_ERROR_DENIED, "wrong user name or password"));
}

/* A ticket leads into the session that made it: nothing begins here, and nothing has to end. One that is good passes however
 * many sign-ins failed from its address, since nobody guesses it; one that is not counts among them. */
static void
enter_by_ticket(Entry *entry, const char *name, const Secret *secret)
{
	Broker *broker = entry->owner->broker;
	g_autoptr(TicketRow) ticket = tickets_take(broker->tickets, name, secret, entry->address, NULL);
	g_autoptr(SessionRow) session = ticket ? sessions_by_id(broker->sessions, ticket->session) : NULL;
	g_autofree char *client = NULL;
	GError *error = NULL;

	if (session == NULL) {
		if (!sign_ins_deny(broker->sign_ins, entry->user, entry->address, on_ticket_denied, entry, &error))
			finish_with_error(entry, error);
		return;
	}
	entry->desktop = g_strdup(ticket->desktop);
	client = access_client_name(session->id, NULL);
	access_admit_async(broker, session, ticket->desktop, "vnc", client, entry->address, NULL, on_admitted, entry);
}

void
vnc_entry_async(VncEntries *entries, const char *user, const Secret *password, const char *address,
	GAsyncReadyCallback callback, void *data)
{
	GTask *task = g_task_new(NULL, NULL, callback, data);
	gboolean by_ticket = g_str_has_prefix(user, VNC_ENTRY_TICKET);
	const char *slash = by_ticket ? NULL : strrchr(user, '/');
	GError *error = NULL;
	Entry *entry = g_new0(Entry, 1);

	entry->owner = entries;
	entry->task = task;
	/* Of a ticket that is not good nothing is written down. */
	entry->user = by_ticket ? g_strdup(VNC_ENTRY_TICKET)
		      : slash	? g_strndup(user, (gsize)(slash - user))
				: g_strdup(user);
	entry->pool = slash ? g_strdup(slash + 1) : NULL;
	entry->address = g_strdup(address);
	entries->n++;
	g_task_set_task_data(task, entry, entry_free);
	if (entries->n > ENTRIES_MAX)
		finish_with_error(entry, g_error_new(CARREL_ERROR, CARREL_ERROR_EXHAUSTED, "too many sign-ins at once"));
	else if (by_ticket)
		enter_by_ticket(entry, user + strlen(VNC_ENTRY_TICKET), password);
	else if (!sign_ins_begin(entries->broker->sign_ins, entry->user, password, address, FALSE, on_signed_in, entry, &error))
		finish_with_error(entry, error);
}

GVariant *
vnc_entry_finish(GAsyncResult *result, char **desktop, GError **error)
{
	Entry *entry = g_task_get_task_data(G_TASK(result));
	GVariant *grant = g_task_propagate_pointer(G_TASK(result), error);

	if (grant)
		*desktop = g_strdup(entry->desktop);
	return grant;
}

void
vnc_entries_on_change(VncEntries *entries, const DesktopView *changed)
{
	g_autofree char *id = g_strdup(changed->id), *user = g_strdup(changed->user);
	gboolean usable = changed->usable;
	g_autoptr(GPtrArray) affected = g_ptr_array_new();

	for (guint i = 0; i < entries->waiting->len; i++) {
		Entry *entry = entries->waiting->pdata[i];
		const DesktopView *given = engine_desktop(entries->broker->engine, entry->desktop);

		/* Who waits may be given a spare that came up first. */
		if (given && strcmp(given->id, entry->desktop) != 0) {
			g_free(entry->desktop);
			entry->desktop = g_strdup(given->id);
		}
		if (g_strcmp0(entry->desktop, id) == 0)
			g_ptr_array_add(affected, entry);
	}
	for (guint i = 0; i < affected->len; i++) {
		Entry *entry = affected->pdata[i];

		if (g_strcmp0(user, entry->user) == 0 && usable)
			admit(entry);
		else if (g_strcmp0(user, entry->user) != 0)
			finish_with_error(entry,
				g_error_new(CARREL_ERROR, CARREL_ERROR_FAILED, "the desktop could not be made: try again"));
	}
}

VncEntries *
vnc_entries_new(Broker *broker)
{
	VncEntries *entries = g_new0(VncEntries, 1);

	entries->broker = broker;
	entries->waiting = g_ptr_array_new();
	return entries;
}

void
vnc_entries_free(VncEntries *entries)
{
	if (entries == NULL)
		return;
	while (entries->waiting->len > 0)
		finish_with_error(entries->waiting->pdata[entries->waiting->len - 1],
			g_error_new(CARREL_ERROR, CARREL_ERROR_BUSY, "the broker is ending"));
	g_ptr_array_unref(entries->waiting);
	g_free(entries);
}
