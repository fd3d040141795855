/* A portal's file for a viewer: what passes must pass again, as it is. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <stdint.h>
#include <string.h>

#include "connect/vv-check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autofree char *checked = vv_check((const char *)data, size, "desk.example", NULL);
	g_autofree char *again = checked ? vv_check(checked, strlen(checked), "desk.example", NULL) : NULL;

	if (g_strcmp0(checked, again) != 0)
		g_error("checked twice it is another");
	if (checked && strstr(checked, "\nproxy=http://desk.example:") == NULL)
		g_error("another proxy");
	return 0;
}
