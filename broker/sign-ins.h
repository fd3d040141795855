/* Sign-ins under way: conversations between a client and PAM, from the password to the end. Bounded in number and in time, slower
 * after failures (guard.h), and every failure takes the same time, whatever the reason. Each refusal is one line in the log, as
 * the rate of such lines allows, and one count.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "broker/auth-client.h"
#include "broker/store/store.h"

typedef struct SignIns SignIns;

typedef enum { SIGN_IN_ACCEPTED, SIGN_IN_PROMPT, SIGN_IN_DENIED, SIGN_IN_FAILED } SignInKind;

typedef struct {
	SignInKind kind;
	const char *user;          /* what was typed; ACCEPTED: the account's own name */
	const char *const *groups; /* ACCEPTED */
	const char *reason;        /* DENIED: a word for the audit; never for the client */
	const char *id;            /* PROMPT: whoever knows it answers, from the same address */
	const char *const *messages; /* PROMPT; DENIED: NULL, or why an expired password was not changed */
	const AuthField *fields;
	guint n_fields;
} SignInResult;

/* Called once for each sign_ins_begin or sign_ins_answer that returned TRUE, never from inside it. All in @result is valid
 * during the call. */
typedef void (*SignInDone)(const SignInResult *result, void *data);

typedef struct {
	const char *socket_path; /* carrel-auth's */
	guint failure_ms;        /* a failure is told at the next multiple of this after the request */
	guint processes;         /* that carrel-auth has at once, */
	guint processes_per_origin; /* and for one address */
	guint life_s;            /* of a conversation */
	guint free_failures;     /* see guard.h */
	gint64 address_wait_max, user_delay_max;
	gint64 (*now)(void);     /* UTC seconds */
} SignInConfig;

/* @store outlives it. */
SignIns *sign_ins_new(Store *store, const SignInConfig *config);
/* Ends all of them; no callback is called. */
void sign_ins_free(SignIns *sign_ins);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SignIns, sign_ins_free)

/* @prompts: the client can be asked more than a password; else a module's further question is a denial. EXHAUSTED: a limit was
 * reached (sign_ins_retry_s). INVALID: what was typed cannot be a name or a password. */
gboolean sign_ins_begin(SignIns *sign_ins, const char *user, const Secret *password, const char *address, gboolean prompts,
	SignInDone done, void *data, GError **error);

/* Denies a sign-in that PAM is never asked about (a wrong ticket, which its part has counted and logged): it is told when a
 * wrong password would be, and slows down what follows as one would. @done and the errors are as above. */
gboolean sign_ins_deny(SignIns *sign_ins, const char *user, const char *address, SignInDone done, void *data, GError **error);

/* NOT_FOUND: there is no such conversation that waits for @address to answer. INVALID: not as many answers as fields. */
gboolean sign_ins_answer(SignIns *sign_ins, const char *id, const char *address, Secret *const *answers, guint n,
	SignInDone done, void *data, GError **error);

/* After EXHAUSTED: seconds until it may help to try again. */
guint sign_ins_retry_s(const SignIns *sign_ins);

/* Counts since the start, and what is under way: a{sv}, floating; keys as org.carrel.Broker1.Admin.Status tells them. */
GVariant *sign_ins_counts(const SignIns *sign_ins);

/* What is too old to matter goes. Not for every minute. */
void sign_ins_forget_old(SignIns *sign_ins);
