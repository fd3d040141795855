/* The REST interface, from a request to its answer. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <check.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/json-body.h"
#include "broker/vv-file.h"
#include "display/recording.h"
#include "tests/lib/broker-fixture.h"

static Fixture fixture;

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

static void
assert_status(const char *method, const char *path, const char *session, const char *body, guint status)
{
	g_autoptr(Answer) answer = fixture_request(&fixture, method, path, session, body);

	ck_assert_msg(answer->status == status, "%s %s: %u: %s", method, path, answer->status, answer->text);
}

START_TEST(a_person_signs_in_and_is_known_from_then_on)
{
	g_autoptr(Answer) in =
		fixture_request(&fixture, "POST", "sign-in", NULL, "{\"user\":\"demo1\",\"password\":\"right\"}");

	ck_assert_uint_eq(in->status, 200);
	ck_assert_str_eq(in->text, "{\"user\":\"demo1\",\"admin\":false}");
	ck_assert_uint_eq(strlen(in->cookie), 64);
	g_autoptr(Answer) me = fixture_request(&fixture, "GET", "me", in->cookie, NULL);
	ck_assert_str_eq(me->text, "{\"user\":\"demo1\",\"admin\":false,\"vnc\":\"portal.example:5999\"}");
}
END_TEST

START_TEST(one_session_too_many_ends_the_one_that_was_longest_without_use)
{
	char *sessions[33];

	for (int i = 0; i < 32; i++) {
		sessions[i] = fixture_sign_in(&fixture, "demo1");
		fixture_pass(1);
	}
	fixture_pass(120);
	assert_status("GET", "me", sessions[0], NULL, 200);
	sessions[32] = fixture_sign_in(&fixture, "demo1");
	ck_assert_ptr_nonnull(sessions[32]);
	assert_status("GET", "me", sessions[1], NULL, 401);
	assert_status("GET", "me", sessions[0], NULL, 200);
	assert_status("GET", "me", sessions[32], NULL, 200);
	for (int i = 0; i < 33; i++)
		g_free(sessions[i]);
}
END_TEST

START_TEST(an_admin_is_told_so)
{
	g_autofree char *session = fixture_sign_in(&fixture, "demo2");
	g_autoptr(Answer) me = fixture_request(&fixture, "GET", "me", session, NULL);

	ck_assert_ptr_nonnull(strstr(me->text, "\"admin\":true"));
}
END_TEST

static const char *const refusals[] = {
	"{\"user\":\"demo1\",\"password\":\"wrong\"}",
	"{\"user\":\"demo1\",\"password\":\"\"}",
	"{\"user\":\"nobody-here\",\"password\":\"right\"}",
	"{\"user\":\"locked\",\"password\":\"right\"}",
	"{\"user\":\"../x\",\"password\":\"right\"}",
};

START_TEST(every_refusal_answers_alike_in_the_same_time)
{
	g_autoptr(Answer) answer = fixture_request(&fixture, "POST", "sign-in", NULL, refusals[_i]);

	ck_assert_uint_eq(answer->status, 401);
	ck_assert_str_eq(answer->text,
		"{\"error\":{\"code\":\"denied\",\"message\":\"The user name or the password is wrong.\"}}");
	ck_assert_ptr_null(answer->cookie);
	/* At the first or, on a machine under load, a later multiple. */
	ck_assert_int_ge(answer->took_ms, FIXTURE_FAILURE_MS - 1);
	ck_assert_int_lt(answer->took_ms % FIXTURE_FAILURE_MS, FIXTURE_FAILURE_MS / 3);
}
END_TEST

static Answer *
answer_prompt(const Answer *prompt, const char *address, const char *body)
{
	JsonObject *inner = json_object_get_object_member(json_node_get_object(prompt->json), "prompt");
	g_autofree char *path = g_strconcat("sign-in/", json_object_get_string_member(inner, "id"), NULL);

	return fixture_request_from(&fixture, address, "POST", path, NULL, body, NULL);
}

START_TEST(a_second_question_is_asked_and_answered)
{
	g_autoptr(Answer) prompt =
		fixture_request(&fixture, "POST", "sign-in", NULL, "{\"user\":\"code\",\"password\":\"right\"}");

	ck_assert_uint_eq(prompt->status, 200);
	ck_assert_ptr_null(prompt->cookie);
	ck_assert_ptr_nonnull(strstr(prompt->text,
		"\"messages\":[\"A code was sent to your telephone\"],\"fields\":[{\"label\":\"Code:\",\"echo\":true}]"));
	g_autoptr(Answer) few = answer_prompt(prompt, "192.0.2.1", "{\"answers\":[]}");
	ck_assert_uint_eq(few->status, 400);
	g_autoptr(Answer) in = answer_prompt(prompt, "192.0.2.1", "{\"answers\":[\"123456\"]}");
	ck_assert_uint_eq(in->status, 200);
	ck_assert_str_eq(answer_text(in, "user"), "code");
	ck_assert_ptr_nonnull(in->cookie);
	g_autoptr(Answer) again = answer_prompt(prompt, "192.0.2.1", "{\"answers\":[\"123456\"]}");
	ck_assert_uint_eq(again->status, 404);
}
END_TEST

