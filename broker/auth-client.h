/* The broker's end of a sign-in at carrel-auth: asynchronous. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <sys/types.h>

#include "broker/common/secret.h"

typedef struct AuthClient AuthClient;

typedef enum {
	AUTH_PROMPT,   /* the person is asked: answer with auth_client_answer */
	AUTH_ACCEPTED, /* the end */
	AUTH_DENIED,   /* the end */
	AUTH_FAILED,   /* the end: carrel-auth or PAM could not be asked; the reason is in the log */
} AuthEventKind;

typedef struct {
	char *label;
	gboolean echo; /* the answer may be seen as it is typed */
} AuthField;

typedef struct {
	AuthEventKind kind;
	const char *user;          /* ACCEPTED: the account's own name */
	const char *const *groups; /* ACCEPTED */
	const char *const *messages; /* PROMPT, DENIED: to be shown; NULL-terminated */
	const AuthField *fields;   /* PROMPT */
	guint n_fields;
	const char *reason;        /* DENIED: a word of frame.h */
} AuthEvent;

/* @event and all in it are valid during the call, which may free the client. */
typedef void (*AuthCallback)(const AuthEvent *event, void *data);

/* Connects to @path and begins. After an event that is the end no other comes. */
AuthClient *auth_client_new(const char *path, const char *user, const char *address, const Secret *password,
	AuthCallback callback, void *data);

/* One answer for each field of the last prompt; FALSE when their number or a size does not fit. */
gboolean auth_client_answer(AuthClient *client, Secret *const *answers, guint n);

/* Closes the connection, which ends the sign-in there; no event comes any more. */
void auth_client_free(AuthClient *client);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AuthClient, auth_client_free)
