/* The folder of recordings ([Paths] Recordings=), POOL/TIME.RANDOM.crec: carrel-display makes, lists, opens and removes its
 * files, and reads them no further than to tell what they are. A recording's name is POOL.TIME.RANDOM.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>

typedef struct Recordings Recordings;

/* @folder need not be there yet. */
Recordings *recordings_new(const char *folder);
void recordings_free(Recordings *recordings);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Recordings, recordings_free)

/* A new file, mode 0600, open for appending; -1 with @error. *@id: its name; it counts as being written until recordings_done. */
int recordings_create(Recordings *recordings, const char *pool, char **id, GError **error);
/* It is written no more. Result: the hash of its last record in hexadecimal when it is complete, else NULL. Free with g_free. */
char *recordings_done(Recordings *recordings, const char *id);

/* Open for reading; NOT_FOUND, also when @id is no name. */
int recordings_open(Recordings *recordings, const char *id, GError **error);
/* BUSY while it is being written. */
gboolean recordings_remove(Recordings *recordings, const char *id, GError **error);

/* The newest first: aa{sv} of ListRecordings in broker/dbus/org.carrel.Display1.xml, floating. @pools: of which pools, NULL-terminated, or
 * NULL: of all. @user: NULL: of everybody. *@total: how many there are without @offset and @limit. */
GVariant *recordings_list(Recordings *recordings, const char *const *pools, const char *user, guint offset, guint limit, guint *total);

/* Removes what is older than @keep seconds, and the oldest while all of @pool are more than @max bytes; 0: no limit. Never what is
 * being written. Result: the names of what was removed (g_strfreev). */
char **recordings_prune(Recordings *recordings, const char *pool, gint64 keep, gint64 max);