START_TEST(nobody_else_answers_ones_question)
{
	g_autoptr(Answer) prompt =
		fixture_request(&fixture, "POST", "sign-in", NULL, "{\"user\":\"code\",\"password\":\"right\"}");
	g_autoptr(Answer) stolen = answer_prompt(prompt, "192.0.2.2", "{\"answers\":[\"123456\"]}");

	ck_assert_uint_eq(stolen->status, 404);
}
END_TEST

START_TEST(a_wrong_answer_is_a_refusal_like_any_other)
{
	g_autoptr(Answer) prompt =
		fixture_request(&fixture, "POST", "sign-in", NULL, "{\"user\":\"code\",\"password\":\"right\"}");
	g_autoptr(Answer) in = answer_prompt(prompt, "192.0.2.1", "{\"answers\":[\"000000\"]}");

	ck_assert_uint_eq(in->status, 401);
	ck_assert_int_ge(in->took_ms, FIXTURE_FAILURE_MS - 1);
}
END_TEST

START_TEST(an_expired_password_is_renewed)
{
	g_autoptr(Answer) first =
		fixture_request(&fixture, "POST", "sign-in", NULL, "{\"user\":\"expired\",\"password\":\"right\"}");
	g_autoptr(Answer) second = answer_prompt(first, "192.0.2.1", "{\"answers\":[\"newer\"]}");
	g_autoptr(Answer) third = answer_prompt(second, "192.0.2.1", "{\"answers\":[\"newer\"]}");

	ck_assert_ptr_nonnull(strstr(first->text, "Your password has expired"));
	ck_assert_ptr_nonnull(third->cookie);
}
END_TEST

START_TEST(a_password_that_was_not_renewed_is_told_why)
{
	g_autoptr(Answer) first =
		fixture_request(&fixture, "POST", "sign-in", NULL, "{\"user\":\"expired\",\"password\":\"right\"}");
	g_autoptr(Answer) second = answer_prompt(first, "192.0.2.1", "{\"answers\":[\"newer\"]}");
	g_autoptr(Answer) third = answer_prompt(second, "192.0.2.1", "{\"answers\":[\"other\"]}");

	ck_assert_uint_eq(third->status, 401);
	ck_assert_ptr_nonnull(strstr(third->text, "\"messages\":[\"The two differ\"]"));
}
END_TEST

START_TEST(an_address_has_a_bounded_number_of_sign_ins_at_once)
{
	for (gint64 i = 0; i < fixture.conf->sign_in_processes_per_address; i++)
		assert_status("POST", "sign-in", NULL, "{\"user\":\"code\",\"password\":\"right\"}", 200);
	assert_status("POST", "sign-in", NULL, "{\"user\":\"demo1\",\"password\":\"right\"}", 429);
	g_autoptr(Answer) elsewhere = fixture_request_from(&fixture, "192.0.2.2", "POST", "sign-in", NULL,
		"{\"user\":\"demo1\",\"password\":\"right\"}", NULL);
	ck_assert_uint_eq(elsewhere->status, 200);
}
END_TEST

static void
fail_from(const char *address, const char *user, int times)
{
	g_autofree char *body = g_strdup_printf("{\"user\":\"%s\",\"password\":\"wrong\"}", user);

	for (int i = 0; i < times; i++) {
		g_autoptr(Answer) answer = fixture_request_from(&fixture, address, "POST", "sign-in", NULL, body, NULL);

		ck_assert_uint_eq(answer->status, 401);
	}
}

START_TEST(an_address_that_fails_often_is_told_to_wait_and_others_are_not)
{
	static const char right[] = "{\"user\":\"demo2\",\"password\":\"right\"}";

	fail_from("192.0.2.9", "demo1", 6);
	g_autoptr(Answer) refused = fixture_request_from(&fixture, "192.0.2.9", "POST", "sign-in", NULL, right, NULL);
	ck_assert_uint_eq(refused->status, 429);
	ck_assert_str_eq(refused->retry_after, "1");
	g_autoptr(Answer) elsewhere = fixture_request_from(&fixture, "192.0.2.2", "POST", "sign-in", NULL, right, NULL);
	ck_assert_uint_eq(elsewhere->status, 200);
	fixture_pass(1);
	g_autoptr(Answer) later = fixture_request_from(&fixture, "192.0.2.9", "POST", "sign-in", NULL, right, NULL);
	ck_assert_uint_eq(later->status, 200);
}
END_TEST

