/* Puts a person's disk where their home is, and takes it away again: the steps, one after another. For worker threads.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>
#include <sys/types.h>

/* What the steps need to know; all of it stays the same while they are under way. */
typedef struct {
	const char *unit;    /* that has the graphical session, "desktop.service" */
	const char *user;    /* whose session it is; not root */
	uid_t uid;
	const char *home;    /* where they live, an absolute path */
	const char *staging; /* a folder to mount a disk at while it is filled; made where it is not */
	const char *record;  /* a file that is there while a disk may be mounted, and holds the user's name */
} HomePlace;

/* The device that is mounted at exactly @path, the last one where there are several; 0: none. @mountinfo: the text of
 * /proc/self/mountinfo, proc(5). */
dev_t home_find_mount(const char *mountinfo, const char *path);

/* The same, now. */
dev_t home_get_mount(const char *path);

/* Has the disk with @serial at the person's home, with the old home's files where it is new. *@ended: set to TRUE, by an atomic
 * operation, before the session is ended, whatever the result is; a session whose home is on that disk already goes on.
 * FALSE: the home is what it was. */
gboolean home_take(const HomePlace *place, const char *serial, gboolean *ended, GError **error);

/* Ends the session and unmounts what home_take mounted, within @seconds. *@ended as above. FALSE: it is still mounted. */
gboolean home_give_back(const HomePlace *place, int seconds, gboolean *ended, GError **error);
