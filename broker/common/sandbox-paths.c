/* Landlock (Documentation/userspace-api/landlock.rst of the kernel). SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/common/sandbox.h"

#include "broker/common/error.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The kernel's uapi/linux/landlock.h as of ABI 7, under names of our own: Debian 12's header ends at ABI 2, and what a
 * running kernel knows is asked of it, not of the header. */
#define SYS_CREATE   444
#define SYS_ADD_RULE 445
#define SYS_RESTRICT 446
#define ASK_VERSION  (1U << 0)
#define RULE_PATH    1

#define FS_EXECUTE     (1ULL << 0)
#define FS_WRITE_FILE  (1ULL << 1)
#define FS_READ_FILE   (1ULL << 2)
#define FS_READ_DIR    (1ULL << 3)
#define FS_REMOVE_FILE (1ULL << 5)
#define FS_MAKE_REG    (1ULL << 8)
#define FS_TRUNCATE    (1ULL << 14)

#define SCOPE_ABSTRACT_UNIX (1ULL << 0)
#define SCOPE_SIGNAL	    (1ULL << 1)

typedef struct {
	guint64 fs, net, scoped;
} Ruleset;

typedef struct {
	guint64 access;
	gint32 folder;
} __attribute__((packed)) PathRule;

/* All that an ABI can forbid: ABI 1 has 13 rights for files, 2 adds linking across folders, 3 truncating, 5 ioctl of devices;
 * 4 adds TCP's bind and connect; 6 abstract unix sockets and signals, to processes outside the sandbox. A later ABI's are
 * unknown to us. */
static Ruleset
everything(int abi, size_t *size)
{
	Ruleset rules = {.fs = (1ULL << 13) - 1};

	if (abi >= 2)
		rules.fs |= 1ULL << 13;
	if (abi >= 3)
		rules.fs |= FS_TRUNCATE;
	if (abi >= 4)
		rules.net = (1ULL << 0) | (1ULL << 1);
	if (abi >= 5)
		rules.fs |= 1ULL << 15;
	if (abi >= 6)
		rules.scoped = SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL;
	*size = abi >= 6 ? sizeof rules : abi >= 4 ? offsetof(Ruleset, scoped) : offsetof(Ruleset, net);
	return rules;
}

static gboolean
allow(int ruleset, const char *const *paths, guint64 access, guint64 handled, GError **error)
{
	for (; paths && *paths; paths++) {
		PathRule rule = {.access = access & handled, .folder = open(*paths, O_PATH | O_CLOEXEC)};
		struct stat status;
		int result = -1;

		if (rule.folder < 0 && errno == ENOENT)
			continue;
		if (rule.folder >= 0 && fstat(rule.folder, &status) == 0) {
			if (!S_ISDIR(status.st_mode))
				rule.access &= FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE;
			result = (int)syscall(SYS_ADD_RULE, ruleset, RULE_PATH, &rule, 0);
		}
		if (result < 0)
			g_set_error(error, CARREL_ERROR, CARREL_ERROR_FAILED, "Landlock: %s: %s", *paths, g_strerror(errno));
		if (rule.folder >= 0)
			close(rule.folder);
		if (result < 0)
			return FALSE;
	}
	return TRUE;
}

int
sandbox_restrict_paths(const SandboxPlan *plan, GError **error)
{
	int abi = (int)syscall(SYS_CREATE, NULL, 0, ASK_VERSION);
	size_t size;
	Ruleset rules;
	int ruleset;
	gboolean good;

	/* Not built in, or not switched on (lsm=): a kernel's or an admin's choice. */
	if (abi <= 0)
		return 0;
	rules = everything(abi, &size);
	ruleset = (int)syscall(SYS_CREATE, &rules, size, 0);
	if (ruleset < 0) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_FAILED, "Landlock: %s", g_strerror(errno));
		return -1;
	}
	good = allow(ruleset, plan->readable, FS_READ_FILE | FS_READ_DIR, rules.fs, error) &&
	       allow(ruleset, plan->writable, FS_READ_FILE | FS_READ_DIR | FS_WRITE_FILE | FS_TRUNCATE | FS_MAKE_REG | FS_REMOVE_FILE,
		       rules.fs, error);
	if (good && syscall(SYS_RESTRICT, ruleset, 0) < 0) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_FAILED, "Landlock: %s", g_strerror(errno));
		good = FALSE;
	}
	close(ruleset);
	return good ? abi : -1;
}
