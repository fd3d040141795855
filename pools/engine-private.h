/* What the files of the engine share. engine.c is its face; engine-desktops.c changes rows, engine-effects.c calls libvirt for
 * them, engine-reconcile.c compares table and libvirt, engine-pools.c reads pool files and counts, engine-agent.c talks to guests.
 * Everything is on the main loop. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "broker/store/desktops.h"
#include "pools/agent-link.h"
#include "pools/decide.h"
#include "pools/engine.h"
#include "pools/host-facts.h"
#include "pools/host.h"
#include "pools/images.h"
#include "pools/vm.h"

typedef struct {
	char *name, *path;
	PoolFile *file;	   /* the last good one; NULL: there never was one */
	char *fault;	   /* of the file as it is now */
	gboolean present;  /* the file is there */
	gboolean draining;
	Image *image;	   /* resolved; NULL: not there */
	char *config;	   /* digest of what a fresh desktop is made from */
	char *key;	   /* of its template; NULL: its desktops boot, for the reason in why_no_template */
	char *why_no_template;
	char *obstacle;	   /* why none can be made (image, acceleration); NULL: nothing */
	char *last_failure; /* of a clone; NULL once one came up */
	guint failures;	   /* in a row */
	gint64 retry_us;   /* monotonic; no clone before that */
	char *shown_fault, *shown_instant; /* of the view */
	PoolView view;
} Pool;

typedef struct {
	Engine *engine;
	DesktopRow *row;
	char *domain; /* libvirt's name */
	char *config; /* digest it was made from; NULL: not known yet */
	gboolean busy;	  /* a call to libvirt about it is under way */
	gboolean begun;	  /* cloning: that call was made */
	gboolean running; /* its domain runs, as far as was seen */
	gboolean booting; /* neither its agent nor its deadline has come */
	char *template;	  /* the key of the template that it was cloned from; NULL: it booted */
	gboolean parking; /* cloning: it is not let run */
	gboolean waking;  /* a clone that runs and is not yet an individual: not to be shown to anybody */
	gboolean said_ready; /* its agent did, since it runs */
	gboolean doomed;  /* its domain is gone: the next list need not say so again */
	int stop_detail;  /* libvirt's, of its last stop; -1: none heard of */
	guint64 touched;  /* engine->clock when a call about it last ended */
	gint64 started_us;
	guint boot_id;	  /* the agent's deadline */
	guint retry_id;	  /* destroying it failed: try again then */
	AgentLink *link;
	gboolean dirty;	  /* on_change is due */
	gboolean gone;	  /* its row is deleted; kept until that is said */
	DesktopView view;
} Desktop;

struct Engine {
	char *images, *pools_folder;
	gboolean local;
	Store *store;
	EngineEvents events;
	Host *host;
	VmPlace *place;
	HostFacts *facts;
	char *facts_trouble;
	GPtrArray *pools;	/* Pool, by name */
	GHashTable *desktops;	/* id -> Desktop */
	GHashTable *templates;	/* key -> Template */
	GQueue changed;		/* Desktop *: dirty, in order */
	guint64 clock;		/* counts calls to libvirt that ended */
	gboolean reconciled;	/* since the connection was made */
	gboolean listing, list_again, refresh_due, facts_due;
	guint changed_id, plan_id, plan_later_id, list_id, minute_id;
};

/* engine-desktops.c */
Desktop *desktop_new(Engine *engine, DesktopRow *row); /* consumes @row; owned by the table */
void desktop_free(gpointer desktop);
void desktop_mark(Desktop *desktop); /* on_change, soon */
const DesktopView *desktop_view(Desktop *desktop);
gboolean desktop_is_stale(const Desktop *desktop, const Pool *pool);
gboolean desktop_is_ours_to_end(const Desktop *desktop); /* resetting, retired, or failed with something left */
/* TRUE: the row was changed. A failure of the database is logged. */
gboolean desktop_become(Desktop *desktop, DesktopState state, DesktopIntent intent, const char *note);
void desktop_runs(Desktop *desktop);	/* its domain is there: open its port, wait for its agent */
void desktop_came_up(Desktop *desktop, const char *note);
void desktop_is_individual(Desktop *desktop); /* a clone that was waking: it has an identity and a network card */
void desktop_stopped(Desktop *desktop); /* its domain is not there any more */
/* Ends its clients, and has it thrown away. */
gboolean desktop_throw_away(Desktop *desktop, guint16 code, const char *why);
void desktop_fail(Desktop *desktop, const char *why); /* with the pool's back-off */
void desktop_forget(Desktop *desktop); /* deletes its row */
gint64 engine_now(void);

/* engine-effects.c */
void effect_clone(Desktop *desktop, Pool *pool);
void effect_resume(Desktop *desktop); /* a parked one */
void effect_plug_network(Desktop *desktop);
void effect_destroy(Desktop *desktop);
void effect_destroy_stray(Engine *engine, const char *id, const char *uuid); /* nobody knows it */

/* engine-templates.c: what clones in a blink are cloned from */
void template_free(gpointer template);
/* The template of @pool's desktops as they are now, if it is whole and of @image (NAME@VERSION). Its key, or NULL. */
gboolean templates_is_whole(Engine *engine, const Pool *pool);
const char *templates_whole(Engine *engine, const Pool *pool, const char *image);
/* Is it being made? Spares wait for it then. */
gboolean templates_is_making(Engine *engine, const Pool *pool);
void templates_plan(Engine *engine); /* begins what is wanted, removes what is not */
void templates_blame(Engine *engine, const char *key, const char *why); /* a clone of it failed */
gboolean templates_have(Engine *engine, const char *uuid); /* one that is being made has this VM */
void templates_compare(Engine *engine, const VmList *list, guint64 clock); /* with what runs */
char *templates_describe(Engine *engine, const Pool *pool); /* for an admin; free with g_free */
gboolean templates_again(Engine *engine, const char *image, guint *n, GError **error); /* made anew, for all pools of @image */

/* engine-pools.c */
gboolean pool_uses_kvm(const Engine *engine, const Pool *pool);
void pool_free(gpointer pool);
void pools_load(Engine *engine, GStrvBuilder *changes, GStrvBuilder *faults);
void pools_resolve(Engine *engine); /* images, and what a fresh desktop is made from */
Pool *pools_find(Engine *engine, const char *name);
PoolCounts pool_counts(Engine *engine, const Pool *pool);
guint pool_retry_s(const Pool *pool);
const PoolView *pool_view(Engine *engine, Pool *pool);
void pool_failed(Pool *pool, const char *why);
void pool_succeeded(Pool *pool);

/* engine-plan.c: what to do next, soon, or after @delay_s */
void plan_soon(Engine *engine);
void plan_later(Engine *engine, guint delay_s);

/* engine-reconcile.c: asks libvirt what there is, and puts table and libvirt in agreement */
void reconcile_soon(Engine *engine, guint delay_ms);

/* engine-agent.c */
void agent_on_message(const AgentMessage *message, void *desktop);
void agent_tell_user(Desktop *desktop);
