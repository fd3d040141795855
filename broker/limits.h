/* What a pool's file says about time, decided: what is due now for a desktop that somebody holds, and when to look again. Pure
 * functions of times; broker/timekeeper.h carries them out.
 *
 * Two clocks. The *steady* one counts seconds and is never set (CLOCK_MONOTONIC): everything that is a length of time goes by it, so
 * that setting the clock ends nobody's session. The *wall* clock, UTC, is for what the file itself names by the clock, ResetAt=, and for
 * what is kept across a restart of the broker, where nothing else is left to go by. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "pools/pool-file.h"

/* What one call adds to a session, at most. */
#define LIMITS_EXTEND_S (30 * 60)

/* For one person on a desktop of one pool; seconds, 0: none. */
typedef struct {
	gint64 idle, session, extend, grace;
	gboolean keeps; /* the desktop outlives its session: its clients end, and it stays */
} LimitRules;

/* Of a desktop. All on the steady clock. */
typedef struct {
	gint64 now;
	gint64 began;	    /* when it was handed out */
	gint64 extended;    /* seconds that were added to its session */
	gint64 reset_at;    /* Reset=schedule: the moment; G_MAXINT64: none */
	gboolean known;	    /* is it known who is connected? If not, what depends on it has time */
	gboolean connected; /* somebody is */
	gint64 alone_since; /* where nobody is: since when */
	gint64 input;	    /* where somebody is: when they last sent input, as far as was heard at @asked */
	gint64 asked;
	int warned;	     /* of the end: the last warning was for so many minutes or fewer, 15, 5 or 1; 0: none yet */
	gboolean warned_idle;
} LimitFacts;

typedef enum { LIMIT_SESSION, LIMIT_SCHEDULE, LIMIT_IDLE, LIMIT_LEFT } LimitWhy;

typedef enum {
	LIMIT_NOTHING,
	LIMIT_ASK,	  /* when input last was: what is known is too old to judge anybody by */
	LIMIT_WARN,	  /* @left seconds before the end for which @why stands */
	LIMIT_DISCONNECT, /* its clients; the desktop stays */
	LIMIT_RESET,
} LimitAct;

typedef struct {
	LimitAct act;
	LimitWhy why;
	gint64 left;
	int stage;    /* LIMIT_WARN of a session or a schedule: what @warned becomes */
	gint64 again; /* steady: when the next thing may be due; G_MAXINT64: not before something changes */
} LimitDue;

LimitDue limits_due(const LimitRules *rules, const LimitFacts *facts);

/* When its session ends, or G_MAXINT64; *@why says by what. */
gint64 limits_end(const LimitRules *rules, const LimitFacts *facts, LimitWhy *why);
/* When its clients are disconnected for being idle unless input comes, or G_MAXINT64. */
gint64 limits_idle_end(const LimitRules *rules, const LimitFacts *facts);

/* Seconds that a person may still add: 0 where that would change nothing. */
gint64 limits_may_extend(const LimitRules *rules, const LimitFacts *facts);

/* The sentence for LIMIT_WARN. Free with g_free. */
char *limits_warning(const LimitRules *rules, const LimitDue *due);
/* For audit and log: "no input for 30 min". Free with g_free. */
char *limits_reason(const LimitRules *rules, LimitWhy why);

/* When a desktop is reset by Reset=schedule, by the wall clock: at the first of @times (pools/calendar.h) after it was handed out, but
 * never within a minute of @seen, when this process first saw it: a moment that was missed while the broker was away is made up for
 * once, and whoever is at work is told before. G_MAXINT64: never. */
gint64 limits_reset_at(const char *const *times, gint64 handed_out, gint64 seen);

/* The same after the wall clock was set from @from to @to: a moment that was only leapt over is not due, and the next one is. */
gint64 limits_reset_after_jump(const char *const *times, gint64 reset_at, gint64 from, gint64 to);
