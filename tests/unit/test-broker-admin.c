/* The command carrel against a broker: what an admin sees and does. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <check.h>
#include <glib/gstdio.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/admin-lists.h"
#include "broker/common/error.h"
#include "broker/common/peer.h"
#include "broker/dbus/gateway.h"
#include "broker/endings.h"
#include "tests/lib/broker-fixture.h"

static Fixture fixture;

static struct {
	gboolean over;
	int status;
	char *out, *err;
} run;

static void
set_up(void)
{
	fixture_set_up(&fixture);
}

static void
tear_down(void)
{
	fixture_tear_down(&fixture);
}

static gboolean
is_over(void *data)
{
	return run.over;
}

static void
on_ended(GObject *source, GAsyncResult *result, gpointer data)
{
	GSubprocess *process = G_SUBPROCESS(source);

	g_subprocess_communicate_utf8_finish(process, result, &run.out, &run.err, NULL);
	run.status = g_subprocess_get_exit_status(process);
	run.over = TRUE;
}

/* Runs the command beside the broker, whose main loop is this process's. Result: its exit status. */
static int
carrel(const char *line)
{
	g_autofree char *program = g_build_filename(g_getenv("builddir"), "carrel", NULL);
	g_autofree char *whole = g_strdup_printf("%s --config %s %s", program, fixture.conf->file, line);
	g_auto(GStrv) argv = NULL;
	g_autoptr(GSubprocess) process = NULL;

	g_clear_pointer(&run.out, g_free);
	g_clear_pointer(&run.err, g_free);
	run.over = FALSE;
	ck_assert(g_shell_parse_argv(whole, NULL, &argv, NULL));
	process = g_subprocess_newv((const char *const *)argv,
		G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_PIPE, NULL);
	ck_assert_ptr_nonnull(process);
	g_subprocess_communicate_utf8_async(process, NULL, NULL, on_ended, NULL);
	ck_assert(fixture_wait(is_over, NULL));
	return run.status;
}

/* The one object of the array that was printed, or the object itself. */
static JsonObject *
printed_object(JsonNode **root)
{
	*root = json_from_string(run.out, NULL);
	ck_assert_ptr_nonnull(*root);
	if (JSON_NODE_HOLDS_OBJECT(*root))
		return json_node_get_object(*root);
	ck_assert_uint_eq(json_array_get_length(json_node_get_array(*root)), 1);
	return json_array_get_object_element(json_node_get_array(*root), 0);
}

START_TEST(status_says_what_is_wrong)
{
	g_autoptr(JsonNode) root = NULL;

	ck_assert_int_eq(carrel("status --json"), 1);
	JsonObject *status = printed_object(&root);
	ck_assert(json_object_get_boolean_member(status, "display-connected"));
	ck_assert(!json_object_get_boolean_member(status, "gateway-connected"));
	ck_assert_int_eq(json_object_get_int_member(status, "pools"), 3);
	ck_assert_int_eq(carrel("status"), 1);
	ck_assert_ptr_nonnull(strstr(run.out, "! carrel-gateway is not running"));
	ck_assert_ptr_nonnull(strstr(run.out, "! broken.pool:2: Pool/Titel"));
}
END_TEST

static void
on_joined(GObject *source, GAsyncResult *result, gpointer data)
{
	*(GDBusConnection **)data = peer_connect_finish(result, NULL);
}

static gboolean
is_set(void *data)
{
	return *(void **)data != NULL;
}

static gboolean
on_get_status(CarrelGateway1 *own, GDBusMethodInvocation *call, gpointer data)
{
	carrel_gateway1_complete_get_status(own, call,
		g_variant_new_parsed("{'limits': <{'HeadSize': <int64 2048>, 'ProxyFrom': <@as []>}>,"
				     " 'connections': <{'streams': <{'vnc': <uint32 3>}>}>,"
				     " 'counters': <{'pings': <uint64 7>, 'refused': <{'HeadSize': <uint64 9>, 'Tls': <uint64 5>}>}>}"));
	return TRUE;
}

static GDBusConnection *
join_as_gateway(void)
{
	g_autofree char *path = conf_socket_path(fixture.conf, CONF_SOCKET_GATEWAY);
	GDBusConnection *connection = NULL;

	peer_connect_async(path, (uid_t)-1, 5000, NULL, on_joined, &connection);
	ck_assert(fixture_wait(is_set, &connection));
	return connection;
}

