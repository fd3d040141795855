/* The engine's reconciler against libvirt's own test driver: what the table says and what runs are brought together.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <check.h>
#include <libvirt/libvirt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/common/error.h"
#include "broker/store/desktops.h"
#include "pools/engine.h"
#include "pools/libvirt-loop.h"

#define URI "test:///default"
#define DEADLINE_S 10

static char *folder;
static Store *store;
static Engine *engine;
static GString *events;
static virConnectPtr libvirt;

static void
on_change(const DesktopView *desktop, void *data)
{
	g_string_append_printf(events, "%s=%s;", desktop->user ? desktop->user : "-", desktop->state);
}

static void
on_end_clients(const char *desktop, guint16 code, void *data)
{
	g_string_append_printf(events, "end %u;", code);
}

static void
on_guest_logout(const char *desktop, const char *user, void *data)
{
	g_string_append_printf(events, "logout %s;", user);
}

static void
set_up(void)
{
	g_autofree char *pools = NULL, *file = NULL;

	folder = g_dir_make_tmp("carrel-XXXXXX", NULL);
	pools = g_build_filename(folder, "pools.d", NULL);
	file = g_build_filename(pools, "office.pool", NULL);
	ck_assert_int_eq(g_mkdir_with_parents(pools, 0755), 0);
	ck_assert(g_file_set_contents(file, "[Pool]\nImage=none\nSpare=0\n[Access]\nUsers=anna\nGroups=staff\n", -1, NULL));
	store = store_open(":memory:", NULL);
	ck_assert(store_set_meta(store, "instance-id", "00112233445566778899aabbccddeeff", NULL));
	events = g_string_new(NULL);
	libvirt_loop_register();
	libvirt = virConnectOpen(URI);
	ck_assert_ptr_nonnull(libvirt);
}

static gboolean
stop_waiting(gpointer data)
{
	*(gboolean *)data = TRUE;
	return G_SOURCE_REMOVE;
}

/* The engine does not wait for its threads; what they leave is freed on the main loop. */
static void
let_threads_end(void)
{
	gboolean over = FALSE;

	g_timeout_add(100, stop_waiting, &over);
	while (!over)
		g_main_context_iteration(NULL, TRUE);
}

static void
tear_down(void)
{
	g_autofree char *command = g_strdup_printf("rm -rf '%s'", folder);

	g_clear_pointer(&engine, engine_free);
	virConnectClose(libvirt);
	let_threads_end();
	store_close(store);
	g_string_free(events, TRUE);
	ck_assert_int_eq(system(command), 0);
	g_free(folder);
}

/* Turns the main loop until @is_done, which must come true. */
static void
wait_until(gboolean (*is_done)(void))
{
	gboolean late = FALSE;
	guint id = g_timeout_add_seconds(DEADLINE_S, stop_waiting, &late);

	while (!is_done() && !late)
		g_main_context_iteration(NULL, TRUE);
	ck_assert_msg(!late, "it did not happen: %s", events->str);
	g_source_remove(id);
	/* What is due at once is done, too. */
	while (g_main_context_iteration(NULL, FALSE))
		;
}

static gboolean
is_connected(void)
{
	return engine_is_connected(engine);
}

static void
start(void)
{
	g_autofree char *pools = g_build_filename(folder, "pools.d", NULL);
	g_autofree char *images = g_build_filename(folder, "images", NULL);
	char uri[] = URI;
	const Conf conf = {.state = folder, .runtime = folder, .images = images, .pools = pools, .libvirt_uri = uri};
	const EngineEvents callbacks = {on_change, on_end_clients, on_guest_logout, NULL};

	engine = engine_new(&conf, store, &callbacks, NULL);
	ck_assert_ptr_nonnull(engine);
	wait_until(is_connected);
}

static DesktopRow *
insert(const char *user)
{
	DesktopRow *row = desktops_insert(store, "office", "none@1", user, FALSE, 1000, NULL);

	ck_assert_ptr_nonnull(row);
	return row;
}

static void
move(DesktopRow *row, DesktopState state)
{
	ck_assert(desktops_move(store, row, state, DESKTOP_INTENT_NONE, NULL, 1001, NULL));
}

