/* What every daemon of Carrel does before and after its real work: options, configuration, folders, the user it runs
 * as, the log, the main loop and its signals. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "broker/common/conf.h"

typedef struct {
	const char *name;    /* "carrel-broker" */
	const char *summary; /* one line for --help */
	/* Folders to make for the program's user before rights are dropped, below [Paths] Runtime= and State=; NULL for
	 * none. */
	const char *runtime_folder, *state_folder;
	/* One more below Runtime=, which is nobody else's, in runtime_folder; NULL for none. */
	const char *private_folder;
	/* One more below State=, through which others may reach what they are given there; NULL for none. */
	const char *passage;
} ProgramInfo;

typedef struct Program Program;

/* Reads the command line (--config FILE, --verbose, --version, --help) and the configuration. On any failure, and after
 * --help or --version, it has printed what is to be said, and returns NULL with *@status to exit with. */
Program *program_new(const ProgramInfo *info, int *argc, char ***argv, int *status);
void program_free(Program *program);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Program, program_free)

const Conf *program_conf(const Program *program);
gboolean program_is_verbose(const Program *program);

/* Makes the folders and becomes @user with the groups @groups (NULL or empty: none but its own) when running as root;
 * does nothing but make the folders otherwise, or when @user is "root" or "0". No way back: saved ids and capabilities
 * go too, and no_new_privs is set. */
gboolean program_drop_rights(Program *program, const char *user, char *const *groups, GError **error);

/* The numeric user of a name or a number from [Users]. */
gboolean program_lookup_user(const char *user, uid_t *uid, gid_t *gid, GError **error);

/* Says "ready" (sd_notify where $NOTIFY_SOCKET is set, and one line in the log), then runs the main loop until SIGTERM
 * or SIGINT, or program_quit. @on_reload (may be NULL) is called for SIGHUP. Result: the exit status. */
int program_run(Program *program, void (*on_reload)(void *data), void *data);
void program_quit(Program *program, int status);