START_TEST(a_name_that_fails_often_is_held_but_not_from_where_its_person_signs_in)
{
	static const char right[] = "{\"user\":\"demo1\",\"password\":\"right\"}";
	g_autofree char *first = fixture_sign_in(&fixture, "demo1");

	ck_assert_ptr_nonnull(first);
	fail_from("192.0.2.8", "demo1", 4);
	fail_from("192.0.2.9", "demo1", 3);
	g_autoptr(Answer) here = fixture_request(&fixture, "POST", "sign-in", NULL, right);
	ck_assert_uint_eq(here->status, 200);
	ck_assert_int_lt(here->took_ms, 2000);
	g_autoptr(Answer) elsewhere = fixture_request_from(&fixture, "192.0.2.2", "POST", "sign-in", NULL, right, NULL);
	ck_assert_uint_eq(elsewhere->status, 200);
	/* Timers of whole seconds may fire up to one early. */
	ck_assert_int_ge(elsewhere->took_ms, 1000);
}
END_TEST

static const char *const bad_bodies[] = {"", "{", "[]", "null", "\"x\"", "{\"user\":1,\"password\":2}", "{\"user\":\"a\"}",
	"{\"user\":\"\",\"password\":\"x\"}", "{\"user\":\"a\",\"password\":null}", "{/* */\"user\":\"a\",\"password\":\"b\"}",
	"{'user':'a','password':'b'}", "{\"user\":{\"a\":[[[[[[[[[[1]]]]]]]]]]}}", "{\"user\":\"\xff\",\"password\":\"b\"}",
	"{\"user\":\"a\",\"password\":\"b\"} x", "{\"user\":\"a\",\"password\":\"b\"}{",
	"{\"user\":\"demo1\\u0000b\",\"password\":\"right\"}", "{\"user\":\"demo1\",\"password\":\"right\\u0000b\"}",
	"{\"user\":\"demo1\",\"password\":\"right\\\\\\u0000\"}"};

START_TEST(a_bad_body_gets_one_clear_line)
{
	g_autoptr(Answer) answer = fixture_request(&fixture, "POST", "sign-in", NULL, bad_bodies[_i]);

	ck_assert_uint_eq(answer->status, 400);
	ck_assert_str_eq(answer_error_code(answer), "invalid");
}
END_TEST

START_TEST(a_body_cut_anywhere_is_refused)
{
	static const char body[] = "{\"user\":\"demo1\",\"password\":\"p\\\"\\u00e9\\\\u0000\",\"more\":[1,true,{}]}";

	for (gsize size = 0; size < sizeof body - 1; size++)
		ck_assert_ptr_null(json_body_parse(body, size, NULL));
	JsonNode *whole = json_body_parse(body, sizeof body - 1, NULL);
	ck_assert_ptr_nonnull(whole);
	json_body_free(whole);
}
END_TEST

START_TEST(what_is_not_there_is_404_and_what_does_not_fit_is_405)
{
	assert_status("GET", "nothing", NULL, NULL, 404);
	assert_status("GET", "", NULL, NULL, 404);
	assert_status("GET", "desktops/a/b/c/d/e/f/g/h", NULL, NULL, 404);
	assert_status("GET", "desktops/%2e%2e/reset", NULL, NULL, 404);
	assert_status("GET", "sign-in", NULL, NULL, 405);
	g_autoptr(Answer) answer = fixture_request(&fixture, "DELETE", "me", NULL, NULL);

	ck_assert_uint_eq(answer->status, 405);
	ck_assert_str_eq(answer->allow, "GET, HEAD");
}
END_TEST

START_TEST(without_a_session_there_is_nothing_to_see)
{
	assert_status("GET", "me", NULL, NULL, 401);
	assert_status("GET", "pools", "x", NULL, 401);
	assert_status("POST", "pools/office/open", NULL, NULL, 401);
	assert_status("GET", "desktops/x", "0000000000000000000000000000000000000000000000000000000000000000", NULL, 401);
}
END_TEST

START_TEST(a_page_of_another_site_cannot_act)
{
	g_autofree char *session = fixture_sign_in(&fixture, "demo1");
	g_autoptr(Answer) foreign = fixture_request_from(&fixture, "192.0.2.1", "POST", "pools/office/open", session, NULL,
		"https://evil.example");
	g_autoptr(Answer) null = fixture_request_from(&fixture, "192.0.2.1", "POST", "sign-out", session, NULL, "null");
	g_autoptr(Answer) own = fixture_request_from(&fixture, "192.0.2.1", "POST", "pools/office/open", session, NULL,
		"https://portal.example:8443");

	ck_assert_uint_eq(foreign->status, 403);
	ck_assert_uint_eq(null->status, 403);
	ck_assert_uint_eq(own->status, 202);
}
END_TEST

