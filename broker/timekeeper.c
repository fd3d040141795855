/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/timekeeper.h"

#include <string.h>

#include "broker/broker.h"
#include "broker/common/error.h"
#include "broker/endings.h"
#include "broker/store/desktop-limits.h"

/* After a question, a notice or a reset that failed. */
#define RETRY_S 10
/* Nobody sets a clock by less; slewing and a second's rounding are no jumps. */
#define JUMP_S 30
#define TIMER_MAX_S 86400

typedef struct {
	char *id, *pool, *user;
	gint64 began, alone_since, input; /* steady */
	gint64 handed_out, reset_at;	  /* wall; reset_at G_MAXINT64: never */
	gboolean connected, warned_idle, asks;
	int warned;
	DesktopLimits kept;
	char **groups;
	gint64 due;	      /* steady */
	GSequenceIter *place; /* in the queue; NULL: nothing to come */
} Held;

struct Timekeeper {
	Broker *broker;
	GHashTable *held;   /* id -> Held */
	GSequence *queue;   /* Held, by due */
	gint64 ahead;	    /* of the steady clock, what the wall clock was when last looked at */
	gint64 listed;	    /* steady, when the last list of viewers came */
	gint64 display_since; /* steady: nobody could be connected to be heard of before */
	guint connection;   /* the display's, that was since */
	guint timer_id;
	gint64 timer_due;
};

static void
held_free(void *data)
{
	Held *held = data;

	if (held->place)
		g_sequence_remove(held->place);
	desktop_limits_clear(&held->kept);
	g_strfreev(held->groups);
	g_free(held->id);
	g_free(held->pool);
	g_free(held->user);
	g_free(held);
}

static int
compare_due(gconstpointer a, gconstpointer b, gpointer data)
{
	const Held *x = a, *y = b;

	return x->due < y->due ? -1 : x->due > y->due;
}

static gboolean
on_timer(gpointer data)
{
	Timekeeper *keeper = data;

	keeper->timer_id = 0;
	timekeeper_run(keeper);
	return G_SOURCE_REMOVE;
}

static void
set_timer(Timekeeper *keeper)
{
	GSequenceIter *first = g_sequence_get_begin_iter(keeper->queue);
	gint64 due = g_sequence_iter_is_end(first) ? G_MAXINT64 : ((Held *)g_sequence_get(first))->due;

	if (keeper->timer_id != 0 && keeper->timer_due == due)
		return;
	g_clear_handle_id(&keeper->timer_id, g_source_remove);
	keeper->timer_due = due;
	if (due != G_MAXINT64)
		keeper->timer_id = g_timeout_add(
			(guint)(CLAMP(due - keeper->broker->steady(), 0, TIMER_MAX_S) * 1000), on_timer, keeper);
}

/* @due G_MAXINT64: nothing to come. The caller sets the timer. */
static void
put(Timekeeper *keeper, Held *held, gint64 due)
{
	g_clear_pointer(&held->place, g_sequence_remove);
	held->due = due;
	if (due != G_MAXINT64)
		held->place = g_sequence_insert_sorted(keeper->queue, held, compare_due, NULL);
}

static LimitRules
rules_of(const Timekeeper *keeper, const Held *held)
{
	const PoolFile *file = engine_pool_file(keeper->broker->engine, held->pool);
	PoolPolicy policy;

	if (file == NULL)
		return (LimitRules){0};
	policy = pool_file_policy(file, held->user, (const char *const *)held->groups);
	return (LimitRules){.idle = policy.idle_disconnect,
		.session = policy.session_limit,
		.extend = policy.extend,
		.grace = file->reset == POOL_RESET_DISCONNECT ? file->grace : 0,
		.keeps = file->kind == POOL_PERSISTENT};
}

static LimitFacts
facts_of(const Timekeeper *keeper, const Held *held)
{
	gint64 now = keeper->broker->steady();

	return (LimitFacts){.now = now,
		.began = held->began,
		.extended = held->kept.extended,
		.reset_at = held->reset_at == G_MAXINT64 ? G_MAXINT64 : now + held->reset_at - keeper->broker->now(),
		.known = display_client_is_listed(keeper->broker->display),
		.connected = held->connected,
		/* Where carrel-display was away, or this process, they could not come back: they get their time anew. */
		.alone_since = MAX(held->alone_since, keeper->display_since),
		.input = held->input,
		.asked = keeper->listed,
		.warned = held->warned,
		.warned_idle = held->warned_idle};
}

static void
plan_reset(Timekeeper *keeper, Held *held, gint64 seen)
{
	const PoolFile *file = engine_pool_file(keeper->broker->engine, held->pool);

	held->reset_at = file && file->reset == POOL_RESET_SCHEDULE
				 ? limits_reset_at((const char *const *)file->reset_at, held->handed_out, seen)
				 : G_MAXINT64;
}

