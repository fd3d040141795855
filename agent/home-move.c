/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "agent/home-move.h"

#include "agent/holders.h"
#include "agent/home-disk.h"
#include "agent/program.h"
#include "broker/common/error.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* How long the host may take to plug the disk in, and the guest to see it. */
#define DISK_S 20
#define DISK_INTERVAL_US (G_TIME_SPAN_SECOND / 10)
#define END_S 12
#define MOUNT_S 60
#define COPY_S 300
#define GROW_S 120
/* What is unmounted was not written to for long: a session that was ended, a copy that failed. */
#define UNMOUNT_S 30
/* Shares of the time to give a home back. */
#define STOP_S 4
#define LOGIND_S 2

dev_t
home_find_mount(const char *mountinfo, const char *path)
{
	g_auto(GStrv) lines = g_strsplit(mountinfo, "\n", -1);
	dev_t device = 0;

	for (char **p = lines; *p != NULL; p++) {
		g_auto(GStrv) words = g_strsplit(*p, " ", 6);
		unsigned int major_number, minor_number;

		if (g_strv_length(words) < 6 || sscanf(words[2], "%u:%u", &major_number, &minor_number) != 2)
			continue;
		/* Blanks and the like are written as \040. */
		g_autofree char *point = g_strcompress(words[4]);

		if (strcmp(point, path) == 0)
			device = makedev(major_number, minor_number);
	}
	return device;
}

dev_t
home_get_mount(const char *path)
{
	g_autofree char *text = NULL;

	return g_file_get_contents("/proc/self/mountinfo", &text, NULL, NULL) ? home_find_mount(text, path) : 0;
}

static gboolean
await_disk(const char *serial, HomeDisk *disk, GError **error)
{
	gint64 until = program_deadline(DISK_S);

	for (;;) {
		g_autoptr(GError) inner = NULL;

		if (home_disk_find("", serial, disk, &inner))
			return TRUE;
		if (!g_error_matches(inner, CARREL_ERROR, CARREL_ERROR_NOT_FOUND) || g_get_monotonic_time() >= until) {
			g_propagate_error(error, g_steal_pointer(&inner));
			return FALSE;
		}
		g_usleep(DISK_INTERVAL_US);
	}
}

/* Ends the session and all that its person runs; @device: and who else holds that file system. */
static gboolean
end_session(const HomePlace *place, dev_t device, gint64 until, GError **error)
{
	g_autoptr(GError) inner = NULL;

	/* A stop that takes long goes on in the session manager, and what it waits for is killed below. */
	if (program_run((const char *[]){"systemctl", "stop", place->unit, NULL}, MIN(until, program_deadline(STOP_S)), NULL, &inner) < 0)
		g_message("%s", inner->message);
	/* What lingers of other sessions, and the user's own manager. It fails where nobody is signed in. */
	program_run((const char *[]){"loginctl", "terminate-user", place->user, NULL}, MIN(until, program_deadline(LOGIND_S)), NULL,
		NULL);
	if (holders_end(place->uid, device, until))
		return TRUE;
	g_set_error(error, CARREL_ERROR, CARREL_ERROR_TIMEOUT, "a process of the session cannot be ended");
	return FALSE;
}

static gboolean
mount_at(const HomeDisk *disk, const char *path, GError **error)
{
	return program_succeeds((const char *[]){"mount", "-t", "ext4", "-o", "nodev,nosuid", "--", disk->device, path, NULL},
		program_deadline(MOUNT_S), error);
}

/* With what was mounted below it; all that was written is on the disk then. No lazy unmount: that would leave the disk in use. */
static gboolean
unmount(const char *path, gint64 until, GError **error)
{
	while (home_get_mount(path) != 0) {
		if (!program_succeeds((const char *[]){"umount", "-R", "--", path, NULL}, until, error))
			return FALSE;
	}
	return TRUE;
}

static gboolean
fill(const HomePlace *place, const HomeDisk *disk, GError **error)
{
	g_autofree char *from = g_strconcat(place->home, "/.", NULL), *to = g_strconcat(place->staging, "/.", NULL);
	g_autofree char *lost = g_build_filename(place->staging, "lost+found", NULL);

	if (!mount_at(disk, place->staging, error))
		return FALSE;
	/* In the way of a person who looks; e2fsck makes it when it is needed. */
	rmdir(lost);
	return program_succeeds((const char *[]){"cp", "-a", "-x", "--", from, to, NULL}, program_deadline(COPY_S), error) &&
		unmount(place->staging, program_deadline(UNMOUNT_S), error) && home_disk_complete(disk, error);
}

/* A home that is smaller than its disk is one still. */
static void
grow(const HomeDisk *disk)
{
	g_autoptr(GError) error = NULL;

	if (!program_succeeds((const char *[]){"resize2fs", disk->device, NULL}, program_deadline(GROW_S), &error))
		g_warning("the home could not be grown to its disk: %s", error->message);
}

static gboolean
move(const HomePlace *place, const HomeDisk *disk, gboolean is_new, GError **error)
{
	/* The record comes first, so that a mount is known for ours whatever happens to this process. */
	if (!end_session(place, 0, program_deadline(END_S), error) || !g_file_set_contents(place->record, place->user, -1, error) ||
		(is_new && !fill(place, disk, error)) || !mount_at(disk, place->home, error))
		return FALSE;
	grow(disk);
	return TRUE;
}

gboolean
home_take(const HomePlace *place, const char *serial, gboolean *ended, GError **error)
{
	g_auto(HomeDisk) disk = {0};
	gboolean is_new;
	dev_t mounted;

	if (g_mkdir_with_parents(place->staging, 0700) < 0 || !unmount(place->staging, program_deadline(UNMOUNT_S), error) ||
		!await_disk(serial, &disk, error))
		return FALSE;
	mounted = home_get_mount(place->home);
	if (mounted == disk.number)
		return TRUE;
	if (mounted != 0) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_INVALID, "another file system is mounted at %s", place->home);
		return FALSE;
	}
	if (!home_disk_prepare(&disk, &is_new, error))
		return FALSE;
	g_atomic_int_set(ended, TRUE);
	if (move(place, &disk, is_new, error))
		return TRUE;
	unmount(place->home, program_deadline(UNMOUNT_S), NULL);
	unmount(place->staging, program_deadline(UNMOUNT_S), NULL);
	return FALSE;
}

gboolean
home_give_back(const HomePlace *place, int seconds, gboolean *ended, GError **error)
{
	gint64 until = program_deadline(seconds);
	dev_t device = home_get_mount(place->home);

	if (!unmount(place->staging, until, error))
		return FALSE;
	if (device == 0)
		return TRUE;
	g_atomic_int_set(ended, TRUE);
	/* Two thirds of the time are the processes'; the disk may need some for what is not written yet. */
	return end_session(place, device, until - seconds * G_TIME_SPAN_SECOND / 3, error) && unmount(place->home, until, error);
}
