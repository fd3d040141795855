/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/auth/conversation.h"

#include <security/pam_appl.h>
#include <stdlib.h>
#include <string.h>

#include "broker/auth/groups.h"
#include "broker/common/secret.h"

#define START_TIMEOUT_MS 10000
#define ANSWER_TIMEOUT_MS 60000
/* A module that asks for ever must not hold the person's browser for ever. */
#define ROUNDS_MAX 16

typedef struct {
	Channel *channel;
	Secret *password;    /* typed with the name: answers the first hidden question, then NULL */
	GPtrArray *messages; /* char *: shown with the next question */
	guint rounds;
	gboolean lost;       /* the peer went away or broke the protocol */
	const char *refusal; /* why, where PAM's status does not say it */
} Conversation;

static void
keep_message(Conversation *conversation, const char *text)
{
	if (conversation->messages->len < FRAME_ANSWERS_MAX)
		g_ptr_array_add(conversation->messages, g_strdup(text));
}

/* A module's words go to a browser: valid UTF-8, bounded, and on one line. */
static void
add_text(FrameWriter *writer, FieldTag tag, const char *text)
{
	g_autofree char *valid = g_utf8_make_valid(text ? text : "", -1);
	gsize size;

	g_strdelimit(valid, "\r\n\t", ' ');
	g_strstrip(valid);
	size = strlen(valid);
	while (size > FRAME_TEXT_MAX)
		size = (gsize)(g_utf8_find_prev_char(valid, valid + size) - valid);
	frame_writer_add(writer, tag, valid, size);
}

static char *
take_password(Conversation *conversation)
{
	/* PAM frees its answers with free(3), and wipes them itself. */
	char *copy = strdup(secret_text(conversation->password));

	g_clear_pointer(&conversation->password, secret_free);
	return copy;
}

static gboolean
is_question(int style)
{
	return style == PAM_PROMPT_ECHO_OFF || style == PAM_PROMPT_ECHO_ON;
}

/* Shows what waits to be shown, puts the questions that have no answer yet, and fills in the person's. */
static gboolean
ask_person(Conversation *conversation, int n, const struct pam_message **messages, struct pam_response *responses)
{
	g_autoptr(FrameWriter) writer = frame_writer_new(FRAME_PROMPT);
	g_auto(Frame) answers = {0};
	guint questions = 0, next = 0;

	for (guint i = 0; i < conversation->messages->len; i++)
		add_text(writer, FIELD_MESSAGE, conversation->messages->pdata[i]);
	g_ptr_array_set_size(conversation->messages, 0);
	for (int i = 0; i < n; i++) {
		if (!is_question(messages[i]->msg_style) || responses[i].resp != NULL)
			continue;
		add_text(writer, messages[i]->msg_style == PAM_PROMPT_ECHO_ON ? FIELD_SHOWN : FIELD_HIDDEN, messages[i]->msg);
		questions++;
	}
	if (questions == 0)
		return TRUE;
	if (++conversation->rounds > ROUNDS_MAX) {
		conversation->refusal = REASON_ROUNDS;
		return FALSE;
	}
	if (!channel_send(conversation->channel, writer) ||
		!channel_receive(conversation->channel, FRAME_ANSWERS, ANSWER_TIMEOUT_MS, &answers) ||
		answers.n != questions) {
		conversation->lost = TRUE;
		return FALSE;
	}
	for (int i = 0; i < n; i++) {
		if (is_question(messages[i]->msg_style) && responses[i].resp == NULL) {
			responses[i].resp = strndup(answers.fields[next].text, answers.fields[next].size);
			next++;
		}
	}
	return TRUE;
}

static void
free_responses(struct pam_response *responses, int n)
{
	for (int i = 0; i < n; i++) {
		if (responses[i].resp)
			explicit_bzero(responses[i].resp, strlen(responses[i].resp));
		free(responses[i].resp);
	}
	free(responses);
}

/* PAM's callback. Linux-PAM gives an array of pointers. */
static int
converse(int n, const struct pam_message **messages, struct pam_response **out, void *data)
{
	Conversation *conversation = data;
	struct pam_response *responses;
	gboolean questions = FALSE;

	if (n <= 0 || n > FRAME_ANSWERS_MAX || conversation->lost)
		return PAM_CONV_ERR;
	responses = calloc((size_t)n, sizeof *responses);
	if (responses == NULL)
		return PAM_BUF_ERR;
	for (int i = 0; i < n; i++) {
		if (messages[i]->msg_style == PAM_PROMPT_ECHO_OFF && conversation->password)
			responses[i].resp = take_password(conversation);
		else if (is_question(messages[i]->msg_style))
			questions = TRUE;
		else if (messages[i]->msg_style == PAM_TEXT_INFO || messages[i]->msg_style == PAM_ERROR_MSG)
			keep_message(conversation, messages[i]->msg);
	}
	if (questions && !ask_person(conversation, n, messages, responses)) {
		free_responses(responses, n);
		return PAM_CONV_ERR;
	}
	*out = responses;
	return PAM_SUCCESS;
}

/* The broker makes every failure take the same time; a module's own delay would only tell failures apart. */
static void
skip_delay(int status, unsigned delay_us, void *data)
{
}

/* Keeps the reason of a refusal, for the broker's log. */
static int
refuse(Conversation *conversation, int status, const char *reason)
{
	if (status != PAM_SUCCESS && conversation->refusal == NULL)
		conversation->refusal = reason;
	return status;
}

