/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "pools/decide.h"

#include <math.h>

#define RETRY_MIN_S 2
#define RETRY_MAX_S 300
#define RATE_HALVES_S 600.0

static guint
less(guint a, guint b)
{
	return a > b ? a - b : 0;
}

static guint
total_but_waiting(const PoolCounts *counts)
{
	return counts->ready + counts->ready_stale + counts->parked + counts->parked_stale + counts->cloning + counts->cloning_stale +
	       counts->held + counts->going;
}

/* Parked clones that stand in for spares: they run in a moment. */
static guint
plan_waking(const PoolCounts *counts, PoolPlan *plan, guint missing)
{
	guint idle = counts->parked - counts->waking;

	plan->wake = counts->somebody_waits ? 0 : MIN(missing, idle);
	return missing - plan->wake;
}

static void
plan_parked(const PoolCounts *counts, PoolPlan *plan, guint room, guint parkings_free)
{
	guint kept = counts->parked - counts->waking - plan->wake;

	plan->retire_parked_stale = counts->parked_stale;
	plan->retire_parked = less(kept, counts->parked_wanted);
	if (counts->retry_in_s == 0 && !counts->somebody_waits && !counts->no_template)
		plan->park = MIN(MIN(less(counts->parked_wanted, kept + counts->parking), room), parkings_free);
}

PoolPlan
decide_pool(const PoolCounts *counts, guint boots_free, guint parkings_free)
{
	guint total = total_but_waiting(counts) + counts->waiting;
	guint room = less(counts->max, total), coming = counts->cloning - counts->parking + counts->waking;
	PoolPlan plan = {0};
	guint missing;

	if (counts->closing) {
		plan.retire = counts->ready;
		plan.retire_stale = counts->ready_stale;
		plan.retire_parked = counts->parked;
		plan.retire_parked_stale = counts->parked_stale;
		return plan;
	}
	if (!counts->able)
		return plan;
	missing = less(counts->spare, counts->ready + coming);
	/* A stale one is kept for as long as a fresh one cannot stand in for it, unless it takes up the room of that one. */
	plan.retire_stale = MIN(counts->ready_stale, less(counts->ready + counts->ready_stale, counts->spare));
	if (missing > room + counts->parked && plan.retire_stale == 0 && counts->ready_stale > 0 && counts->going == 0 &&
		counts->retry_in_s == 0)
		plan.retire_stale = 1;
	plan.retire = MIN(counts->ready, less(counts->ready + coming, counts->spare));
	/* More people came than max leaves room for beside the spares. */
	plan.retire = MAX(plan.retire, MIN(counts->ready, less(total - plan.retire_stale - counts->parked, counts->max)));
	missing = plan_waking(counts, &plan, missing);
	if (counts->retry_in_s == 0 && !counts->making_template && !counts->somebody_waits)
		plan.clone = MIN(MIN(missing, room), boots_free);
	plan_parked(counts, &plan, room - plan.clone, parkings_free);
	plan.retire_parked = MAX(plan.retire_parked, MIN(counts->parked - counts->waking - plan.wake, less(total - plan.retire, counts->max)));
	return plan;
}

gboolean
decide_may_claim(const PoolCounts *counts)
{
	return !counts->closing && counts->able && counts->held + counts->waiting < counts->max + counts->queue;
}

guint
decide_room(const PoolCounts *counts)
{
	return less(counts->max, total_but_waiting(counts));
}

guint
decide_begin(const PoolCounts *counts, guint boots_free)
{
	if (counts->retry_in_s > 0)
		return 0;
	return MIN(MIN(counts->waiting, decide_room(counts)), boots_free);
}

double
decide_runs_out_s(const PoolCounts *counts, double claims_per_s)
{
	double left = counts->ready + counts->parked + 1;

	/* A pool that nobody has asked for lately is still one that somebody may: the fewer it has of what it should, the sooner. */
	return left / (claims_per_s + 1e-6 * (1 + less(counts->spare, counts->ready + counts->parked)));
}

double
decide_claim_rate(double rate, double elapsed_s, guint claims)
{
	double kept = exp2(-elapsed_s / RATE_HALVES_S);

	return rate * kept + claims * G_LN2 / RATE_HALVES_S;
}

guint
decide_retry_s(guint failures)
{
	if (failures == 0)
		return 0;
	return failures > 8 ? RETRY_MAX_S : MIN(RETRY_MAX_S, RETRY_MIN_S << (failures - 1));
}
