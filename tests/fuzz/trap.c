/* Linked into each libFuzzer target: g_error ends a process by SIGTRAP, which libFuzzer does not know, so that the input would be
 * lost. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

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
	return 0;
}
