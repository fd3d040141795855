/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "agent/identity.h"

#include "broker/common/error.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <math.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define CLOCK_TOLERANCE_S 0.5

/* A file of these that is larger than this is not one. */
#define FILE_MAX (64 * 1024)

static gboolean
write_file(const char *root, const char *path, const char *text, int mode, GError **error)
{
	g_autofree char *file = g_strconcat(root, path, NULL);
	g_autoptr(GError) inner = NULL;

	if (g_file_set_contents_full(file, text, -1, G_FILE_SET_CONTENTS_CONSISTENT, mode, &inner))
		return TRUE;
	carrel_error_wrap(error, g_steal_pointer(&inner), CARREL_ERROR_FAILED, "cannot write %s", path);
	return FALSE;
}

/* "" when it cannot be read. */
static char *
read_file(const char *root, const char *path)
{
	g_autofree char *file = g_strconcat(root, path, NULL);
	g_autofree char *text = g_malloc(FILE_MAX);
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	ssize_t n;

	if (fd < 0)
		return g_strdup("");
	n = read(fd, text, FILE_MAX - 1);
	close(fd);
	text[MAX(n, 0)] = '\0';
	return g_strdup(text);
}

char *
identity_rename_hosts(const char *hosts, const char *name)
{
	g_auto(GStrv) lines = g_strsplit(hosts, "\n", -1);
	GString *text = g_string_new(NULL);
	gboolean found = FALSE;

	for (char **p = lines; *p != NULL; p++) {
		const char *line = *p;

		if (*line == '\0' && p[1] == NULL)
			break;
		if (!g_str_has_prefix(line, "127.0.1.1") || !g_ascii_isspace(line[strlen("127.0.1.1")])) {
			g_string_append_printf(text, "%s\n", line);
		} else if (!found) {
			g_string_append_printf(text, "127.0.1.1\t%s\n", name);
			found = TRUE;
		}
	}
	if (!found)
		g_string_append_printf(text, "127.0.1.1\t%s\n", name);
	return g_string_free(text, FALSE);
}

gboolean
identity_set_hostname(const char *root, const char *name, GError **error)
{
	g_autofree char *line = g_strconcat(name, "\n", NULL);
	g_autofree char *old = read_file(root, "/etc/hosts");
	g_autofree char *hosts = identity_rename_hosts(old, name);

	/* The name resolves before it is in use: sudo and X clients look it up. */
	if (!write_file(root, "/etc/hosts", hosts, 0644, error) || !write_file(root, "/etc/hostname", line, 0644, error))
		return FALSE;
	if (*root == '\0' && sethostname(name, strlen(name)) < 0) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_FAILED, "sethostname: %s", g_strerror(errno));
		return FALSE;
	}
	return TRUE;
}

gboolean
identity_set_machine_id(const char *root, const char *id, GError **error)
{
	g_autofree char *line = g_strconcat(id, "\n", NULL);

	/* systemd mounts a transient id over the file where it was empty at boot. */
	if (*root == '\0' && access("/run/machine-id", F_OK) == 0) {
		g_autofree char *mounts = NULL;

		if (g_file_get_contents("/proc/self/mounts", &mounts, NULL, NULL) && strstr(mounts, " /etc/machine-id "))
			return write_file("", "/run/machine-id", line, 0444, error);
	}
	return write_file(root, "/etc/machine-id", line, 0444, error);
}

char *
identity_get_machine_id(const char *root)
{
	g_autofree char *text = read_file(root, "/etc/machine-id");

	g_strchomp(text);
	if (strlen(text) != 32 || strspn(text, "0123456789abcdef") != 32)
		return g_strdup("");
	return g_steal_pointer(&text);
}

/* FALSE: none was there. */
static gboolean
remove_ssh_keys(const char *root)
{
	g_autofree char *folder = g_strconcat(root, "/etc/ssh", NULL);
	g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
	gboolean found = FALSE;
	const char *name;

	while (dir && (name = g_dir_read_name(dir)) != NULL) {
		g_autofree char *file = g_build_filename(folder, name, NULL);

		if (g_str_has_prefix(name, "ssh_host_"))
			found = unlink(file) == 0 || found;
	}
	return found;
}

gboolean
identity_renew_ssh_keys(const char *root, GError **error)
{
	g_autofree char *file = g_strconcat(root, "/etc/ssh/ssh_host_ed25519_key", NULL);
	const char *quick[] = {"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", file, NULL};
	/* RSA takes a second and more, for which no desktop waits. sshd keeps the keys that it was started with. */
	const char *slow[] = {"/bin/sh", "-c", "ssh-keygen -q -A ${1:+-f \"$1\"}; [ -n \"$1\" ] || systemctl -q try-restart ssh.service",
		"sh", root, NULL};
	int status = 0;

	if (!remove_ssh_keys(root))
		return TRUE;
	if (!g_spawn_sync(NULL, (char **)quick, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL | G_SPAWN_STDERR_TO_DEV_NULL,
		    NULL, NULL, NULL, NULL, &status, error) ||
		!g_spawn_check_wait_status(status, error)) {
		g_prefix_error(error, "ssh-keygen: ");
		return FALSE;
	}
	return g_spawn_async(NULL, (char **)slow, NULL, G_SPAWN_STDOUT_TO_DEV_NULL | G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, NULL, error);
}

gboolean
identity_add_seed(GBytes *seed, GError **error)
{
	gsize size;
	const void *bytes = g_bytes_get_data(seed, &size);
	g_autofree struct rand_pool_info *info = g_malloc0(sizeof *info + size);
	int fd = open("/dev/random", O_WRONLY | O_CLOEXEC);
	gboolean good;

	info->entropy_count = (int)(8 * size);
	info->buf_size = (int)size;
	memcpy(info->buf, bytes, size);
	/* Clones of one memory image would go on with one and the same generator until its next reseed, minutes away. */
	good = fd >= 0 && ioctl(fd, RNDADDENTROPY, info) == 0 && ioctl(fd, RNDRESEEDCRNG) == 0;
	if (!good)
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_FAILED, "cannot seed /dev/random: %s", g_strerror(errno));
	if (fd >= 0)
		close(fd);
	explicit_bzero(info, sizeof *info + size);
	return good;
}

gboolean
identity_set_clock(double time, GError **error)
{
	struct timespec now, wanted = {.tv_sec = (time_t)floor(time), .tv_nsec = (long)((time - floor(time)) * 1e9)};

	clock_gettime(CLOCK_REALTIME, &now);
	if (fabs(time - ((double)now.tv_sec + (double)now.tv_nsec / 1e9)) <= CLOCK_TOLERANCE_S)
		return TRUE;
	if (clock_settime(CLOCK_REALTIME, &wanted) < 0) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_FAILED, "clock_settime: %s", g_strerror(errno));
		return FALSE;
	}
	return TRUE;
}
