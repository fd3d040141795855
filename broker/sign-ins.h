/* Sign-ins under way: conversations between a client and PAM, from the password to the end. Bounded in number (48 in all, 8 an
 * address) and in time (125 s), and every failure takes the same time, whatever the reason.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "broker/auth-client.h"

typedef struct SignIns SignIns;

typedef enum { SIGN_IN_ACCEPTED, SIGN_IN_PROMPT, SIGN_IN_DENIED, SIGN_IN_FAILED } SignInKind;

typedef struct {
	SignInKind kind;
	const char *user;          /* what was typed; ACCEPTED: the account's own name */
	const char *const *groups; /* ACCEPTED */
	const char *id;            /* PROMPT: whoever knows it answers, from the same address */
	const char *const *messages;
	const AuthField *fields;
	guint n_fields;
} SignInResult;

/* Called once for each sign_ins_begin or sign_ins_answer that returned TRUE, never from inside it. All in @result is valid
 * during the call. */
typedef void (*SignInDone)(const SignInResult *result, void *data);

typedef struct {
	const char *socket_path; /* carrel-auth's */
	guint failure_ms;        /* a failure is told at the next multiple of this after the request */
} SignInConfig;

SignIns *sign_ins_new(const SignInConfig *config);
/* Ends all of them; no callback is called. */
void sign_ins_free(SignIns *sign_ins);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SignIns, sign_ins_free)

/* @prompts: the client can be asked more than a password; else a module's further question is a denial. EXHAUSTED: too many
 * are under way. INVALID: what was typed cannot be a name or a password. */
gboolean sign_ins_begin(SignIns *sign_ins, const char *user, const Secret *password, const char *address, gboolean prompts,
	SignInDone done, void *data, GError **error);

/* Denies a sign-in that PAM is never asked about (a wrong ticket), when a wrong password would be denied, and counts it as
 * one. @done and the errors are as above. */
gboolean sign_ins_deny(SignIns *sign_ins, const char *user, const char *address, SignInDone done, void *data, GError **error);

/* NOT_FOUND: there is no such conversation that waits for @address to answer. INVALID: not as many answers as fields. */
gboolean sign_ins_answer(SignIns *sign_ins, const char *id, const char *address, Secret *const *answers, guint n,
	SignInDone done, void *data, GError **error);
