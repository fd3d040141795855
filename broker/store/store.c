/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/store/store.h"

#include "broker/common/error.h"
#include "broker/store/schema.h"

#include <stdarg.h>

struct Store {
	sqlite3 *db;
	GHashTable *statements; /* const char * (by address) -> sqlite3_stmt * */
	char *file;
	gboolean full;          /* the last write found the disk full: said once, not each time */
	guint depth;            /* of nested transactions */
	gboolean failed;        /* an inner one was rolled back */
	gboolean loose;         /* store_may_lose: the next write */
};

static void
set_error(Store *store, GError **error, const char *what)
{
	int code = sqlite3_errcode(store->db);

	/* @what may be a statement: of use to who looks for a fault, and no business of the person whose request failed. */
	g_debug("database: %s: %s", what, sqlite3_errmsg(store->db));
	if (code == SQLITE_FULL && !store->full) {
		store->full = TRUE;
		g_warning("%s: the disk is full: nobody can sign in and no desktop can be given out until there is space again",
			store->file);
	}
	g_set_error(error, CARREL_ERROR,
		code == SQLITE_BUSY || code == SQLITE_LOCKED ? CARREL_ERROR_BUSY
		: code == SQLITE_FULL			     ? CARREL_ERROR_EXHAUSTED
							     : CARREL_ERROR_FAILED,
		"database: %s", sqlite3_errmsg(store->db));
}

static gboolean
run_script(Store *store, const char *sql, GError **error)
{
	if (sqlite3_exec(store->db, sql, NULL, NULL, NULL) == SQLITE_OK)
		return TRUE;
	set_error(store, error, "set-up");
	return FALSE;
}

static gboolean
upgrade(Store *store, GError **error)
{
	g_autofree char *set_version = NULL;
	sqlite3_stmt *statement = store_prepare(store, "PRAGMA user_version", error);
	int version;

	if (statement == NULL || store_step(store, statement, error) != STORE_ROW)
		return FALSE;
	version = sqlite3_column_int(statement, 0);
	store_reset(statement);
	if (version > (int)G_N_ELEMENTS(schema_steps)) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_CONFIG,
			"database: it was written by a newer Carrel (schema %d, this one knows %d): install that one again",
			version, (int)G_N_ELEMENTS(schema_steps));
		return FALSE;
	}
	if (version == (int)G_N_ELEMENTS(schema_steps))
		return TRUE;
	if (!store_begin(store, error))
		return FALSE;
	for (int i = version; i < (int)G_N_ELEMENTS(schema_steps); i++) {
		if (!run_script(store, schema_steps[i], error)) {
			store_rollback(store);
			return FALSE;
		}
	}
	set_version = g_strdup_printf("PRAGMA user_version = %d", (int)G_N_ELEMENTS(schema_steps));
	if (!run_script(store, set_version, error)) {
		store_rollback(store);
		return FALSE;
	}
	return store_commit(store, error);
}

/* The file stays as it is: whoever knows SQLite may get more out of it than we. */
static void
say_what_to_do(Store *store, GError **error)
{
	int code = sqlite3_errcode(store->db);

	if (error && *error && (code == SQLITE_NOTADB || code == SQLITE_CORRUPT)) {
		g_autofree char *text = g_strdup((*error)->message);

		g_clear_error(error);
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_CONFIG,
			"%s: put a backup in its place, or move it away with its -wal and -shm to begin with an empty one "
			"(then everybody signs in again, and desktops that run are thrown away)",
			text);
	}
}

Store *
store_open(const char *file, GError **error)
{
	g_autoptr(Store) store = g_new0(Store, 1);

	store->file = g_strdup(file);
	store->statements = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)sqlite3_finalize);
	if (sqlite3_open_v2(file, &store->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) != SQLITE_OK) {
		set_error(store, error, file);
		return NULL;
	}
	sqlite3_extended_result_codes(store->db, 0);
	sqlite3_busy_timeout(store->db, 2000);
	if (!run_script(store,
		    "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
		    "PRAGMA foreign_keys = ON; BEGIN IMMEDIATE; COMMIT;",
		    error) ||
		!upgrade(store, error)) {
		say_what_to_do(store, error);
		g_prefix_error(error, "%s: ", file);
		return NULL;
	}
	return g_steal_pointer(&store);
}

void
store_close(Store *store)
{
	if (store == NULL)
		return;
	g_hash_table_destroy(store->statements);
	sqlite3_close(store->db);
	g_free(store->file);
	g_free(store);
}

