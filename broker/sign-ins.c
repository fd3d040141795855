/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/sign-ins.h"

#include <string.h>

#include "broker/auth/frame.h"
#include "broker/common/error.h"
#include "broker/common/log.h"
#include "broker/guard.h"

/* People who think about an answer, tries that are held, and failures that wait to be told; those that carrel-auth works on are
 * bounded besides. */
#define CONVERSATIONS_MAX 128
/* A quarter of all is kept for those who come from where they signed in before: a crowd of strangers cannot take it. */
#define FOR_STRANGERS(all) ((all) - (all) / 4)
#define RETRY_S 10
#define ID_BYTES 16

typedef enum { LIMIT_ADDRESS_WAIT, LIMIT_ADDRESS_AT_ONCE, LIMIT_AT_ONCE, LIMIT_PROCESSES, LIMIT_FORM, LIMIT_OVER, N_LIMITS } Limit;
static const char *const limit_words[N_LIMITS] = {"address-wait", "address-at-once", "at-once", "processes", "malformed",
	"no-conversation"};

#define REASON_CANNOT_ASK "cannot-be-asked"
#define REASON_SLOW "too-slow"
#define REASON_OTHER "other"
static const char *const reason_words[] = {REASON_UNKNOWN, REASON_PASSWORD, REASON_ACCOUNT, REASON_CHANGE, REASON_ROUNDS,
	REASON_CANNOT_ASK, REASON_SLOW, REASON_OTHER};

struct SignIns {
	char *socket_path;
	guint failure_ms, processes, processes_per_origin, life_s;
	Guard *guard;
	GPtrArray *conversations; /* Conversation */
	LogRate log_rate;
	guint retry_s;
	struct {
		guint64 accepted, failed, abandoned, held;
		guint64 denied[G_N_ELEMENTS(reason_words)];
		guint64 refused[N_LIMITS];
	} counts;
};

typedef struct {
	SignIns *owner;
	char *id, *user, *address;
	Attempt *attempt;
	gboolean prompts;
	Secret *password;    /* while it is held; then carrel-auth's */
	guint hold_id;
	AuthClient *auth;    /* NULL while it is held, and at the end */
	SignInDone done;     /* of the request that waits for an answer, or NULL while the person types */
	void *data;
	gint64 asked_us;     /* when that request came */
	guint deadline_id;
	guint failure_id;    /* a failure that waits to be told */
	SignInKind failure;
	const char *reason;  /* of reason_words */
	char **messages;     /* of a failure, or NULL */
} Conversation;

