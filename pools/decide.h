/* What a pool should do next, as pure functions of counts and times. Nothing here looks anything up or does anything.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

/* Boots at once on a host: those of people who wait go first, and may be more. */
#define DECIDE_SPARE_BOOTS 2
#define DECIDE_USER_BOOTS  4

/* How long a desktop may boot without a word from its agent before it counts as ready without one. */
#define DECIDE_AGENT_WAIT_S 90

/* Failed desktops are kept this long, and not more of them than this a pool, so that an admin sees why. */
#define DECIDE_FAILED_KEEP_S   3600
#define DECIDE_FAILED_KEEP_MAX 5

/* One pool. A desktop is stale when it was made from another image or other hardware than the pool now wants. */
typedef struct {
	guint spare, max;
	gboolean closing; /* it is drained, or its file is gone: nobody gets a new desktop of it */
	gboolean able;	  /* a desktop can be made: its file was good once, its image is there */
	guint ready, ready_stale;
	guint cloning;	       /* for nobody, and fresh */
	guint cloning_stale;   /* for nobody, and stale */
	guint held;	       /* assigned, or cloning for somebody */
	guint going;	       /* resetting and retired: they still use memory and disk */
	guint retry_in_s;      /* back-off after failures: 0 when over */
} PoolCounts;

typedef struct {
	guint clone;	    /* begin so many spares */
	guint retire_stale; /* throw away so many ready ones that are stale, */
	guint retire;	    /* and so many that are fresh */
} PoolPlan;

/* Never leads above max, nor, by refilling, above spare. @boots_free: how many spares may begin to boot now on the host. */
PoolPlan decide_pool(const PoolCounts *counts, guint boots_free);

/* May one more desktop be begun for a person? (It is then cloned for them, now or when a place is free.) */
gboolean decide_may_claim(const PoolCounts *counts);

/* Of a pool's desktops that wait to be begun for people: how many may begin, with @waiting of them among counts->held. */
guint decide_begin(const PoolCounts *counts, guint waiting, guint boots_free);

/* Seconds to wait after the @failures-th failure in a row (0: none). Doubles, up to five minutes. */
guint decide_retry_s(guint failures);