START_TEST(pools_are_those_of_the_person)
{
	g_autofree char *one = fixture_sign_in(&fixture, "demo1"), *two = fixture_sign_in(&fixture, "demo2");
	g_autoptr(Answer) ones = fixture_request(&fixture, "GET", "pools", one, NULL);
	g_autoptr(Answer) twos = fixture_request(&fixture, "GET", "pools", two, NULL);

	ck_assert_ptr_nonnull(strstr(ones->text, "\"name\":\"office\",\"title\":\"Office desktop\",\"kind\":\"floating\""));
	ck_assert_ptr_nonnull(strstr(ones->text, "\"policy\":{\"clipboard\":\"both\",\"clipboard-max\":16777216,\"recorded\":false,\"sound\":true,\"microphone\":false,\"files\":\"both\",\"file-max\":1000},\"desktop\":null"));
	ck_assert_ptr_null(strstr(ones->text, "\"lab\""));
	ck_assert_ptr_nonnull(strstr(twos->text, "\"lab\""));
	/* An admin's words about a file are not for everyone. */
	ck_assert_ptr_nonnull(strstr(ones->text, "\"state\":\"broken\""));
	ck_assert_ptr_null(strstr(ones->text, "Titel"));
}
END_TEST

START_TEST(open_goes_from_202_to_200_and_stays_with_one_desktop)
{
	g_autofree char *session = fixture_sign_in(&fixture, "demo1");
	g_autoptr(Answer) first = fixture_request(&fixture, "POST", "pools/office/open", session, NULL);

	ck_assert_uint_eq(first->status, 202);
	ck_assert_str_eq(answer_text(first, "state"), "cloning");
	g_autofree char *id = fixture_open(&fixture, session, "office");
	ck_assert_str_eq(answer_text(first, "desktop"), id);
	g_autoptr(Answer) again = fixture_request(&fixture, "POST", "pools/office/open", session, NULL);
	ck_assert_uint_eq(again->status, 200);
	ck_assert_str_eq(answer_text(again, "desktop"), id);
	g_autofree char *path = g_strconcat("desktops/", id, NULL);
	g_autoptr(Answer) desktop = fixture_request(&fixture, "GET", path, session, NULL);
	ck_assert_str_eq(answer_text(desktop, "title"), "Office desktop");
	ck_assert_ptr_nonnull(strstr(desktop->text, "\"usable\":true,\"agent\":true"));
}
END_TEST

START_TEST(open_refuses_with_the_reason)
{
	g_autofree char *one = fixture_sign_in(&fixture, "demo1"), *two = fixture_sign_in(&fixture, "demo2");
	g_autofree char *lab = fixture_open(&fixture, two, "lab");

	ck_assert_ptr_nonnull(lab);
	assert_status("POST", "pools/nowhere/open", one, NULL, 404);
	assert_status("POST", "pools/lab/open", one, NULL, 403);
	assert_status("POST", "pools/broken/open", one, NULL, 503);
	engine_drain(fixture.broker->engine, "office", TRUE, NULL);
	g_autoptr(Answer) full = fixture_request(&fixture, "POST", "pools/office/open", one, NULL);
	ck_assert_uint_eq(full->status, 503);
	ck_assert_str_eq(answer_error_code(full), "exhausted");
}
END_TEST

START_TEST(another_persons_desktop_does_not_exist)
{
	g_autofree char *one = fixture_sign_in(&fixture, "demo1"), *two = fixture_sign_in(&fixture, "demo2");
	g_autofree char *id = fixture_open(&fixture, one, "office");
	g_autofree char *path = g_strconcat("desktops/", id, NULL), *reset = g_strconcat(path, "/reset", NULL),
			*console = g_strconcat(path, "/console.vv", NULL);

	assert_status("GET", path, two, NULL, 404);
	assert_status("POST", reset, two, NULL, 404);
	assert_status("GET", console, two, NULL, 404);
	g_autoptr(Answer) list = fixture_request(&fixture, "GET", "desktops", two, NULL);
	ck_assert_str_eq(list->text, "[]");
	assert_status("GET", path, one, NULL, 200);
}
END_TEST

START_TEST(a_console_file_holds_what_virt_viewer_needs)
{
	g_autofree char *session = fixture_sign_in(&fixture, "demo1");
	g_autofree char *id = fixture_open(&fixture, session, "office");
	g_autofree char *path = g_strdup_printf("desktops/%s/console.vv", id);
	g_autoptr(Answer) answer = fixture_request(&fixture, "GET", path, session, NULL);
	g_autoptr(GKeyFile) keys = g_key_file_new();

	ck_assert_uint_eq(answer->status, 200);
	ck_assert_str_eq(answer->type, "application/x-virt-viewer");
	ck_assert(g_key_file_load_from_data(keys, answer->text, (gsize)-1, G_KEY_FILE_NONE, NULL));
	const struct {
		const char *key, *value;
	} expected[] = {{"type", "spice"}, {"proxy", "http://portal.example:8443"}, {"tls-port", "8443"},
		{"host-subject", "CN=portal.example"}, {"delete-this-file", "1"}, {"title", "Office desktop"},
		{"ca", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}};
	for (gsize i = 0; i < G_N_ELEMENTS(expected); i++) {
		g_autofree char *value = g_key_file_get_string(keys, "virt-viewer", expected[i].key, NULL);
		ck_assert_str_eq(value, expected[i].value);
	}
	g_autofree char *name = g_key_file_get_string(keys, "virt-viewer", "host", NULL);
	g_autoptr(TicketRow) ticket = tickets_redeem(fixture.broker->tickets, name, "192.0.2.1", NULL);
	g_autofree char *password = g_key_file_get_string(keys, "virt-viewer", "password", NULL);
	ck_assert_str_eq(ticket->secret, password);
}
END_TEST

