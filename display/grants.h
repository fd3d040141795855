/* Grants: 32 random bytes that stand for one client for 10 seconds, once.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>

#define GRANT_SIZE	 32
#define GRANT_LIFETIME_S 10

typedef struct Grants Grants;

/* @clock: microseconds that never run back, as g_get_monotonic_time; NULL: that. At most @max grants at once. */
Grants *grants_new(guint max, gint64 (*clock)(void));
void grants_free(Grants *grants);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Grants, grants_free)

/* Fills @grant, which stands for @desktop and @params (a{sv}). FALSE with CARREL_ERROR_EXHAUSTED when too many are out. */
gboolean grants_issue(Grants *grants, const char *desktop, GVariant *params, guint8 grant[GRANT_SIZE], GError **error);

/* What @grant stands for, and never again; FALSE when it stands for nothing. *@desktop is to be freed with g_free,
 * *@params with g_variant_unref. */
gboolean grants_redeem(Grants *grants, const guint8 grant[GRANT_SIZE], char **desktop, GVariant **params);

/* Forgets all that stand for @desktop. */
void grants_revoke(Grants *grants, const char *desktop);
/* Grants that stand for @desktop now. */
guint grants_count(Grants *grants, const char *desktop);
