/* A PAM module that plays people: who is who goes by the name. The password of all is "right".
 *   good, demo1, demo2   nothing more
 *   code     is asked a second question, after a message: the answer is "123456"
 *   both     is asked two questions at once: "a" (hidden) and "b" (shown)
 *   expired  must choose a new password, twice the same
 *   locked   has the right password and may not come in all the same
 *   mapped   is called "good" afterwards
 *   endless  is asked for ever
 * Each failure asks for a delay of 5 s, which the program is to move elsewhere. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <security/pam_modules.h>
#include <security/pam_ext.h>
#include <stdlib.h>
#include <string.h>

static const char *
user_of(pam_handle_t *pam)
{
	const char *user = NULL;

	return pam_get_user(pam, &user, NULL) == PAM_SUCCESS && user ? user : "";
}

static int
ask(pam_handle_t *pam, int style, const char *question, const char *expected)
{
	char *answer = NULL;
	int status = pam_prompt(pam, style, &answer, "%s", question);

	if (status != PAM_SUCCESS || answer == NULL)
		return PAM_AUTH_ERR;
	status = strcmp(answer, expected) == 0 ? PAM_SUCCESS : PAM_AUTH_ERR;
	free(answer);
	return status;
}

static int
ask_both(pam_handle_t *pam)
{
	const struct pam_message first = {PAM_PROMPT_ECHO_OFF, "First"}, second = {PAM_PROMPT_ECHO_ON, "Second"};
	const struct pam_message *messages[] = {&first, &second};
	struct pam_response *responses = NULL;
	const void *item = NULL;
	const struct pam_conv *conv;
	int status;

	if (pam_get_item(pam, PAM_CONV, &item) != PAM_SUCCESS || item == NULL)
		return PAM_CONV_ERR;
	conv = item;
	if (conv->conv(2, messages, &responses, conv->appdata_ptr) != PAM_SUCCESS)
		return PAM_AUTH_ERR;
	status = strcmp(responses[0].resp, "a") == 0 && strcmp(responses[1].resp, "b") == 0 ? PAM_SUCCESS : PAM_AUTH_ERR;
	free(responses[0].resp);
	free(responses[1].resp);
	free(responses);
	return status;
}

int
pam_sm_authenticate(pam_handle_t *pam, int flags, int argc, const char **argv)
{
	static const char *const known[] = {"good", "code", "both", "expired", "locked", "mapped", "endless", "demo1", "demo2"};
	const char *user = user_of(pam);
	int status = PAM_USER_UNKNOWN, endless = strcmp(user, "endless") == 0;

	pam_fail_delay(pam, 5000000);
	if (ask(pam, PAM_PROMPT_ECHO_OFF, "Password: ", "right") != PAM_SUCCESS)
		return PAM_AUTH_ERR;
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		if (strcmp(user, known[i]) == 0)
			status = PAM_SUCCESS;
	}
	if (strcmp(user, "code") == 0) {
		pam_info(pam, "A code was sent\nto your telephone");
		status = ask(pam, PAM_PROMPT_ECHO_ON, "Code: ", "123456");
	} else if (strcmp(user, "both") == 0) {
		status = ask_both(pam);
	} else if (strcmp(user, "mapped") == 0) {
		status = pam_set_item(pam, PAM_USER, "good");
	}
	/* @user may be gone: it belonged to the item that "mapped" has replaced. */
	while (endless) {
		if (ask(pam, PAM_PROMPT_ECHO_ON, "More: ", "more") != PAM_SUCCESS)
			return PAM_AUTH_ERR;
	}
	return status;
}

int
pam_sm_setcred(pam_handle_t *pam, int flags, int argc, const char **argv)
{
	return PAM_SUCCESS;
}

int
pam_sm_acct_mgmt(pam_handle_t *pam, int flags, int argc, const char **argv)
{
	const char *user = user_of(pam);

	if (strcmp(user, "locked") == 0)
		return PAM_ACCT_EXPIRED;
	return strcmp(user, "expired") == 0 ? PAM_NEW_AUTHTOK_REQD : PAM_SUCCESS;
}

int
pam_sm_chauthtok(pam_handle_t *pam, int flags, int argc, const char **argv)
{
	char *once = NULL, *again = NULL;
	int status = PAM_AUTHTOK_ERR;

	if (flags & PAM_PRELIM_CHECK)
		return PAM_SUCCESS;
	pam_info(pam, "Your password has expired");
	if (pam_prompt(pam, PAM_PROMPT_ECHO_OFF, &once, "New password: ") == PAM_SUCCESS &&
		pam_prompt(pam, PAM_PROMPT_ECHO_OFF, &again, "Again: ") == PAM_SUCCESS && once && again &&
		strcmp(once, again) == 0)
		status = PAM_SUCCESS;
	else
		pam_error(pam, "The two differ");
	free(once);
	free(again);
	return status;
}