static const struct {
	const char *portal, *proxy;
} ways[] = {{"desk.example:8443", "http://desk.example:8443"}, {"desk.example", "http://desk.example:443"},
	{"192.0.2.1", "http://192.0.2.1:443"}, {"[2001:db8::1]", "http://[2001:db8::1]:443"},
	{"[2001:db8::1]:8444", "http://[2001:db8::1]:8444"}};

START_TEST(virt_viewer_comes_to_where_the_browser_was)
{
	const VvFile file = {.title = "x", .name = "name", .secret = "secret", .portal = ways[_i].portal, .port = 8443};
	g_autofree char *text = vv_file_text(&file);
	g_autoptr(GKeyFile) keys = g_key_file_new();

	ck_assert(g_key_file_load_from_data(keys, text, (gsize)-1, G_KEY_FILE_NONE, NULL));
	g_autofree char *proxy = g_key_file_get_string(keys, "virt-viewer", "proxy", NULL);
	ck_assert_str_eq(proxy, ways[_i].proxy);
}
END_TEST

START_TEST(a_vnc_link_holds_a_ticket_and_where_to_take_it)
{
	g_autofree char *session = fixture_sign_in(&fixture, "demo1"), *other = fixture_sign_in(&fixture, "demo2");
	g_autofree char *id = fixture_open(&fixture, session, "office"), *path = g_strdup_printf("desktops/%s/vnc", id);

	assert_status("POST", path, other, NULL, 404);
	assert_status("POST", path, NULL, NULL, 401);
	assert_status("GET", path, session, NULL, 405);
	g_autoptr(Answer) answer = fixture_request(&fixture, "POST", path, session, NULL);
	ck_assert_uint_eq(answer->status, 200);
	ck_assert_str_eq(answer_text(answer, "address"), "portal.example");
	ck_assert_int_eq(json_object_get_int_member(json_node_get_object(answer->json), "port"), 5999);
	ck_assert_int_eq(json_object_get_int_member(json_node_get_object(answer->json), "expires"), 30);
	ck_assert(g_str_has_prefix(answer_text(answer, "ca"), "-----BEGIN CERTIFICATE-----"));
	g_autofree char *name = g_strdup(answer_text(answer, "user"));
	ck_assert(g_str_has_prefix(name, "ticket:"));
	g_autofree char *uri = g_strdup_printf("vnc://portal.example:5999?VncUsername=ticket%%3A%s&VncPassword=%s",
		name + strlen("ticket:"), answer_text(answer, "password"));
	ck_assert_str_eq(answer_text(answer, "uri"), uri);
	g_autoptr(TicketRow) ticket = tickets_redeem(fixture.broker->tickets, name + strlen("ticket:"), "192.0.2.1", NULL);
	ck_assert_str_eq(ticket->secret, answer_text(answer, "password"));
}
END_TEST

START_TEST(there_is_no_vnc_link_without_a_vnc_port)
{
	g_autofree char *session = fixture_sign_in(&fixture, "demo1");
	g_autofree char *id = fixture_open(&fixture, session, "office"), *path = g_strdup_printf("desktops/%s/vnc", id);

	fixture.broker->facts.vnc_port = 0;
	assert_status("POST", path, session, NULL, 404);
}
END_TEST

START_TEST(a_desktop_that_is_not_ready_has_no_console_file)
{
	g_autofree char *session = fixture_sign_in(&fixture, "demo1");

	fake_engine_set_clone_ms(fixture.broker->engine, 60000);
	g_autoptr(Answer) open = fixture_request(&fixture, "POST", "pools/office/open", session, NULL);
	g_autofree char *path = g_strdup_printf("desktops/%s/console.vv", answer_text(open, "desktop"));
	assert_status("GET", path, session, NULL, 409);
}
END_TEST

START_TEST(reset_takes_the_desktop_and_its_tickets_away)
{
	g_autofree char *session = fixture_sign_in(&fixture, "demo1");
	g_autofree char *id = fixture_open(&fixture, session, "office");
	g_autofree char *path = g_strdup_printf("desktops/%s/reset", id);
	g_autoptr(SessionRow) row = sessions_find(fixture.broker->sessions, session);
	g_autoptr(TicketRow) ticket = tickets_issue(fixture.broker->tickets, row->id, id, "192.0.2.1", NULL);

	assert_status("POST", path, session, NULL, 202);
	ck_assert_ptr_null(tickets_redeem(fixture.broker->tickets, ticket->name, "192.0.2.1", NULL));
	assert_status("POST", path, session, NULL, 404);
	g_autofree char *fresh = fixture_open(&fixture, session, "office");
	ck_assert_str_ne(fresh, id);
}
END_TEST

