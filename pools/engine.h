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
	const char *state;  /* cloning | ready | parked | assigned | off | starting | resetting | retired | failed */
	const char *user;   /* NULL: nobody's */
	gboolean usable;    /* assigned, running, and there is a screen to see: Admit will succeed */
	gboolean agent;     /* its agent has spoken */
	gboolean kept;	    /* of a persistent pool */
	gboolean home;	    /* its person's own disk is their home in it */
	guint queue_place, queue_length; /* its person waits for others to leave: their place, of how many; 0: they do not */
	gint64 created, changed, assigned; /* UTC seconds; assigned 0: never */
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
	guint ready, parked, assigned, off, cloning, resetting, failed;
	const char *const *versions; /* of images, that its desktops were made from: "NAME@VERSION: N", NULL-terminated */
	guint spare;	       /* how many are kept ready, at this hour */
	guint outdated;	       /* desktops in people's hands that a fresh one would differ from */
	guint waiting;	       /* people in the queue, or for a place on the host */
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
/* What that would do, and to whom; nothing is done. See PlanPools. */
void engine_preview(Engine *engine, char ***lines, char ***faults);
/* Makes the templates of the pools that use @image (NAME or NAME@VERSION) anew. Result: how many pools. NOT_FOUND. */
gboolean engine_seal(Engine *engine, const char *image, guint *n, GError **error);
gboolean engine_drain(Engine *engine, const char *pool, gboolean drain, GError **error);

/* The desktop that @user holds in @pool (which is started when it is off), or a ready one that becomes theirs now, or a new one that
 * is being cloned for them, or waits in the queue. Entitlement is the caller's to check. EXHAUSTED: Max= is reached, and the queue is full. CONFIG: the pool is broken and has none running.
 * BUSY: libvirt is away. */
const DesktopView *engine_claim(Engine *engine, const char *pool, const char *user, GError **error);

/* Throw it away (and let the pool refill). NOT_FOUND. @code goes to on_end_clients. @why is for the audit and the note. */
gboolean engine_reset(Engine *engine, const char *desktop, guint16 code, const char *why, GError **error);
/* Of a person who signed out: every desktop of theirs whose pool says Reset=logout. Result: how many. */
guint engine_release_user(Engine *engine, const char *user, guint16 code, const char *why);
/* The same of one that is kept for its person, whose disk goes with it. engine_reset refuses that: DENIED. */
gboolean engine_discard(Engine *engine, const char *desktop, guint16 code, const char *why, GError **error);
/* Shuts its VM down: asks, and turns off after 30 s. One that is not kept is thrown away with it. BUSY: it was not seen to run yet. */
gboolean engine_stop(Engine *engine, const char *desktop, GError **error);

/* Its disk in somebody's hands: it is neither started nor discarded until engine_release_hold was called as often. *@disk: its path;
 * free with g_free. NOT_FOUND, INVALID: it is not kept, BUSY: it is not off. */
const DesktopView *engine_hold(Engine *engine, const char *desktop, char **disk, GError **error);
void engine_release_hold(Engine *engine, const char *desktop); /* it may be gone */

/* A desktop of the persistent pool @pool for @user that is cloned from the image @image, NAME@VERSION, and not from the pool's own.
 * INVALID: the pool is not persistent, or NAME is an image that pools use; BUSY: @user has one there; EXHAUSTED: Max= is reached;
 * and as engine_claim. engine_may_import: whether it would be; NAME alone will do. */
gboolean engine_may_import(Engine *engine, const char *pool, const char *user, const char *image, GError **error);
const DesktopView *engine_import(Engine *engine, const char *pool, const char *user, const char *image, GError **error);

gboolean engine_restart(Engine *engine, const char *desktop, GError **error);
/* Its person asks how far it is: who does not, while they wait in the queue, loses their place after three minutes. */
void engine_ask(Engine *engine, const char *desktop);

const DesktopView *engine_desktop(Engine *engine, const char *id);
const DesktopView *engine_desktop_of(Engine *engine, const char *pool, const char *user);
/* @visit for each desktop whose row is not gone, oldest first; stops when it returns FALSE. */
void engine_each_desktop(Engine *engine, gboolean (*visit)(const DesktopView *desktop, void *data), void *data);

/* The VM's picture now. finish: bytes, and *@mime static. Deadline 10 s. */
void engine_screenshot_async(Engine *engine, const char *desktop, GAsyncReadyCallback callback, void *data);
GBytes *engine_screenshot_finish(GAsyncResult *result, const char **mime, GError **error);

/* Snapshots of memory and disk that the person may go back to, as the pool's Snapshots= allows: saved under a name, which replaces one that is
 * called so; gone back to; deleted. They take seconds, in which the guest stands still. finish: INVALID (the name), DENIED, EXHAUSTED,
 * NOT_FOUND, BUSY. The table is broker/store/snapshots.h. */
gboolean snapshot_name_is_valid(const char *name); /* [A-Za-z0-9][A-Za-z0-9._-]{0,31} */
void engine_snapshot_async(Engine *engine, const char *desktop, const char *name, GAsyncReadyCallback callback, void *data);
void engine_revert_async(Engine *engine, const char *desktop, const char *name, GAsyncReadyCallback callback, void *data);
void engine_delete_snapshot_async(Engine *engine, const char *desktop, const char *name, GAsyncReadyCallback callback, void *data);
gboolean engine_snapshot_finish(GAsyncResult *result, GError **error);

/* Shows @text to the person through the agent. NOT_FOUND, or BUSY when the agent never spoke. */
gboolean engine_notify(Engine *engine, const char *desktop, const char *text, GError **error);
