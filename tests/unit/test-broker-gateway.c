/* What a gateway asks for, over its real socket: screens, tickets, VNC sign-ins. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "broker/access.h"
#include "broker/common/error.h"
#include "broker/common/peer.h"
#include "broker/dbus/broker-gateway.h"
#include "broker/endings.h"
#include "broker/vnc-entry.h"
#include "tests/lib/broker-fixture.h"

#define HERE "192.0.2.1"
#define THERE "192.0.2.2"

static Fixture fixture;
static CarrelBroker1Gateway *gateway;

/* One call's outcome, and the signals that came. */
static struct {
	gboolean over;
	guint8 grant; /* its first byte; 0: it was refused */
	char *desktop;
	GError *error;
} outcome;
static char *ended;
static guint ended_code;

static void
on_end_streams(CarrelBroker1Gateway *proxy, const char *desktop, guint16 code, gpointer data)
{
	g_free(ended);
	ended = g_strdup(desktop);
	ended_code = code;
}

static gboolean
is_set(void *data)
{
	return *(void **)data != NULL;
}

static void
on_connected(GObject *source, GAsyncResult *result, gpointer data)
{
	*(GDBusConnection **)data = peer_connect_finish(result, NULL);
}

static void
on_proxy(GObject *source, GAsyncResult *result, gpointer data)
{
	gateway = carrel_broker1_gateway_proxy_new_finish(result, NULL);
}

static void
connect_gateway(void)
{
	g_autofree char *path = conf_socket_path(fixture.conf, CONF_SOCKET_GATEWAY);
	GDBusConnection *connection = NULL;

	peer_connect_async(path, (uid_t)-1, 5000, NULL, on_connected, &connection);
	ck_assert(fixture_wait(is_set, &connection));
	g_dbus_connection_start_message_processing(connection);
	carrel_broker1_gateway_proxy_new(connection, G_DBUS_PROXY_FLAGS_DO_NOT_LOAD_PROPERTIES, NULL, "/org/carrel/Broker1",
		NULL, on_proxy, NULL);
	ck_assert(fixture_wait(is_set, &gateway));
	g_signal_connect(gateway, "end-streams", G_CALLBACK(on_end_streams), NULL);
	g_object_unref(connection);
}

static void
set_up(void)
{
	g_clear_pointer(&ended, g_free);
	ended_code = 0;
	fixture_set_up(&fixture);
	connect_gateway();
}

static void
tear_down(void)
{
	g_clear_object(&gateway);
	fixture_tear_down(&fixture);
}

static gboolean
is_over(void *data)
{
	return outcome.over;
}

static void
take_grant(GVariant *grant)
{
	gsize size = 0;
	const guint8 *bytes = grant ? g_variant_get_fixed_array(grant, &size, 1) : NULL;

	outcome.grant = size == 32 ? bytes[0] : 0;
	g_clear_pointer(&grant, g_variant_unref);
}

static void
on_screen(GObject *source, GAsyncResult *result, gpointer data)
{
	GVariant *grant = NULL;
	g_autofree char *stream = NULL;

	carrel_broker1_gateway_call_open_screen_finish(gateway, &grant, &stream, result, &outcome.error);
	take_grant(grant);
	outcome.over = TRUE;
}

static void
on_redeemed(GObject *source, GAsyncResult *result, gpointer data)
{
	GVariant *grant = NULL;
	g_autofree char *stream = NULL;

	carrel_broker1_gateway_call_redeem_ticket_finish(gateway, &grant, &stream, &outcome.desktop, result, &outcome.error);
	take_grant(grant);
	outcome.over = TRUE;
}

static void
on_vnc(GObject *source, GAsyncResult *result, gpointer data)
{
	GVariant *grant = NULL;
	g_autofree char *stream = NULL;

	carrel_broker1_gateway_call_sign_in_vnc_finish(gateway, &grant, &stream, &outcome.desktop, result, &outcome.error);
	take_grant(grant);
	outcome.over = TRUE;
}

static void
forget_outcome(void)
{
	g_clear_error(&outcome.error);
	g_clear_pointer(&outcome.desktop, g_free);
	outcome.over = FALSE;
	outcome.grant = 0;
}

