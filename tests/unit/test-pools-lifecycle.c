/* The table of what becomes of a desktop, held against what must never be, for everything that can be known of one.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <check.h>
#include <stdlib.h>

#include "pools/lifecycle.h"

#define N_FACTS 32

/* Calls @look for every desktop and event that there can be; one assertion each, since Check writes them to its parent. */
static void
for_each(gboolean (*look)(const Life *life, LifeEvent event, const LifeStep *step))
{
	for (int state = 0; state < DESKTOP_N_STATES; state++) {
		for (int intent = 0; intent < DESKTOP_N_INTENTS; intent++) {
			for (int facts = 0; facts < N_FACTS; facts++) {
				const Life life = {(DesktopState)state, (DesktopIntent)intent, facts & 1, facts >> 1 & 1, facts >> 2 & 1,
					facts >> 3 & 1, facts >> 4 & 1};

				for (int event = 0; event < LIFE_N_EVENTS; event++) {
					const LifeStep step = lifecycle_step(&life, (LifeEvent)event);

					ck_assert_msg(look(&life, (LifeEvent)event, &step),
						"%s, intent %d, facts %x, event %d: %s, intent %d, action %d", desktop_state_word(life.state),
						intent, (guint)facts, event, desktop_state_word(step.to), (int)step.intent, (int)step.action);
				}
			}
		}
	}
}

static gboolean
is_a_change_that_there_is(const Life *life, LifeEvent event, const LifeStep *step)
{
	return !step->moves || step->to == life->state || desktop_state_may_become(life->state, step->to);
}

static gboolean
hands_out_nothing_used(const Life *life, LifeEvent event, const LifeStep *step)
{
	return !(step->moves && life->used && (step->to == DESKTOP_READY || step->to == DESKTOP_PARKED)) &&
	       !(step->moves && !life->used && step->to == DESKTOP_ASSIGNED && life->state == DESKTOP_CLONING);
}

/* What somebody keeps goes by word of theirs or an admin's alone. A desktop that is only being made is nothing yet. */
static gboolean
keeps_what_is_kept(const Life *life, LifeEvent event, const LifeStep *step)
{
	gboolean theirs = life->kept && life->used &&
			  (life->state == DESKTOP_ASSIGNED || life->state == DESKTOP_OFF || life->state == DESKTOP_STARTING);

	/* Begun again: one that starts does so with the disk that it has, any other would have a new one. */
	return !theirs || event == LIFE_DISCARDED ||
	       (step->action != LIFE_DESTROY && step->action != LIFE_FORGET &&
		       !(step->action == LIFE_AGAIN && life->state != DESKTOP_STARTING) &&
		       !(step->moves && (step->to == DESKTOP_RESETTING || step->to == DESKTOP_FAILED)));
}

/* Before VM and disk are removed the table says so. */
static gboolean
destroys_what_the_table_says_so_of(const Life *life, LifeEvent event, const LifeStep *step)
{
	return step->action != LIFE_DESTROY || step->to == DESKTOP_RESETTING || step->to == DESKTOP_RETIRED || step->to == DESKTOP_FAILED ||
	       (!step->moves && (life->state == DESKTOP_RESETTING || life->state == DESKTOP_RETIRED || life->state == DESKTOP_FAILED));
}

static gboolean
forgets_only_what_is_gone(const Life *life, LifeEvent event, const LifeStep *step)
{
	return step->action != LIFE_FORGET || event == LIFE_CLEARED ||
	       (life->state == DESKTOP_FAILED && life->intent != DESKTOP_INTENT_DESTROY);
}

/* A VM that is not there is never waited for by somebody without end. */
static gboolean
loses_nobody(const Life *life, LifeEvent event, const LifeStep *step)
{
	return event != LIFE_MISSED || life->state == DESKTOP_OFF || (life->state == DESKTOP_STARTING && !(life->kept && life->used)) ||
	       (life->state == DESKTOP_FAILED && life->intent != DESKTOP_INTENT_DESTROY) || step->moves || step->action != LIFE_NOTHING;
}

/* One that is being thrown away stays on its way, whatever is heard of it. */
static gboolean
never_brings_back(const Life *life, LifeEvent event, const LifeStep *step)
{
	gboolean going = life->state == DESKTOP_RESETTING || life->state == DESKTOP_RETIRED || life->state == DESKTOP_FAILED;

	return !going || ((!step->moves || step->to == life->state) && step->action != LIFE_WATCH && step->action != LIFE_RESUME &&
				 step->action != LIFE_AGAIN);
}

static gboolean (*const invariants[])(const Life *life, LifeEvent event, const LifeStep *step) = {is_a_change_that_there_is,
	hands_out_nothing_used, keeps_what_is_kept, destroys_what_the_table_says_so_of, forgets_only_what_is_gone, loses_nobody,
	never_brings_back};

START_TEST(an_invariant_holds_for_everything_that_can_be)
{
	for_each(invariants[_i]);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("lifecycle");
	TCase *tcase = tcase_create("lifecycle");

	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, an_invariant_holds_for_everything_that_can_be, 0, G_N_ELEMENTS(invariants));
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
