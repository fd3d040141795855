/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <check.h>
#include <spice/vd_agent.h>
#include <stdlib.h>
#include <string.h>

#include "broker/common/error.h"
#include "display/agent-mux.h"
#include "display/agent-wire.h"

static GString *heard; /* "port/type/size " of each message */

static void
hear(guint32 port, guint32 type, const guint8 *data, gsize size, void *user_data)
{
	g_string_append_printf(heard, "%u/%u/%zu ", port, type, size);
}

static GByteArray *
three_messages(void)
{
	GByteArray *out = g_byte_array_new();
	guint8 data[5000] = {0};

	agent_append_message(out, VDP_CLIENT_PORT, VD_AGENT_CLIPBOARD, data, sizeof data);
	agent_append_message(out, VDP_SERVER_PORT, VD_AGENT_REPLY, NULL, 0);
	agent_append_message(out, VDP_CLIENT_PORT, VD_AGENT_CLIPBOARD, data, 2028);
	return out;
}

START_TEST(messages_come_whole_however_their_bytes_are_cut)
{
	g_autoptr(GByteArray) bytes = three_messages();
	const gsize steps[] = {1, 3, 7, 8, 20, 28, 2048, 2056, 100000};

	for (gsize i = 0; i < G_N_ELEMENTS(steps); i++) {
		g_autoptr(AgentParser) parser = agent_parser_new();

		heard = g_string_new(NULL);
		for (gsize at = 0; at < bytes->len; at += steps[i]) {
			gsize n = MIN(steps[i], bytes->len - at);
			g_autofree guint8 *copy = g_memdup2(bytes->data + at, n);

			ck_assert(agent_parser_feed(parser, copy, n, hear, NULL, NULL));
		}
		ck_assert_str_eq(heard->str, "1/4/5000 2/3/0 1/4/2028 ");
		g_string_free(heard, TRUE);
	}
}
END_TEST

static const struct {
	guint32 port, chunk, protocol, size;
} lies[] = {{3, 20, 1, 0}, {0, 20, 1, 0}, {1, 0, 1, 0}, {1, 2049, 1, 0}, {1, 20, 2, 0}, {1, 20, 1, AGENT_MESSAGE_MAX + 1},
	{1, 20, 1, 0xffffffff}};

START_TEST(a_length_or_port_that_cannot_be_ends_the_conversation)
{
	g_autoptr(GByteArray) bytes = g_byte_array_new();
	g_autoptr(AgentParser) parser = agent_parser_new();
	g_autoptr(GError) error = NULL;
	guint8 zero[8] = {0};

	agent_append_u32(bytes, lies[_i].port);
	agent_append_u32(bytes, lies[_i].chunk);
	agent_append_u32(bytes, lies[_i].protocol);
	agent_append_u32(bytes, VD_AGENT_CLIPBOARD);
	g_byte_array_append(bytes, zero, 8);
	agent_append_u32(bytes, lies[_i].size);
	heard = g_string_new(NULL);
	ck_assert(!agent_parser_feed(parser, bytes->data, bytes->len, hear, NULL, &error));
	ck_assert(g_error_matches(error, CARREL_ERROR, CARREL_ERROR_PROTOCOL));
	ck_assert_str_eq(heard->str, "");
	g_string_free(heard, TRUE);
}
END_TEST

/* ---- the multiplexer ---- */

static GString *said;
static gboolean wants_text;
static guint8 last[256]; /* the last message's bytes */
static gsize last_size;

static void
note(const char *whom, guint32 type, const void *data, gsize size)
{
	const guint8 *bytes = data;

	last_size = MIN(size, sizeof last);
	memcpy(last, data, last_size);
	g_string_append_printf(said, "%s:%u:", whom, type);
	for (gsize i = 0; i < MIN(size, 12) && type != VD_AGENT_ANNOUNCE_CAPABILITIES; i++)
		g_string_append_printf(said, "%02x", bytes[i]);
	g_string_append_c(said, ' ');
}

static void
to_guest(guint32 type, const void *data, gsize size, void *user_data)
{
	note("guest", type, data, size);
}

static void
to_spice(guint32 type, const void *data, gsize size, void *user_data)
{
	note("spice", type, data, size);
}

static void
to_vnc(const char *text, gsize size, void *user_data)
{
	g_string_append_printf(said, "vnc:%.*s ", (int)size, text);
}

static gboolean
vnc_wants_text(void *user_data)
{
	return wants_text;
}

static void
on_agent(void *user_data)
{
	g_string_append(said, "agent ");
}

static const AgentMuxSink sink = {to_guest, to_spice, to_vnc, vnc_wants_text, on_agent};
static AgentMux *mux;

