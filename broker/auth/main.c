/* carrel-auth: asks PAM who somebody is, a process a sign-in. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <string.h>
#include <unistd.h>

#include "broker/auth/conversation.h"
#include "broker/auth/listener.h"
#include "broker/common/program.h"

/* A sign-in's process sets itself an alarm; a PAM module may have taken the alarm for its own use. */
#define ALARM_GRACE_S 10

static const ProgramInfo info = {
	.name = "carrel-auth",
	.summary = "Asks PAM who somebody is, for carrel-broker. With --stdin: one sign-in, on the socket that is standard input.",
	.runtime_folder = "auth",
};

/* program_new knows the options that all programs have: take ours out first. */
static gboolean
take_option(const char *option, int *argc, char **argv)
{
	for (int i = 1; i < *argc; i++) {
		if (strcmp(argv[i], option) == 0) {
			memmove(argv + i, argv + i + 1, (gsize)(*argc - i) * sizeof *argv);
			(*argc)--;
			return TRUE;
		}
	}
	return FALSE;
}

static uid_t
broker_uid(const Conf *conf)
{
	g_autoptr(GError) error = NULL;
	uid_t uid;
	gid_t gid;

	if (program_lookup_user(conf->broker_user, &uid, &gid, &error))
		return uid;
	g_message("%s; only root and this program's own user are let in", error->message);
	return (uid_t)-1;
}

static int
run_one(const Conf *conf)
{
	g_autoptr(Channel) channel = NULL;

	alarm((guint)conf->sign_in_deadline);
	if (!listener_is_welcome(STDIN_FILENO, broker_uid(conf)))
		return 1;
	channel = channel_new(STDIN_FILENO);
	return conversation_run(channel, conf->pam_service, conf->pam_folder) ? 0 : 1;
}

static int
run_listener(Program *program)
{
	const Conf *conf = program_conf(program);
	g_autofree char *path = conf_socket_path(conf, CONF_SOCKET_AUTH);
	const char *verbose = program_is_verbose(program) ? "--verbose" : NULL;
	/* A fresh image a sign-in: no memory of another one's password, and the same way in as a socket unit's. */
	const char *const argv[] = {"/proc/self/exe", "carrel-auth", "--stdin", "--config", conf->file, verbose, NULL};
	g_autoptr(GError) error = NULL;
	const ListenerConfig config = {path, broker_uid(conf), argv, (guint)conf->sign_in_processes,
		(guint)conf->sign_in_deadline + ALARM_GRACE_S};
	g_autoptr(Listener) listener = listener_new(&config, &error);

	if (listener == NULL) {
		g_warning("%s", error->message);
		return 1;
	}
	return program_run(program, NULL, NULL);
}

int
main(int argc, char **argv)
{
	gboolean one = take_option("--stdin", &argc, argv);
	g_autoptr(GError) error = NULL;
	int status;
	g_autoptr(Program) program = program_new(&info, &argc, &argv, &status);

	if (program == NULL)
		return status;
	/* PAM's modules want to be root. The folder is made, and core dumps and set-uid programs are ruled out. */
	if (!program_drop_rights(program, "root", NULL, &error)) {
		g_warning("%s", error->message);
		return 1;
	}
	return one ? run_one(program_conf(program)) : run_listener(program);
}
