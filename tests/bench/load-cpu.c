/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "tests/bench/load-cpu.h"

#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static double
of_one(pid_t pid)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/stat", (int)pid), *text = NULL;
	unsigned long user, system, children_user, children_system;
	const char *rest;

	/* A child that has ended between the look and this one counts with its parent. */
	if (!g_file_get_contents(path, &text, NULL, NULL) || (rest = strrchr(text, ')')) == NULL ||
		sscanf(rest + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %lu %lu", &user, &system, &children_user,
			&children_system) != 4)
		return 0;
	return (double)(user + system + children_user + children_system) / (double)sysconf(_SC_CLK_TCK);
}

double
cpu_seconds(pid_t pid)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/task/%d/children", (int)pid, (int)pid), *text = NULL;
	double seconds = of_one(pid);

	if (!g_file_get_contents(path, &text, NULL, NULL))
		return seconds;
	g_auto(GStrv) children = g_strsplit(g_strstrip(text), " ", -1);

	for (char **child = children; *child && **child; child++)
		seconds += cpu_seconds((pid_t)g_ascii_strtoll(*child, NULL, 10));
	return seconds;
}