static void
guest_says(guint32 type, const char *data, gsize size)
{
	agent_mux_from_guest(mux, type, (const guint8 *)data, size);
}

static void
spice_says(guint32 type, const char *data, gsize size)
{
	agent_mux_from_spice(mux, type, (const guint8 *)data, size);
}

/* Both sides know selections; the guest sets monitors. */
#define CAPS "\0\0\0\0\x62\0\0\0"

static void
set_up(void)
{
	said = g_string_new(NULL);
	wants_text = FALSE;
	mux = agent_mux_new(&sink, NULL);
	guest_says(VD_AGENT_ANNOUNCE_CAPABILITIES, CAPS, 8);
	ck_assert_str_eq(said->str, "agent ");
	g_string_truncate(said, 0);
}

static void
set_up_spice(gboolean to_desktop, gboolean from_desktop)
{
	agent_mux_set_spice_rights(mux, to_desktop, from_desktop);
	spice_says(VD_AGENT_ANNOUNCE_CAPABILITIES, CAPS, 8);
	g_string_truncate(said, 0);
}

static void
tear_down(void)
{
	agent_mux_free(mux);
	g_string_free(said, TRUE);
}

START_TEST(text_of_the_guest_reaches_vnc_clients_that_want_it)
{
	wants_text = TRUE;
	guest_says(VD_AGENT_CLIPBOARD_GRAB, "\0\0\0\0\1\0\0\0", 8);
	guest_says(VD_AGENT_CLIPBOARD, "\0\0\0\0\1\0\0\0hi", 10);
	ck_assert_str_eq(said->str, "guest:8:0000000001000000 vnc:hi ");
}
END_TEST

START_TEST(text_that_nobody_may_have_is_not_asked_for)
{
	guest_says(VD_AGENT_CLIPBOARD_GRAB, "\0\0\0\0\1\0\0\0", 8);
	guest_says(VD_AGENT_CLIPBOARD, "\0\0\0\0\1\0\0\0hi", 10);
	ck_assert_str_eq(said->str, "");
}
END_TEST

START_TEST(text_of_a_vnc_client_is_grabbed_and_given_when_asked_for)
{
	agent_mux_from_vnc(mux, "ab", 2);
	guest_says(VD_AGENT_CLIPBOARD_REQUEST, "\0\0\0\0\1\0\0\0", 8);
	ck_assert_str_eq(said->str, "guest:7:0000000001000000 guest:4:00000000010000006162 ");
}
END_TEST

START_TEST(a_spice_client_without_the_right_gets_and_gives_nothing)
{
	set_up_spice(FALSE, FALSE);
	guest_says(VD_AGENT_CLIPBOARD_GRAB, "\0\0\0\0\1\0\0\0", 8);
	spice_says(VD_AGENT_CLIPBOARD_GRAB, "\0\0\0\0\1\0\0\0", 8);
	ck_assert_str_eq(said->str, "");
	spice_says(VD_AGENT_CLIPBOARD_REQUEST, "\0\0\0\0\1\0\0\0", 8);
	ck_assert_str_eq(said->str, "spice:4:0000000000000000 ");
}
END_TEST

START_TEST(a_spice_client_and_the_guest_exchange_what_they_ask_for)
{
	set_up_spice(TRUE, TRUE);
	guest_says(VD_AGENT_CLIPBOARD_GRAB, "\0\0\0\0\1\0\0\0", 8);
	spice_says(VD_AGENT_CLIPBOARD_REQUEST, "\0\0\0\0\1\0\0\0", 8);
	guest_says(VD_AGENT_CLIPBOARD, "\0\0\0\0\1\0\0\0x", 9);
	ck_assert_str_eq(said->str, "spice:7:0000000001000000 guest:8:0000000001000000 spice:4:000000000100000078 ");
	g_string_truncate(said, 0);
	spice_says(VD_AGENT_CLIPBOARD_GRAB, "\0\0\0\0\1\0\0\0", 8);
	guest_says(VD_AGENT_CLIPBOARD_REQUEST, "\0\0\0\0\1\0\0\0", 8);
	spice_says(VD_AGENT_CLIPBOARD, "\0\0\0\0\1\0\0\0y", 9);
	ck_assert_str_eq(said->str, "guest:7:0000000001000000 spice:8:0000000001000000 guest:4:000000000100000079 ");
}
END_TEST