START_TEST(status_has_what_the_gateway_tells)
{
	g_autoptr(GDBusConnection) connection = join_as_gateway();
	g_autoptr(CarrelGateway1) own = carrel_gateway1_skeleton_new();
	g_autoptr(JsonNode) root = NULL;

	g_signal_connect(own, "handle-get-status", G_CALLBACK(on_get_status), NULL);
	g_dbus_interface_skeleton_export(G_DBUS_INTERFACE_SKELETON(own), connection, "/org/carrel/Gateway1", NULL);
	g_dbus_connection_start_message_processing(connection);
	carrel("status --json");
	JsonObject *status = printed_object(&root), *told = json_object_get_object_member(status, "gateway");

	ck_assert(json_object_get_boolean_member(status, "gateway-connected"));
	ck_assert_int_eq(json_object_get_int_member(json_object_get_object_member(told, "limits"), "HeadSize"), 2048);
	ck_assert_ptr_null(strstr(run.out, "does not answer"));
	carrel("status");
	ck_assert(g_regex_match_simple("HeadSize +2.0.KiB +9\n", run.out, 0, 0));
	ck_assert(g_regex_match_simple("Tls +- +5\n", run.out, 0, 0));
	ck_assert(g_regex_match_simple("streams vnc +3\n", run.out, 0, 0));
	ck_assert(g_regex_match_simple("pings +7\n", run.out, 0, 0));
	g_dbus_connection_close_sync(connection, NULL, NULL);
}
END_TEST

START_TEST(status_does_not_wait_for_a_gateway_that_is_silent)
{
	g_autoptr(GDBusConnection) connection = join_as_gateway(); /* and reads no message */

	ck_assert_int_eq(carrel("status"), 1);
	ck_assert_ptr_nonnull(strstr(run.out, "! carrel-gateway does not answer"));
	g_dbus_connection_close_sync(connection, NULL, NULL);
}
END_TEST

START_TEST(sessions_and_desktops_are_listed)
{
	g_autofree char *session = fixture_sign_in(&fixture, "demo1"), *id = fixture_open(&fixture, session, "office");
	g_autoptr(JsonNode) sessions = NULL, desktops = NULL;

	ck_assert_int_eq(carrel("session list --json"), 0);
	JsonObject *row = printed_object(&sessions);
	ck_assert_str_eq(json_object_get_string_member(row, "user"), "demo1");
	ck_assert_str_eq(json_object_get_string_member(row, "kind"), "portal");
	ck_assert_str_eq(json_object_get_string_member(row, "address"), "192.0.2.1");
	ck_assert_str_eq(
		json_array_get_string_element(json_object_get_array_member(row, "desktops"), 0), id);
	/* What opens the session is told to nobody. */
	ck_assert_ptr_null(strstr(run.out, session));
	ck_assert_int_eq(carrel("desktop list --json"), 0);
	row = printed_object(&desktops);
	ck_assert_str_eq(json_object_get_string_member(row, "id"), id);
	ck_assert_str_eq(json_object_get_string_member(row, "state"), "assigned");
	ck_assert_int_eq(carrel("desktop list"), 0);
	ck_assert(g_str_has_prefix(run.out, "DESKTOP"));
	ck_assert_int_eq(carrel("desktop list --pool lab"), 0);
	ck_assert_str_eq(run.out, "There are no desktops.\n");
}
END_TEST

START_TEST(an_admin_puts_off_the_end_of_a_session_as_they_like)
{
	g_autofree char *session = fixture_sign_in(&fixture, "demo1"), *id = NULL, *line = NULL;
	g_autoptr(SessionRow) row = sessions_find(fixture.broker->sessions, session);
	g_autoptr(JsonNode) sessions = NULL;

	line = g_strdup_printf("session extend %s 90", row->id);
	ck_assert_int_ne(carrel(line), 0);
	ck_assert_ptr_nonnull(strstr(run.err, "has no desktop"));
	id = fixture_open(&fixture, session, "office");
	ck_assert_int_ne(carrel(line), 0);
	ck_assert_ptr_nonnull(strstr(run.err, "no end that could be put off"));
	fake_engine_file(fixture.broker->engine, "office")->session_limit = 3600;
	ck_assert_int_eq(carrel(line), 0);
	ck_assert_ptr_nonnull(strstr(run.out, "It has 2 h left."));
	ck_assert_int_eq(carrel("session list --json"), 0);
	JsonObject *printed = printed_object(&sessions);

	ck_assert_int_ge(json_object_get_int_member(printed, "left"), 9000 - 60);
	ck_assert_int_eq(json_object_get_int_member(printed, "idle"), -1);
}
END_TEST

