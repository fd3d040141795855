/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/sessions.h"

#include <string.h>

#include "broker/common/error.h"

#define TOKEN_BYTES 32
/* A use is an fsync: not at each request. */
#define TOUCH_EVERY_S 60

struct Sessions {
	Store *store;
	SessionRules rules;
	gint64 ahead; /* of the steady clock, what the table's times go by */
};

Sessions *
sessions_new(Store *store, const SessionRules *rules)
{
	Sessions *sessions = g_new0(Sessions, 1);

	sessions->store = store;
	sessions->rules = *rules;
	sessions->ahead = rules->now() - rules->steady();
	return sessions;
}

gint64
sessions_now(const Sessions *sessions)
{
	return sessions->rules.steady() + sessions->ahead;
}

void
sessions_follow_clock(Sessions *sessions)
{
	gint64 ahead = sessions->rules.now() - sessions->rules.steady();
	g_autoptr(GError) error = NULL;

	if (session_rows_shift(sessions->store, ahead - sessions->ahead, &error))
		sessions->ahead = ahead;
	else
		g_warning("%s", error->message);
}

void
sessions_free(Sessions *sessions)
{
	g_free(sessions);
}

static char *
hash(const char *token)
{
	return g_compute_checksum_for_string(G_CHECKSUM_SHA256, token, -1);
}

static gboolean
is_over(const Sessions *sessions, const SessionRow *session)
{
	gint64 now = sessions_now(sessions);

	return session->expires <= now || session->seen <= now - sessions->rules.idle_s;
}

static gboolean
has_room(Sessions *sessions, const char *user, GError **error)
{
	g_autoptr(GPtrArray) rows = session_rows_all(sessions->store);
	guint n = 0;

	for (guint i = 0; i < rows->len; i++)
		n += strcmp(((SessionRow *)rows->pdata[i])->user, user) == 0;
	if (n < SESSIONS_PER_USER)
		return TRUE;
	g_set_error(error, CARREL_ERROR, CARREL_ERROR_EXHAUSTED, "you are signed in %d times: sign out somewhere first",
		SESSIONS_PER_USER);
	return FALSE;
}

SessionRow *
sessions_begin(Sessions *sessions, const char *user, const char *const *groups, gboolean admin, const char *address,
	const char *kind, Secret **token, GError **error)
{
	g_autoptr(SessionRow) session = g_new0(SessionRow, 1);
	g_autoptr(Secret) fresh = secret_new_random(TOKEN_BYTES), id = secret_new_random(6);
	g_autofree char *hashed = hash(secret_text(fresh));

	if (!has_room(sessions, user, error))
		return NULL;
	session->id = g_strdup(secret_text(id));
	session->user = g_strdup(user);
	session->groups = g_strdupv((char **)groups);
	session->admin = admin;
	session->address = g_strdup(address);
	session->kind = g_strdup(kind);
	session->created = session->seen = sessions_now(sessions);
	session->expires = session->created + sessions->rules.lifetime_s;
	if (!session_row_insert(sessions->store, session, hashed, error))
		return NULL;
	if (token)
		*token = g_steal_pointer(&fresh);
	return g_steal_pointer(&session);
}

SessionRow *
sessions_find(Sessions *sessions, const char *token)
{
	g_autoptr(SessionRow) session = NULL;
	g_autofree char *hashed = NULL;

	if (strlen(token) != 2 * TOKEN_BYTES)
		return NULL;
	hashed = hash(token);
	session = session_row_by_token(sessions->store, hashed);
	if (session == NULL || is_over(sessions, session))
		return NULL;
	sessions_touch(sessions, session);
	return g_steal_pointer(&session);
}

SessionRow *
sessions_by_id(Sessions *sessions, const char *id)
{
	g_autoptr(SessionRow) session = session_row_by_id(sessions->store, id);

	return session && !is_over(sessions, session) ? g_steal_pointer(&session) : NULL;
}

void
sessions_touch(Sessions *sessions, const SessionRow *session)
{
	g_autoptr(GError) error = NULL;
	gint64 now = sessions_now(sessions);

	if (now - session->seen < MIN(TOUCH_EVERY_S, sessions->rules.idle_s / 4))
		return;
	if (!session_row_touch(sessions->store, session->id, now, &error))
		g_warning("%s", error->message);
}

gboolean
sessions_end(Sessions *sessions, const char *id, GError **error)
{
	return session_row_delete(sessions->store, id, error);
}

GPtrArray *
sessions_all(Sessions *sessions)
{
	GPtrArray *rows = session_rows_all(sessions->store);

	for (guint i = rows->len; i > 0; i--) {
		if (is_over(sessions, rows->pdata[i - 1]))
			g_ptr_array_remove_index(rows, i - 1);
	}
	return rows;
}

GPtrArray *
sessions_over(Sessions *sessions)
{
	return session_rows_over(sessions->store, sessions_now(sessions), sessions->rules.idle_s);
}

GPtrArray *
sessions_of_user(Sessions *sessions, const char *user)
{
	GPtrArray *rows = sessions_all(sessions);

	for (guint i = rows->len; i > 0; i--) {
		if (strcmp(((SessionRow *)rows->pdata[i - 1])->user, user) != 0)
			g_ptr_array_remove_index(rows, i - 1);
	}
	return rows;
}

gboolean
sessions_has_user(Sessions *sessions, const char *user, const char *kind)
{
	g_autoptr(GPtrArray) rows = sessions_all(sessions);

	for (guint i = 0; i < rows->len; i++) {
		const SessionRow *session = rows->pdata[i];

		if (strcmp(session->user, user) == 0 && strcmp(session->kind, kind) == 0)
			return TRUE;
	}
	return FALSE;
}