static void
keep(Timekeeper *keeper, const Held *held)
{
	g_autoptr(GError) error = NULL;

	if (!desktop_limits_write(keeper->broker->store, held->id, &held->kept, &error))
		g_warning("desktop %s: what its limits are is not kept: %s", held->id, error->message);
}

/* As they were at the latest sign-in. Written down, since the person may sign out and keep the desktop. */
static void
learn_groups(Timekeeper *keeper, Held *held)
{
	const PoolFile *file = engine_pool_file(keeper->broker->engine, held->pool);
	g_autoptr(GPtrArray) sessions = NULL;
	g_autofree char *groups = NULL;

	if (file == NULL || !pool_file_policy_asks_groups(file))
		return;
	sessions = sessions_of_user(keeper->broker->sessions, held->user);
	if (sessions->len == 0)
		return;
	groups = g_strjoinv("\n", ((SessionRow *)sessions->pdata[sessions->len - 1])->groups);
	if (g_strcmp0(groups, held->kept.groups) == 0)
		return;
	g_free(held->kept.groups);
	held->kept.groups = g_steal_pointer(&groups);
	g_strfreev(held->groups);
	held->groups = g_strsplit(held->kept.groups, "\n", -1);
	keep(keeper, held);
}

static Held *
track(Timekeeper *keeper, const DesktopView *desktop)
{
	gint64 now = keeper->broker->steady(), wall = keeper->broker->now(), began;
	Held *held = g_new0(Held, 1);

	held->id = g_strdup(desktop->id);
	held->pool = g_strdup(desktop->pool);
	held->user = g_strdup(desktop->user);
	held->handed_out = desktop->assigned > 0 ? desktop->assigned : wall;
	desktop_limits_read(keeper->broker->store, held->id, &held->kept);
	if (held->kept.groups)
		held->groups = g_strsplit(held->kept.groups, "\n", -1);
	/* By the wall clock: nothing else has outlived the process. One that was set back meanwhile makes nobody's time longer ago. */
	began = held->kept.began > 0 ? held->kept.began : held->handed_out;
	held->began = now - MAX(0, wall - began);
	held->alone_since = now - MAX(0, wall - held->handed_out);
	held->input = now;
	g_hash_table_replace(keeper->held, held->id, held);
	learn_groups(keeper, held);
	plan_reset(keeper, held, wall);
	return held;
}

static void
end_clients(Timekeeper *keeper, Held *held, LimitWhy why, const char *reason)
{
	Broker *broker = keeper->broker;

	g_message("the clients of %s are disconnected: %s", held->id, reason);
	broker_audit(broker, "carrel", NULL, why == LIMIT_IDLE ? "idle-disconnect" : "session-limit", held->id, held->pool, reason);
	endings_end_clients(broker, held->id, END_TIME_LIMIT);
	held->connected = FALSE;
	held->alone_since = broker->steady();
}

/* Consumes @held. */
static void
reset(Timekeeper *keeper, Held *held, const char *reason)
{
	Broker *broker = keeper->broker;
	g_autofree char *id = g_strdup(held->id), *pool = g_strdup(held->pool);
	g_autoptr(GError) error = NULL;
	const DesktopView *desktop;

	g_hash_table_remove(keeper->held, id);
	if (engine_reset(broker->engine, id, END_TIME_LIMIT, reason, &error)) {
		g_message("%s is reset: %s", id, reason);
		broker_audit(broker, "carrel", NULL, "reset", id, pool, reason);
		return;
	}
	g_warning("cannot reset %s: %s", id, error->message);
	desktop = engine_desktop(broker->engine, id);
	if (desktop && desktop->user)
		put(keeper, track(keeper, desktop), broker->steady() + RETRY_S);
}

/* FALSE: the agent does not answer at the moment. One that never did is not waited for. */
static gboolean
warn(Timekeeper *keeper, Held *held, const LimitRules *rules, const LimitDue *due)
{
	const DesktopView *desktop = engine_desktop(keeper->broker->engine, held->id);
	g_autofree char *text = limits_warning(rules, due);
	gboolean has_agent = desktop && desktop->agent;
	g_autoptr(GError) error = NULL;

	if (!engine_notify(keeper->broker->engine, held->id, text, &error)) {
		g_message("%s is not told: %s", held->id, error->message);
		if (has_agent)
			return FALSE;
	}
	if (due->why == LIMIT_IDLE)
		held->warned_idle = TRUE;
	else
		held->warned = due->stage;
	return TRUE;
}

