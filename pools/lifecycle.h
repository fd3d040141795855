/* What becomes of a desktop when something happens to it: one table, a pure function of what is known of it. The table is in
 * lifecycle.c, and in pools/README.md for people. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "broker/store/desktops.h"

/* What is known of it. */
typedef struct {
	DesktopState state;
	DesktopIntent intent;
	gboolean used;	  /* it is, or was, somebody's */
	gboolean kept;	  /* of a persistent pool */
	gboolean cloned;  /* from a template, so that it may be there and stopped */
	gboolean running; /* this process has seen it run */
	gboolean agent;	  /* its agent has spoken */
} Life;

typedef enum {
	LIFE_SEEN,	   /* its VM is there, and runs */
	LIFE_SEEN_STOPPED, /* its VM is there; somebody stopped it, or it never ran */
	LIFE_MISSED,	   /* its VM is not there */
	LIFE_SHUT_DOWN,	   /* the same, and the guest wanted it so */
	LIFE_PARKED,	   /* it was cloned and loaded, and not let run */
	LIFE_UP,	   /* its agent has spoken, or will not */
	LIFE_BROKEN,	   /* it cannot be made, started, or used */
	LIFE_UNWANTED,	   /* it is to go, unless somebody keeps it */
	LIFE_DISCARDED,	   /* it is to go with all that is in it: by word of its person or an admin */
	LIFE_CLEARED,	   /* nothing of it is left but its row */
	LIFE_N_EVENTS
} LifeEvent;

typedef enum {
	LIFE_NOTHING,
	LIFE_WATCH,   /* it runs: open its port, wait for its agent */
	LIFE_RESUME,  /* let it run */
	LIFE_AGAIN,   /* it is begun once more: started, or cloned when its turn comes */
	LIFE_DESTROY, /* VM and disk */
	LIFE_FORGET,  /* delete the row */
} LifeAction;

typedef struct {
	gboolean moves; /* to this state, with this intent, in one update of the row that names the old state */
	DesktopState to;
	DesktopIntent intent;
	LifeAction action; /* after that */
} LifeStep;

LifeStep lifecycle_step(const Life *life, LifeEvent event);
