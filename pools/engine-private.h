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
#include "pools/lifecycle.h"
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
	gboolean changed;  /* something of it is other than the last plan saw */
	guint claims;	   /* since claim_rate was computed */
	double claim_rate; /* a second, lately: decide.h */
	gint64 rated_us;
	gboolean wants;	   /* the last plan could not begin all that it wants */
	char *shown_fault, *shown_instant, **shown_versions; /* of the view */
	PoolView view;
} Pool;

typedef enum {
	HOME_NONE,
	HOME_PLUGGED, /* its agent is to mount it */
	HOME_TOLD,    /* and was told to */
	HOME_RELEASED /* its agent lets go of it, and then the desktop goes */
} HomeStage;

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
	gboolean outlived; /* that template was made anew since */
	gboolean damaged; /* that template was damaged under it */
	gboolean parking; /* cloning: it is not let run */
	gboolean waking;  /* a clone that runs and is not yet an individual: not to be shown to anybody */
	gboolean said_ready; /* its agent did, since it runs */
	HomeStage home;	  /* how far its person's disk is */
	guint home_timer; /* the deadline of that */
	gint64 asked_us;  /* monotonic: when its person last asked for it, while they wait in the queue */
	int stop_detail;  /* libvirt's, of its last stop; -1: none heard of since it was seen to run */
	guint64 touched;  /* engine->clock when a call about it last ended, or an event of it came */
	gint64 started_us, failed_us; /* monotonic */
	guint boot_id;	  /* the deadline of its agent */
	guint retry_id;	  /* destroying it failed: try again then */
	guint plug_id;	  /* its network card could not be plugged in: try again then */
	char *network_fault; /* why it has none yet; NULL: it has, or is not to */
	guint not_resumed; /* how often in a row */
	guint down_timer; /* until then its guest may shut down, or restart, by itself */
	gboolean restarting;
	const char *step; /* static: what is being done with it beside its state; NULL: nothing */
	guint hold; /* how many have its disk in their hands: it is not started meanwhile */
	AgentLink *link;
	gboolean disk_gone; /* somebody removed it */
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
	Reactor *reactor; /* of the agents' ports */
	VmPlace *place;
	HostFacts *facts;
	char *facts_trouble;
	GPtrArray *pools;	/* Pool, by name */
	GHashTable *desktops;	/* id -> Desktop */
	GHashTable *by_uuid;	/* libvirt's, in lower case -> Desktop */
	GHashTable *by_pool;	/* name -> GPtrArray of Desktop */
	GHashTable *aliases;	/* of one that waited, the id -> the id of the spare that its person was given instead */
	GHashTable *templates;	/* key -> Template */
	GQueue changed;		/* Desktop *: dirty, in order */
	GQueue to_destroy;	/* Task *: that wait for their turn */
	guint destroying;	/* and those that have it */
	guint64 clock;		/* counts calls to libvirt that ended, and its events */
	char *contradiction;	/* what engine_check() found; NULL: nothing, as it should be */
	gboolean reconciled;	/* since the connection was made */
	gboolean began;		/* and in this process at all */
	gboolean listing, list_again, refresh_due, facts_due;
	GHashTable *to_look;	/* UUIDs in lower case, of domains that libvirt has said something of */
	guint list_delay_ms;	/* with which list_id was set */
	guint changed_id, plan_id, plan_later_id, list_id, look_id, minute_id;
};

/* engine-desktops.c */
Desktop *desktop_new(Engine *engine, DesktopRow *row); /* consumes @row; owned by the table */
void desktop_free(gpointer desktop);
int desktops_compare_age(gconstpointer a, gconstpointer b); /* of elements of a GPtrArray: the oldest first */
Desktop *desktops_by_uuid(Engine *engine, const char *uuid); /* NULL: none */
const GPtrArray *desktops_of_pool(Engine *engine, const char *pool); /* in no order; until the next change */
void desktop_mark(Desktop *desktop); /* on_change, soon */
const DesktopView *desktop_view(Desktop *desktop);
gboolean desktop_is_stale(const Desktop *desktop, const Pool *pool);
gboolean desktop_is_ours_to_end(const Desktop *desktop); /* resetting, retired, or failed with something left */
gboolean desktop_is_held(const Desktop *desktop);    /* somebody's, and not on its way out */
gboolean desktop_has_disk(const Desktop *desktop); /* by its name, on this host */
gboolean desktop_is_waiting(const Desktop *desktop); /* somebody's, and not begun */