static int
ask_pam(Conversation *conversation, pam_handle_t *pam, const char *address)
{
	union {
		void (*function)(int, unsigned, void *);
		const void *item;
	} delay = {skip_delay};
	int status;

	status = pam_set_item(pam, PAM_FAIL_DELAY, delay.item);
	if (status == PAM_SUCCESS)
		status = pam_set_item(pam, PAM_RHOST, address);
	if (status == PAM_SUCCESS)
		status = pam_set_item(pam, PAM_TTY, "carrel");
	if (status == PAM_SUCCESS)
		status = pam_authenticate(pam, PAM_DISALLOW_NULL_AUTHTOK);
	if (status != PAM_SUCCESS)
		return refuse(conversation, status, status == PAM_USER_UNKNOWN ? REASON_UNKNOWN : REASON_PASSWORD);
	status = pam_acct_mgmt(pam, PAM_DISALLOW_NULL_AUTHTOK);
	if (status == PAM_NEW_AUTHTOK_REQD) {
		status = pam_chauthtok(pam, PAM_CHANGE_EXPIRED_AUTHTOK);
		return refuse(conversation, status, REASON_CHANGE);
	}
	return refuse(conversation, status, REASON_ACCOUNT);
}

static gboolean
send_failed(Channel *channel)
{
	g_autoptr(FrameWriter) writer = frame_writer_new(FRAME_FAILED);

	return channel_send(channel, writer);
}

static gboolean
send_accepted(Channel *channel, pam_handle_t *pam)
{
	g_autoptr(FrameWriter) writer = frame_writer_new(FRAME_ACCEPTED);
	g_auto(GStrv) groups = NULL;
	const void *user = NULL;

	/* A module may have mapped what was typed to the account's own name. */
	if (pam_get_item(pam, PAM_USER, &user) != PAM_SUCCESS || user == NULL || *(const char *)user == '\0' ||
		strlen(user) > FRAME_USER_MAX || !g_utf8_validate(user, -1, NULL)) {
		g_warning("PAM accepted a sign-in without a usable user name");
		return send_failed(channel);
	}
	frame_writer_add(writer, FIELD_USER, user, strlen(user));
	groups = groups_of_user(user, FRAME_FIELDS_MAX - 1);
	for (char **group = groups; *group != NULL; group++) {
		if (strlen(*group) > FRAME_USER_MAX || !frame_writer_add(writer, FIELD_GROUP, *group, strlen(*group)))
			g_warning("“%s” is in more groups than can be told: “%s” and others are left out", (const char *)user, *group);
	}
	return channel_send(channel, writer);
}

/* A module's last words are for who has shown the right password, and chose a new one that will not do: to all others every
 * refusal looks alike. */
static gboolean
send_denied(Conversation *conversation, const char *reason)
{
	g_autoptr(FrameWriter) writer = frame_writer_new(FRAME_DENIED);

	frame_writer_add(writer, FIELD_REASON, reason, strlen(reason));
	for (guint i = 0; strcmp(reason, REASON_CHANGE) == 0 && i < conversation->messages->len; i++)
		add_text(writer, FIELD_MESSAGE, conversation->messages->pdata[i]);
	return channel_send(conversation->channel, writer);
}

static gboolean
run_pam(Conversation *conversation, const char *service, const char *folder, const char *user, const char *address)
{
	const struct pam_conv callback = {converse, conversation};
	pam_handle_t *pam = NULL;
	int status = folder ? pam_start_confdir(service, user, &callback, folder, &pam)
			    : pam_start(service, user, &callback, &pam);
	gboolean sent;

	if (status != PAM_SUCCESS || pam == NULL) {
		g_warning("PAM cannot start its service “%s”%s%s: see carrel-auth(8)", service, folder ? " of " : "",
			folder ? folder : "");
		return send_failed(conversation->channel);
	}
	status = ask_pam(conversation, pam, address);
	if (status == PAM_SUCCESS) {
		sent = send_accepted(conversation->channel, pam);
	} else {
		g_debug("PAM refused a sign-in: %s", pam_strerror(pam, status));
		sent = !conversation->lost &&
		       send_denied(conversation, conversation->refusal ? conversation->refusal : REASON_PASSWORD);
	}
	pam_end(pam, status);
	return sent;
}

/* No account is called so, and modules build paths and command lines of names. */
static gboolean
is_plausible_user(const char *user)
{
	if (*user == '\0' || *user == '-' || strpbrk(user, "/:") != NULL || !g_utf8_validate(user, -1, NULL))
		return FALSE;
	for (const char *p = user; *p != '\0'; p++) {
		if (g_ascii_iscntrl(*p))
			return FALSE;
	}
	return TRUE;
}

gboolean
conversation_run(Channel *channel, const char *service, const char *folder)
{
	Conversation conversation = {.channel = channel};
	g_auto(Frame) start = {0};
	g_autofree char *user = NULL, *address = NULL;
	gboolean whole;

	if (!channel_receive(channel, FRAME_START, START_TIMEOUT_MS, &start))
		return FALSE;
	user = frame_dup_field(&start, FIELD_USER);
	address = frame_dup_field(&start, FIELD_ADDRESS);
	for (guint i = 0; i < start.n; i++) {
		if (start.fields[i].tag == FIELD_ANSWER)
			conversation.password = secret_new(start.fields[i].text, start.fields[i].size);
	}
	conversation.messages = g_ptr_array_new_with_free_func(g_free);
	if (is_plausible_user(user))
		whole = run_pam(&conversation, service, folder, user, address);
	else
		whole = send_denied(&conversation, REASON_UNKNOWN);
	g_clear_pointer(&conversation.password, secret_free);
	g_ptr_array_unref(conversation.messages);
	return whole;
}