START_TEST(images_pass_where_they_may_and_lists_of_files_never)
{
	set_up_spice(TRUE, TRUE);
	spice_says(VD_AGENT_CLIPBOARD_GRAB, "\0\0\0\0\2\0\0\0", 8);
	guest_says(VD_AGENT_CLIPBOARD_GRAB, "\0\0\0\0\6\0\0\0\2\0\0\0", 12);
	ck_assert_str_eq(said->str, "");
	guest_says(VD_AGENT_CLIPBOARD_GRAB, "\0\0\0\0\2\0\0\0\1\0\0\0", 12);
	spice_says(VD_AGENT_CLIPBOARD_REQUEST, "\0\0\0\0\2\0\0\0", 8);
	ck_assert_str_eq(said->str, "spice:7:0000000001000000 spice:4:0000000000000000 ");
	g_string_truncate(said, 0);
	agent_mux_set_limits(mux, TRUE, 100);
	guest_says(VD_AGENT_CLIPBOARD_GRAB, "\0\0\0\0\6\0\0\0\2\0\0\0", 12);
	spice_says(VD_AGENT_CLIPBOARD_REQUEST, "\0\0\0\0\2\0\0\0", 8);
	guest_says(VD_AGENT_CLIPBOARD, "\0\0\0\0\2\0\0\0i", 9);
	ck_assert_str_eq(said->str, "spice:7:0000000002000000 guest:8:0000000002000000 spice:4:000000000200000069 ");
}
END_TEST

START_TEST(what_is_larger_than_allowed_is_nothing_on_the_other_side)
{
	wants_text = TRUE;
	set_up_spice(TRUE, TRUE);
	agent_mux_set_limits(mux, FALSE, 2);
	guest_says(VD_AGENT_CLIPBOARD_GRAB, "\0\0\0\0\1\0\0\0", 8);
	spice_says(VD_AGENT_CLIPBOARD_REQUEST, "\0\0\0\0\1\0\0\0", 8);
	g_string_truncate(said, 0);
	guest_says(VD_AGENT_CLIPBOARD, "\0\0\0\0\1\0\0\0abc", 11);
	ck_assert_str_eq(said->str, "spice:4:0000000000000000 ");
	g_string_truncate(said, 0);
	agent_mux_from_vnc(mux, "abc", 3);
	ck_assert_str_eq(said->str, "");
	spice_says(VD_AGENT_CLIPBOARD_GRAB, "\0\0\0\0\1\0\0\0", 8);
	g_string_truncate(said, 0);
	spice_says(VD_AGENT_CLIPBOARD, "\0\0\0\0\1\0\0\0abc", 11);
	ck_assert_str_eq(said->str, "guest:4:0000000000000000 ");
	g_string_truncate(said, 0);
	agent_mux_from_vnc(mux, "ab", 2);
	ck_assert_str_eq(said->str, "guest:7:0000000001000000 ");
}
END_TEST

START_TEST(the_primary_selection_stays_where_it_is)
{
	set_up_spice(TRUE, TRUE);
	wants_text = TRUE;
	guest_says(VD_AGENT_CLIPBOARD_GRAB, "\1\0\0\0\1\0\0\0", 8);
	spice_says(VD_AGENT_CLIPBOARD_GRAB, "\1\0\0\0\1\0\0\0", 8);
	ck_assert_str_eq(said->str, "");
}
END_TEST

START_TEST(a_guest_that_asks_while_nobody_owns_the_clipboard_is_answered)
{
	guest_says(VD_AGENT_CLIPBOARD_REQUEST, "\0\0\0\0\1\0\0\0", 8);
	ck_assert_str_eq(said->str, "guest:4:0000000000000000 ");
}
END_TEST

START_TEST(what_a_spice_client_held_is_released_when_it_leaves)
{
	set_up_spice(TRUE, TRUE);
	spice_says(VD_AGENT_CLIPBOARD_GRAB, "\0\0\0\0\1\0\0\0", 8);
	g_string_truncate(said, 0);
	agent_mux_spice_left(mux);
	ck_assert_str_eq(said->str, "guest:9:00000000 ");
}
END_TEST

START_TEST(messages_cut_at_every_length_do_no_harm)
{
	const Heads wish = heads_single(0x400, 0x300);
	static const char data[] = "\0\0\0\0\1\0\0\0\1\0\0\0";

	set_up_spice(TRUE, TRUE);
	wants_text = TRUE;
	for (guint32 type = 0; type <= VD_AGENT_END_MESSAGE; type++) {
		for (gsize size = 0; size < sizeof data; size++) {
			g_autofree guint8 *cut = g_memdup2(data, size);

			agent_mux_from_guest(mux, type, cut, size);
			agent_mux_from_spice(mux, type, cut, size);
		}
	}
	/* It still understands. */
	agent_mux_arrange(mux, &wish);
	g_string_truncate(said, 0);
	guest_says(VD_AGENT_ANNOUNCE_CAPABILITIES, CAPS, 8);
	ck_assert_ptr_nonnull(strstr(said->str, "guest:2:010000000100000000030000 "));
}
END_TEST

