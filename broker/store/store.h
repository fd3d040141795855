/* The broker's state: one SQLite file with one writer. This file opens it and runs transactions; each table has a module
 * of its own beside it (desktops.h, sessions.h, ...). Plain SQL only, so that a PostgreSQL side can stand behind the same
 * headers. Calls block for one fsync at most. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>
#include <sqlite3.h>

typedef struct Store Store;

/* Opens or makes @file (":memory:" for tests) with journal_mode=WAL, synchronous=FULL, foreign_keys=ON and
 * locking_mode=EXCLUSIVE, and brings its schema up to date. CARREL_ERROR_BUSY when another broker has it. */
Store *store_open(const char *file, GError **error);
void store_close(Store *store);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Store, store_close)

/* A prepared statement, kept by the store for the next call with the same @sql (a string literal). Bind with
 * store_bind(), step with store_step(), and it is reset by the next store_prepare of it or by store_reset(). */
sqlite3_stmt *store_prepare(Store *store, const char *sql, GError **error);

/* Binds by @types, a letter an argument: s const char * (NULL binds NULL), i gint64, b const void * + int size. */
void store_bind(sqlite3_stmt *statement, const char *types, ...);

typedef enum { STORE_ROW, STORE_DONE, STORE_FAILED } StoreStep;
StoreStep store_step(Store *store, sqlite3_stmt *statement, GError **error);
void store_reset(sqlite3_stmt *statement);

/* Prepare, bind, step to the end, reset. Result: rows changed, -1 on failure. */
int store_run(Store *store, GError **error, const char *sql, const char *types, ...);

/* The next store_run does not wait for the disk. With the host's power it may be lost, but nothing that was written before it, nor may
 * it be missing where something later is there. The end of a process loses nothing. Of no effect within a transaction. */
void store_may_lose(Store *store);

/* Nested calls join the outer transaction. store_commit returns FALSE (and has rolled back) on failure. */
gboolean store_begin(Store *store, GError **error);
gboolean store_commit(Store *store, GError **error);
void store_rollback(Store *store);

/* The value of @name in the table "meta" (instance id and the like), or NULL. Free with g_free. */
char *store_get_meta(Store *store, const char *name);
gboolean store_set_meta(Store *store, const char *name, const char *value, GError **error);

/* Text of column @column, or NULL. Free with g_free. */
char *store_text(sqlite3_stmt *statement, int column);