static void
run_domain(const DesktopRow *row, const char *instance)
{
	g_autofree char *xml = g_strdup_printf("<domain type='test'><name>carrel-%s</name><uuid>%s</uuid>"
					       "<metadata><carrel:desktop xmlns:carrel='https://carrel.invalid/1' instance='%s' pool='office'"
					       " id='%s' config='x'/></metadata><memory>1024</memory><vcpu>1</vcpu>"
					       "<os><type>hvm</type></os></domain>",
		row->id, row->uuid, instance, row->id);
	virDomainPtr domain = virDomainCreateXML(libvirt, xml, 0);

	ck_assert_ptr_nonnull(domain);
	virDomainFree(domain);
}

static gboolean
runs(const DesktopRow *row)
{
	virDomainPtr domain = virDomainLookupByUUIDString(libvirt, row->uuid);
	gboolean found = domain != NULL;

	if (domain)
		virDomainFree(domain);
	return found;
}

static gboolean
anna_has_one(void)
{
	const DesktopView *view = engine_desktop_of(engine, "office", "anna");

	return view && view->usable;
}

#define OURS "00112233445566778899aabbccddeeff"

static DesktopRow *watched;

static gboolean
watched_is_settled(void)
{
	const DesktopView *view = engine_desktop(engine, watched->id);

	return view == NULL || strcmp(view->state, "failed") == 0;
}

static gboolean
watched_is_down(void)
{
	return !runs(watched);
}

START_TEST(a_persons_desktop_whose_vm_is_gone_fails_and_its_clients_are_told)
{
	g_autoptr(DesktopRow) row = insert("anna");

	move(row, DESKTOP_ASSIGNED);
	start();
	const DesktopView *view = engine_desktop(engine, row->id);
	ck_assert_str_eq(view->state, "failed");
	ck_assert(!view->usable);
	ck_assert_ptr_nonnull(strstr(view->note, "found gone"));
	ck_assert_ptr_nonnull(strstr(events->str, "end 4009;"));
	ck_assert_ptr_null(engine_desktop_of(engine, "office", "anna"));
}
END_TEST

START_TEST(a_persons_desktop_that_runs_is_usable_after_a_restart)
{
	g_autoptr(DesktopRow) row = insert("anna");

	move(row, DESKTOP_ASSIGNED);
	run_domain(row, OURS);
	start();
	const DesktopView *view = engine_desktop_of(engine, "office", "anna");
	ck_assert_ptr_nonnull(view);
	ck_assert_str_eq(view->id, row->id);
	ck_assert(view->usable);
	ck_assert_ptr_null(strstr(events->str, "end"));
	const DesktopView *claimed = engine_claim(engine, "office", "anna", NULL);
	ck_assert_str_eq(claimed->id, row->id);
}
END_TEST

START_TEST(a_vm_that_nobody_knows_is_destroyed_and_a_strangers_is_not)
{
	g_autoptr(DesktopRow) ours = insert(NULL), theirs = insert(NULL);

	ck_assert(desktops_delete(store, ours, NULL));
	ck_assert(desktops_delete(store, theirs, NULL));
	run_domain(ours, OURS);
	run_domain(theirs, "ffffffffffffffffffffffffffffffff");
	start();
	watched = ours;
	wait_until(watched_is_down);
	ck_assert(runs(theirs));
}
END_TEST

START_TEST(a_spare_that_was_being_made_when_the_broker_died_is_forgotten)
{
	g_autoptr(DesktopRow) row = insert(NULL);

	watched = row;
	start();
	wait_until(watched_is_settled);
	ck_assert_ptr_null(engine_desktop(engine, row->id));
	ck_assert_ptr_nonnull(strstr(events->str, "-=gone;"));
}
END_TEST

START_TEST(a_persons_desktop_that_was_being_made_waits_to_be_made_again)
{
	g_autoptr(DesktopRow) row = insert("anna");

	start();
	const DesktopView *view = engine_desktop(engine, row->id);
	ck_assert_str_eq(view->state, "cloning");
	ck_assert_str_eq(view->step, "Waiting for a place");
}
END_TEST

START_TEST(a_clone_that_came_up_unheard_becomes_its_persons)
{
	g_autoptr(DesktopRow) row = insert("anna");

	run_domain(row, OURS);
	start();
	const DesktopView *view = engine_desktop(engine, row->id);
	ck_assert_str_eq(view->state, "assigned");
	ck_assert(view->usable);
}
END_TEST

START_TEST(what_was_to_be_thrown_away_is_thrown_away)
{
	g_autoptr(DesktopRow) row = insert("anna");

	move(row, DESKTOP_ASSIGNED);
	move(row, DESKTOP_RESETTING);
	run_domain(row, OURS);
	watched = row;
	start();
	wait_until(watched_is_settled);
	ck_assert(!runs(row));
	ck_assert_ptr_null(engine_desktop(engine, row->id));
}
END_TEST