static gboolean
open_screen(const char *session, const char *desktop)
{
	forget_outcome();
	carrel_broker1_gateway_call_open_screen(gateway, session, desktop, HERE, G_DBUS_CALL_FLAGS_NONE, -1, NULL, on_screen,
		NULL);
	ck_assert(fixture_wait(is_over, NULL));
	return outcome.grant != 0;
}

/* Their answers are OpenScreen's. */
static gboolean
open_beside(const char *method, const char *session, const char *desktop)
{
	forget_outcome();
	g_dbus_proxy_call(G_DBUS_PROXY(gateway), method, g_variant_new("(sss)", session, desktop, HERE), G_DBUS_CALL_FLAGS_NONE, -1, NULL,
		on_screen, NULL);
	ck_assert(fixture_wait(is_over, NULL));
	return outcome.grant != 0;
}

static gboolean
open_sound(const char *session, const char *desktop)
{
	return open_beside("OpenSound", session, desktop);
}

static gboolean
open_files(const char *session, const char *desktop)
{
	return open_beside("OpenFiles", session, desktop);
}

static gboolean
redeem(const char *name, const char *address)
{
	forget_outcome();
	carrel_broker1_gateway_call_redeem_ticket(gateway, name, address, G_DBUS_CALL_FLAGS_NONE, -1, NULL, on_redeemed, NULL);
	ck_assert(fixture_wait(is_over, NULL));
	return outcome.grant != 0;
}

static gboolean
sign_in_vnc_from(const char *address, const char *user, const char *password)
{
	forget_outcome();
	carrel_broker1_gateway_call_sign_in_vnc(gateway, user,
		g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, password, strlen(password), 1), address, G_DBUS_CALL_FLAGS_NONE,
		200000, NULL, on_vnc, NULL);
	ck_assert(fixture_wait(is_over, NULL));
	return outcome.grant != 0;
}

static gboolean
sign_in_vnc(const char *user, const char *password)
{
	return sign_in_vnc_from(HERE, user, password);
}

static gboolean
enter(const char *address, const TicketRow *ticket, const char *secret)
{
	g_autofree char *user = g_strconcat(VNC_ENTRY_TICKET, ticket->name, NULL);

	return sign_in_vnc_from(address, user, secret ? secret : ticket->secret);
}

static const char *
admitted(const char *key)
{
	static char text[128];
	GVariant *last = fake_display_last_admission(fixture.display);
	const char *value = NULL;
	gboolean truth;

	ck_assert_ptr_nonnull(last);
	if (g_variant_lookup(last, key, "&s", &value))
		g_strlcpy(text, value, sizeof text);
	else if (g_variant_lookup(last, key, "b", &truth))
		g_strlcpy(text, truth ? "yes" : "no", sizeof text);
	else
		*text = '\0';
	return text;
}

static TicketRow *
issue(const char *session, const char *desktop)
{
	g_autoptr(SessionRow) row = sessions_find(fixture.broker->sessions, session);

	return tickets_issue(fixture.broker->tickets, row->id, desktop, HERE, NULL);
}

START_TEST(a_screen_is_granted_to_its_person_with_the_pools_policy)
{
	g_autofree char *session = fixture_sign_in(&fixture, "demo2");
	g_autofree char *office = fixture_open(&fixture, session, "office"), *lab = fixture_open(&fixture, session, "lab");

	ck_assert(open_screen(session, office));
	ck_assert_str_eq(admitted("protocol"), "vnc");
	ck_assert_str_eq(admitted("user"), "demo2");
	ck_assert_str_eq(admitted("address"), HERE);
	ck_assert_str_eq(admitted("clipboard-to-desktop"), "yes");
	ck_assert_str_eq(admitted("view-only"), "no");
	ck_assert(open_screen(session, lab));
	ck_assert_str_eq(admitted("clipboard-to-desktop"), "no");
	ck_assert_str_eq(admitted("clipboard-from-desktop"), "no");
}
END_TEST

START_TEST(usb_devices_are_granted_where_the_pool_lets_them_in)
{
	g_autofree char *session = fixture_sign_in(&fixture, "demo2");
	g_autofree char *office = fixture_open(&fixture, session, "office");
	PoolFile *file = fake_engine_file(fixture.broker->engine, "office");
	g_autofree const char **rules = NULL;

	file->usb_devices = (char *[]){(char *)"deny storage", (char *)"allow all", NULL};
	ck_assert(open_screen(session, office));
	ck_assert(!g_variant_lookup(fake_display_last_admission(fixture.display), "usb", "^a&s", &rules));
	file->usb = TRUE;
	ck_assert(open_screen(session, office));
	ck_assert(g_variant_lookup(fake_display_last_admission(fixture.display), "usb", "^a&s", &rules));
	ck_assert_str_eq(rules[0], "deny storage");
	ck_assert_str_eq(rules[1], "allow all");
	ck_assert_ptr_null(rules[2]);
	file->usb_devices = NULL;
}
END_TEST

