/* The pool engine: keeps every pool's desktops as its file wants them, hands them out, and throws them away. It is the only
 * writer of the table "desktops" and, through pools/host.h, the only caller of libvirt in the broker.
 *
 * Everything here is called on the main loop and returns at once. What takes time (clone, boot, destroy) happens behind it and
 * shows as a change of state, which on_change reports. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "broker/common/conf.h"
#include "broker/store/store.h"
#include "pools/pool-file.h"

typedef struct Engine Engine;

/* What the broker shows of a desktop. Valid until the next call into the engine; copy what is kept. */
typedef struct {
	const char *id, *pool, *uuid, *domain, *image, *note;
	const char *state;  /* cloning | ready | parked | assigned | resetting | retired | failed */
	const char *user;   /* NULL: nobody's */
	gboolean usable;    /* assigned, running, and there is a screen to see: Admit will succeed */
	gboolean agent;     /* its agent has spoken */
	gint64 created, changed; /* UTC seconds */
	gint64 assigned;    /* the same, when it was handed out; 0: never */
	gint64 started_us;  /* monotonic, when cloning began in this process; 0: before */
	const char *step;   /* "Waiting for a place", "Cloning", "Booting", "Waiting for the agent", "Ready": for a progress text */
} DesktopView;

typedef struct {
	/* @desktop's state, user, usable or step changed. */
	void (*on_change)(const DesktopView *desktop, void *data);
	/* Its clients must go now (reset, stop, end of its VM): called before the VM is touched. code: a WebSocket close code. */
	void (*on_end_clients)(const char *desktop, guint16 code, void *data);
	/* The agent said that the person logged out of the guest's session. The broker decides what that means. */
	void (*on_guest_logout)(const char *desktop, const char *user, void *data);
	void *data;
} EngineEvents;

/* Connects to libvirt in the background (and again, with back-off, whenever it is lost). Reconciles the table with what
 * libvirt runs before the first clone, on libvirt's events, and every minute. Pool files with faults are kept as broken
 * pools. @store outlives the engine. */
Engine *engine_new(const Conf *conf, Store *store, const EngineEvents *events, GError **error);
void engine_free(Engine *engine);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Engine, engine_free)

gboolean engine_is_connected(const Engine *engine);

/* Pools, in file order. NULL: no such pool. */
typedef struct {
	const PoolFile *file;  /* NULL when it never was good */
	const char *name, *path;
	const char *fault;     /* NULL: none; else its faults, a line each; file is then the last good one */
	gboolean draining;
	const char *instant;   /* whether its desktops are cloned from a template, and if not why not */
	guint ready, parked, assigned, cloning, resetting, failed;
	guint retry_in_s;      /* back-off after failed clones; 0: none */
} PoolView;
guint engine_n_pools(const Engine *engine);
const PoolView *engine_pool_at(Engine *engine, guint i);
const PoolView *engine_pool(Engine *engine, const char *name);
/* The last good file of @pool, without the counts that a view takes; NULL: there is none. Valid until the files are read again. */
const PoolFile *engine_pool_file(Engine *engine, const char *pool);
/* May @user, with the groups @groups (NULL-terminated names), use the pool? */
gboolean engine_is_entitled(Engine *engine, const char *pool, const char *user, const char *const *groups);

/* The files again: see ApplyPools of org.carrel.Broker1.Admin. Both results are NULL-terminated; free with g_strfreev. */
void engine_apply(Engine *engine, char ***changes, char ***faults);
/* Makes the templates of the pools that use @image (NAME or NAME@VERSION) anew. Result: how many pools. NOT_FOUND. */
gboolean engine_seal(Engine *engine, const char *image, guint *n, GError **error);
gboolean engine_drain(Engine *engine, const char *pool, gboolean drain, GError **error);

/* The desktop that @user holds in @pool, or a ready one that becomes theirs now, or a new one that is being cloned for them.
 * Entitlement is the caller's to check. EXHAUSTED: Max= is reached. CONFIG: the pool is broken and has none running.
 * BUSY: libvirt is away. */
const DesktopView *engine_claim(Engine *engine, const char *pool, const char *user, GError **error);

/* Throw it away (and let the pool refill). NOT_FOUND. @code goes to on_end_clients. @why is for the audit and the note. */
gboolean engine_reset(Engine *engine, const char *desktop, guint16 code, const char *why, GError **error);
/* Of a person who signed out: every desktop of theirs whose pool says Reset=logout. Result: how many. */
guint engine_release_user(Engine *engine, const char *user, guint16 code, const char *why);
gboolean engine_stop(Engine *engine, const char *desktop, GError **error);

const DesktopView *engine_desktop(Engine *engine, const char *id);
const DesktopView *engine_desktop_of(Engine *engine, const char *pool, const char *user);
/* @visit for each desktop whose row is not gone, oldest first; stops when it returns FALSE. */
void engine_each_desktop(Engine *engine, gboolean (*visit)(const DesktopView *desktop, void *data), void *data);

/* The VM's picture now. finish: bytes, and *@mime static. Deadline 10 s. */
void engine_screenshot_async(Engine *engine, const char *desktop, GAsyncReadyCallback callback, void *data);
GBytes *engine_screenshot_finish(GAsyncResult *result, const char **mime, GError **error);

/* Shows @text to the person through the agent. NOT_FOUND, or BUSY when the agent never spoke. */
gboolean engine_notify(Engine *engine, const char *desktop, const char *text, GError **error);
