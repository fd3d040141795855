/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "pools/lifecycle.h"

/* Conditions. */
enum {
	USED = 1 << 0,
	KEPT = 1 << 1, /* and used: nobody's spare is anybody's to keep */
	CLONED = 1 << 2,
	RUNNING = 1 << 3,
	AGENT = 1 << 4,
	TO_CLONE = 1 << 5,   /* the intent */
	TO_DESTROY = 1 << 6, /* the intent */
};

#define IN(state) (1u << DESKTOP_##state)
#define ANY	  (~0u)
#define GOING	  (IN(RESETTING) | IN(RETIRED))
#define CLEAN	  (IN(CLONING) | IN(READY) | IN(PARKED))
#define STAYS	  DESKTOP_N_STATES

typedef struct {
	LifeEvent event;
	guint states;	     /* in one of these, */
	guint with, without; /* with all of these, and none of those */
	DesktopState to;     /* STAYS: the row is left alone */
	DesktopIntent intent;
	LifeAction action;
} Rule;

/* The first that fits. An event that fits none changes nothing. */
static const Rule rules[] = {
	/* What is being thrown away is thrown away, whatever else is said of it. */
	{LIFE_SEEN, GOING | IN(FAILED), 0, 0, STAYS, 0, LIFE_DESTROY},
	{LIFE_SEEN_STOPPED, GOING | IN(FAILED), 0, 0, STAYS, 0, LIFE_DESTROY},
	{LIFE_MISSED, GOING, 0, 0, STAYS, 0, LIFE_DESTROY},
	{LIFE_SHUT_DOWN, GOING, 0, 0, STAYS, 0, LIFE_DESTROY},
	{LIFE_MISSED, IN(FAILED), TO_DESTROY, 0, STAYS, 0, LIFE_DESTROY},
	{LIFE_SHUT_DOWN, IN(FAILED), TO_DESTROY, 0, STAYS, 0, LIFE_DESTROY},

	/* One that runs and is parked was let run by an earlier process of the broker, and nobody knows what it did. */
	{LIFE_SEEN, IN(PARKED), 0, RUNNING, DESKTOP_RETIRED, DESKTOP_INTENT_DESTROY, LIFE_DESTROY},
	/* Made for an earlier process, or by a call whose end nobody heard. */
	{LIFE_SEEN, IN(CLONING), USED, 0, DESKTOP_ASSIGNED, DESKTOP_INTENT_NONE, LIFE_WATCH},
	{LIFE_SEEN, IN(CLONING), TO_CLONE, 0, DESKTOP_CLONING, DESKTOP_INTENT_NONE, LIFE_WATCH},
	{LIFE_SEEN, IN(STARTING) | IN(OFF), 0, 0, DESKTOP_ASSIGNED, DESKTOP_INTENT_NONE, LIFE_WATCH},
	{LIFE_SEEN, ANY, 0, 0, STAYS, 0, LIFE_WATCH},

	/* Half-loaded or whole, a clone looks the same. */
	{LIFE_SEEN_STOPPED, IN(CLONING), CLONED | USED | TO_CLONE, RUNNING, STAYS, 0, LIFE_AGAIN},
	{LIFE_SEEN_STOPPED, IN(CLONING), CLONED | TO_CLONE, RUNNING | USED, DESKTOP_RETIRED, DESKTOP_INTENT_DESTROY, LIFE_DESTROY},
	{LIFE_SEEN_STOPPED, IN(PARKED), 0, RUNNING, STAYS, 0, LIFE_NOTHING},
	{LIFE_SEEN_STOPPED, IN(ASSIGNED), CLONED, RUNNING | AGENT, STAYS, 0, LIFE_RESUME},
	/* An admin stopped it, say: it is there. */
	{LIFE_SEEN_STOPPED, IN(CLONING), USED, 0, DESKTOP_ASSIGNED, DESKTOP_INTENT_NONE, LIFE_WATCH},
	{LIFE_SEEN_STOPPED, IN(CLONING), TO_CLONE, 0, DESKTOP_CLONING, DESKTOP_INTENT_NONE, LIFE_WATCH},
	{LIFE_SEEN_STOPPED, IN(STARTING) | IN(OFF), 0, 0, DESKTOP_ASSIGNED, DESKTOP_INTENT_NONE, LIFE_WATCH},
	{LIFE_SEEN_STOPPED, ANY, 0, 0, STAYS, 0, LIFE_WATCH},

	/* It was asked for and never came to be. Somebody's is begun again; a spare is not worth it. */
	{LIFE_MISSED, IN(CLONING), TO_CLONE | USED, RUNNING, STAYS, 0, LIFE_AGAIN},
	{LIFE_MISSED, IN(CLONING), TO_CLONE, RUNNING | USED, DESKTOP_RETIRED, DESKTOP_INTENT_DESTROY, LIFE_DESTROY},
	{LIFE_MISSED, CLEAN, 0, 0, DESKTOP_FAILED, DESKTOP_INTENT_DESTROY, LIFE_DESTROY},
	{LIFE_SHUT_DOWN, CLEAN, 0, 0, DESKTOP_FAILED, DESKTOP_INTENT_DESTROY, LIFE_DESTROY},
	/* Its person was told that it starts, by a broker or over a connection that is no more. */
	{LIFE_MISSED, IN(STARTING), KEPT, RUNNING, STAYS, 0, LIFE_AGAIN},
	/* What is kept is off now; anything else has lost its person, who gets a new one. */
	{LIFE_MISSED, IN(ASSIGNED) | IN(STARTING), KEPT, 0, DESKTOP_OFF, DESKTOP_INTENT_NONE, LIFE_NOTHING},
	{LIFE_SHUT_DOWN, IN(ASSIGNED) | IN(STARTING), KEPT, 0, DESKTOP_OFF, DESKTOP_INTENT_NONE, LIFE_NOTHING},
	{LIFE_MISSED, IN(ASSIGNED), 0, 0, DESKTOP_FAILED, DESKTOP_INTENT_DESTROY, LIFE_DESTROY},
	{LIFE_SHUT_DOWN, IN(ASSIGNED), 0, 0, DESKTOP_RESETTING, DESKTOP_INTENT_DESTROY, LIFE_DESTROY},

	/* Somebody may have come while it was being parked. */
	{LIFE_PARKED, IN(CLONING), 0, USED, DESKTOP_PARKED, DESKTOP_INTENT_NONE, LIFE_NOTHING},
	{LIFE_PARKED, IN(CLONING), USED, 0, DESKTOP_ASSIGNED, DESKTOP_INTENT_NONE, LIFE_RESUME},
	{LIFE_UP, IN(CLONING) | IN(PARKED), RUNNING, USED, DESKTOP_READY, DESKTOP_INTENT_NONE, LIFE_NOTHING},

	{LIFE_BROKEN, IN(STARTING) | IN(ASSIGNED), KEPT, RUNNING, DESKTOP_OFF, DESKTOP_INTENT_NONE, LIFE_NOTHING},
	{LIFE_BROKEN, IN(ASSIGNED) | CLEAN, 0, KEPT, DESKTOP_FAILED, DESKTOP_INTENT_DESTROY, LIFE_DESTROY},
	{LIFE_BROKEN, CLEAN, 0, 0, DESKTOP_FAILED, DESKTOP_INTENT_DESTROY, LIFE_DESTROY},

	{LIFE_UNWANTED, IN(FAILED), 0, TO_DESTROY, STAYS, 0, LIFE_FORGET},
	{LIFE_UNWANTED, CLEAN, 0, USED, DESKTOP_RETIRED, DESKTOP_INTENT_DESTROY, LIFE_DESTROY},
	{LIFE_UNWANTED, IN(CLONING), USED, 0, DESKTOP_RESETTING, DESKTOP_INTENT_DESTROY, LIFE_DESTROY},
	{LIFE_UNWANTED, IN(ASSIGNED), 0, KEPT, DESKTOP_RESETTING, DESKTOP_INTENT_DESTROY, LIFE_DESTROY},
	{LIFE_DISCARDED, IN(FAILED), 0, TO_DESTROY, STAYS, 0, LIFE_FORGET},
	{LIFE_DISCARDED, CLEAN, 0, USED, DESKTOP_RETIRED, DESKTOP_INTENT_DESTROY, LIFE_DESTROY},
	{LIFE_DISCARDED, IN(CLONING) | IN(ASSIGNED) | IN(OFF) | IN(STARTING), USED, 0, DESKTOP_RESETTING, DESKTOP_INTENT_DESTROY,
		LIFE_DESTROY},

	{LIFE_CLEARED, GOING, 0, 0, STAYS, 0, LIFE_FORGET},
	{LIFE_CLEARED, IN(FAILED), TO_DESTROY, 0, DESKTOP_FAILED, DESKTOP_INTENT_NONE, LIFE_NOTHING},
};

static guint
conditions(const Life *life)
{
	return (life->used ? USED : 0) | (life->kept && life->used ? KEPT : 0) | (life->cloned ? CLONED : 0) |
	       (life->running ? RUNNING : 0) | (life->agent ? AGENT : 0) | (life->intent == DESKTOP_INTENT_CLONE ? TO_CLONE : 0) |
	       (life->intent == DESKTOP_INTENT_DESTROY ? TO_DESTROY : 0);
}

LifeStep
lifecycle_step(const Life *life, LifeEvent event)
{
	guint known = conditions(life);

	for (gsize i = 0; i < G_N_ELEMENTS(rules); i++) {
		const Rule *rule = &rules[i];

		if (rule->event == event && (rule->states & 1u << life->state) && (known & rule->with) == rule->with &&
			(known & rule->without) == 0)
			return (LifeStep){rule->to != STAYS, rule->to, rule->intent, rule->action};
	}
	return (LifeStep){FALSE, life->state, life->intent, LIFE_NOTHING};
}
