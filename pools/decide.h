/* What a pool should do next, as pure functions of counts and times. Nothing here looks anything up or does anything.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

/* Boots at once on a host: those of people who wait go first, and may be more. */
#define DECIDE_SPARE_BOOTS 2
#define DECIDE_USER_BOOTS  4
/* Clones that are loaded and parked at once: half a second of a CPU each. */
#define DECIDE_PARKINGS 2

/* How long a desktop may boot without a word from its agent before it counts as ready without one. */
#define DECIDE_AGENT_WAIT_S 90
/* How long a clone of a template may run before its agent has answered: it answers in less than a second on an idle host. */
#define DECIDE_WAKE_S 60

/* Failed desktops are kept this long, and not more of them than this a pool, so that an admin sees why. */
#define DECIDE_FAILED_KEEP_S   3600
#define DECIDE_FAILED_KEEP_MAX 5

/* One pool. A desktop is stale when it was made from another image or other hardware than the pool now wants. */
typedef struct {
	guint spare, max, queue; /* queue: how many may wait while max is reached */
	guint parked_wanted; /* clones kept parked; 0 where desktops boot */
	gboolean no_template; /* those that are parked stay, and none is begun */
	gboolean making_template; /* in a moment they need not boot */
	gboolean somebody_waits; /* for a clone, which is a moment: nothing else is begun meanwhile */
	gboolean closing; /* it is drained, or its file is gone: nobody gets a new desktop of it */
	gboolean able;	  /* a desktop can be made: its file was good once, its image is there */
	guint ready, ready_stale;
	guint parked, parked_stale;
	guint waking;	       /* of the parked: they were let run, to be ready */
	guint parking;	       /* of the cloning: to be parked */
	guint cloning;	       /* for nobody, and fresh */
	guint cloning_stale;   /* for nobody, and stale */
	guint held;	       /* assigned, off, starting, or cloning for somebody and begun */
	guint waiting;	       /* for somebody, and not begun */
	guint going;	       /* resetting and retired: they still use memory and disk */
	guint retry_in_s;      /* back-off after failures: 0 when over */
} PoolCounts;

typedef struct {
	guint clone;	    /* begin so many spares */
	guint wake;	    /* let so many parked ones run, to be spares */
	guint park;	    /* begin so many that are parked */
	guint retire_stale; /* throw away so many ready ones that are stale, */
	guint retire;	    /* and so many that are fresh, */
	guint retire_parked_stale, retire_parked; /* and so many parked ones */
} PoolPlan;

/* Never leads above max, nor, by refilling, above spare and parked_wanted. @boots_free: how many spares may begin to boot now on the
 * host, @parkings_free: how many clones may begin to be parked. */
PoolPlan decide_pool(const PoolCounts *counts, guint boots_free, guint parkings_free);

/* May one more desktop be begun for a person? (It is then cloned for them, now or when a place is free.) */
gboolean decide_may_claim(const PoolCounts *counts);

/* For how many of those who wait is there room, if nothing else is begun? */
guint decide_room(const PoolCounts *counts);
/* And how many of them may begin now. */
guint decide_begin(const PoolCounts *counts, guint boots_free);

/* Which pool's spares are begun first, where not all can be: the one with the lowest number. It is the time in seconds until its
 * last ready or parked desktop is likely to be gone, with @claims_per_s as they were lately. */
double decide_runs_out_s(const PoolCounts *counts, double claims_per_s);

/* @rate, a mean that forgets, @elapsed_s after it was computed, with @claims more since. */
double decide_claim_rate(double rate, double elapsed_s, guint claims);

/* Seconds to wait after the @failures-th failure in a row (0: none). Doubles, up to five minutes. */
guint decide_retry_s(guint failures);
