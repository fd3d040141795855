/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "pools/decide.h"

#define RETRY_MIN_S 2
#define RETRY_MAX_S 300

static guint
less(guint a, guint b)
{
	return a > b ? a - b : 0;
}

PoolPlan
decide_pool(const PoolCounts *counts, guint boots_free)
{
	guint total = counts->ready + counts->ready_stale + counts->cloning + counts->cloning_stale + counts->held + counts->going;
	guint room = less(counts->max, total);
	PoolPlan plan = {0};
	guint missing;

	if (counts->closing) {
		plan.retire = counts->ready;
		plan.retire_stale = counts->ready_stale;
		return plan;
	}
	if (!counts->able)
		return plan;
	missing = less(counts->spare, counts->ready + counts->cloning);
	/* A stale one is kept for as long as a fresh one cannot stand in for it, unless it takes up the room of that one. */
	plan.retire_stale = MIN(counts->ready_stale, less(counts->ready + counts->ready_stale, counts->spare));
	if (missing > room && plan.retire_stale == 0 && counts->ready_stale > 0 && counts->going == 0 && counts->retry_in_s == 0)
		plan.retire_stale = 1;
	plan.retire = MIN(counts->ready, less(counts->ready + counts->cloning, counts->spare));
	/* More people came than max leaves room for beside the spares. */
	plan.retire = MAX(plan.retire, MIN(counts->ready, less(total - plan.retire_stale, counts->max)));
	if (counts->retry_in_s == 0)
		plan.clone = MIN(MIN(missing, room), boots_free);
	return plan;
}

gboolean
decide_may_claim(const PoolCounts *counts)
{
	return !counts->closing && counts->able && counts->held < counts->max;
}

guint
decide_begin(const PoolCounts *counts, guint waiting, guint boots_free)
{
	guint others = counts->ready + counts->ready_stale + counts->cloning + counts->cloning_stale + counts->going +
		       less(counts->held, waiting);

	if (counts->retry_in_s > 0)
		return 0;
	return MIN(MIN(waiting, less(counts->max, others)), boots_free);
}

guint
decide_retry_s(guint failures)
{
	if (failures == 0)
		return 0;
	return failures > 8 ? RETRY_MAX_S : MIN(RETRY_MAX_S, RETRY_MIN_S << (failures - 1));
}
