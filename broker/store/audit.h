/* The table "audit": who did what to which desktop, and from where. Rows are added, and deleted by age.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "broker/store/store.h"

typedef struct {
	gint64 time;         /* UTC seconds */
	const char *actor;   /* a user's name, or "carrel" */
	const char *address; /* NULL: none */
	/* sign-in, sign-in-failed, sign-out, end-session, session-over, ticket, ticket-refused, open, connect, disconnect, reset, stop,
	 * restart, snapshot, revert, delete-snapshot, drain, apply, message, screenshot, extend, idle-disconnect, session-limit, recording, recording-ended,
	 * recording-failed, recording-read, recording-removed, recording-expired */
	const char *action;
	const char *desktop, *pool, *detail; /* NULL: none */
} AuditRow;

/* A failure is logged with the row's text, so that it is not lost: nothing is undone for it. */
void audit_add(Store *store, const AuditRow *row);

/* Deletes the rows of before @before, and all but the newest @failures failed sign-ins and refused tickets: anyone can make
 * those. Reads the whole table: not for every minute. */
gboolean audit_trim(Store *store, gint64 before, gint64 failures, GError **error);