START_TEST(sign_out_ends_session_tickets_and_desktop)
{
	g_autofree char *session = fixture_sign_in(&fixture, "demo1");
	g_autofree char *id = fixture_open(&fixture, session, "office");
	g_autoptr(SessionRow) row = sessions_find(fixture.broker->sessions, session);
	g_autoptr(TicketRow) ticket = tickets_issue(fixture.broker->tickets, row->id, id, "192.0.2.1", NULL);
	g_autoptr(Answer) out = fixture_request(&fixture, "POST", "sign-out", session, NULL);

	ck_assert_uint_eq(out->status, 200);
	ck_assert_str_eq(out->cookie, "");
	assert_status("GET", "me", session, NULL, 401);
	ck_assert_ptr_null(tickets_redeem(fixture.broker->tickets, ticket->name, "192.0.2.1", NULL));
	ck_assert_ptr_null(engine_desktop(fixture.broker->engine, id));
}
END_TEST

static char *
session_id(const char *token)
{
	g_autoptr(SessionRow) row = sessions_find(fixture.broker->sessions, token);

	return g_strdup(row->id);
}

START_TEST(ones_own_sessions_are_listed_and_nobody_elses)
{
	g_autofree char *first = fixture_sign_in(&fixture, "demo1"), *second = fixture_sign_in(&fixture, "demo1");
	g_autofree char *other = fixture_sign_in(&fixture, "demo2"), *id = session_id(first), *others = session_id(other);
	g_autoptr(Answer) list = fixture_request(&fixture, "GET", "sessions", second, NULL);
	JsonArray *rows = json_node_get_array(list->json);
	JsonObject *row = json_array_get_object_element(rows, 0);
	const char *listed = json_object_get_string_member(row, "id");

	ck_assert_uint_eq(json_array_get_length(rows), 2);
	ck_assert_ptr_null(strstr(list->text, others));
	ck_assert_ptr_null(strstr(list->text, first));
	ck_assert_ptr_null(strstr(list->text, second));
	ck_assert_str_eq(json_object_get_string_member(row, "kind"), "portal");
	ck_assert_str_eq(json_object_get_string_member(row, "address"), "192.0.2.1");
	ck_assert_int_eq(json_object_get_boolean_member(row, "current"), strcmp(listed, id) != 0);
	ck_assert_int_gt(json_object_get_int_member(row, "seen"), 0);
}
END_TEST

START_TEST(one_ends_another_session_of_ones_own_and_keeps_the_desktop)
{
	g_autofree char *here = fixture_sign_in(&fixture, "demo1"), *there = fixture_sign_in(&fixture, "demo1");
	g_autofree char *desktop = fixture_open(&fixture, here, "office"), *id = session_id(there);
	g_autofree char *path = g_strconcat("sessions/", id, NULL);

	assert_status("DELETE", path, here, NULL, 200);
	assert_status("GET", "me", there, NULL, 401);
	assert_status("GET", "me", here, NULL, 200);
	ck_assert_ptr_nonnull(engine_desktop(fixture.broker->engine, desktop));
	assert_status("DELETE", path, here, NULL, 404);
}
END_TEST

START_TEST(nobody_ends_anothers_session)
{
	g_autofree char *mine = fixture_sign_in(&fixture, "demo1"), *theirs = fixture_sign_in(&fixture, "demo2");
	g_autofree char *id = session_id(theirs), *path = g_strconcat("sessions/", id, NULL);
	g_autoptr(Answer) foreign = fixture_request(&fixture, "DELETE", path, mine, NULL);
	g_autoptr(Answer) nothing = fixture_request(&fixture, "DELETE", "sessions/0123456789ab", mine, NULL);

	ck_assert_uint_eq(foreign->status, 404);
	ck_assert_str_eq(foreign->text, nothing->text);
	assert_status("GET", "me", theirs, NULL, 200);
	g_autofree char *own_path = session_id(mine), *own = g_strconcat("sessions/", own_path, NULL);
	g_autoptr(Answer) from_elsewhere = fixture_request_from(&fixture, "192.0.2.1", "DELETE", own, mine, NULL,
		"https://evil.example");
	ck_assert_uint_eq(from_elsewhere->status, 403);
}
END_TEST

START_TEST(to_end_the_session_at_hand_is_to_sign_out)
{
	g_autofree char *session = fixture_sign_in(&fixture, "demo1");
	g_autofree char *desktop = fixture_open(&fixture, session, "office"), *id = session_id(session);
	g_autofree char *path = g_strconcat("sessions/", id, NULL);
	g_autoptr(Answer) out = fixture_request(&fixture, "DELETE", path, session, NULL);

	ck_assert_uint_eq(out->status, 200);
	ck_assert_str_eq(out->cookie, "");
	ck_assert_ptr_null(engine_desktop(fixture.broker->engine, desktop));
}
END_TEST