/* Of a user of this host who is nobody's admin, and of no group. */
#define STRANGER 4242

static AdminPeer *
peer_in_group(const AdminRights *rights, uid_t uid, gid_t gid)
{
	AdminPeer *peer = admin_peer_new(rights, uid, -1);

	g_array_append_val(peer->gids, gid);
	return peer;
}

static gboolean
may_call(const AdminPeer *peer, const char *method, const char *argument)
{
	GVariant *one = argument ? g_variant_new_string(argument) : NULL;
	g_autoptr(GVariant) parameters = g_variant_ref_sink(g_variant_new_tuple(&one, argument != NULL));
	g_autoptr(GError) error = NULL;
	gboolean may = admin_peer_may_call(peer, method, parameters, &error);

	ck_assert(may || g_error_matches(error, CARREL_ERROR, CARREL_ERROR_DENIED));
	return may;
}

START_TEST(an_admin_of_a_pool_looks_after_that_pool_and_nothing_else)
{
	g_autofree char *one = fixture_sign_in(&fixture, "demo1"), *two = fixture_sign_in(&fixture, "demo2");
	g_autofree char *office = fixture_open(&fixture, one, "office"), *lab = fixture_open(&fixture, two, "lab");
	g_autoptr(SessionRow) first = sessions_find(fixture.broker->sessions, one);
	g_autoptr(SessionRow) second = sessions_find(fixture.broker->sessions, two);
	static char *admins[] = {(char *)"nobody", (char *)"@daemon", (char *)"no-such-user", (char *)"@no-such-group", NULL};
	const struct passwd *nobody = getpwnam("nobody");
	const struct group *daemons = getgrnam("daemon");

	ck_assert(nobody && daemons);
	uid_t uid = nobody->pw_uid; /* the next look-up takes its place */
	gid_t gid = daemons->gr_gid;

	fake_engine_file(fixture.broker->engine, "office")->admins = admins;
	g_autoptr(AdminRights) rights = admin_rights_new(fixture.broker);
	AdminPeer *peers[] = {admin_peer_new(rights, uid, -1), peer_in_group(rights, STRANGER, gid)};

	for (gsize i = 0; i < G_N_ELEMENTS(peers); i++) {
		const AdminPeer *peer = peers[i];

		ck_assert(!admin_peer_is_admin(peer));
		ck_assert(admin_peer_has_pool(peer, "office") && !admin_peer_has_pool(peer, "lab"));
		ck_assert(may_call(peer, "DrainPool", "office") && !may_call(peer, "DrainPool", "lab"));
		ck_assert(may_call(peer, "ResetDesktop", office) && !may_call(peer, "ResetDesktop", lab));
		ck_assert(may_call(peer, "StopDesktop", office) && !may_call(peer, "StopDesktop", "office-00000000"));
		ck_assert(may_call(peer, "Screenshot", office) && !may_call(peer, "Screenshot", lab));
		ck_assert(may_call(peer, "EndSession", first->id) && !may_call(peer, "EndSession", second->id));
		ck_assert(may_call(peer, "WatchSession", first->id) && !may_call(peer, "WatchSession", second->id));
		ck_assert(may_call(peer, "Thumbnail", office) && !may_call(peer, "Thumbnail", lab));
		ck_assert(may_call(peer, "MessageSession", first->id) && !may_call(peer, "MessageSession", ""));
		ck_assert(may_call(peer, "ListDesktops", NULL) && !may_call(peer, "Status", NULL));
		ck_assert(!may_call(peer, "ApplyPools", NULL) && !may_call(peer, "SealImage", "debian-desktop"));
		ck_assert(!may_call(peer, "DrainPool", NULL));
		g_autoptr(GVariant) pools = g_variant_ref_sink(admin_list_pools(fixture.broker, peer));
		g_autoptr(GVariant) desktops = g_variant_ref_sink(admin_list_desktops(fixture.broker, peer));
		g_autoptr(GVariant) sessions = g_variant_ref_sink(admin_list_sessions(fixture.broker, peer));

		ck_assert_uint_eq(g_variant_n_children(pools), 1);
		ck_assert_uint_eq(g_variant_n_children(desktops), 1);
		ck_assert_uint_eq(g_variant_n_children(sessions), 1);
	}
	AdminPeer *stranger = peer_in_group(rights, STRANGER, STRANGER);

	ck_assert(!may_call(stranger, "ListPools", NULL) && !may_call(stranger, "DrainPool", "office"));
	/* As soon as the file says so. */
	fake_engine_file(fixture.broker->engine, "office")->admins = NULL;
	admin_rights_reload(rights);
	ck_assert(!may_call(peers[0], "ListPools", NULL));
	admin_peer_free(stranger);
	for (gsize i = 0; i < G_N_ELEMENTS(peers); i++)
		admin_peer_free(peers[i]);
}
END_TEST