/* Something has happened to it: what lifecycle.h says follows from that. @why is for the row's note, and for people. FALSE: the
 * table could not be written, and nothing was changed. */
gboolean desktop_apply(Desktop *desktop, LifeEvent event, const char *why);
void desktop_runs(Desktop *desktop);	/* its domain is there: open its port, wait for its agent */
void desktop_came_up(Desktop *desktop, const char *note);
void desktop_is_individual(Desktop *desktop); /* a clone that was waking: it has an identity */
void desktop_stopped(Desktop *desktop);	      /* its domain is not there */
/* Has it thrown away, its clients ended with @code. FALSE: nothing has changed; it is kept, or the table could not be written. */
gboolean desktop_throw_away(Desktop *desktop, guint16 code, const char *why);
gboolean desktop_discard(Desktop *desktop, guint16 code, const char *why); /* the same of one that is kept, too */
void desktop_forget(Desktop *desktop); /* deletes its row */
void desktop_leave(Desktop *desktop);  /* its row is deleted: it is in no list any more, and freed once that was said */
void desktops_check_disks(Engine *engine); /* are those that QEMU will open, or has to leave behind, there? */
gint64 engine_now(void);

/* engine-home.c: the disks of people */
#define HOME_REQUEST	2 /* ids of what agents are asked; 1: their identity */
#define RELEASE_REQUEST 3
gboolean home_is_wanted(const Desktop *desktop); /* and not there yet: nobody is to see the desktop before */
const char *home_step(const Desktop *desktop);
void home_plan(Desktop *desktop);  /* the next step, if there is one to take */
void home_hello(Desktop *desktop); /* its agent has said hello */
void home_answered(Desktop *desktop, gint64 request, gboolean done, const char *text);
gboolean home_release(Desktop *desktop); /* before the desktop goes. TRUE: effect_destroy follows by itself */
void home_forget(Desktop *desktop);	 /* nothing of the desktop is left: another may have it */

/* engine-people.c: who gets which desktop, and who waits for one */
Desktop *people_find(Engine *engine, const char *id); /* also by the id that its person waited with; NULL: none */
void people_start_again(Desktop *desktop); /* it is starting, and nobody is at it any more */
void people_say_held(const Desktop *desktop, GError **error); /* BUSY */
guint people_plan(Engine *engine, Pool *pool, guint boots_free); /* how many boots it began */
void people_place(Engine *engine, const Desktop *desktop, guint *place, guint *waiting); /* in the queue; 0: not in it */

/* engine-effects.c */
void effect_clone(Desktop *desktop, Pool *pool);
void effect_start(Desktop *desktop, Pool *pool); /* one that is kept, with the disk that it has */
void effect_shut_down(Desktop *desktop, gboolean restart);
void effect_resume(Desktop *desktop); /* a parked one */
void effect_plug_network(Desktop *desktop);
void effect_destroy(Desktop *desktop);
/* A call about a desktop has ended: @task is the Task. NULL: it is not wanted any more, and goes. */
Desktop *effect_finish_wanted(Engine *engine, const void *task);
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
void templates_prove(Engine *engine, const char *key); /* a clone of it was loaded; NULL: of none */
void templates_check(Engine *engine); /* are all that are whole what was frozen? */
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
GPtrArray *pools_list_files(const char *folder, GError **error); /* paths, by name (char *, freed by the array) */
PoolCounts pool_counts(Engine *engine, const Pool *pool);
guint pool_retry_s(const Pool *pool);
const PoolView *pool_view(Engine *engine, Pool *pool);
void pool_failed(Pool *pool, const char *why);
void pool_succeeded(Pool *pool);

/* engine-plan.c: what to do next, soon, or after @delay_s */
void plan_soon(Engine *engine);			 /* for all pools */
void plan_pool_soon(Engine *engine, const char *pool); /* for this one, and those that wait for a place on the host */
void plan_later(Engine *engine, guint delay_s);

/* engine-check.c: of a pool, after each plan of it */
void engine_check(Engine *engine, const char *pool);

/* engine-reconcile.c: asks libvirt what there is, and puts table and libvirt in agreement */
void reconcile_soon(Engine *engine, guint delay_ms);
void reconcile_domain(Engine *engine, const char *uuid); /* soon, by looking at this one alone */

/* engine-agent.c */
void agent_on_message(const AgentMessage *message, void *desktop);
void agent_tell_user(Desktop *desktop);