/* Does what is due for @held, and puts it where it comes next. It may be gone afterwards. */
static void
look(Timekeeper *keeper, Held *held)
{
	LimitRules rules = rules_of(keeper, held);
	LimitFacts facts = facts_of(keeper, held);
	LimitDue due = limits_due(&rules, &facts);
	g_autofree char *reason = limits_reason(&rules, due.why);
	gint64 retry = facts.now + RETRY_S;

	switch (due.act) {
	case LIMIT_NOTHING:
		put(keeper, held, due.again);
		return;
	case LIMIT_ASK:
		held->asks = TRUE;
		put(keeper, held, retry);
		/* timekeeper_on_viewers goes on. */
		display_client_fresh(keeper->broker->display, 0, NULL, NULL);
		return;
	case LIMIT_WARN:
		put(keeper, held, warn(keeper, held, &rules, &due) ? facts.now : retry);
		return;
	case LIMIT_DISCONNECT:
		end_clients(keeper, held, due.why, reason);
		put(keeper, held, facts.now);
		return;
	case LIMIT_RESET:
		reset(keeper, held, reason);
		return;
	}
}

/* A moment that the wall clock only leapt over is not due. */
static void
check_wall_clock(Timekeeper *keeper)
{
	gint64 wall = keeper->broker->now(), ahead = wall - keeper->broker->steady(), from = wall - (ahead - keeper->ahead);
	gboolean jumped = ABS(ahead - keeper->ahead) >= JUMP_S;
	GHashTableIter iter;
	gpointer value;

	keeper->ahead = ahead;
	if (!jumped)
		return;
	g_message("the clock was set by %" G_GINT64_FORMAT " s", wall - from);
	sessions_follow_clock(keeper->broker->sessions);
	g_hash_table_iter_init(&iter, keeper->held);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		Held *held = value;
		const PoolFile *file = engine_pool_file(keeper->broker->engine, held->pool);
		gint64 reset_at = file && held->reset_at != G_MAXINT64
					  ? limits_reset_after_jump((const char *const *)file->reset_at, held->reset_at, from, wall)
					  : held->reset_at;

		if (reset_at != held->reset_at)
			held->handed_out = wall;
		held->reset_at = reset_at;
		/* What a later process reckons the session's length from. */
		held->kept.began = wall - (keeper->broker->steady() - held->began);
		keep(keeper, held);
		put(keeper, held, keeper->broker->steady());
	}
}

void
timekeeper_run(Timekeeper *keeper)
{
	gint64 now = keeper->broker->steady();

	check_wall_clock(keeper);
	/* Each of them gets further by one step a turn; none is due now for ever. */
	for (;;) {
		GSequenceIter *first = g_sequence_get_begin_iter(keeper->queue);
		Held *held = g_sequence_iter_is_end(first) ? NULL : g_sequence_get(first);

		if (held == NULL || held->due > now)
			break;
		look(keeper, held);
	}
	set_timer(keeper);
}

static void
put_all(Timekeeper *keeper)
{
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, keeper->held);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		put(keeper, value, keeper->broker->steady());
	set_timer(keeper);
}

void
timekeeper_on_change(Timekeeper *keeper, const DesktopView *desktop)
{
	Held *held = g_hash_table_lookup(keeper->held, desktop->id);
	gboolean is_held = desktop->user != NULL && strcmp(desktop->state, "assigned") == 0;

	if (held && (!is_held || strcmp(held->user, desktop->user) != 0)) {
		g_hash_table_remove(keeper->held, desktop->id);
		held = NULL;
	}
	if (is_held && held == NULL)
		put(keeper, track(keeper, desktop), keeper->broker->steady());
	set_timer(keeper);
}

/* Where a desktop outlives its session, the next one begins when somebody comes after its end. */
static void
begin_again(Timekeeper *keeper, Held *held)
{
	LimitRules rules = rules_of(keeper, held);
	LimitFacts facts = facts_of(keeper, held);
	LimitWhy why;

	if (!rules.keeps || facts.now < limits_end(&rules, &facts, &why) || why != LIMIT_SESSION)
		return;
	held->began = facts.now;
	held->kept.began = keeper->broker->now();
	held->kept.extended = 0;
	held->warned = 0;
	keep(keeper, held);
}

/* What the display told of @held. Result: is there anything to be decided anew? */
static gboolean
see(Timekeeper *keeper, Held *held, gboolean connected)
{
	gint64 now = keeper->broker->steady();
	gint64 input_us = display_client_input_us(keeper->broker->display, held->id);
	gint64 input = input_us > 0 ? now - (g_get_monotonic_time() - input_us) / G_USEC_PER_SEC : now;
	gboolean changed = connected != held->connected || held->asks;

	held->asks = FALSE;
	/* Joining is input; and where this process began anew, they may have joined long ago. */
	if (connected && !held->connected) {
		held->input = input;
		learn_groups(keeper, held);
		begin_again(keeper, held);
	}
	if (!connected && held->connected)
		held->alone_since = now;
	held->connected = connected;
	/* A second's rounding is no input. */
	if (connected && input > held->input + 1) {
		changed = changed || held->warned_idle;
		held->input = input;
		held->warned_idle = FALSE;
	}
	return changed;
}