START_TEST(monitors_are_said_with_their_places_and_one_that_is_off_without_a_size)
{
	const Heads wish = {.rects = {{0, 0, 0x400, 0x300}, {0}, {0x400, 0x10, 0x320, 0x258}}, .width = 0x720, .height = 0x300};
	/* How many, flags, then height, width, depth, x and y of each. */
	static const guint32 expected[] = {
	        3, VD_AGENT_CONFIG_MONITORS_FLAG_USE_POS, 0x300, 0x400, 32, 0, 0, 0, 0, 32, 0, 0, 0x258, 0x320, 32, 0x400, 0x10};

	guest_says(VD_AGENT_ANNOUNCE_CAPABILITIES, CAPS, 8);
	g_string_truncate(said, 0);
	agent_mux_arrange(mux, &wish);
	ck_assert_uint_eq(last_size, sizeof expected);
	for (gsize i = 0; i < G_N_ELEMENTS(expected); i++)
		ck_assert_uint_eq(agent_read_u32(last + 4 * i), expected[i]);
}
END_TEST

START_TEST(the_pointer_goes_to_an_agent_that_takes_it_until_its_port_is_closed)
{
	ck_assert(!agent_mux_takes_pointer(mux));
	guest_says(VD_AGENT_ANNOUNCE_CAPABILITIES, CAPS, 8);
	ck_assert(!agent_mux_takes_pointer(mux));
	guest_says(VD_AGENT_ANNOUNCE_CAPABILITIES, "\0\0\0\0\1\0\0\0", 8);
	ck_assert(agent_mux_takes_pointer(mux));
	g_string_truncate(said, 0);
	agent_mux_pointer(mux, 1, 0x102, 3, VD_AGENT_LBUTTON_MASK);
	ck_assert_uint_eq(last_size, sizeof(VDAgentMouseState));
	ck_assert_mem_eq(last, "\2\1\0\0\3\0\0\0\2\0\0\0\1", 13);
	agent_mux_stop(mux);
	ck_assert(!agent_mux_takes_pointer(mux));
}
END_TEST

START_TEST(a_wished_size_is_said_again_to_an_agent_that_comes_later)
{
	const Heads wish = heads_single(0x400, 0x300);

	agent_mux_arrange(mux, &wish);
	g_string_truncate(said, 0);
	guest_says(VD_AGENT_ANNOUNCE_CAPABILITIES, CAPS, 8);
	ck_assert_str_eq(said->str, "guest:2:010000000100000000030000 ");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("agent");
	TCase *wire = tcase_create("wire"), *shared = tcase_create("mux");

	tcase_add_test(wire, messages_come_whole_however_their_bytes_are_cut);
	tcase_add_loop_test(wire, a_length_or_port_that_cannot_be_ends_the_conversation, 0, G_N_ELEMENTS(lies));
	tcase_add_checked_fixture(shared, set_up, tear_down);
	tcase_add_test(shared, text_of_the_guest_reaches_vnc_clients_that_want_it);
	tcase_add_test(shared, text_that_nobody_may_have_is_not_asked_for);
	tcase_add_test(shared, text_of_a_vnc_client_is_grabbed_and_given_when_asked_for);
	tcase_add_test(shared, a_spice_client_without_the_right_gets_and_gives_nothing);
	tcase_add_test(shared, a_spice_client_and_the_guest_exchange_what_they_ask_for);
	tcase_add_test(shared, images_pass_where_they_may_and_lists_of_files_never);
	tcase_add_test(shared, what_is_larger_than_allowed_is_nothing_on_the_other_side);
	tcase_add_test(shared, the_primary_selection_stays_where_it_is);
	tcase_add_test(shared, a_guest_that_asks_while_nobody_owns_the_clipboard_is_answered);
	tcase_add_test(shared, what_a_spice_client_held_is_released_when_it_leaves);
	tcase_add_test(shared, messages_cut_at_every_length_do_no_harm);
	tcase_add_test(shared, monitors_are_said_with_their_places_and_one_that_is_off_without_a_size);
	tcase_add_test(shared, the_pointer_goes_to_an_agent_that_takes_it_until_its_port_is_closed);
	tcase_add_test(shared, a_wished_size_is_said_again_to_an_agent_that_comes_later);
	suite_add_tcase(suite, wire);
	suite_add_tcase(suite, shared);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
