/* Keeps the time of every desktop that somebody holds, and carries out what broker/limits.h decides: warnings, disconnects, resets.
 * There is one timer, at the next moment that something may be due; nothing is done each second.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "broker/limits.h"
#include "pools/engine.h"

typedef struct Broker Broker;
typedef struct Timekeeper Timekeeper;

/* Begins with what the engine has: @broker's engine and display are there. What was due while no broker ran is due now. */
Timekeeper *timekeeper_new(Broker *broker);
void timekeeper_free(Timekeeper *keeper);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Timekeeper, timekeeper_free)

/* A desktop's state or person changed. */
void timekeeper_on_change(Timekeeper *keeper, const DesktopView *desktop);
/* A client came or went. The list that follows may have been made when it had gone again. */
void timekeeper_on_visit(Timekeeper *keeper, const char *desktop);
/* The list of viewers came anew. */
void timekeeper_on_viewers(Timekeeper *keeper);
/* The pool files were read again. */
void timekeeper_on_rules(Timekeeper *keeper);
/* Does what is due, as the timer would. Called each minute as well, which is how a wall clock that was set is noticed. */
void timekeeper_run(Timekeeper *keeper);

typedef struct {
	gint64 left;   /* seconds to the session's end; -1: it has none */
	gint64 ends;   /* UTC seconds, where it has one */
	gint64 extend; /* seconds that may still be added */
	LimitWhy why;
	gint64 idle_left; /* seconds to the disconnect for being idle; -1: none */
	gint64 idle;	  /* seconds since the last input; -1: nobody is connected */
} Remaining;

/* Of a desktop; all of it "none" where nobody holds it. What is idle is as old as the last list: display_client_fresh. */
Remaining timekeeper_remaining(Timekeeper *keeper, const char *desktop);

/* Makes its session longer by what its person may still add, LIMITS_EXTEND_S at most. @granted > 0: by so many seconds, whatever
 * Extend= says. EXHAUSTED: nothing can be added. */
gboolean timekeeper_extend(Timekeeper *keeper, const char *desktop, gint64 granted, GError **error);
