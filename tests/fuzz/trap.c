/* Linked into each libFuzzer target. g_error ends a process by SIGTRAP, which libFuzzer does not know, so that the input would be
 * lost; and a broken promise to a library (g_critical) is a finding, as it is in the other tests. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <glib.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);

static void
on_trap(int number)
{
	abort();
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	signal(SIGTRAP, on_trap);
	g_log_set_always_fatal(G_LOG_FATAL_MASK | G_LOG_LEVEL_CRITICAL);
	return 0;
}
