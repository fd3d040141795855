/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "agent/home-disk.h"

#include "agent/program.h"
#include "broker/common/error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define LOOK_S 20
#define FORMAT_S 120
#define CHECK_S 300

/* e2fsck(8): what was wrong was put right; the machine should be restarted, were it the root file system. */
#define FSCK_HARMLESS 3

#define BLKID_NOTHING 2
#define BLKID_AMBIVALENT 8

void
home_disk_clear(HomeDisk *disk)
{
	g_clear_pointer(&disk->device, g_free);
}

/* "" when there is none. */
static char *
read_attribute(const char *folder, const char *name)
{
	g_autofree char *path = g_build_filename(folder, name, NULL);
	char *text = NULL;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		return g_strdup("");
	return g_strstrip(text);
}

static gboolean
has_partitions(const char *folder)
{
	g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
	const char *name;

	while (dir && (name = g_dir_read_name(dir)) != NULL) {
		g_autofree char *path = g_build_filename(folder, name, "partition", NULL);

		if (access(path, F_OK) == 0)
			return TRUE;
	}
	return FALSE;
}

static gboolean
has_holders(const char *folder)
{
	g_autofree char *path = g_build_filename(folder, "holders", NULL);
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);

	return dir && g_dir_read_name(dir) != NULL;
}

static gboolean
take_disk(const char *folder, const char *name, HomeDisk *disk, GError **error)
{
	g_autofree char *read_only = read_attribute(folder, "ro"), *number = read_attribute(folder, "dev");
	const char *why = NULL;
	unsigned int major_number, minor_number;

	if (strcmp(read_only, "1") == 0)
		why = "is read-only";
	else if (has_partitions(folder))
		why = "has partitions";
	else if (has_holders(folder))
		why = "is in use by another device";
	else if (sscanf(number, "%u:%u", &major_number, &minor_number) != 2)
		why = "has no device number";
	if (why) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_INVALID, "the disk %s %s", name, why);
		return FALSE;
	}
	disk->device = g_build_filename("/dev", name, NULL);
	disk->number = makedev(major_number, minor_number);
	return TRUE;
}

gboolean
home_disk_find(const char *root, const char *serial, HomeDisk *disk, GError **error)
{
	g_autofree char *block = g_strconcat(root, "/sys/block", NULL), *found = NULL;
	g_autoptr(GDir) dir = g_dir_open(block, 0, NULL);
	const char *name;

	while (dir && (name = g_dir_read_name(dir)) != NULL) {
		g_autofree char *folder = g_build_filename(block, name, NULL), *its = read_attribute(folder, "serial");

		if (strcmp(its, serial) != 0)
			continue;
		if (found) {
			g_set_error(error, CARREL_ERROR, CARREL_ERROR_INVALID, "two disks have the serial %s", serial);
			return FALSE;
		}
		found = g_strdup(name);
	}
	if (found == NULL) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_NOT_FOUND, "no disk has the serial %s", serial);
		return FALSE;
	}
	g_autofree char *folder = g_build_filename(block, found, NULL);

	return take_disk(folder, found, disk, error);
}

/* The value of a line "NAME=value", or NULL. Free with g_free. */
static char *
get_value(const char *text, const char *name)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

	for (char **p = lines; *p != NULL; p++) {
		if (g_str_has_prefix(*p, name) && (*p)[strlen(name)] == '=')
			return g_utf8_make_valid(*p + strlen(name) + 1, -1);
	}
	return NULL;
}

HomeDiskContent
home_disk_judge(int blkid_status, const char *blkid_output, gboolean is_zero, char **words)
{
	g_autofree char *type = get_value(blkid_output, "TYPE"), *label = get_value(blkid_output, "LABEL");

	if (blkid_status == BLKID_NOTHING && is_zero)
		return HOME_DISK_EMPTY;
	if (blkid_status == 0 && g_strcmp0(type, "ext4") == 0 && g_strcmp0(label, HOME_LABEL_NEW) == 0)
		return HOME_DISK_NEW;
	if (blkid_status == 0 && g_strcmp0(type, "ext4") == 0 && g_strcmp0(label, HOME_LABEL) == 0)
		return HOME_DISK_HOME;
	if (blkid_status == BLKID_AMBIVALENT)
		*words = g_strdup("the marks of several file systems");
	else if (blkid_status == 0 && type && label)
		*words = g_strdup_printf("somebody else's file system (%s, “%s”)", type, label);
	else if (blkid_status == 0)
		*words = g_strdup_printf("somebody else's data (%s)", type ? type : "partitions");
	else
		*words = g_strdup("data that is not known here");
	return HOME_DISK_FOREIGN;
}

/* FALSE, too, where it cannot be read, and where it is smaller than that. */
static gboolean
starts_with_zeros(const char *device)
{
	const gsize size = 1024 * 1024;
	g_autofree char *bytes = g_malloc(size);
	int fd = open(device, O_RDONLY | O_CLOEXEC);
	gsize done = 0;
	ssize_t n = 0;

	while (fd >= 0 && done < size && (n = read(fd, bytes + done, size - done)) > 0)
		done += (gsize)n;
	if (fd >= 0)
		close(fd);
	return done == size && bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0;
}

/* The kernel lets nobody have a block device for their own while it is mounted, in any namespace, or part of another. */
static gboolean
is_free(const char *device, GError **error)
{
	int fd = open(device, O_RDONLY | O_EXCL | O_CLOEXEC);

	if (fd < 0) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_INVALID, "%s: %s", device, g_strerror(errno));
		return FALSE;
	}
	close(fd);
	return TRUE;
}

static gboolean
format(const char *device, GError **error)
{
	return program_succeeds(
		(const char *[]){"mkfs.ext4", "-q", "-F", "-m", "0", "-L", HOME_LABEL_NEW, "-E", "nodiscard", device, NULL},
		program_deadline(FORMAT_S), error);
}

static gboolean
check(const char *device, GError **error)
{
	g_autofree char *output = NULL;
	int status = program_run(
		(const char *[]){"e2fsck", "-p", device, NULL}, program_deadline(CHECK_S), &output, error);

	if (status >= 0 && status <= FSCK_HARMLESS)
		return TRUE;
	if (status >= 0)
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_FAILED,
			"the disk's file system is damaged, and e2fsck -p (%d) did not repair it", status);
	g_message("e2fsck: %s", output);
	return FALSE;
}

gboolean
home_disk_prepare(const HomeDisk *disk, gboolean *is_new, GError **error)
{
	g_autofree char *output = NULL, *words = NULL;
	HomeDiskContent content;
	int status;

	if (!is_free(disk->device, error))
		return FALSE;
	status = program_run(
		(const char *[]){"blkid", "-p", "-o", "export", disk->device, NULL}, program_deadline(LOOK_S), &output, error);
	if (status < 0)
		return FALSE;
	content = home_disk_judge(status, output, starts_with_zeros(disk->device), &words);
	*is_new = content != HOME_DISK_HOME;
	switch (content) {
	case HOME_DISK_EMPTY:
		return format(disk->device, error);
	case HOME_DISK_NEW:
	case HOME_DISK_HOME:
		return check(disk->device, error);
	case HOME_DISK_FOREIGN:
		break;
	}
	g_set_error(error, CARREL_ERROR, CARREL_ERROR_INVALID, "the disk holds %s, and is left as it is", words);
	return FALSE;
}

gboolean
home_disk_complete(const HomeDisk *disk, GError **error)
{
	return program_succeeds(
		(const char *[]){"e2label", disk->device, HOME_LABEL, NULL}, program_deadline(LOOK_S), error);
}