START_TEST(sound_is_granted_where_the_pool_has_it_and_a_microphone_where_it_says_so)
{
	g_autofree char *session = fixture_sign_in(&fixture, "demo2"), *other = fixture_sign_in(&fixture, "demo1");
	g_autofree char *office = fixture_open(&fixture, session, "office"), *lab = fixture_open(&fixture, session, "lab");
	PoolFile *file = (PoolFile *)engine_pool_file(fixture.broker->engine, "office");

	ck_assert(open_sound(session, office));
	ck_assert_str_eq(admitted("protocol"), "sound");
	ck_assert_str_eq(admitted("sound"), "yes");
	ck_assert_str_eq(admitted("microphone"), "no");
	file->microphone = TRUE;
	ck_assert(open_sound(session, office));
	ck_assert_str_eq(admitted("microphone"), "yes");
	ck_assert(!open_sound(other, office));
	ck_assert(!open_sound("", office));
	ck_assert(g_error_matches(outcome.error, CARREL_ERROR, CARREL_ERROR_DENIED));
	guint n = fake_display_n_admissions(fixture.display);

	ck_assert(!open_sound(session, lab));
	ck_assert(g_error_matches(outcome.error, CARREL_ERROR, CARREL_ERROR_DENIED));
	ck_assert_uint_eq(fake_display_n_admissions(fixture.display), n);
	ck_assert(open_screen(session, lab));
	ck_assert_str_eq(admitted("sound"), "no");
	ck_assert_str_eq(admitted("microphone"), "no");
}
END_TEST

START_TEST(files_are_granted_to_the_desktops_person_where_the_pool_carries_them)
{
	g_autofree char *session = fixture_sign_in(&fixture, "demo2"), *other = fixture_sign_in(&fixture, "demo1");
	g_autofree char *office = fixture_open(&fixture, session, "office"), *lab = fixture_open(&fixture, session, "lab");
	guint64 most = 0;

	ck_assert(open_files(session, office));
	ck_assert_str_eq(admitted("protocol"), "files");
	ck_assert_str_eq(admitted("files-to-desktop"), "yes");
	ck_assert_str_eq(admitted("files-from-desktop"), "yes");
	ck_assert(g_variant_lookup(fake_display_last_admission(fixture.display), "file-max", "t", &most) && most == 1000);
	ck_assert(!open_files(session, lab));
	ck_assert(g_error_matches(outcome.error, CARREL_ERROR, CARREL_ERROR_DENIED));
	ck_assert(open_screen(session, lab));
	ck_assert_str_eq(admitted("files-to-desktop"), "no");
	ck_assert_str_eq(admitted("files-from-desktop"), "no");
	ck_assert(!open_files(other, office));
	ck_assert(g_error_matches(outcome.error, CARREL_ERROR, CARREL_ERROR_NOT_FOUND));
	ck_assert(!open_files("", office));
	ck_assert(g_error_matches(outcome.error, CARREL_ERROR, CARREL_ERROR_DENIED));
}
END_TEST

START_TEST(a_screen_is_granted_to_nobody_else)
{
	g_autofree char *one = fixture_sign_in(&fixture, "demo1"), *two = fixture_sign_in(&fixture, "demo2");
	g_autofree char *id = fixture_open(&fixture, one, "office");

	ck_assert(!open_screen(two, id));
	ck_assert(g_error_matches(outcome.error, CARREL_ERROR, CARREL_ERROR_NOT_FOUND));
	ck_assert(!open_screen("", id));
	ck_assert(g_error_matches(outcome.error, CARREL_ERROR, CARREL_ERROR_DENIED));
	ck_assert(!open_screen(one, "office-00000000"));
	ck_assert_uint_eq(fake_display_n_admissions(fixture.display), 0);
}
END_TEST