START_TEST(a_vm_that_dies_is_noticed_by_its_event)
{
	g_autoptr(DesktopRow) row = insert("anna");
	virDomainPtr domain;

	move(row, DESKTOP_ASSIGNED);
	run_domain(row, OURS);
	start();
	domain = virDomainLookupByUUIDString(libvirt, row->uuid);
	ck_assert_int_eq(virDomainDestroy(domain), 0);
	virDomainFree(domain);
	watched = row;
	wait_until(watched_is_settled);
	ck_assert_str_eq(engine_desktop(engine, row->id)->state, "failed");
	ck_assert_ptr_nonnull(strstr(events->str, "end 4009;"));
}
END_TEST

START_TEST(a_vm_of_ours_that_nobody_knows_is_destroyed_when_it_starts)
{
	g_autoptr(DesktopRow) row = insert(NULL);

	ck_assert(desktops_delete(store, row, NULL));
	start();
	run_domain(row, OURS);
	watched = row;
	wait_until(watched_is_down);
}
END_TEST

START_TEST(a_ready_desktop_that_was_heard_to_stop_is_not_handed_out)
{
	g_autoptr(DesktopRow) row = insert(NULL);
	virDomainPtr domain;

	move(row, DESKTOP_READY);
	run_domain(row, OURS);
	start();
	domain = virDomainLookupByUUIDString(libvirt, row->uuid);
	ck_assert_int_eq(virDomainDestroy(domain), 0);
	virDomainFree(domain);
	/* The event comes; what it leads to is due later. */
	while (g_main_context_iteration(NULL, FALSE))
		;
	ck_assert_ptr_null(engine_claim(engine, "office", "anna", NULL));
	watched = row;
	wait_until(watched_is_settled);
}
END_TEST

START_TEST(agents_sockets_without_a_desktop_are_removed_at_the_start)
{
	g_autoptr(DesktopRow) row = insert("anna");
	g_autofree char *agents = g_build_filename(folder, "broker", "agents", NULL);
	g_autofree char *known = g_build_filename(agents, row->id, NULL), *left = g_build_filename(agents, "office-00000000", NULL);

	move(row, DESKTOP_ASSIGNED);
	run_domain(row, OURS);
	ck_assert_int_eq(g_mkdir_with_parents(agents, 0700), 0);
	ck_assert(g_file_set_contents(known, "", -1, NULL) && g_file_set_contents(left, "", -1, NULL));
	start();
	ck_assert(g_file_test(known, G_FILE_TEST_EXISTS));
	ck_assert(!g_file_test(left, G_FILE_TEST_EXISTS));
}
END_TEST

START_TEST(a_ready_desktop_is_handed_out_once_and_thrown_away_after_use)
{
	g_autoptr(DesktopRow) row = insert(NULL);
	g_autoptr(GError) error = NULL;

	move(row, DESKTOP_READY);
	run_domain(row, OURS);
	g_autofree char *file = g_build_filename(folder, "pools.d", "office.pool", NULL);
	ck_assert(g_file_set_contents(file, "[Pool]\nImage=none\nSpare=1\n[Access]\nUsers=anna,bert\n", -1, NULL));
	start();
	const DesktopView *view = engine_claim(engine, "office", "anna", &error);
	ck_assert_ptr_nonnull(view);
	ck_assert_str_eq(view->state, "assigned");
	ck_assert(view->usable);
	ck_assert_ptr_null(engine_claim(engine, "office", "bert", &error));
	ck_assert(g_error_matches(error, CARREL_ERROR, CARREL_ERROR_CONFIG)); /* its image is missing */
	ck_assert_uint_eq(engine_release_user(engine, "anna", 4009, "signed out"), 1);
	ck_assert_uint_eq(engine_release_user(engine, "anna", 4009, "signed out"), 0);
	watched = row;
	wait_until(watched_is_settled);
	ck_assert(!runs(row));
	ck_assert_ptr_nonnull(strstr(events->str, "end 4009;"));
}
END_TEST

