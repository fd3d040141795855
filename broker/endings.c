/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/endings.h"

#include <string.h>

#include "broker/access.h"
#include "broker/gateway-service.h"
#include "broker/store/audit.h"
#include "broker/watches.h"

/* From its making until the viewer must have come: the grant is good for 10 s, a list may lag. */
#define VNC_JOIN_S 20
#define AUDIT_KEPT_S (400 * 86400)
#define AUDIT_FAILURES_KEPT 100000

void
endings_end_clients(Broker *broker, const char *desktop, guint16 code)
{
	tickets_end_of_desktop(broker->tickets, desktop);
	/* First the gateway, which then knows why the streams end that the display closes. */
	gateway_service_end_streams(broker->gateway, desktop, code);
	display_client_end_clients(broker->display, desktop);
}

GPtrArray *
endings_desktops_of(Broker *broker, const char *session)
{
	const GPtrArray *viewers = display_client_viewers(broker->display);
	GPtrArray *desktops = g_ptr_array_new_with_free_func(g_free);

	for (guint i = 0; i < viewers->len; i++) {
		const Viewer *viewer = viewers->pdata[i];

		if (access_client_is_of(viewer->client, session) &&
			!g_ptr_array_find_with_equal_func(desktops, viewer->desktop, g_str_equal, NULL))
			g_ptr_array_add(desktops, g_strdup(viewer->desktop));
	}
	return desktops;
}

/* Does somebody look at the desktop whose session goes on? The one that ended has no row any more. */
static gboolean
is_shared(Broker *broker, const char *desktop)
{
	const GPtrArray *viewers = display_client_viewers(broker->display);

	for (guint i = 0; i < viewers->len; i++) {
		const Viewer *viewer = viewers->pdata[i];
		g_autofree char *id = access_client_session(viewer->client);
		g_autoptr(SessionRow) session =
			strcmp(viewer->desktop, desktop) == 0 ? sessions_by_id(broker->sessions, id) : NULL;

		if (session)
			return TRUE;
	}
	return FALSE;
}

/* A screen's clients end together: who may stay is told to come back, and whose session is over then learns it. */
static void
send_away(Broker *broker, const char *desktop, guint16 code)
{
	endings_end_clients(broker, desktop, is_shared(broker, desktop) ? END_COME_BACK : code);
}

gboolean
endings_end_session(Broker *broker, const SessionRow *session, guint16 code, gboolean release, const char *actor,
	const char *action, GError **error)
{
	g_autoptr(GPtrArray) desktops = endings_desktops_of(broker, session->id);
	gboolean watches = strcmp(session->kind, SESSION_WATCH) == 0;

	/* The row first: whatever happens from here on, the cookie opens nothing. */
	if (!sessions_end(broker->sessions, session->id, error))
		return FALSE;
	broker_audit(broker, actor, session->address, action, NULL, NULL,
		strcmp(actor, session->user) == 0 ? NULL : session->user);
	/* Who watched goes alone, and holds nothing. */
	for (guint i = 0; watches && i < desktops->len; i++)
		watches_answer(broker->watches, desktops->pdata[i], FALSE);
	if (watches)
		return TRUE;
	watches_end_of(broker->watches, session->id);
	if (release)
		engine_release_user(broker->engine, session->user, code, action);
	for (guint i = 0; i < desktops->len; i++)
		send_away(broker, desktops->pdata[i], code);
	return TRUE;
}

gboolean
endings_end_user(Broker *broker, const char *user, guint16 code, const char *actor, const char *action, GError **error)
{
	g_autoptr(GPtrArray) sessions = sessions_of_user(broker->sessions, user);

	for (guint i = 0; i < sessions->len; i++) {
		if (!endings_end_session(broker, sessions->pdata[i], code, i + 1 == sessions->len, actor, action, error))
			return FALSE;
	}
	return TRUE;
}

static gboolean
has_viewer(Broker *broker, const char *session)
{
	const GPtrArray *viewers = display_client_viewers(broker->display);

	for (guint i = 0; i < viewers->len; i++) {
		if (access_client_is_of(((Viewer *)viewers->pdata[i])->client, session))
			return TRUE;
	}
	return FALSE;
}

static void
end_quietly(Broker *broker, const SessionRow *session, guint16 code, gboolean release, const char *action)
{
	g_autoptr(GError) error = NULL;

	if (!endings_end_session(broker, session, code, release, "carrel", action, &error))
		g_warning("cannot end session %s: %s", session->id, error->message);
}

void
endings_make_room(Broker *broker, const char *user)
{
	g_autoptr(GPtrArray) sessions = sessions_of_user(broker->sessions, user);
	const SessionRow *longest = NULL;

	if (sessions->len < SESSIONS_PER_USER)
		return;
	for (guint i = 0; i < sessions->len; i++) {
		const SessionRow *session = sessions->pdata[i];

		if ((longest == NULL || session->seen < longest->seen) && !has_viewer(broker, session->id))
			longest = session;
	}
	if (longest)
		end_quietly(broker, longest, END_SIGNED_OUT, FALSE, "session-displaced");
}