START_TEST(the_screen_of_a_lost_desktop_is_not_there_to_be_tried_again)
{
	g_autofree char *session = fixture_sign_in(&fixture, "demo1");
	g_autofree char *id = fixture_open(&fixture, session, "office");

	fake_engine_fail(fixture.broker->engine, id);
	ck_assert(!open_screen(session, id));
	ck_assert(g_error_matches(outcome.error, CARREL_ERROR, CARREL_ERROR_NOT_FOUND));
}
END_TEST

START_TEST(a_ticket_admits_its_channels_as_one_client_with_the_secret)
{
	g_autofree char *session = fixture_sign_in(&fixture, "demo1"), *id = fixture_open(&fixture, session, "office");
	g_autoptr(TicketRow) ticket = issue(session, id);

	ck_assert(redeem(ticket->name, HERE));
	ck_assert_str_eq(outcome.desktop, id);
	ck_assert_str_eq(admitted("protocol"), "spice");
	ck_assert_str_eq(admitted("secret"), ticket->secret);
	g_autofree char *client = g_strdup(admitted("client"));
	ck_assert(redeem(ticket->name, HERE));
	ck_assert_str_eq(admitted("client"), client);
}
END_TEST

START_TEST(a_stolen_ticket_opens_nothing)
{
	g_autofree char *session = fixture_sign_in(&fixture, "demo1"), *id = fixture_open(&fixture, session, "office");
	g_autoptr(TicketRow) ticket = issue(session, id);

	ck_assert(!redeem(ticket->name, THERE));
	ck_assert(!redeem(ticket->secret, HERE));
	for (int i = 0; i < 16; i++)
		ck_assert(redeem(ticket->name, HERE));
	ck_assert(!redeem(ticket->name, HERE));
	g_autoptr(TicketRow) slow = issue(session, id);
	ck_assert(redeem(slow->name, HERE));
	fixture_pass(11);
	ck_assert(!redeem(slow->name, HERE));
}
END_TEST

START_TEST(a_ticket_for_another_persons_desktop_opens_nothing)
{
	g_autofree char *one = fixture_sign_in(&fixture, "demo1"), *two = fixture_sign_in(&fixture, "demo2");
	g_autofree char *id = fixture_open(&fixture, one, "office");
	g_autoptr(TicketRow) ticket = issue(two, id);

	ck_assert(!redeem(ticket->name, HERE));
	ck_assert_uint_eq(fake_display_n_admissions(fixture.display), 0);
}
END_TEST

START_TEST(a_ticket_ends_with_sign_out_and_with_reset)
{
	g_autofree char *session = fixture_sign_in(&fixture, "demo1"), *id = fixture_open(&fixture, session, "office");
	g_autoptr(TicketRow) first = issue(session, id);

	engine_reset(fixture.broker->engine, id, 4009, "test", NULL);
	ck_assert(!redeem(first->name, HERE));
	g_autofree char *fresh = fixture_open(&fixture, session, "office");
	g_autoptr(TicketRow) second = issue(session, fresh);
	g_autoptr(Answer) out = fixture_request(&fixture, "POST", "sign-out", session, NULL);
	ck_assert_ptr_nonnull(out);
	ck_assert(!redeem(second->name, HERE));
}
END_TEST

START_TEST(an_expired_session_opens_nothing)
{
	g_autofree char *session = fixture_sign_in(&fixture, "demo1"), *id = fixture_open(&fixture, session, "office");

	fixture_pass(3601);
	g_autoptr(SessionRow) none = sessions_find(fixture.broker->sessions, session);
	ck_assert_ptr_null(none);
	ck_assert(!open_screen(session, id));
}
END_TEST

START_TEST(streams_end_with_sign_out_and_the_gateway_knows_why)
{
	g_autofree char *session = fixture_sign_in(&fixture, "demo1"), *id = fixture_open(&fixture, session, "office");
	g_autoptr(Answer) out = fixture_request(&fixture, "POST", "sign-out", session, NULL);

	ck_assert_ptr_nonnull(out);
	ck_assert(fixture_wait(is_set, &ended));
	ck_assert_str_eq(ended, id);
	ck_assert_uint_eq(ended_code, END_SIGNED_OUT);
	ck_assert_uint_ge(fake_display_n_ended(fixture.display, id), 1);
}
END_TEST

