/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "agent/session/download.h"

#include "broker/common/error.h"
#include "broker/common/file-name.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* Hidden, and as nothing else is called. */
#define PART_PREFIX ".carrel-part-"
#define PART_TRIES 16
#define NAMES_MAX 1000
/* What a desktop is to have left to live with. */
#define SPARE (16 * 1024 * 1024)

struct Download {
	int folder; /* descriptor: the folder may be renamed meanwhile */
	int fd;
	char part[32];
	char *name;
	guint64 left;
	gboolean finished;
};

static void
fail(GError **error, const char *what)
{
	int saved = errno;

	g_set_error(error, CARREL_ERROR, saved == ENOSPC || saved == EDQUOT ? CARREL_ERROR_EXHAUSTED : CARREL_ERROR_FAILED, "%s: %s", what,
	        g_strerror(saved));
}

char *
download_folder(void)
{
	const char *folder = g_get_user_special_dir(G_USER_DIRECTORY_DOWNLOAD);

	return folder ? g_strdup(folder) : g_build_filename(g_get_home_dir(), "Downloads", NULL);
}

void
download_clean(const char *folder)
{
	g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
	const char *name;

	while (dir && (name = g_dir_read_name(dir)) != NULL) {
		g_autofree char *path = g_build_filename(folder, name, NULL);

		if (g_str_has_prefix(name, PART_PREFIX) && unlink(path) == 0)
			g_message("%s, which an earlier agent left half written, is removed", path);
	}
}

static gboolean
open_folder(Download *download, const char *folder, GError **error)
{
	if (g_mkdir_with_parents(folder, 0755) < 0) {
		fail(error, folder);
		return FALSE;
	}
	download->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (download->folder < 0)
		fail(error, folder);
	return download->folder >= 0;
}

static gboolean
has_room(const Download *download, guint64 size, guint64 *space, GError **error)
{
	struct statvfs about;

	/* A file system that cannot say is tried. */
	if (fstatvfs(download->folder, &about) < 0 || about.f_blocks == 0)
		return TRUE;
	*space = (guint64)about.f_bavail * about.f_frsize;
	if (*space >= SPARE && size <= *space - SPARE)
		return TRUE;
	g_set_error(error, CARREL_ERROR, CARREL_ERROR_EXHAUSTED,
	        "%" G_GUINT64_FORMAT " bytes do not fit where %" G_GUINT64_FORMAT " are free", size, *space);
	return FALSE;
}

static gboolean
open_part(Download *download, GError **error)
{
	for (int tries = 0; tries < PART_TRIES; tries++) {
		g_snprintf(download->part, sizeof download->part, PART_PREFIX "%08x", g_random_int());
		download->fd = openat(download->folder, download->part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (download->fd >= 0 || errno != EEXIST)
			break;
	}
	if (download->fd < 0)
		fail(error, "a file cannot be made");
	return download->fd >= 0;
}

Download *
download_new(const char *folder, const char *name, guint64 size, guint64 *space, GError **error)
{
	g_autoptr(Download) download = g_new0(Download, 1);

	download->folder = download->fd = -1;
	download->left = size;
	download->name = file_name_clean(name, strlen(name), FILE_NAME_MAX);
	if (!open_folder(download, folder, error) || !has_room(download, size, space, error) || !open_part(download, error))
		return NULL;
	return g_steal_pointer(&download);
}

void
download_free(Download *download)
{
	if (download == NULL)
		return;
	if (download->fd >= 0) {
		if (!download->finished)
			unlinkat(download->folder, download->part, 0);
		close(download->fd);
	}
	if (download->folder >= 0)
		close(download->folder);
	g_free(download->name);
	g_free(download);
}

guint64
download_left(const Download *download)
{
	return download->left;
}

gboolean
download_write(Download *download, const void *bytes, gsize size, GError **error)
{
	g_return_val_if_fail(size <= download->left, FALSE);
	for (gsize at = 0; at < size;) {
		ssize_t n = write(download->fd, (const char *)bytes + at, size - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			fail(error, "a file cannot be written");
			return FALSE;
		}
		at += (gsize)n;
	}
	download->left -= size;
	return TRUE;
}

/* rename(2) that never takes the place of another file; a file system that knows no such rename has links. */
static gboolean
move(const Download *download, const char *name)
{
	if (renameat2(download->folder, download->part, download->folder, name, RENAME_NOREPLACE) == 0)
		return TRUE;
	if (errno != EINVAL && errno != ENOSYS)
		return FALSE;
	return linkat(download->folder, download->part, download->folder, name, 0) == 0 &&
	        unlinkat(download->folder, download->part, 0) == 0;
}

char *
download_finish(Download *download, GError **error)
{
	mode_t mask = umask(077);

	umask(mask);
	if (fchmod(download->fd, 0666 & ~mask) < 0) {
		fail(error, "a file's mode cannot be set");
		return NULL;
	}
	for (guint n = 0; n <= NAMES_MAX; n++) {
		g_autofree char *name = n == 0 ? g_strdup(download->name) : file_name_numbered(download->name, n);

		if (move(download, name)) {
			download->finished = TRUE;
			return g_steal_pointer(&name);
		}
		if (errno != EEXIST)
			break;
	}
	fail(error, "a file cannot be given its name");
	return NULL;
}
