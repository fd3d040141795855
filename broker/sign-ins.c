/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/sign-ins.h"

#include <string.h>

#include "broker/auth/frame.h"
#include "broker/common/error.h"

/* carrel-auth does 32 at once; the rest are people who think about an answer, and failures that wait to be told. */
#define CONVERSATIONS_MAX 48
#define CONVERSATIONS_PER_ADDRESS 8
#define CONVERSATION_LIFE_S 125
#define ID_BYTES 16

struct SignIns {
	char *socket_path;
	guint failure_ms;
	GPtrArray *conversations; /* Conversation */
};

typedef struct {
	SignIns *owner;
	char *id, *user, *address;
	gboolean prompts;
	AuthClient *auth;    /* NULL at the end */
	SignInDone done;     /* of the request that waits for an answer, or NULL while the person types */
	void *data;
	gint64 asked_us;     /* when that request came */
	guint deadline_id;
	guint failure_id;    /* a failure that waits to be told */
	SignInKind failure;
} Conversation;

static void
conversation_free(void *data)
{
	Conversation *conversation = data;

	g_clear_handle_id(&conversation->deadline_id, g_source_remove);
	g_clear_handle_id(&conversation->failure_id, g_source_remove);
	auth_client_free(conversation->auth);
	g_free(conversation->id);
	g_free(conversation->user);
	g_free(conversation->address);
	g_free(conversation);
}

/* Answers the waiting request, and forgets the conversation unless it goes on. */
static void
tell(Conversation *conversation, const SignInResult *result)
{
	SignInDone done = g_steal_pointer(&conversation->done);

	if (done)
		done(result, conversation->data);
	if (result->kind != SIGN_IN_PROMPT)
		g_ptr_array_remove_fast(conversation->owner->conversations, conversation);
}

static gboolean
on_failure_due(gpointer data)
{
	Conversation *conversation = data;
	const SignInResult result = {.kind = conversation->failure, .user = conversation->user};

	conversation->failure_id = 0;
	tell(conversation, &result);
	return G_SOURCE_REMOVE;
}

/* At the next full period, so that how long PAM took is not told along. */
static void
tell_failure(Conversation *conversation, SignInKind kind)
{
	gint64 period_ms = conversation->owner->failure_ms;
	gint64 taken_ms = (g_get_monotonic_time() - conversation->asked_us) / 1000;
	gint64 wait_ms = period_ms > 0 ? period_ms - taken_ms % period_ms : 0;

	g_clear_pointer(&conversation->auth, auth_client_free);
	conversation->failure = kind;
	if (conversation->failure_id == 0)
		conversation->failure_id = g_timeout_add((guint)wait_ms, on_failure_due, conversation);
}

static gboolean
on_deadline(gpointer data)
{
	Conversation *conversation = data;

	conversation->deadline_id = 0;
	if (conversation->done)
		tell_failure(conversation, SIGN_IN_DENIED);
	else
		g_ptr_array_remove_fast(conversation->owner->conversations, conversation);
	return G_SOURCE_REMOVE;
}

static void
handle_prompt(Conversation *conversation, const AuthEvent *event)
{
	const SignInResult result = {.kind = SIGN_IN_PROMPT, .user = conversation->user, .id = conversation->id,
		.messages = event->messages, .fields = event->fields, .n_fields = event->n_fields};

	if (conversation->prompts)
		tell(conversation, &result);
	else
		tell_failure(conversation, SIGN_IN_DENIED);
}

static void
on_auth_event(const AuthEvent *event, void *data)
{
	Conversation *conversation = data;
	const SignInResult accepted = {.kind = SIGN_IN_ACCEPTED, .user = event->user, .groups = event->groups};

	switch (event->kind) {
	case AUTH_PROMPT:
		handle_prompt(conversation, event);
		break;
	case AUTH_ACCEPTED:
		tell(conversation, &accepted);
		break;
	case AUTH_DENIED:
	case AUTH_FAILED:
		/* While the person types: carrel-auth's patience ended. The answer will find nothing. */
		if (conversation->done)
			tell_failure(conversation, event->kind == AUTH_DENIED ? SIGN_IN_DENIED : SIGN_IN_FAILED);
		else
			g_ptr_array_remove_fast(conversation->owner->conversations, conversation);
	}
}

