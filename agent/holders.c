/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "agent/holders.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define PATIENCE_US (2 * G_TIME_SPAN_SECOND)
#define LOOK_INTERVAL_US (G_TIME_SPAN_SECOND / 10)

/* Without asking a file system for news: one that is served by a process may never answer. */
static gboolean
is_on(const char *folder, const char *name, dev_t device)
{
	g_autofree char *path = g_build_filename(folder, name, NULL);
	struct statx found;

	return statx(AT_FDCWD, path, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_TYPE, &found) == 0 &&
		makedev(found.stx_dev_major, found.stx_dev_minor) == device;
}

static gboolean
has_open(const char *folder, dev_t device)
{
	g_autofree char *path = g_build_filename(folder, "fd", NULL);
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	const char *name;

	while (dir && (name = g_dir_read_name(dir)) != NULL) {
		if (is_on(path, name, device))
			return TRUE;
	}
	return FALSE;
}

/* proc(5): "address perms offset dev inode pathname", dev in hex. */
static gboolean
has_mapped(const char *folder, dev_t device)
{
	g_autofree char *path = g_build_filename(folder, "maps", NULL), *text = NULL;
	g_autofree char *wanted = g_strdup_printf("%02x:%02x", major(device), minor(device));

	if (!g_file_get_contents(path, &text, NULL, NULL))
		return FALSE;
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

	for (char **p = lines; *p != NULL; p++) {
		g_auto(GStrv) words = g_strsplit(*p, " ", 5);

		if (g_strv_length(words) == 5 && strcmp(words[3], wanted) == 0)
			return TRUE;
	}
	return FALSE;
}

/* A process that ended and was not waited for is none. */
static gboolean
is_of(const char *folder, uid_t uid, gboolean *is_alive)
{
	g_autofree char *path = g_build_filename(folder, "status", NULL), *text = NULL;
	const char *line;

	*is_alive = FALSE;
	if (!g_file_get_contents(path, &text, NULL, NULL) || (line = strstr(text, "\nState:\t")) == NULL)
		return FALSE;
	*is_alive = strchr("ZX", line[strlen("\nState:\t")]) == NULL;
	line = strstr(text, "\nUid:\t");
	return *is_alive && line && strtoul(line + strlen("\nUid:\t"), NULL, 10) == uid;
}

gboolean
holders_is_one(pid_t pid, uid_t uid, dev_t device)
{
	g_autofree char *folder = g_strdup_printf("/proc/%d", pid);
	gboolean is_alive;

	if (is_of(folder, uid, &is_alive))
		return TRUE;
	return is_alive && device != 0 &&
		(is_on(folder, "cwd", device) || is_on(folder, "root", device) || is_on(folder, "exe", device) ||
			has_open(folder, device) || has_mapped(folder, device));
}

/* How many there were. @signal 0 only counts. */
static guint
send(int signal, uid_t uid, dev_t device)
{
	g_autoptr(GDir) dir = g_dir_open("/proc", 0, NULL);
	const char *name;
	guint count = 0;

	while (dir && (name = g_dir_read_name(dir)) != NULL) {
		pid_t pid = g_ascii_isdigit(*name) ? atoi(name) : 0;

		if (pid <= 1 || pid == getpid() || !holders_is_one(pid, uid, device))
			continue;
		count++;
		kill(pid, signal);
	}
	return count;
}

gboolean
holders_end(uid_t uid, dev_t device, gint64 until)
{
	gint64 patience = MIN(until, g_get_monotonic_time() + PATIENCE_US);
	guint count = send(SIGTERM, uid, device);

	while (count > 0 && g_get_monotonic_time() < until) {
		g_usleep(LOOK_INTERVAL_US);
		/* What began meanwhile is killed at the next look. */
		count = send(g_get_monotonic_time() < patience ? 0 : SIGKILL, uid, device);
	}
	return count == 0;
}
