/* The table "origins": from where a person signed in lately. Who comes from there again is not held up by what strangers do
 * elsewhere. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "broker/store/store.h"

/* @user signed in from @origin at @now. */
gboolean origin_add(Store *store, const char *user, const char *origin, gint64 now, GError **error);

/* Not before @since? FALSE also when the database failed, which it says in the log. */
gboolean origin_is_known(Store *store, const char *user, const char *origin, gint64 since);

gboolean origins_delete_old(Store *store, gint64 before, GError **error);
