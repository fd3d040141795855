/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/limits.h"

#include "pools/calendar.h"

#define MINUTE_S 60
#define NEVER	 G_MAXINT64
/* A list that was asked for comes at once; input is told to two seconds. */
#define FRESH_S 3

static const int stages[] = {15, 5, 1}; /* minutes */

static gint64
session_end(const LimitRules *rules, const LimitFacts *facts)
{
	return rules->session > 0 ? facts->began + rules->session + facts->extended : NEVER;
}

gint64
limits_end(const LimitRules *rules, const LimitFacts *facts, LimitWhy *why)
{
	gint64 session = session_end(rules, facts);

	*why = session <= facts->reset_at ? LIMIT_SESSION : LIMIT_SCHEDULE;
	return MIN(session, facts->reset_at);
}

gint64
limits_idle_end(const LimitRules *rules, const LimitFacts *facts)
{
	return rules->idle > 0 && facts->known && facts->connected ? facts->input + rules->idle : NEVER;
}

gint64
limits_may_extend(const LimitRules *rules, const LimitFacts *facts)
{
	gint64 left = rules->extend - facts->extended;

	/* What a schedule ends goes on no longer for it. */
	return left > 0 && session_end(rules, facts) < facts->reset_at ? MIN(left, facts->reset_at - session_end(rules, facts)) : 0;
}

static gint64
alone_end(const LimitRules *rules, const LimitFacts *facts)
{
	return rules->grace > 0 && facts->known && !facts->connected ? facts->alone_since + rules->grace : NEVER;
}

/* How long before the end an idle person is told. */
static gint64
idle_notice(const LimitRules *rules)
{
	return MIN(MINUTE_S, rules->idle / 2);
}

static void
look_at(LimitDue *due, const LimitFacts *facts, gint64 when)
{
	if (when > facts->now)
		due->again = MIN(due->again, when);
}

/* Which warning the end is near enough for; 0: none. */
static int
stage_of(gint64 left)
{
	int stage = 0;

	for (gsize i = 0; i < G_N_ELEMENTS(stages); i++) {
		if (left <= stages[i] * MINUTE_S)
			stage = stages[i];
	}
	return stage;
}

static void
decide_warning(const LimitFacts *facts, gint64 end, LimitDue *due)
{
	int stage = stage_of(end - facts->now);

	if (!facts->connected || end == NEVER)
		return; /* who comes is told then */
	for (gsize i = 0; i < G_N_ELEMENTS(stages); i++)
		look_at(due, facts, end - stages[i] * MINUTE_S);
	if (stage == 0 || (facts->warned != 0 && facts->warned <= stage))
		return;
	due->act = LIMIT_WARN;
	due->left = end - facts->now;
	due->stage = stage;
}

static void
decide_idle(const LimitRules *rules, const LimitFacts *facts, LimitDue *due)
{
	gint64 end = limits_idle_end(rules, facts);
	gint64 notice = end == NEVER ? NEVER : end - idle_notice(rules);
	gboolean fresh = facts->now - facts->asked <= FRESH_S;

	look_at(due, facts, end);
	look_at(due, facts, notice);
	if (facts->now < notice || (facts->now < end && facts->warned_idle))
		return;
	due->why = LIMIT_IDLE;
	due->left = MAX(0, end - facts->now);
	due->act = !fresh ? LIMIT_ASK : facts->now >= end ? LIMIT_DISCONNECT : LIMIT_WARN;
}

LimitDue
limits_due(const LimitRules *rules, const LimitFacts *facts)
{
	LimitDue due = {.act = LIMIT_NOTHING, .again = NEVER};
	gint64 end = limits_end(rules, facts, &due.why), alone = alone_end(rules, facts);
	gboolean stays = due.why == LIMIT_SESSION && rules->keeps;

	if (facts->now >= end && !(stays && !facts->connected)) {
		due.act = stays ? LIMIT_DISCONNECT : LIMIT_RESET;
		return due;
	}
	if (facts->now >= alone) {
		due.act = LIMIT_RESET;
		due.why = LIMIT_LEFT;
		return due;
	}
	look_at(&due, facts, end);
	look_at(&due, facts, alone);
	decide_warning(facts, end, &due);
	if (due.act == LIMIT_NOTHING)
		decide_idle(rules, facts, &due);
	return due;
}

static char *
words(gint64 seconds)
{
	gint64 minutes = (seconds + MINUTE_S - 1) / MINUTE_S;

	if (seconds < MINUTE_S)
		return g_strdup_printf("%" G_GINT64_FORMAT " seconds", MAX(1, seconds));
	return minutes == 1 ? g_strdup("1 minute") : g_strdup_printf("%" G_GINT64_FORMAT " minutes", minutes);
}

char *
limits_warning(const LimitRules *rules, const LimitDue *due)
{
	g_autofree char *left = words(due->left);

	if (due->why == LIMIT_IDLE)
		return g_strdup_printf("Nobody has typed or moved the pointer for some time: in %s you are disconnected%s.", left,
			rules->grace > 0 ? "" : ", and the desktop stays as it is");
	if (due->why == LIMIT_SESSION && rules->keeps)
		return g_strdup_printf("Your session ends in %s: you are disconnected then, and the desktop stays as it is.", left);
	return g_strdup_printf("%s in %s: save your work elsewhere, for the desktop is thrown away then.",
		due->why == LIMIT_SESSION ? "Your session ends" : "This desktop is renewed", left);
}

char *
limits_reason(const LimitRules *rules, LimitWhy why)
{
	switch (why) {
	case LIMIT_SESSION:
		return g_strdup("its session was over, by SessionLimit=");
	case LIMIT_SCHEDULE:
		return g_strdup("it was time, by ResetAt=");
	case LIMIT_LEFT:
		return g_strdup_printf("nobody was connected for %" G_GINT64_FORMAT " s", rules->grace);
	case LIMIT_IDLE:
		break;
	}
	return g_strdup_printf("no input for %" G_GINT64_FORMAT " s", rules->idle);
}

gint64
limits_reset_at(const char *const *times, gint64 handed_out, gint64 seen)
{
	gint64 next = calendar_next(times, handed_out);

	return next == 0 ? NEVER : MAX(next, seen + MINUTE_S);
}

gint64
limits_reset_after_jump(const char *const *times, gint64 reset_at, gint64 from, gint64 to)
{
	return reset_at > from && reset_at <= to ? limits_reset_at(times, to, to) : reset_at;
}