void
timekeeper_on_visit(Timekeeper *keeper, const char *desktop)
{
	Held *held = g_hash_table_lookup(keeper->held, desktop);

	/* Later than it stands in the queue for, which does no harm: it is looked at and put off. */
	if (held)
		held->alone_since = keeper->broker->steady();
}

void
timekeeper_on_viewers(Timekeeper *keeper)
{
	const GPtrArray *viewers = display_client_viewers(keeper->broker->display);
	g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
	guint connection = display_client_connection(keeper->broker->display);
	gboolean anew = connection != keeper->connection;
	GHashTableIter iter;
	gpointer value;

	keeper->listed = keeper->broker->steady();
	if (anew)
		keeper->display_since = keeper->listed;
	keeper->connection = connection;
	for (guint i = 0; i < viewers->len; i++)
		g_hash_table_add(seen, ((Viewer *)viewers->pdata[i])->desktop);
	g_hash_table_iter_init(&iter, keeper->held);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		Held *held = value;

		if (see(keeper, held, g_hash_table_contains(seen, held->id)) || anew)
			put(keeper, held, keeper->listed);
	}
	set_timer(keeper);
}

void
timekeeper_on_rules(Timekeeper *keeper)
{
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, keeper->held);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		learn_groups(keeper, value);
		plan_reset(keeper, value, keeper->broker->now());
	}
	put_all(keeper);
}

Remaining
timekeeper_remaining(Timekeeper *keeper, const char *desktop)
{
	const Held *held = g_hash_table_lookup(keeper->held, desktop);
	Remaining remaining = {.left = -1, .idle_left = -1, .idle = -1};
	LimitRules rules;
	LimitFacts facts;
	gint64 end, idle_end;

	if (held == NULL)
		return remaining;
	rules = rules_of(keeper, held);
	facts = facts_of(keeper, held);
	end = limits_end(&rules, &facts, &remaining.why);
	idle_end = limits_idle_end(&rules, &facts);
	if (end != G_MAXINT64) {
		remaining.left = MAX(0, end - facts.now);
		remaining.ends = keeper->broker->now() + remaining.left;
	}
	remaining.extend = limits_may_extend(&rules, &facts);
	if (idle_end != G_MAXINT64)
		remaining.idle_left = MAX(0, idle_end - facts.now);
	if (held->connected)
		remaining.idle = MAX(0, facts.now - held->input);
	return remaining;
}

gboolean
timekeeper_extend(Timekeeper *keeper, const char *desktop, gint64 granted, GError **error)
{
	Held *held = g_hash_table_lookup(keeper->held, desktop);
	LimitRules rules = held ? rules_of(keeper, held) : (LimitRules){0};
	LimitFacts facts = held ? facts_of(keeper, held) : (LimitFacts){0};
	gint64 seconds = granted > 0 ? granted : MIN(LIMITS_EXTEND_S, held ? limits_may_extend(&rules, &facts) : 0);
	DesktopLimits kept;

	if (held == NULL || rules.session == 0 || seconds == 0) {
		g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_EXHAUSTED,
			rules.session == 0 ? "this session has no end that could be put off"
					   : "this session cannot be made longer any more");
		return FALSE;
	}
	kept = held->kept;
	kept.extended += seconds;
	if (!desktop_limits_write(keeper->broker->store, held->id, &kept, error))
		return FALSE;
	held->kept = kept;
	held->warned = 0;
	put(keeper, held, facts.now);
	set_timer(keeper);
	return TRUE;
}

static gboolean
track_held(const DesktopView *desktop, void *data)
{
	timekeeper_on_change(data, desktop);
	return TRUE;
}

Timekeeper *
timekeeper_new(Broker *broker)
{
	Timekeeper *keeper = g_new0(Timekeeper, 1);

	keeper->broker = broker;
	keeper->held = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, held_free);
	keeper->queue = g_sequence_new(NULL);
	keeper->ahead = broker->now() - broker->steady();
	engine_each_desktop(broker->engine, track_held, keeper);
	return keeper;
}

void
timekeeper_free(Timekeeper *keeper)
{
	if (keeper == NULL)
		return;
	g_clear_handle_id(&keeper->timer_id, g_source_remove);
	g_hash_table_unref(keeper->held);
	g_sequence_free(keeper->queue);
	g_free(keeper);
}
