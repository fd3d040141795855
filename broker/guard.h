/* Whether somebody may try to sign in now: back-off after failures, by address and by name.
 *
 * An address that failed often is refused, for longer each time. A name that failed often is never refused, or anybody could
 * lock its person out: tries are held for a bounded while instead. And who comes from where that person signed in during the
 * last 30 days is judged by the failures of that name from there alone, so that nobody elsewhere holds them up.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "broker/store/store.h"

typedef struct Guard Guard;

typedef struct {
	guint free_failures;
	gint64 address_wait_max, user_delay_max; /* seconds */
	gint64 (*now)(void);                     /* UTC seconds */
} GuardRules;

/* @store outlives it. */
Guard *guard_new(Store *store, const GuardRules *rules);
void guard_free(Guard *guard);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Guard, guard_free)

/* One sign-in, as it is judged. */
typedef struct {
	char *origin;   /* the address; of IPv6 its network of 64 bits, out of which a host takes as many as it likes */
	char *user;     /* as typed, but in one case: some directories take any */
	gboolean known; /* the person signed in from there lately */
} Attempt;

Attempt *attempt_new(Guard *guard, const char *user, const char *address);
void attempt_free(Attempt *attempt);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Attempt, attempt_free)

/* Seconds that must go by before this may be tried; 0: now. */
gint64 guard_wait(Guard *guard, const Attempt *attempt);

/* Seconds that it is held before anybody is asked. */
gint64 guard_delay(Guard *guard, const Attempt *attempt);

/* Did its origin use up its free failures? Then it tries one at a time. */
gboolean guard_is_suspect(Guard *guard, const Attempt *attempt);

/* How it ended. */
void guard_denied(Guard *guard, const Attempt *attempt);
void guard_accepted(Guard *guard, const Attempt *attempt);

/* What is too old to matter goes. Not for every minute. */
void guard_forget_old(Guard *guard);