START_TEST(sign_out_everywhere_ends_all_of_ones_sessions_with_tickets_and_desktop)
{
	g_autofree char *here = fixture_sign_in(&fixture, "demo1"), *there = fixture_sign_in(&fixture, "demo1");
	g_autofree char *other = fixture_sign_in(&fixture, "demo2"), *desktop = fixture_open(&fixture, there, "office");
	g_autofree char *id = session_id(there);
	g_autoptr(TicketRow) ticket = tickets_issue(fixture.broker->tickets, id, desktop, "192.0.2.1", NULL);

	assert_status("POST", "sign-out", here, "{\"everywhere\":1}", 400);
	assert_status("POST", "sign-out", here, "{\"everywhere\":true}", 200);
	assert_status("GET", "me", here, NULL, 401);
	assert_status("GET", "me", there, NULL, 401);
	assert_status("GET", "me", other, NULL, 200);
	ck_assert_ptr_null(tickets_redeem(fixture.broker->tickets, ticket->name, "192.0.2.1", NULL));
	ck_assert_ptr_null(engine_desktop(fixture.broker->engine, desktop));
}
END_TEST

START_TEST(a_session_outlives_the_broker)
{
	g_autofree char *session = fixture_sign_in(&fixture, "demo1");

	fixture_restart(&fixture);
	assert_status("GET", "me", session, NULL, 200);
	assert_status("GET", "pools", session, NULL, 200);
}
END_TEST

START_TEST(without_carrel_auth_nobody_signs_in_and_all_are_told_so)
{
	g_autofree char *path = conf_socket_path(fixture.conf, CONF_SOCKET_AUTH);

	g_unlink(path);
	assert_status("POST", "sign-in", NULL, "{\"user\":\"demo1\",\"password\":\"right\"}", 503);
}
END_TEST

/* One of @user's with nothing but its first record. */
static char *
record(Recordings *recordings, const char *pool, const char *user)
{
	g_autofree char *about = g_strdup_printf("pool=%s\nuser=%s\nstarted=1764532800000\n", pool, user);
	guint8 head[RECORDING_HEAD_SIZE], hash[RECORDING_HASH_SIZE] = {0};
	g_autoptr(GByteArray) bytes = g_byte_array_new();
	char *id = NULL;
	int fd = recordings_create(recordings, pool, &id, NULL);

	recording_put_head(head, RECORDING_ABOUT, strlen(about), 0);
	recording_chain(hash, head, about, strlen(about));
	g_byte_array_append(bytes, (const guint8 *)RECORDING_MAGIC, RECORDING_MAGIC_SIZE);
	g_byte_array_append(bytes, head, sizeof head);
	g_byte_array_append(bytes, (const guint8 *)about, (guint)strlen(about));
	g_byte_array_append(bytes, hash, sizeof hash);
	ck_assert_int_eq(write(fd, bytes->data, bytes->len), bytes->len);
	close(fd);
	return id;
}

START_TEST(recordings_are_for_admins_and_come_by_range)
{
	g_autofree char *folder = g_build_filename(fixture.folder, "recordings", NULL);
	Recordings *recordings = fake_display_record(fixture.display, folder);
	g_autofree char *id = record(recordings, "office", "demo1"), *other = record(recordings, "gone", "demo2");
	g_autofree char *person = fixture_sign_in(&fixture, "demo1"), *admin = fixture_sign_in(&fixture, "demo2");
	g_autofree char *path = g_strconcat("recordings/", id, NULL), *data = g_strconcat(path, "/data", NULL);

	ck_assert_str_ne(id, other);
	assert_status("GET", "recordings", NULL, NULL, 401);
	assert_status("GET", "recordings", person, NULL, 403);
	assert_status("GET", path, person, NULL, 403);
	assert_status("GET", data, person, NULL, 403);
	assert_status("DELETE", path, person, NULL, 403);
	fixture.query = "limit=1&user=demo1";
	g_autoptr(Answer) list = fixture_request(&fixture, "GET", "recordings", admin, NULL);

	ck_assert_ptr_nonnull(strstr(list->text, "\"total\":1,"));
	ck_assert_ptr_nonnull(strstr(list->text, id));
	fixture.query = "limit=9999";
	assert_status("GET", "recordings", admin, NULL, 400);
	fixture.query = NULL;
	g_autoptr(Answer) facts = fixture_request(&fixture, "GET", path, admin, NULL);

	ck_assert_msg(facts->status == 200, "%s", facts->text);
	ck_assert_str_eq(answer_text(facts, "user"), "demo1");
	assert_status("GET", data, admin, NULL, 400);
	fixture.range = "bytes=0-7";
	g_autoptr(Answer) part = fixture_request(&fixture, "GET", data, admin, NULL);

	ck_assert_uint_eq(part->status, 206);
	ck_assert_str_eq(part->text, "CarrelR1");
	fixture.range = "bytes=100000-";
	assert_status("GET", data, admin, NULL, 416);
	fixture.range = "bytes=-5";
	assert_status("GET", data, admin, NULL, 400);
	fixture.range = NULL;
	assert_status("GET", "recordings/office.x", admin, NULL, 404);
	assert_status("DELETE", path, admin, NULL, 503); /* it is being written */
	g_free(recordings_done(recordings, id));
	assert_status("DELETE", path, admin, NULL, 204);
	assert_status("GET", path, admin, NULL, 404);
}
END_TEST

