/* The sandbox of a program that parses what strangers send: seccomp for its system calls, Landlock for the file system and
 * the network, and what harden.h does. It stays in force for the process and all its threads until they end.
 *
 * Whatever the plan, a program keeps what it has: its open descriptors, memory (none of it executable but what is already),
 * threads, time, randomness, and pairs of sockets. See sandbox-calls.c for the lists.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>

/* What a program needs besides. */
typedef enum {
	SANDBOX_FILES = 1 << 0,	  /* open, make, rename and remove files where its paths allow it */
	SANDBOX_CONNECT = 1 << 1, /* make and connect unix sockets, no others */
	SANDBOX_ACCEPT = 1 << 2,  /* take connections on sockets that listen already */
} SandboxNeeds;

typedef struct {
	guint needs;		     /* SandboxNeeds */
	const char *const *readable; /* files, and folders with all below them; NULL-terminated, or NULL */
	const char *const *writable; /* folders: readable, and files in them can be made, written and removed */
} SandboxPlan;

/* Call it while the process has one thread: Landlock knows no way to the others. Paths that do not exist then are left out.
 * A kernel with an older Landlock, or none, gives less, and the report says so; one without seccomp is an error.
 *
 * A system call that is not in the lists fails with ENOSYS and is logged by the kernel, so that an update of a library that
 * tries something new does not end every desktop; what no library does by itself and an intruder does first (exec, ptrace,
 * kill, mount, ...) ends the process. $CARREL_SANDBOX=kill ends it for the former too: tests run so. With
 * $CARREL_SANDBOX=off there is neither seccomp nor Landlock, for debuggers and sanitizers.
 *
 * Result: what is in force, such as "seccomp, Landlock 7"; static until the process ends. NULL: @error. */
const char *sandbox_enter(const SandboxPlan *plan, GError **error);

/* ---- for sandbox.c ---- */

/* Result: the ABI of the kernel's Landlock that is in force now; 0: it has none. -1: @error. */
int sandbox_restrict_paths(const SandboxPlan *plan, GError **error);
/* @kill: see above. */
gboolean sandbox_restrict_calls(guint needs, gboolean kill, GError **error);