START_TEST(desktops_of_a_pool_whose_file_went_while_no_broker_ran_are_thrown_away)
{
	g_autoptr(DesktopRow) spare = desktops_insert(store, "gone", "none@1", NULL, FALSE, 1000, NULL);
	g_autoptr(DesktopRow) used = desktops_insert(store, "gone", "none@1", "anna", FALSE, 1000, NULL);
	g_autoptr(DesktopRow) waited_for = desktops_insert(store, "gone", "none@1", "bert", FALSE, 1000, NULL);

	move(spare, DESKTOP_READY);
	move(used, DESKTOP_ASSIGNED);
	run_domain(spare, OURS);
	run_domain(used, OURS);
	start();
	watched = spare;
	wait_until(watched_is_settled);
	watched = waited_for;
	wait_until(watched_is_settled);
	ck_assert(!runs(spare));
	ck_assert(engine_desktop(engine, used->id)->usable);
	ck_assert_uint_eq(engine_n_pools(engine), 1);
}
END_TEST

/* libvirt's test driver takes what a real one would. */
START_TEST(a_claim_makes_a_desktop_where_there_is_none)
{
	g_autofree char *image = g_build_filename(folder, "images", "none", "1", NULL);
	g_autofree char *ini = g_build_filename(image, "image.ini", NULL), *disk = g_build_filename(image, "disk", NULL);
	g_autoptr(GError) error = NULL;

	ck_assert_int_eq(g_mkdir_with_parents(image, 0755), 0);
	ck_assert(g_file_set_contents(disk, "", 0, NULL));
	ck_assert(g_file_set_contents(ini, "[Image]\nName=none\nVersion=1\nCreated=2026-01-01T00:00:00Z\nDisk=disk\n", -1, NULL));
	start();
	ck_assert_ptr_nonnull(strstr(engine_pool(engine, "office")->instant, "no: "));
	const DesktopView *view = engine_claim(engine, "office", "anna", &error);
	ck_assert_msg(view != NULL, "%s", error ? error->message : "");
	ck_assert_str_eq(view->state, "cloning");
	wait_until(anna_has_one);
	ck_assert_ptr_eq(engine_claim(engine, "office", "anna", NULL), engine_desktop_of(engine, "office", "anna"));
}
END_TEST

START_TEST(a_table_that_contradicts_itself_hands_nothing_out)
{
	g_autoptr(DesktopRow) row = insert(NULL), mine = insert("bert");
	g_autoptr(GError) error = NULL;

	move(row, DESKTOP_READY);
	move(mine, DESKTOP_ASSIGNED);
	run_domain(row, OURS);
	run_domain(mine, OURS);
	ck_assert_int_eq(store_run(store, NULL, "UPDATE desktops SET user = 'anna' WHERE state = 'ready'", ""), 1);
	g_log_set_always_fatal(G_LOG_LEVEL_ERROR);
	start();
	ck_assert_ptr_null(engine_claim(engine, "office", "carl", &error));
	ck_assert(g_error_matches(error, CARREL_ERROR, CARREL_ERROR_FAILED));
	ck_assert_str_eq(engine_claim(engine, "office", "bert", NULL)->id, mine->id);
}
END_TEST

START_TEST(entitlement_is_by_user_and_group)
{
	const char *const staff[] = {"staff", NULL}, *const none[] = {NULL};

	start();
	ck_assert(engine_is_entitled(engine, "office", "anna", none));
	ck_assert(engine_is_entitled(engine, "office", "bert", staff));
	ck_assert(!engine_is_entitled(engine, "office", "bert", none));
	ck_assert(!engine_is_entitled(engine, "other", "anna", staff));
}
END_TEST

/* Nothing is known of its hardware then. */
START_TEST(a_kept_desktop_is_not_started_while_its_pools_file_never_was_good)
{
	g_autofree char *file = g_build_filename(folder, "pools.d", "office.pool", NULL);
	g_autoptr(DesktopRow) row = desktops_insert(store, "office", "none@1", "anna", TRUE, 1000, NULL);
	g_autoptr(GError) error = NULL;

	move(row, DESKTOP_ASSIGNED);
	move(row, DESKTOP_OFF);
	if (_i == 1) /* an earlier process was asked to, and was about to */
		move(row, DESKTOP_STARTING);
	ck_assert(g_file_set_contents(file, "[Pool]\nKind=persistent\n", -1, NULL));
	start();
	if (_i == 1)
		ck_assert_ptr_nonnull(strstr(engine_desktop_of(engine, "office", "anna")->note, "the pool office can make no desktop: "));
	ck_assert_ptr_null(engine_claim(engine, "office", "anna", &error));
	ck_assert(g_error_matches(error, CARREL_ERROR, CARREL_ERROR_CONFIG));
	ck_assert_str_eq(engine_desktop_of(engine, "office", "anna")->state, "off");
}
END_TEST

