/* Starts carrel-screen processes for carrel-display: a process of its own, forked before carrel-display gives up root, so
 * that each screen can be another user than both, and kills those that hang. It does nothing else, and reads nothing but
 * descriptors and the process ids of its own children from carrel-display.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>
#include <sys/types.h>

typedef struct Launcher Launcher;

/* What a screen finds open besides stdin, stdout and stderr. */
#define LAUNCHER_CONTROL_FD 3
/* carrel-screen's exit status when QEMU closed the display. */
#define LAUNCHER_EXIT_VM_GONE 3

/* @status as waitpid(2) gives it. */
typedef void (*LauncherExited)(pid_t pid, int status, void *data);

/* Forks the launcher: call it before the process has threads. Screens become @uid and @gid with no other groups when this
 * process may do so (CAP_SETUID and CAP_SETGID); they stay who we are otherwise. */
Launcher *launcher_new(const char *program, gboolean verbose, uid_t uid, gid_t gid, GError **error);
/* The launcher ends when its socket closes, and its screens with it. */
void launcher_free(Launcher *launcher);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Launcher, launcher_free)

/* From now on tells about screens that ended, from the main loop. */
void launcher_watch(Launcher *launcher, LauncherExited on_exited, void *data);

/* Starts a screen whose control socket is @control (which stays the caller's). Result: its process id; -1 with @error. At
 * most 5 s. */
pid_t launcher_start(Launcher *launcher, int control, GError **error);

/* Kills a screen that does not answer; that it ended is told as of any other. Of a process that the launcher has not started,
 * or that has ended, nothing comes. */
void launcher_kill(Launcher *launcher, pid_t pid);
