/* A whole broker in a folder of its own: the real parts, carrel-auth as a program with the PAM module of tests/lib/pam, a fake
 * engine (fake-engine.h), a fake display (fake-display.h), a store in memory, and a clock that the test turns.
 * People of the pools: demo1, demo2 (see fake-engine.h); their password is "right". SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <json-glib/json-glib.h>

#include "broker/api.h"
#include "tests/lib/fake-display.h"
#include "tests/lib/fake-engine.h"

/* A failed sign-in is told at a multiple of this. */
#define FIXTURE_FAILURE_MS 600

typedef struct {
	char *folder;
	Conf *conf;
	Store *store;
	Broker *broker;
	FakeDisplay *display;
	int auth_pid;
	const char *query, *range; /* of the requests to come; NULL: none */
} Fixture;

void fixture_set_up(Fixture *fixture);
void fixture_tear_down(Fixture *fixture);

/* The broker ends and begins again with the same store; the display goes on. */
void fixture_restart(Fixture *fixture);

/* Time passes by the broker's clocks. */
void fixture_pass(gint64 seconds);
/* Somebody sets its wall clock by so much. */
void fixture_set_clock(gint64 seconds);

/* Runs the main loop until @is_true(@data), 10 s at most; FALSE when it never was. */
gboolean fixture_wait(gboolean (*is_true)(void *data), void *data);
void fixture_run_for(guint ms);

/* One REST request, run to its answer. @session: a cookie's value or NULL; @body: text or NULL. */
typedef struct {
	guint16 status;
	char *type, *cookie; /* the value of __Host-carrel, or NULL */
	char *retry_after;   /* or NULL */
	char *allow;         /* or NULL */
	char *text;          /* the body */
	JsonNode *json;      /* NULL when it is no JSON */
	gint64 took_ms;
} Answer;

Answer *fixture_request(Fixture *fixture, const char *method, const char *path, const char *session, const char *body);
Answer *fixture_request_from(Fixture *fixture, const char *address, const char *method, const char *path,
	const char *session, const char *body, const char *origin);
void answer_free(Answer *answer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Answer, answer_free)

/* A member of the answer's object, or "" when it is no text. */
const char *answer_text(const Answer *answer, const char *member);
const char *answer_error_code(const Answer *answer);

/* Signs in; the cookie's value, free with g_free. */
char *fixture_sign_in(Fixture *fixture, const char *user);
/* Opens a pool and waits until it is usable; the desktop's id, free with g_free. */
char *fixture_open(Fixture *fixture, const char *session, const char *pool);
