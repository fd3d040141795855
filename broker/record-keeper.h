/* Recordings of desktops' screens, as the broker sees them: what the pools' files say of them, what is in the audit table of each, and
 * who may look at one. The files are carrel-display's. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "broker/broker.h"

/* Signals of carrel-display. */
void record_keeper_on_started(Broker *broker, const char *desktop, const char *id);
void record_keeper_on_ended(Broker *broker, const char *desktop, const char *id, const char *hash, const char *why, gboolean required);

/* RecordKeep= and RecordMax= of all pools: also when one has ended, or the pools' files were read again. What was recorded of a pool that
 * has no file any more stays until an admin removes it. */
void record_keeper_prune(Broker *broker);

/* The pool in a recording's name; NULL: it is none. Free with g_free. */
char *record_keeper_pool_of(const char *id);

/* Each calls back once, with BUSY while carrel-display is away. @filter: that of ListRecordings of org.carrel.Display1, floating or
 * not. The rows: aa{sv}, free with g_variant_unref. */
void record_keeper_list_async(Broker *broker, GVariant *filter, GAsyncReadyCallback callback, void *data);
GVariant *record_keeper_list_finish(GAsyncResult *result, guint *total, GError **error);

/* A descriptor to read it by, the caller's to close; -1 with @error. */
void record_keeper_open_async(Broker *broker, const char *id, GAsyncReadyCallback callback, void *data);
int record_keeper_open_finish(GAsyncResult *result, GError **error);

/* @actor and @address (or NULL) are for the audit row. */
void record_keeper_remove_async(
        Broker *broker, const char *id, const char *actor, const char *address, GAsyncReadyCallback callback, void *data);
gboolean record_keeper_remove_finish(GAsyncResult *result, GError **error);