START_TEST(logging_out_in_the_guest_throws_a_floating_desktop_away)
{
	g_autofree char *session = fixture_sign_in(&fixture, "demo1"), *id = fixture_open(&fixture, session, "office");

	fake_engine_log_out(fixture.broker->engine, id);
	ck_assert_ptr_null(engine_desktop(fixture.broker->engine, id));
	g_autoptr(Answer) me = fixture_request(&fixture, "GET", "me", session, NULL);
	ck_assert_uint_eq(me->status, 200);
}
END_TEST

START_TEST(a_vnc_viewer_waits_for_its_desktop_and_is_let_in)
{
	ck_assert(sign_in_vnc("demo1", "right"));
	ck_assert(g_str_has_prefix(outcome.desktop, "office-"));
	ck_assert_str_eq(admitted("protocol"), "vnc");
	g_autofree char *first = g_strdup(outcome.desktop);
	ck_assert(sign_in_vnc("demo1/office", "right"));
	ck_assert_str_eq(outcome.desktop, first);
}
END_TEST

START_TEST(a_vnc_viewer_comes_to_the_desktop_of_the_portal)
{
	g_autofree char *session = fixture_sign_in(&fixture, "demo2"), *lab = fixture_open(&fixture, session, "lab");

	ck_assert(sign_in_vnc("demo2", "right"));
	ck_assert_str_eq(outcome.desktop, lab);
	ck_assert(sign_in_vnc("demo2/office", "right"));
	ck_assert(g_str_has_prefix(outcome.desktop, "office-"));
}
END_TEST

static const struct {
	const char *user, *password;
} vnc_refusals[] = {{"demo1", "wrong"}, {"nobody", "right"}, {"locked", "right"}, {"code", "right"}, {"nobody/office", "right"},
	{"demo1/nowhere", "wrong"}};

START_TEST(a_vnc_viewer_is_denied_alike_for_every_reason_of_its_own)
{
	ck_assert(!sign_in_vnc(vnc_refusals[_i].user, vnc_refusals[_i].password));
	ck_assert(g_error_matches(outcome.error, CARREL_ERROR, CARREL_ERROR_DENIED));
	ck_assert_uint_eq(fake_display_n_admissions(fixture.display), 0);
}
END_TEST

static const char *const without_pool[] = {"demo1/lab", "demo1/nowhere", "demo1/", "good"};

START_TEST(who_may_not_use_a_pool_is_told_so_and_not_that_it_exists)
{
	ck_assert(!sign_in_vnc(without_pool[_i], "right"));
	ck_assert(g_error_matches(outcome.error, CARREL_ERROR, CARREL_ERROR_NOT_FOUND));
	ck_assert_uint_eq(fake_display_n_admissions(fixture.display), 0);
}
END_TEST

START_TEST(a_tickets_secret_stands_for_the_password_once)
{
	g_autofree char *session = fixture_sign_in(&fixture, "demo1"), *id = fixture_open(&fixture, session, "office");
	g_autoptr(TicketRow) ticket = issue(session, id);

	ck_assert(enter(HERE, ticket, NULL));
	ck_assert_str_eq(outcome.desktop, id);
	ck_assert_str_eq(admitted("protocol"), "vnc");
	ck_assert_str_eq(admitted("user"), "demo1");
	ck_assert_str_eq(admitted("secret"), "");
	ck_assert(!sessions_has_user(fixture.broker->sessions, "demo1", SESSION_VNC));
	ck_assert(!enter(HERE, ticket, NULL));
	ck_assert(g_error_matches(outcome.error, CARREL_ERROR, CARREL_ERROR_DENIED));
	ck_assert_uint_eq(fake_display_n_admissions(fixture.display), 1);
}
END_TEST

START_TEST(a_vnc_client_by_ticket_ends_with_the_portals_session)
{
	g_autofree char *session = fixture_sign_in(&fixture, "demo1"), *id = fixture_open(&fixture, session, "office");
	g_autoptr(TicketRow) ticket = issue(session, id);
	g_autoptr(SessionRow) row = sessions_find(fixture.broker->sessions, session);

	ck_assert(enter(HERE, ticket, NULL));
	ck_assert(access_client_is_of(admitted("client"), row->id));
	g_autoptr(Answer) out = fixture_request(&fixture, "POST", "sign-out", session, NULL);
	ck_assert_ptr_nonnull(out);
	ck_assert(fixture_wait(is_set, &ended));
	ck_assert_str_eq(ended, id);
}
END_TEST

