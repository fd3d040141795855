/* Every step of the schema, oldest first. PRAGMA user_version counts the steps a file has taken; a step that was ever
 * released is never edited: add one behind it. Times are UTC seconds since 1970. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

static const char *const schema_steps[] = {
	"CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;"

	/* One row a desktop from the moment that somebody wants it to the moment that nothing of it is left.
	 * state: see desktops.h. intent: what was asked of libvirt and not yet seen done (clone | destroy | NULL). */
	"CREATE TABLE desktops ("
	" id TEXT PRIMARY KEY,"             /* POOL-xxxxxxxx; libvirt's name is carrel-ID */
	" pool TEXT NOT NULL,"
	" state TEXT NOT NULL,"
	" intent TEXT,"
	" uuid TEXT NOT NULL UNIQUE,"       /* libvirt's */
	" user TEXT,"                       /* who holds it; NULL: nobody ever did */
	" image TEXT NOT NULL,"             /* NAME@VERSION that it was cloned from */
	" created INTEGER NOT NULL,"
	" changed INTEGER NOT NULL,"        /* of state */
	" assigned INTEGER,"
	" agent INTEGER NOT NULL DEFAULT 0," /* 0 never heard, 1 ready */
	" note TEXT"                        /* why it failed, or what is odd about it */
	") STRICT, WITHOUT ROWID;"
	"CREATE INDEX desktops_by_pool ON desktops (pool, state, created);"
	/* A person has at most one desktop of a pool. */
	"CREATE UNIQUE INDEX desktops_by_user ON desktops (user, pool) WHERE state IN ('assigned', 'cloning') AND user IS NOT NULL;"

	"CREATE TABLE sessions ("
	" id TEXT PRIMARY KEY,"             /* shown to people; opens nothing */
	" token TEXT NOT NULL UNIQUE,"      /* SHA-256 of the cookie's value, hexadecimal */
	" user TEXT NOT NULL,"
	" admin INTEGER NOT NULL,"
	" address TEXT NOT NULL,"
	" kind TEXT NOT NULL,"              /* portal | vnc */
	" created INTEGER NOT NULL,"
	" seen INTEGER NOT NULL,"
	" expires INTEGER NOT NULL"
	") STRICT, WITHOUT ROWID;"
	"CREATE INDEX sessions_by_user ON sessions (user);"

	"CREATE TABLE tickets ("
	" name TEXT PRIMARY KEY,"           /* the routing name: opens nothing by itself */
	" secret TEXT NOT NULL,"            /* the SPICE password */
	" session TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,"
	" desktop TEXT NOT NULL REFERENCES desktops (id) ON DELETE CASCADE,"
	" address TEXT NOT NULL,"           /* of the client it was handed to */
	" created INTEGER NOT NULL,"
	" redeemed INTEGER,"                /* when its first channel came */
	" channels INTEGER NOT NULL DEFAULT 0"
	") STRICT, WITHOUT ROWID;"

	"CREATE TABLE audit ("
	" id INTEGER PRIMARY KEY,"
	" time INTEGER NOT NULL,"
	" actor TEXT NOT NULL,"             /* user name, or 'carrel' */
	" address TEXT,"
	" action TEXT NOT NULL,"            /* sign-in, sign-in-failed, open, connect, disconnect, reset, ... */
	" desktop TEXT, pool TEXT, detail TEXT"
	") STRICT;"
	"CREATE INDEX audit_by_time ON audit (time);"
	"CREATE INDEX audit_by_desktop ON audit (desktop, time);",

	/* Names, a line each, as they were at sign-in: entitlement is by group, and a session outlives the broker's process. */
	"ALTER TABLE sessions ADD COLUMN groups TEXT NOT NULL DEFAULT '';",

	/* From where a person signed in, and when last: an address, or an IPv6 network of 64 bits. */
	"CREATE TABLE origins (user TEXT NOT NULL, origin TEXT NOT NULL, seen INTEGER NOT NULL,"
	" PRIMARY KEY (user, origin)) STRICT, WITHOUT ROWID;"
	"CREATE INDEX origins_by_seen ON origins (seen);",

	/* A ticket's secret comes from its name and a key that is not in the file. Those of the old kind live for seconds. */
	"DELETE FROM tickets; ALTER TABLE tickets DROP COLUMN secret;",

	/* Desktops that are kept while they are off, and disks of people. */
	"ALTER TABLE desktops ADD COLUMN kept INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE desktops ADD COLUMN turn INTEGER NOT NULL DEFAULT 0;" /* counts up: who came first, whatever the clock does */
	"CREATE INDEX desktops_by_turn ON desktops (turn);"
	"ALTER TABLE desktops ADD COLUMN home TEXT;"                     /* id of its person's disk */
	"ALTER TABLE desktops ADD COLUMN homed INTEGER NOT NULL DEFAULT 0;"
	"DROP INDEX desktops_by_user;"
	"CREATE UNIQUE INDEX desktops_by_user ON desktops (user, pool)"
	" WHERE state IN ('assigned', 'cloning', 'off', 'starting') AND user IS NOT NULL;"
	/* A disk is on one desktop at a time, in whatever state that is. */
	"CREATE UNIQUE INDEX desktops_by_home ON desktops (home) WHERE home IS NOT NULL;"
	"CREATE TABLE snapshots (desktop TEXT NOT NULL REFERENCES desktops (id) ON DELETE CASCADE, name TEXT NOT NULL,"
	" created INTEGER NOT NULL, PRIMARY KEY (desktop, name)) STRICT, WITHOUT ROWID;",
	/* Of desktops that somebody holds: see desktop-limits.h. */
	"CREATE TABLE desktop_limits ("
	" desktop TEXT PRIMARY KEY REFERENCES desktops (id) ON DELETE CASCADE,"
	" groups TEXT,"
	" began INTEGER NOT NULL,"
	" extended INTEGER NOT NULL"
	") STRICT, WITHOUT ROWID;",
};
