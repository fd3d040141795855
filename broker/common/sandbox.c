/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/common/sandbox.h"

#include "broker/common/error.h"
#include "broker/common/harden.h"

/* In force, for messages and carrel doctor. */
static char report[64];

static gboolean
has_one_thread(void)
{
	g_autoptr(GDir) tasks = g_dir_open("/proc/self/task", 0, NULL);
	guint n = 0;

	/* Without /proc nobody can tell; then the caller's word has to do. */
	while (tasks && g_dir_read_name(tasks))
		n++;
	return n <= 1;
}

const char *
sandbox_enter(const SandboxPlan *plan, GError **error)
{
	const char *mode = g_getenv("CARREL_SANDBOX");
	gboolean kill = g_strcmp0(mode, "kill") == 0;
	int abi;

	if (!has_one_thread()) {
		g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_FAILED, "the sandbox came after the first thread");
		return NULL;
	}
	if (!harden_process(0, error))
		return NULL;
	if (g_strcmp0(mode, "off") == 0) {
		g_warning("CARREL_SANDBOX=off: there is no sandbox");
		return "none (CARREL_SANDBOX=off)";
	}
	abi = sandbox_restrict_paths(plan, error);
	if (abi < 0 || !sandbox_restrict_calls(plan->needs, kill, error))
		return NULL;
	if (abi > 0)
		g_snprintf(report, sizeof report, "seccomp%s, Landlock %d", kill ? " (kill)" : "", abi);
	else
		g_snprintf(report, sizeof report, "seccomp%s, no Landlock", kill ? " (kill)" : "");
	return report;
}