sqlite3_stmt *
store_prepare(Store *store, const char *sql, GError **error)
{
	sqlite3_stmt *statement = g_hash_table_lookup(store->statements, sql);

	if (statement) {
		store_reset(statement);
		return statement;
	}
	if (sqlite3_prepare_v3(store->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL) != SQLITE_OK) {
		set_error(store, error, sql);
		return NULL;
	}
	g_hash_table_insert(store->statements, (char *)sql, statement);
	return statement;
}

static void
bind_list(sqlite3_stmt *statement, const char *types, va_list args)
{
	for (int i = 1; *types != '\0'; types++, i++) {
		switch (*types) {
		case 's':
			sqlite3_bind_text(statement, i, va_arg(args, const char *), -1, SQLITE_TRANSIENT);
			break;
		case 'i':
			sqlite3_bind_int64(statement, i, va_arg(args, gint64));
			break;
		case 'b': {
			const void *bytes = va_arg(args, const void *);
			sqlite3_bind_blob(statement, i, bytes, va_arg(args, int), SQLITE_TRANSIENT);
			break;
		}
		default:
			g_assert_not_reached();
		}
	}
}

void
store_bind(sqlite3_stmt *statement, const char *types, ...)
{
	va_list args;

	va_start(args, types);
	bind_list(statement, types, args);
	va_end(args);
}

StoreStep
store_step(Store *store, sqlite3_stmt *statement, GError **error)
{
	switch (sqlite3_step(statement)) {
	case SQLITE_ROW:
		return STORE_ROW;
	case SQLITE_DONE:
		return STORE_DONE;
	default:
		set_error(store, error, sqlite3_sql(statement));
		store_reset(statement);
		return STORE_FAILED;
	}
}

void
store_reset(sqlite3_stmt *statement)
{
	sqlite3_reset(statement);
	sqlite3_clear_bindings(statement);
}

void
store_may_lose(Store *store)
{
	store->loose = TRUE;
}

int
store_run(Store *store, GError **error, const char *sql, const char *types, ...)
{
	sqlite3_stmt *statement = store_prepare(store, sql, error);
	StoreStep step;
	gboolean loose = store->loose && store->depth == 0;
	va_list args;

	store->loose = FALSE;
	if (statement == NULL)
		return -1;
	va_start(args, types);
	bind_list(statement, types, args);
	va_end(args);
	if (loose)
		run_script(store, "PRAGMA synchronous = NORMAL", NULL);
	do
		step = store_step(store, statement, error);
	while (step == STORE_ROW);
	/* Better no broker than one whose promises may be lost. */
	if (loose && !run_script(store, "PRAGMA synchronous = FULL", NULL))
		g_error("%s: it cannot be written durably any more", store->file);
	if (step == STORE_FAILED)
		return -1;
	if (store->full && !sqlite3_stmt_readonly(statement)) {
		store->full = FALSE;
		g_message("%s: there is space again", store->file);
	}
	store_reset(statement);
	return sqlite3_changes(store->db);
}

gboolean
store_begin(Store *store, GError **error)
{
	if (store->depth == 0) {
		store->failed = FALSE;
		if (store_run(store, error, "BEGIN IMMEDIATE", "") < 0)
			return FALSE;
	}
	store->depth++;
	return TRUE;
}

gboolean
store_commit(Store *store, GError **error)
{
	g_assert(store->depth > 0);
	if (--store->depth > 0)
		return TRUE;
	if (store->failed) {
		store_run(store, NULL, "ROLLBACK", "");
		g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_FAILED, "database: a part of the change failed");
		return FALSE;
	}
	if (store_run(store, error, "COMMIT", "") < 0) {
		store_run(store, NULL, "ROLLBACK", "");
		return FALSE;
	}
	return TRUE;
}

void
store_rollback(Store *store)
{
	g_assert(store->depth > 0);
	store->failed = TRUE;
	if (--store->depth == 0)
		store_run(store, NULL, "ROLLBACK", "");
}

char *
store_text(sqlite3_stmt *statement, int column)
{
	return g_strdup((const char *)sqlite3_column_text(statement, column));
}

char *
store_get_meta(Store *store, const char *name)
{
	sqlite3_stmt *statement = store_prepare(store, "SELECT value FROM meta WHERE name = ?", NULL);
	char *value = NULL;

	if (statement == NULL)
		return NULL;
	store_bind(statement, "s", name);
	if (store_step(store, statement, NULL) == STORE_ROW)
		value = store_text(statement, 0);
	store_reset(statement);
	return value;
}

gboolean
store_set_meta(Store *store, const char *name, const char *value, GError **error)
{
	return store_run(store, error, "INSERT INTO meta VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2", "ss",
		       name, value) >= 0;
}