/* A session that lasts as long as its viewer, which has had time to come. */
static gboolean
is_viewers_own(const SessionRow *session, gint64 now)
{
	gint64 age = now - session->created;

	return (strcmp(session->kind, SESSION_VNC) == 0 && age > VNC_JOIN_S) ||
	       (strcmp(session->kind, SESSION_WATCH) == 0 && age > TICKETS_REDEEM_S + VNC_JOIN_S);
}

static void
end_vnc_sessions(Broker *broker)
{
	g_autoptr(GPtrArray) sessions = sessions_all(broker->sessions);

	if (!display_client_is_listed(broker->display))
		return;
	for (guint i = 0; i < sessions->len; i++) {
		const SessionRow *session = sessions->pdata[i];

		if (is_viewers_own(session, sessions_now(broker->sessions)) && !has_viewer(broker, session->id))
			end_quietly(broker, session, END_SIGNED_OUT, FALSE, "disconnect");
	}
}

/* Somebody who looks at a desktop uses the session, also without a click in the portal. */
static void
touch_viewed_sessions(Broker *broker)
{
	g_autoptr(GPtrArray) sessions = sessions_all(broker->sessions);

	for (guint i = 0; i < sessions->len; i++) {
		const SessionRow *session = sessions->pdata[i];

		if (has_viewer(broker, session->id))
			sessions_touch(broker->sessions, session);
	}
}

static void
end_over_sessions(Broker *broker)
{
	g_autoptr(GPtrArray) over = sessions_over(broker->sessions);

	for (guint i = 0; i < over->len; i++) {
		const SessionRow *session = over->pdata[i];
		gboolean last = !sessions_has_user(broker->sessions, session->user, SESSION_PORTAL) &&
				!sessions_has_user(broker->sessions, session->user, SESSION_VNC);

		end_quietly(broker, session, END_TIME_LIMIT, last, "session-over");
	}
}

void
endings_every_minute(Broker *broker)
{
	touch_viewed_sessions(broker);
	end_over_sessions(broker);
	end_vnc_sessions(broker);
	tickets_delete_old(broker->tickets);
}

void
endings_every_hour(Broker *broker)
{
	g_autoptr(GError) error = NULL;

	if (!audit_trim(broker->store, broker->now() - AUDIT_KEPT_S, AUDIT_FAILURES_KEPT, &error))
		g_warning("%s", error->message);
	sign_ins_forget_old(broker->sign_ins);
}

/* Only a viewer that carrel-display kept while this process was away can be one who should have gone. */
static void
send_strangers_away(Broker *broker)
{
	const GPtrArray *viewers = display_client_viewers(broker->display);

	for (guint i = 0; i < viewers->len; i++) {
		const Viewer *viewer = viewers->pdata[i];
		const DesktopView *desktop = engine_desktop(broker->engine, viewer->desktop);
		g_autofree char *id = access_client_session(viewer->client);
		g_autoptr(SessionRow) session = sessions_by_id(broker->sessions, id);

		if (session && desktop && g_strcmp0(desktop->user, session->user) == 0)
			continue;
		/* Whose consent it is that they watch is the screen's to know: they had to leave with the person. */
		if (session && desktop && desktop->user && strcmp(session->kind, SESSION_WATCH) == 0)
			continue;
		g_message("%s is sent away from %s: %s", viewer->user, viewer->desktop,
			session ? "it is not theirs any more" : "their session is over");
		send_away(broker, viewer->desktop, END_SIGNED_OUT);
	}
}

void
endings_on_viewers(Broker *broker)
{
	if (broker->engine == NULL)
		return;
	send_strangers_away(broker);
	end_vnc_sessions(broker);
}

void
endings_on_guest_logout(Broker *broker, const char *desktop_id, const char *user)
{
	const DesktopView *desktop = engine_desktop(broker->engine, desktop_id);
	const PoolView *pool = desktop ? engine_pool(broker->engine, desktop->pool) : NULL;
	g_autofree char *holder = desktop ? g_strdup(desktop->user) : NULL, *id = g_strdup(desktop_id);
	g_autofree char *pool_name = pool ? g_strdup(pool->name) : NULL;
	g_autoptr(GError) error = NULL;

	if (holder == NULL || pool == NULL || pool->file == NULL || pool->file->reset != POOL_RESET_LOGOUT)
		return;
	broker_audit(broker, holder, NULL, "reset", id, pool_name, "logged out in the desktop");
	if (!engine_reset(broker->engine, id, END_SIGNED_OUT, "logged out in the desktop", &error))
		g_warning("cannot reset %s: %s", id, error->message);
}