static void
conversation_free(void *data)
{
	Conversation *conversation = data;

	g_clear_handle_id(&conversation->hold_id, g_source_remove);
	g_clear_handle_id(&conversation->deadline_id, g_source_remove);
	g_clear_handle_id(&conversation->failure_id, g_source_remove);
	secret_free(conversation->password);
	auth_client_free(conversation->auth);
	attempt_free(conversation->attempt);
	g_strfreev(conversation->messages);
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
	const SignInResult result = {.kind = conversation->failure, .user = conversation->user,
		.reason = conversation->reason, .messages = (const char *const *)conversation->messages};

	conversation->failure_id = 0;
	/* Now, so that a wait begins when the person hears of it. */
	if (conversation->failure == SIGN_IN_DENIED)
		guard_denied(conversation->owner->guard, conversation->attempt);
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

/* The word of the table that this is: counts are bounded, and what is kept outlives the event. */
static guint
index_of_reason(const char *reason)
{
	for (guint i = 0; i < G_N_ELEMENTS(reason_words); i++) {
		if (strcmp(reason_words[i], reason) == 0)
			return i;
	}
	return G_N_ELEMENTS(reason_words) - 1;
}

/* A further question that cannot be put counts like a wrong password: else what follows would tell that it was right. */
static void
deny(Conversation *conversation, const char *reason)
{
	SignIns *owner = conversation->owner;
	guint i = index_of_reason(reason);
	g_autofree char *text = g_strdup_printf("sign-in denied: %s", reason_words[i]);

	owner->counts.denied[i]++;
	log_refusal(&owner->log_rate, conversation->address, text);
	conversation->reason = reason_words[i];
	tell_failure(conversation, SIGN_IN_DENIED);
}

static void
deny_with_messages(Conversation *conversation, const AuthEvent *event)
{
	if (*event->messages)
		conversation->messages = g_strdupv((char **)event->messages);
	deny(conversation, event->reason);
}

static void
fail(Conversation *conversation)
{
	conversation->owner->counts.failed++;
	tell_failure(conversation, SIGN_IN_FAILED);
}

static void
abandon(Conversation *conversation)
{
	conversation->owner->counts.abandoned++;
	g_ptr_array_remove_fast(conversation->owner->conversations, conversation);
}

static gboolean
on_deadline(gpointer data)
{
	Conversation *conversation = data;

	conversation->deadline_id = 0;
	if (conversation->done)
		deny(conversation, REASON_SLOW);
	else
		abandon(conversation);
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
		deny(conversation, REASON_CANNOT_ASK);
}

static void
on_auth_event(const AuthEvent *event, void *data)
{
	Conversation *conversation = data;
	const SignInResult accepted = {.kind = SIGN_IN_ACCEPTED, .user = event->user, .groups = event->groups};

	switch (event->kind) {
	case AUTH_PROMPT:
		handle_prompt(conversation, event);
		return;
	case AUTH_ACCEPTED:
		guard_accepted(conversation->owner->guard, conversation->attempt);
		conversation->owner->counts.accepted++;
		tell(conversation, &accepted);
		return;
	case AUTH_DENIED:
	case AUTH_FAILED:
		break;
	}
	/* While the person types: carrel-auth's patience ended. The answer will find nothing. */
	if (conversation->done == NULL)
		abandon(conversation);
	else if (event->kind == AUTH_FAILED)
		fail(conversation);
	else
		deny_with_messages(conversation, event);
}

SignIns *
sign_ins_new(Store *store, const SignInConfig *config)
{
	const GuardRules rules = {config->free_failures, config->address_wait_max, config->user_delay_max, config->now};
	SignIns *sign_ins = g_new0(SignIns, 1);

	sign_ins->socket_path = g_strdup(config->socket_path);
	sign_ins->failure_ms = config->failure_ms;
	sign_ins->processes = config->processes;
	sign_ins->processes_per_origin = config->processes_per_origin;
	sign_ins->life_s = config->life_s;
	sign_ins->guard = guard_new(store, &rules);
	sign_ins->conversations = g_ptr_array_new_with_free_func(conversation_free);
	return sign_ins;
}

void
sign_ins_free(SignIns *sign_ins)
{
	if (sign_ins == NULL)
		return;
	g_ptr_array_unref(sign_ins->conversations);
	guard_free(sign_ins->guard);
	g_free(sign_ins->socket_path);
	g_free(sign_ins);
}

static void
refuse(SignIns *sign_ins, const char *address, Limit limit, guint retry_s)
{
	g_autofree char *text = retry_s > 0 ? g_strdup_printf("sign-in refused: %s, %u s to wait", limit_words[limit], retry_s)
					    : g_strdup_printf("sign-in refused: %s", limit_words[limit]);

	sign_ins->counts.refused[limit]++;
	sign_ins->retry_s = retry_s;
	log_refusal(&sign_ins->log_rate, address, text);
}

static guint
count_processes(const SignIns *sign_ins)
{
	guint n = 0;

	for (guint i = 0; i < sign_ins->conversations->len; i++)
		n += ((Conversation *)sign_ins->conversations->pdata[i])->auth != NULL;
	return n;
}

/* Those who are known there are counted apart: a stranger behind the same address does not take their places. */
static guint
count_of_origin(const SignIns *sign_ins, const Attempt *attempt)
{
	guint n = 0;

	for (guint i = 0; i < sign_ins->conversations->len; i++) {
		const Attempt *other = ((Conversation *)sign_ins->conversations->pdata[i])->attempt;

		n += other->known == attempt->known && strcmp(other->origin, attempt->origin) == 0;
	}
	return n;
}

static gboolean
has_process(const SignIns *sign_ins, const Attempt *attempt)
{
	return count_processes(sign_ins) <
	       (attempt->known ? sign_ins->processes : FOR_STRANGERS(sign_ins->processes));
}

static gboolean
may_try(SignIns *sign_ins, const Attempt *attempt, const char *address, GError **error)
{
	guint of_origin = guard_is_suspect(sign_ins->guard, attempt) ? 1 : sign_ins->processes_per_origin;
	guint in_all = attempt->known ? CONVERSATIONS_MAX : FOR_STRANGERS(CONVERSATIONS_MAX);
	gint64 wait = guard_wait(sign_ins->guard, attempt);

	if (wait > 0)
		refuse(sign_ins, address, LIMIT_ADDRESS_WAIT, (guint)wait);
	else if (count_of_origin(sign_ins, attempt) >= of_origin)
		refuse(sign_ins, address, LIMIT_ADDRESS_AT_ONCE, RETRY_S);
	else if (sign_ins->conversations->len >= in_all)
		refuse(sign_ins, address, LIMIT_AT_ONCE, RETRY_S);
	else if (!has_process(sign_ins, attempt))
		refuse(sign_ins, address, LIMIT_PROCESSES, RETRY_S);
	else
		return TRUE;
	g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_EXHAUSTED, "too many sign-ins: try again later");
	return FALSE;
}

static gboolean
is_well_formed(const char *user, const Secret *password)
{
	gsize size = strlen(user);

	return size > 0 && size <= FRAME_USER_MAX && g_utf8_validate(user, -1, NULL) &&
	       secret_size(password) <= FRAME_ANSWER_MAX && strlen(secret_text(password)) == secret_size(password);
}