START_TEST(a_stolen_ticket_lets_no_vnc_viewer_in)
{
	g_autofree char *session = fixture_sign_in(&fixture, "demo1"), *id = fixture_open(&fixture, session, "office");
	g_autoptr(TicketRow) elsewhere = issue(session, id), guessed = issue(session, id), late = issue(session, id),
			     half = issue(session, id), used = issue(session, id);

	ck_assert(!enter(THERE, elsewhere, NULL));
	ck_assert(!enter(HERE, guessed, "wrong"));
	ck_assert(!enter(HERE, guessed, NULL)); /* one wrong secret used it up */
	ck_assert(!enter(HERE, half, half->name));
	ck_assert(redeem(used->name, HERE));
	ck_assert(!enter(HERE, used, NULL)); /* SPICE has it */
	ck_assert(!sign_in_vnc(late->name, late->secret));
	ck_assert(!sign_in_vnc("demo1", late->secret));
	ck_assert(!sign_in_vnc("ticket:", late->secret));
	fixture_pass(31);
	ck_assert(!enter(HERE, late, NULL));
	ck_assert_uint_eq(fake_display_n_admissions(fixture.display), 1); /* SPICE's */
}
END_TEST

START_TEST(a_ticket_that_ended_lets_no_vnc_viewer_in)
{
	g_autofree char *one = fixture_sign_in(&fixture, "demo1"), *two = fixture_sign_in(&fixture, "demo2");
	g_autofree char *id = fixture_open(&fixture, one, "office");
	g_autoptr(TicketRow) before_reset = issue(one, id), of_another = issue(two, id);

	ck_assert(!enter(HERE, of_another, NULL));
	ck_assert(g_error_matches(outcome.error, CARREL_ERROR, CARREL_ERROR_NOT_FOUND));
	engine_reset(fixture.broker->engine, id, 4009, "test", NULL);
	ck_assert(!enter(HERE, before_reset, NULL));
	g_autofree char *fresh = fixture_open(&fixture, one, "office");
	g_autoptr(TicketRow) before_sign_out = issue(one, fresh);
	g_autoptr(Answer) out = fixture_request(&fixture, "POST", "sign-out", one, NULL);
	ck_assert_ptr_nonnull(out);
	ck_assert(!enter(HERE, before_sign_out, NULL));
	ck_assert_uint_eq(fake_display_n_admissions(fixture.display), 0);
}
END_TEST

START_TEST(a_wrong_ticket_is_told_and_counted_as_a_wrong_password)
{
	gint64 started = g_get_monotonic_time();

	ck_assert(!sign_in_vnc("ticket:0123456789abcdef0123456789abcdef", "x"));
	ck_assert(g_error_matches(outcome.error, CARREL_ERROR, CARREL_ERROR_DENIED));
	ck_assert_int_ge(g_get_monotonic_time() - started, FIXTURE_FAILURE_MS * 900);
	ck_assert_int_eq(store_run(fixture.store, NULL,
				 "UPDATE audit SET action = '' WHERE action = 'ticket-refused' AND detail = 'unknown'", ""),
		1);
}
END_TEST

static gboolean
has_vnc_session(void)
{
	return sessions_has_user(fixture.broker->sessions, "demo1", SESSION_VNC);
}

static gboolean
has_viewer(void *data)
{
	return display_client_viewers(fixture.broker->display)->len > 0;
}

static gboolean
has_no_vnc_session(void *data)
{
	return !has_vnc_session();
}

START_TEST(a_vnc_session_lives_while_its_viewer_is_connected)
{
	ck_assert(sign_in_vnc("demo1", "right"));
	ck_assert(has_vnc_session());
	fake_display_join(fixture.display);
	ck_assert(fixture_wait(has_viewer, NULL));
	fixture_pass(120);
	endings_every_minute(fixture.broker);
	ck_assert(has_vnc_session());
	fake_display_leave(fixture.display);
	ck_assert(fixture_wait(has_no_vnc_session, NULL));
	ck_assert_ptr_nonnull(engine_desktop(fixture.broker->engine, outcome.desktop));
}
END_TEST

