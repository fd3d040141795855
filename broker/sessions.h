/* Sessions of signed-in people: the cookie's value, when a session is over, and what counts as using it.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "broker/common/secret.h"
#include "broker/store/sessions.h"

/* Of one person, at once. */
#define SESSIONS_PER_USER 32

typedef struct Sessions Sessions;

typedef struct {
	gint64 idle_s, lifetime_s;
	gint64 (*now)(void);    /* UTC seconds */
	gint64 (*steady)(void); /* seconds of a clock that nobody sets */
} SessionRules;

/* @store outlives it. */
Sessions *sessions_new(Store *store, const SessionRules *rules);
void sessions_free(Sessions *sessions);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Sessions, sessions_free)

/* Begins a session of @user (with the groups @groups) and commits it. *@token (may be NULL: a session without a cookie) is
 * what the client shows from then on: 64 hexadecimal digits of 32 random bytes; only its hash is kept. EXHAUSTED when the
 * person has SESSIONS_PER_USER already (endings_make_room). Free with session_row_free. */
SessionRow *sessions_begin(Sessions *sessions, const char *user, const char *const *groups, gboolean admin,
	const char *address, const char *kind, Secret **token, GError **error);

/* The live session that @token opens, and marks it as used; NULL: none. Free with session_row_free. */
SessionRow *sessions_find(Sessions *sessions, const char *token);

/* The same by its id, which is not a use. */
SessionRow *sessions_by_id(Sessions *sessions, const char *id);

/* Somebody looks at a desktop of this session. Written at most once a minute. */
void sessions_touch(Sessions *sessions, const SessionRow *session);

/* What times of sessions are reckoned from, UTC seconds: by the steady clock, so that nobody is signed out, or stays signed in, because
 * somebody set the other one. */
gint64 sessions_now(const Sessions *sessions);
/* It was set. What is in the table follows, since a later process has nothing but that clock. */
void sessions_follow_clock(Sessions *sessions);

/* Its row and its tickets are gone. NOT_FOUND. */
gboolean sessions_end(Sessions *sessions, const char *id, GError **error);

/* SessionRow * with their free function, oldest first: all live ones; those that are over and have a row still. */
GPtrArray *sessions_all(Sessions *sessions);
GPtrArray *sessions_over(Sessions *sessions);

/* The live ones of @user, oldest first. */
GPtrArray *sessions_of_user(Sessions *sessions, const char *user);

/* Does @user have a live session of this kind? */
gboolean sessions_has_user(Sessions *sessions, const char *user, const char *kind);