static void
ask(Conversation *conversation)
{
	SignIns *owner = conversation->owner;

	conversation->deadline_id = g_timeout_add_seconds(owner->life_s, on_deadline, conversation);
	conversation->auth = auth_client_new(owner->socket_path, conversation->user, conversation->address,
		conversation->password, on_auth_event, conversation);
	g_clear_pointer(&conversation->password, secret_free);
}

static gboolean
on_held(gpointer data)
{
	Conversation *conversation = data;

	conversation->hold_id = 0;
	/* Others may have come before it. */
	if (has_process(conversation->owner, conversation->attempt))
		ask(conversation);
	else
		conversation->hold_id = g_timeout_add_seconds(1, on_held, conversation);
	return G_SOURCE_REMOVE;
}

static Conversation *
add_conversation(SignIns *sign_ins, const char *user, const Secret *password, const char *address, Attempt *attempt)
{
	g_autoptr(Secret) id = secret_new_random(ID_BYTES);
	Conversation *conversation = g_new0(Conversation, 1);

	conversation->owner = sign_ins;
	conversation->id = g_strdup(secret_text(id));
	conversation->user = g_strdup(user);
	conversation->address = g_strdup(address);
	conversation->attempt = attempt;
	conversation->password = secret_new(secret_text(password), secret_size(password));
	conversation->asked_us = g_get_monotonic_time();
	g_ptr_array_add(sign_ins->conversations, conversation);
	return conversation;
}

gboolean
sign_ins_begin(SignIns *sign_ins, const char *user, const Secret *password, const char *address, gboolean prompts,
	SignInDone done, void *data, GError **error)
{
	g_autoptr(Attempt) attempt = NULL;
	Conversation *conversation;
	gint64 delay;

	if (!is_well_formed(user, password)) {
		refuse(sign_ins, address, LIMIT_FORM, 0);
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_INVALID,
			"a name of 1 to %d bytes and a password of at most %d are needed", FRAME_USER_MAX, FRAME_ANSWER_MAX);
		return FALSE;
	}
	attempt = attempt_new(sign_ins->guard, user, address);
	if (!may_try(sign_ins, attempt, address, error))
		return FALSE;
	delay = guard_delay(sign_ins->guard, attempt);
	conversation = add_conversation(sign_ins, user, password, address, g_steal_pointer(&attempt));
	conversation->prompts = prompts;
	conversation->done = done;
	conversation->data = data;
	if (delay > 0) {
		sign_ins->counts.held++;
		conversation->hold_id = g_timeout_add_seconds((guint)delay, on_held, conversation);
	} else {
		ask(conversation);
	}
	return TRUE;
}

gboolean
sign_ins_deny(SignIns *sign_ins, const char *user, const char *address, SignInDone done, void *data, GError **error)
{
	g_autoptr(Attempt) attempt = attempt_new(sign_ins->guard, user, address);
	g_autoptr(Secret) none = secret_new("", 0);
	Conversation *conversation;

	if (!may_try(sign_ins, attempt, address, error))
		return FALSE;
	guard_denied(sign_ins->guard, attempt);
	conversation = add_conversation(sign_ins, user, none, address, g_steal_pointer(&attempt));
	conversation->done = done;
	conversation->data = data;
	tell_failure(conversation, SIGN_IN_DENIED);
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
		refuse(sign_ins, address, LIMIT_OVER, 0);
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

guint
sign_ins_retry_s(const SignIns *sign_ins)
{
	return sign_ins->retry_s;
}

static GVariant *
name_counts(const char *const *words, const guint64 *counts, guint n)
{
	GVariantBuilder builder = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("a{st}"));

	for (guint i = 0; i < n; i++)
		g_variant_builder_add(&builder, "{st}", words[i], counts[i]);
	return g_variant_builder_end(&builder);
}

GVariant *
sign_ins_counts(const SignIns *sign_ins)
{
	GVariantDict dict = G_VARIANT_DICT_INIT(NULL);

	g_variant_dict_insert(&dict, "accepted", "t", sign_ins->counts.accepted);
	g_variant_dict_insert_value(&dict, "denied",
		name_counts(reason_words, sign_ins->counts.denied, G_N_ELEMENTS(reason_words)));
	g_variant_dict_insert_value(&dict, "refused", name_counts(limit_words, sign_ins->counts.refused, N_LIMITS));
	g_variant_dict_insert(&dict, "failed", "t", sign_ins->counts.failed);
	g_variant_dict_insert(&dict, "abandoned", "t", sign_ins->counts.abandoned);
	g_variant_dict_insert(&dict, "held", "t", sign_ins->counts.held);
	g_variant_dict_insert(&dict, "under-way", "u", sign_ins->conversations->len);
	g_variant_dict_insert(&dict, "processes", "u", count_processes(sign_ins));
	return g_variant_dict_end(&dict);
}

void
sign_ins_forget_old(SignIns *sign_ins)
{
	guard_forget_old(sign_ins->guard);
}