START_TEST(draining_survives_a_restart_and_hands_nothing_out)
{
	g_autoptr(GError) error = NULL;

	start();
	ck_assert(engine_drain(engine, "office", TRUE, NULL));
	ck_assert(!engine_drain(engine, "other", TRUE, NULL));
	g_clear_pointer(&engine, engine_free);
	start();
	ck_assert(engine_pool(engine, "office")->draining);
	ck_assert_ptr_null(engine_claim(engine, "office", "anna", &error));
	ck_assert(g_error_matches(error, CARREL_ERROR, CARREL_ERROR_EXHAUSTED));
}
END_TEST

START_TEST(a_broken_file_leaves_its_pool_as_it_was_and_the_others_alone)
{
	g_autofree char *file = g_build_filename(folder, "pools.d", "office.pool", NULL);
	g_autofree char *second = g_build_filename(folder, "pools.d", "second.pool", NULL);
	g_auto(GStrv) changes = NULL, faults = NULL, more = NULL, none = NULL;

	start();
	ck_assert(g_file_set_contents(file, "[Pool]\nImage=none\nSpre=1\n", -1, NULL));
	ck_assert(g_file_set_contents(second, "[Pool]\nImage=none\n", -1, NULL));
	engine_apply(engine, &changes, &faults);
	ck_assert_uint_eq(g_strv_length(faults), 1);
	ck_assert_ptr_nonnull(strstr(faults[0], "office.pool:3: Pool/Spre"));
	ck_assert_str_eq(changes[0], "second: added");
	const PoolView *office = engine_pool(engine, "office");
	ck_assert_ptr_nonnull(office->file);
	ck_assert_ptr_nonnull(office->fault);
	ck_assert(engine_is_entitled(engine, "office", "anna", NULL));
	ck_assert_uint_eq(engine_n_pools(engine), 2);
	ck_assert_int_eq(remove(second), 0);
	engine_apply(engine, &more, &none);
	ck_assert_uint_eq(engine_n_pools(engine), 1);
	ck_assert_ptr_null(engine_pool(engine, "second"));
}
END_TEST

static void
make_persistent(void)
{
	g_autofree char *path = g_build_filename(folder, "pools.d", "office.pool", NULL);

	ck_assert(g_file_set_contents(path, "[Pool]\nImage=none\nKind=persistent\nSpare=1\nMax=2\n[Access]\nUsers=anna\n", -1, NULL));
}

static DesktopRow *
insert_kept(const char *user, const char *image)
{
	DesktopRow *row = desktops_insert(store, "office", image, user, TRUE, 1000, NULL);

	ck_assert_ptr_nonnull(row);
	return row;
}

START_TEST(what_is_held_is_neither_started_nor_thrown_away)
{
	g_autoptr(DesktopRow) row = NULL;
	g_autofree char *disk = NULL, *again = NULL;
	g_autoptr(GError) error = NULL;

	make_persistent();
	row = insert_kept("anna", "none@1");
	move(row, DESKTOP_ASSIGNED);
	move(row, DESKTOP_OFF);
	start();
	ck_assert_ptr_null(engine_hold(engine, "office-00000000", &disk, &error));
	ck_assert(g_error_matches(error, CARREL_ERROR, CARREL_ERROR_NOT_FOUND));
	g_clear_error(&error);
	ck_assert_str_eq(engine_hold(engine, row->id, &disk, NULL)->image, "none@1");
	ck_assert(g_str_has_suffix(disk, ".qcow2") && strstr(disk, "/kept/"));
	ck_assert_ptr_nonnull(engine_hold(engine, row->id, &again, NULL));
	engine_release_hold(engine, row->id);
	ck_assert_ptr_null(engine_claim(engine, "office", "anna", &error));
	ck_assert(g_error_matches(error, CARREL_ERROR, CARREL_ERROR_BUSY));
	g_clear_error(&error);
	ck_assert(!engine_discard(engine, row->id, 4009, "test", &error));
	ck_assert(g_error_matches(error, CARREL_ERROR, CARREL_ERROR_BUSY));
	g_clear_error(&error);
	engine_release_hold(engine, row->id);
	ck_assert(engine_discard(engine, row->id, 4009, "test", NULL));
	engine_release_hold(engine, "office-00000000");
}
END_TEST