SignIns *
sign_ins_new(const SignInConfig *config)
{
	SignIns *sign_ins = g_new0(SignIns, 1);

	sign_ins->socket_path = g_strdup(config->socket_path);
	sign_ins->failure_ms = config->failure_ms;
	sign_ins->conversations = g_ptr_array_new_with_free_func(conversation_free);
	return sign_ins;
}

void
sign_ins_free(SignIns *sign_ins)
{
	if (sign_ins == NULL)
		return;
	g_ptr_array_unref(sign_ins->conversations);
	g_free(sign_ins->socket_path);
	g_free(sign_ins);
}

static gboolean
has_room(const SignIns *sign_ins, const char *address, GError **error)
{
	guint of_address = 0;

	for (guint i = 0; i < sign_ins->conversations->len; i++)
		of_address += strcmp(((Conversation *)sign_ins->conversations->pdata[i])->address, address) == 0;
	if (sign_ins->conversations->len < CONVERSATIONS_MAX && of_address < CONVERSATIONS_PER_ADDRESS)
		return TRUE;
	g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_EXHAUSTED, "too many sign-ins at once: try again in a minute");
	return FALSE;
}

static gboolean
is_well_formed(const char *user, const Secret *password, GError **error)
{
	gsize size = strlen(user);

	if (size > 0 && size <= FRAME_USER_MAX && g_utf8_validate(user, -1, NULL) &&
		secret_size(password) <= FRAME_ANSWER_MAX &&
		strlen(secret_text(password)) == secret_size(password))
		return TRUE;
	g_set_error(error, CARREL_ERROR, CARREL_ERROR_INVALID,
		"a name of 1 to %d bytes and a password of at most %d are needed", FRAME_USER_MAX, FRAME_ANSWER_MAX);
	return FALSE;
}

static Conversation *
conversation_new(SignIns *sign_ins, const char *user, const char *address, SignInDone done, void *data)
{
	g_autoptr(Secret) id = secret_new_random(ID_BYTES);
	Conversation *conversation = g_new0(Conversation, 1);

	conversation->owner = sign_ins;
	conversation->id = g_strdup(secret_text(id));
	conversation->user = g_strdup(user);
	conversation->address = g_strdup(address);
	conversation->done = done;
	conversation->data = data;
	conversation->asked_us = g_get_monotonic_time();
	conversation->deadline_id = g_timeout_add_seconds(CONVERSATION_LIFE_S, on_deadline, conversation);
	g_ptr_array_add(sign_ins->conversations, conversation);
	return conversation;
}

gboolean
sign_ins_begin(SignIns *sign_ins, const char *user, const Secret *password, const char *address, gboolean prompts,
	SignInDone done, void *data, GError **error)
{
	Conversation *conversation;

	if (!is_well_formed(user, password, error) || !has_room(sign_ins, address, error))
		return FALSE;
	conversation = conversation_new(sign_ins, user, address, done, data);
	conversation->prompts = prompts;
	conversation->auth =
		auth_client_new(sign_ins->socket_path, user, address, password, on_auth_event, conversation);
	return TRUE;
}

gboolean
sign_ins_deny(SignIns *sign_ins, const char *user, const char *address, SignInDone done, void *data, GError **error)
{
	if (!has_room(sign_ins, address, error))
		return FALSE;
	tell_failure(conversation_new(sign_ins, user, address, done, data), SIGN_IN_DENIED);
	return TRUE;
}

static Conversation *
find(SignIns *sign_ins, const char *id, const char *address)
{
	for (guint i = 0; i < sign_ins->conversations->len; i++) {
		Conversation *conversation = sign_ins->conversations->pdata[i];

		if (strcmp(conversation->id, id) == 0 && strcmp(conversation->address, address) == 0 &&
			conversation->done == NULL && conversation->auth != NULL)
			return conversation;
	}
	return NULL;
}

gboolean
sign_ins_answer(SignIns *sign_ins, const char *id, const char *address, Secret *const *answers, guint n, SignInDone done,
	void *data, GError **error)
{
	Conversation *conversation = find(sign_ins, id, address);

	if (conversation == NULL) {
		g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_NOT_FOUND, "this sign-in is over: begin again");
		return FALSE;
	}
	if (!auth_client_answer(conversation->auth, answers, n)) {
		g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_INVALID, "an answer is needed for each field");
		return FALSE;
	}
	conversation->done = done;
	conversation->data = data;
	conversation->asked_us = g_get_monotonic_time();
	return TRUE;
}