START_TEST(ending_a_session_signs_its_person_out)
{
	g_autofree char *session = fixture_sign_in(&fixture, "demo1"), *id = fixture_open(&fixture, session, "office");
	g_autoptr(SessionRow) row = sessions_find(fixture.broker->sessions, session);
	g_autofree char *line = g_strconcat("session end ", row->id, NULL);

	ck_assert_int_eq(carrel(line), 0);
	ck_assert_ptr_null(engine_desktop(fixture.broker->engine, id));
	g_autoptr(Answer) me = fixture_request(&fixture, "GET", "me", session, NULL);
	ck_assert_uint_eq(me->status, 401);
	ck_assert_int_eq(carrel(line), 1);
	ck_assert_ptr_nonnull(strstr(run.err, "there is no session"));
}
END_TEST

START_TEST(a_message_reaches_the_desktop)
{
	g_autofree char *session = fixture_sign_in(&fixture, "demo1"), *id = NULL, *line = NULL;
	g_autoptr(SessionRow) row = sessions_find(fixture.broker->sessions, session);

	line = g_strdup_printf("session message %s 'The host restarts at noon'", row->id);
	ck_assert_int_eq(carrel(line), 1);
	id = fixture_open(&fixture, session, "office");
	ck_assert_int_eq(carrel(line), 0);
	ck_assert_str_eq(fake_engine_last_notice(fixture.broker->engine), "The host restarts at noon");
}
END_TEST

START_TEST(a_desktop_is_shown_pictured_and_thrown_away)
{
	g_autofree char *session = fixture_sign_in(&fixture, "demo1"), *id = fixture_open(&fixture, session, "office");
	g_autofree char *show = g_strconcat("desktop show ", id, NULL), *reset = g_strconcat("desktop reset ", id, NULL);
	g_autofree char *file = g_build_filename(fixture.folder, "shot.ppm", NULL);
	g_autofree char *shoot = g_strdup_printf("desktop screenshot -o %s %s", file, id), *picture = NULL;

	ck_assert_int_eq(carrel(show), 0);
	ck_assert_ptr_nonnull(strstr(run.out, "demo1"));
	ck_assert_int_eq(carrel(shoot), 0);
	ck_assert(g_file_get_contents(file, &picture, NULL, NULL));
	ck_assert(g_str_has_prefix(picture, "P6"));
	ck_assert_int_eq(carrel(reset), 0);
	ck_assert_int_eq(carrel(reset), 1);
	ck_assert_int_eq(carrel(show), 1);
	ck_assert_int_eq(carrel(shoot), 1);
}
END_TEST

static gboolean
is_released(void *data)
{
	return fake_engine_holds(fixture.broker->engine) == 0;
}

static gboolean
is_held_twice(void *data)
{
	return fake_engine_holds(fixture.broker->engine) == 2;
}

START_TEST(a_desktop_is_held_for_as_long_as_who_exports_it_is_there)
{
	g_autofree char *session = fixture_sign_in(&fixture, "demo1"), *id = fixture_open(&fixture, session, "office");
	g_autofree char *file = g_build_filename(fixture.folder, "desk.carrel", NULL), *path = conf_socket_path(fixture.conf, CONF_SOCKET_ADMIN);
	g_autofree char *line = g_strdup_printf("desktop export %s %s", id, file);
	GDBusConnection *connection = NULL;

	/* It fails behind the hold: there is no such image. */
	ck_assert_int_eq(carrel(line), 1);
	ck_assert_msg(strstr(run.err, "debian-desktop") != NULL, "%s", run.err);
	ck_assert(!g_file_test(file, G_FILE_TEST_EXISTS));
	ck_assert(fixture_wait(is_released, NULL));

	peer_connect_async(path, (uid_t)-1, 5000, NULL, on_joined, &connection);
	ck_assert(fixture_wait(is_set, &connection));
	g_dbus_connection_start_message_processing(connection);
	for (int i = 0; i < 2; i++)
		g_dbus_connection_call(connection, NULL, "/org/carrel/Broker1", "org.carrel.Broker1.Admin", "HoldDesktop", g_variant_new("(s)", id),
			NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, NULL, NULL);
	ck_assert(fixture_wait(is_held_twice, NULL));
	g_dbus_connection_close(connection, NULL, NULL, NULL);
	ck_assert(fixture_wait(is_released, NULL));
	g_object_unref(connection);
}
END_TEST

