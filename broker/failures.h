/* How often something failed lately, by a key that strangers choose (an address, a name). Bounded in size; every failure is
 * forgotten with time; and a success forgets none, so that a thief with an account of their own gains nothing by it.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

typedef struct Failures Failures;

typedef struct {
	guint free;         /* failures that have no consequence */
	gint64 penalty_max; /* seconds */
	gint64 forgive_s;   /* one failure is forgotten in this time, from the last on */
	guint keys_max;     /* when there are more, the one with the fewest failures goes */
	gint64 (*now)(void); /* UTC seconds; a step back of the clock lengthens nothing */
} FailureRules;

Failures *failures_new(const FailureRules *rules);
void failures_free(Failures *failures);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Failures, failures_free)

void failures_add(Failures *failures, const char *key);

/* Seconds: 0 up to the free failures; then 1, 2, 4 and so on up to penalty_max. */
gint64 failures_penalty(Failures *failures, const char *key);

/* Of the penalty, what is left since the last failure. */
gint64 failures_wait(Failures *failures, const char *key);

/* Are the free failures used up? */
gboolean failures_is_suspect(Failures *failures, const char *key);
