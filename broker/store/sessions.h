/* The table "sessions": who is signed in. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "broker/store/store.h"

#define SESSION_PORTAL "portal"
#define SESSION_VNC "vnc"

typedef struct {
	char *id;   /* shown to people; opens nothing */
	char *user;
	char **groups; /* names, as they were at sign-in; never NULL */
	gboolean admin;
	char *address; /* numeric */
	char *kind;    /* SESSION_PORTAL or SESSION_VNC */
	gint64 created, seen, expires; /* UTC seconds */
} SessionRow;

void session_row_free(SessionRow *row);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SessionRow, session_row_free)

/* @token: SHA-256 of the cookie's value, hexadecimal. */
gboolean session_row_insert(Store *store, const SessionRow *row, const char *token, GError **error);

/* NULL: there is none, or the database failed (which it says in the log). Free with session_row_free. */
SessionRow *session_row_by_token(Store *store, const char *token);
SessionRow *session_row_by_id(Store *store, const char *id);

/* SessionRow * with their free function, oldest first. */
GPtrArray *session_rows_all(Store *store);
/* Those that ended by @now, because nobody used them since @now - @idle_s or their time is over. */
GPtrArray *session_rows_over(Store *store, gint64 now, gint64 idle_s);

/* Moves all times of all rows. */
gboolean session_rows_shift(Store *store, gint64 seconds, GError **error);

gboolean session_row_touch(Store *store, const char *id, gint64 now, GError **error);
/* Its tickets go with it. FALSE: it failed, or there was none (NOT_FOUND). */
gboolean session_row_delete(Store *store, const char *id, GError **error);