START_TEST(what_runs_or_is_nobodys_to_keep_is_not_held)
{
	g_autoptr(DesktopRow) row = _i == 0 ? insert("anna") : insert_kept("anna", "none@1");
	g_autofree char *disk = NULL;
	g_autoptr(GError) error = NULL;

	move(row, DESKTOP_ASSIGNED);
	run_domain(row, OURS);
	start();
	ck_assert_ptr_null(engine_hold(engine, row->id, &disk, &error));
	ck_assert(g_error_matches(error, CARREL_ERROR, _i == 0 ? CARREL_ERROR_INVALID : CARREL_ERROR_BUSY));
	ck_assert_ptr_null(disk);
}
END_TEST

START_TEST(an_import_is_for_who_has_none_in_a_persistent_pool)
{
	g_autoptr(DesktopRow) row = NULL;
	g_autoptr(GError) error = NULL;

	if (_i == 1) {
		make_persistent();
		row = insert_kept("anna", "none@1");
		move(row, DESKTOP_ASSIGNED);
		move(row, DESKTOP_OFF);
	}
	start();
	ck_assert(!engine_may_import(engine, _i == 2 ? "nowhere" : "office", "anna", "imported-anna", &error));
	ck_assert(g_error_matches(error, CARREL_ERROR,
		_i == 0	  ? CARREL_ERROR_INVALID
		: _i == 1 ? CARREL_ERROR_BUSY
			  : CARREL_ERROR_NOT_FOUND));
}
END_TEST

/* Who waits is given a spare that comes free; who was to have what an admin imported waits for that. */
START_TEST(a_spare_does_not_take_the_place_of_what_was_imported)
{
	g_autoptr(DesktopRow) spare = NULL, waiting = NULL;
	const DesktopView *view;

	make_persistent();
	spare = insert_kept(NULL, "none@1");
	move(spare, DESKTOP_READY);
	run_domain(spare, OURS);
	waiting = insert_kept("anna", _i == 0 ? "none@1" : "imported-anna@1");
	start();
	let_threads_end();
	view = engine_desktop_of(engine, "office", "anna");
	ck_assert_ptr_nonnull(view);
	ck_assert_str_eq(view->id, _i == 0 ? spare->id : waiting->id);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("engine");
	TCase *tcase = tcase_create("engine");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 30);
	tcase_add_test(tcase, a_persons_desktop_whose_vm_is_gone_fails_and_its_clients_are_told);
	tcase_add_test(tcase, a_persons_desktop_that_runs_is_usable_after_a_restart);
	tcase_add_test(tcase, a_vm_that_nobody_knows_is_destroyed_and_a_strangers_is_not);
	tcase_add_test(tcase, a_spare_that_was_being_made_when_the_broker_died_is_forgotten);
	tcase_add_test(tcase, a_persons_desktop_that_was_being_made_waits_to_be_made_again);
	tcase_add_test(tcase, a_clone_that_came_up_unheard_becomes_its_persons);
	tcase_add_test(tcase, what_was_to_be_thrown_away_is_thrown_away);
	tcase_add_test(tcase, a_vm_that_dies_is_noticed_by_its_event);
	tcase_add_test(tcase, a_vm_of_ours_that_nobody_knows_is_destroyed_when_it_starts);
	tcase_add_test(tcase, a_ready_desktop_that_was_heard_to_stop_is_not_handed_out);
	tcase_add_test(tcase, agents_sockets_without_a_desktop_are_removed_at_the_start);
	tcase_add_test(tcase, a_ready_desktop_is_handed_out_once_and_thrown_away_after_use);
	tcase_add_test(tcase, desktops_of_a_pool_whose_file_went_while_no_broker_ran_are_thrown_away);
	tcase_add_test(tcase, a_claim_makes_a_desktop_where_there_is_none);
	tcase_add_test(tcase, a_table_that_contradicts_itself_hands_nothing_out);
	tcase_add_test(tcase, entitlement_is_by_user_and_group);
	tcase_add_loop_test(tcase, a_kept_desktop_is_not_started_while_its_pools_file_never_was_good, 0, 2);
	tcase_add_test(tcase, draining_survives_a_restart_and_hands_nothing_out);
	tcase_add_test(tcase, what_is_held_is_neither_started_nor_thrown_away);
	tcase_add_loop_test(tcase, what_runs_or_is_nobodys_to_keep_is_not_held, 0, 2);
	tcase_add_loop_test(tcase, an_import_is_for_who_has_none_in_a_persistent_pool, 0, 3);
	tcase_add_loop_test(tcase, a_spare_does_not_take_the_place_of_what_was_imported, 0, 2);
	tcase_add_test(tcase, a_broken_file_leaves_its_pool_as_it_was_and_the_others_alone);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