START_TEST(an_import_is_refused_before_its_file_is_read)
{
	g_autofree char *session = fixture_sign_in(&fixture, "demo1"), *id = fixture_open(&fixture, session, "office");

	ck_assert_int_eq(carrel("desktop import --pool office --user demo1 /nonexistent"), 5);
	ck_assert_ptr_nonnull(strstr(run.err, "already"));
	ck_assert_int_eq(carrel("desktop import --pool office --user '' --image-name a /nonexistent"), 2);
	ck_assert_ptr_nonnull(strstr(run.err, "a person's name"));
	ck_assert_int_eq(carrel("desktop import --pool office --user demo2 /nonexistent"), 1);
	ck_assert_ptr_nonnull(strstr(run.err, "/nonexistent: No such file"));
}
END_TEST

static const struct {
	const char *line;
	int status;
	const char *said;
} mistakes[] = {
	{"", 2, "NOUN VERB"},
	{"dektop list", 2, "Did you mean desktop?"},
	{"desktop lst", 2, "Did you mean list?"},
	{"desktop", 2, "Verbs:"},
	{"desktop --help", 0, "Verbs:"},
	{"desktop screenshot --help", 0, "--output"},
	{"desktop show", 2, "Usage: carrel desktop show DESKTOP"},
	{"desktop list extra", 2, "Usage"},
	{"desktop export desk-1", 2, "Usage"},
	{"desktop import desk.carrel", 2, "--user USER --pool POOL"},
	{"desktop import desk.carrel --pool a --user b --image-name ../c", 2, "not a name for an image"},
	{"session list --jsn", 2, "--jsn"},
	{"--config /nonexistent.conf status", 78, "/nonexistent.conf"},
};

START_TEST(a_mistake_is_answered_with_what_would_be_right)
{
	ck_assert_int_eq(carrel(mistakes[_i].line), mistakes[_i].status);
	ck_assert_msg(strstr(run.out, mistakes[_i].said) || strstr(run.err, mistakes[_i].said), "%s%s", run.out, run.err);
}
END_TEST

START_TEST(without_a_broker_it_says_how_to_get_one)
{
	g_autofree char *path = conf_socket_path(fixture.conf, CONF_SOCKET_ADMIN);

	g_unlink(path);
	ck_assert_int_eq(carrel("session list"), 3);
	ck_assert_ptr_nonnull(strstr(run.err, "carrel-broker is not running here"));
	ck_assert_ptr_nonnull(strstr(run.err, "--config"));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("admin");
	TCase *tcase = tcase_create("admin");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, status_says_what_is_wrong);
	tcase_add_test(tcase, status_has_what_the_gateway_tells);
	tcase_add_test(tcase, status_does_not_wait_for_a_gateway_that_is_silent);
	tcase_add_test(tcase, sessions_and_desktops_are_listed);
	tcase_add_test(tcase, an_admin_puts_off_the_end_of_a_session_as_they_like);
	tcase_add_test(tcase, an_admin_of_a_pool_looks_after_that_pool_and_nothing_else);
	tcase_add_test(tcase, ending_a_session_signs_its_person_out);
	tcase_add_test(tcase, a_message_reaches_the_desktop);
	tcase_add_test(tcase, a_desktop_is_shown_pictured_and_thrown_away);
	tcase_add_test(tcase, a_desktop_is_held_for_as_long_as_who_exports_it_is_there);
	tcase_add_test(tcase, an_import_is_refused_before_its_file_is_read);
	tcase_add_loop_test(tcase, a_mistake_is_answered_with_what_would_be_right, 0, G_N_ELEMENTS(mistakes));
	tcase_add_test(tcase, without_a_broker_it_says_how_to_get_one);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