START_TEST(a_viewer_keeps_its_session_in_use)
{
	g_autofree char *session = fixture_sign_in(&fixture, "demo1"), *id = fixture_open(&fixture, session, "office");

	ck_assert(open_screen(session, id));
	fake_display_join(fixture.display);
	ck_assert(fixture_wait(has_viewer, NULL));
	for (int i = 0; i < 4; i++) {
		fixture_pass(1800);
		endings_every_minute(fixture.broker);
	}
	g_autoptr(Answer) me = fixture_request(&fixture, "GET", "me", session, NULL);
	ck_assert_uint_eq(me->status, 200);
}
END_TEST

START_TEST(a_session_whose_time_is_over_takes_its_desktop_along)
{
	g_autofree char *session = fixture_sign_in(&fixture, "demo1"), *id = fixture_open(&fixture, session, "office");

	fixture_pass(3601);
	endings_every_minute(fixture.broker);
	ck_assert_ptr_null(engine_desktop(fixture.broker->engine, id));
	ck_assert(fixture_wait(is_set, &ended));
	ck_assert_uint_eq(ended_code, END_TIME_LIMIT);
}
END_TEST

static gboolean
has_ended_one(void *id)
{
	return fake_display_n_ended(fixture.display, id) == 1;
}

START_TEST(after_a_restart_viewers_are_known_again)
{
	g_autofree char *session = fixture_sign_in(&fixture, "demo1"), *id = fixture_open(&fixture, session, "office");

	ck_assert(open_screen(session, id));
	fake_display_join(fixture.display);
	g_clear_object(&gateway);
	fixture_restart(&fixture);
	/* The fake engine forgot the desktop, so this viewer is one who should have gone. */
	ck_assert(fixture_wait(has_ended_one, id));
}
END_TEST

static void
add_vnc_tests(TCase *tcase)
{
	tcase_add_test(tcase, a_vnc_viewer_waits_for_its_desktop_and_is_let_in);
	tcase_add_test(tcase, a_vnc_viewer_comes_to_the_desktop_of_the_portal);
	tcase_add_loop_test(tcase, a_vnc_viewer_is_denied_alike_for_every_reason_of_its_own, 0, G_N_ELEMENTS(vnc_refusals));
	tcase_add_loop_test(tcase, who_may_not_use_a_pool_is_told_so_and_not_that_it_exists, 0, G_N_ELEMENTS(without_pool));
	tcase_add_test(tcase, a_tickets_secret_stands_for_the_password_once);
	tcase_add_test(tcase, a_vnc_client_by_ticket_ends_with_the_portals_session);
	tcase_add_test(tcase, a_stolen_ticket_lets_no_vnc_viewer_in);
	tcase_add_test(tcase, a_ticket_that_ended_lets_no_vnc_viewer_in);
	tcase_add_test(tcase, a_wrong_ticket_is_told_and_counted_as_a_wrong_password);
	tcase_add_test(tcase, a_vnc_session_lives_while_its_viewer_is_connected);
}

int
main(void)
{
	Suite *suite = suite_create("gateway");
	TCase *tcase = tcase_create("gateway");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, a_screen_is_granted_to_its_person_with_the_pools_policy);
	tcase_add_test(tcase, usb_devices_are_granted_where_the_pool_lets_them_in);
	tcase_add_test(tcase, files_are_granted_to_the_desktops_person_where_the_pool_carries_them);
	tcase_add_test(tcase, a_screen_is_granted_to_nobody_else);
	tcase_add_test(tcase, sound_is_granted_where_the_pool_has_it_and_a_microphone_where_it_says_so);
	tcase_add_test(tcase, the_screen_of_a_lost_desktop_is_not_there_to_be_tried_again);
	tcase_add_test(tcase, a_ticket_admits_its_channels_as_one_client_with_the_secret);
	tcase_add_test(tcase, a_stolen_ticket_opens_nothing);
	tcase_add_test(tcase, a_ticket_for_another_persons_desktop_opens_nothing);
	tcase_add_test(tcase, a_ticket_ends_with_sign_out_and_with_reset);
	tcase_add_test(tcase, an_expired_session_opens_nothing);
	tcase_add_test(tcase, streams_end_with_sign_out_and_the_gateway_knows_why);
	tcase_add_test(tcase, logging_out_in_the_guest_throws_a_floating_desktop_away);
	add_vnc_tests(tcase);
	tcase_add_test(tcase, a_viewer_keeps_its_session_in_use);
	tcase_add_test(tcase, a_session_whose_time_is_over_takes_its_desktop_along);
	tcase_add_test(tcase, after_a_restart_viewers_are_known_again);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