START_TEST(who_must_be_recorded_is_sent_away_without)
{
	g_autofree char *session = fixture_sign_in(&fixture, "demo1");
	g_autofree char *desktop = fixture_open(&fixture, session, "office");

	fake_display_end_recording(fixture.display, desktop, "office.20261130T200000Z.0123456789abcdef", "the disk is full", FALSE);
	fixture_run_for(100);
	ck_assert_uint_eq(fake_display_n_ended(fixture.display, desktop), 0);
	fake_display_end_recording(fixture.display, desktop, "office.20261130T200000Z.0123456789abcdef", "the disk is full", TRUE);
	fixture_run_for(100);
	ck_assert_uint_eq(fake_display_n_ended(fixture.display, desktop), 1);
}
END_TEST

static void
add_sign_in_tests(TCase *tcase)
{
	tcase_add_test(tcase, a_person_signs_in_and_is_known_from_then_on);
	tcase_add_test(tcase, one_session_too_many_ends_the_one_that_was_longest_without_use);
	tcase_add_test(tcase, an_admin_is_told_so);
	tcase_add_test(tcase, recordings_are_for_admins_and_come_by_range);
	tcase_add_test(tcase, who_must_be_recorded_is_sent_away_without);
	tcase_add_loop_test(tcase, every_refusal_answers_alike_in_the_same_time, 0, G_N_ELEMENTS(refusals));
	tcase_add_test(tcase, a_second_question_is_asked_and_answered);
	tcase_add_test(tcase, nobody_else_answers_ones_question);
	tcase_add_test(tcase, a_wrong_answer_is_a_refusal_like_any_other);
	tcase_add_test(tcase, an_expired_password_is_renewed);
	tcase_add_test(tcase, a_password_that_was_not_renewed_is_told_why);
	tcase_add_test(tcase, an_address_has_a_bounded_number_of_sign_ins_at_once);
	tcase_add_test(tcase, an_address_that_fails_often_is_told_to_wait_and_others_are_not);
	tcase_add_test(tcase, a_name_that_fails_often_is_held_but_not_from_where_its_person_signs_in);
	tcase_add_test(tcase, a_session_outlives_the_broker);
	tcase_add_test(tcase, without_carrel_auth_nobody_signs_in_and_all_are_told_so);
}

int
main(void)
{
	Suite *suite = suite_create("api");
	TCase *tcase = tcase_create("api");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 60);
	add_sign_in_tests(tcase);
	tcase_add_loop_test(tcase, a_bad_body_gets_one_clear_line, 0, G_N_ELEMENTS(bad_bodies));
	tcase_add_test(tcase, a_body_cut_anywhere_is_refused);
	tcase_add_test(tcase, what_is_not_there_is_404_and_what_does_not_fit_is_405);
	tcase_add_test(tcase, without_a_session_there_is_nothing_to_see);
	tcase_add_test(tcase, a_page_of_another_site_cannot_act);
	tcase_add_test(tcase, pools_are_those_of_the_person);
	tcase_add_test(tcase, open_goes_from_202_to_200_and_stays_with_one_desktop);
	tcase_add_test(tcase, open_refuses_with_the_reason);
	tcase_add_test(tcase, another_persons_desktop_does_not_exist);
	tcase_add_test(tcase, a_console_file_holds_what_virt_viewer_needs);
	tcase_add_loop_test(tcase, virt_viewer_comes_to_where_the_browser_was, 0, G_N_ELEMENTS(ways));
	tcase_add_test(tcase, a_vnc_link_holds_a_ticket_and_where_to_take_it);
	tcase_add_test(tcase, there_is_no_vnc_link_without_a_vnc_port);
	tcase_add_test(tcase, a_desktop_that_is_not_ready_has_no_console_file);
	tcase_add_test(tcase, reset_takes_the_desktop_and_its_tickets_away);
	tcase_add_test(tcase, sign_out_ends_session_tickets_and_desktop);
	tcase_add_test(tcase, ones_own_sessions_are_listed_and_nobody_elses);
	tcase_add_test(tcase, one_ends_another_session_of_ones_own_and_keeps_the_desktop);
	tcase_add_test(tcase, nobody_ends_anothers_session);
	tcase_add_test(tcase, to_end_the_session_at_hand_is_to_sign_out);
	tcase_add_test(tcase, sign_out_everywhere_ends_all_of_ones_sessions_with_tickets_and_desktop);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
