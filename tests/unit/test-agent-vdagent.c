/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <check.h>
#include <spice/vd_agent.h>
#include <stdlib.h>
#include <string.h>

#include "agent/session/vdagent.h"

#define CLIPBOARD_MAX 10000

static GString *events;      /* what the agent told its owner */
static GByteArray *written;  /* what it wrote to the port */
static Vdagent *agent;

static gboolean
write_port(const void *bytes, gsize size, void *data)
{
	g_byte_array_append(written, bytes, (guint)size);
	return TRUE;
}

static void
on_peer(void *data)
{
	g_string_append(events, "peer;");
}

static void
on_grab(guint selection, gboolean has_text, void *data)
{
	g_string_append_printf(events, "grab %u %d;", selection, has_text);
}

static void
on_release(guint selection, void *data)
{
	g_string_append_printf(events, "release %u;", selection);
}

static void
on_request(guint selection, void *data)
{
	g_string_append_printf(events, "request %u;", selection);
}

static void
on_text(guint selection, const char *text, gsize size, void *data)
{
	g_string_append_printf(events, "text %u %s %zu;", selection, text == NULL ? "-" : size > 20 ? "..." : text, size);
}

static gboolean
on_monitors(const VdagentMonitor *monitors, guint n, void *data)
{
	for (guint i = 0; i < n; i++)
		g_string_append_printf(events, "%ux%u+%d+%d;", monitors[i].width, monitors[i].height, monitors[i].x,
			monitors[i].y);
	return TRUE;
}

static const VdagentHandlers handlers = {
	.write = write_port,
	.on_peer = on_peer,
	.on_grab = on_grab,
	.on_release = on_release,
	.on_request = on_request,
	.on_text = on_text,
	.on_monitors = on_monitors,
};

static void
set_up(void)
{
	events = g_string_new(NULL);
	written = g_byte_array_new();
	agent = vdagent_new(CLIPBOARD_MAX, &handlers, NULL);
}

static void
tear_down(void)
{
	vdagent_free(agent);
	g_byte_array_unref(written);
	g_string_free(events, TRUE);
}

static void
append(GByteArray *array, guint32 word)
{
	word = GUINT32_TO_LE(word);
	g_byte_array_append(array, (const guint8 *)&word, 4);
}

/* A message as a peer sends it, in chunks of at most @chunk bytes. */
static GByteArray *
encode(guint32 port, guint32 type, const void *data, gsize size, gsize chunk)
{
	g_autoptr(GByteArray) message = g_byte_array_new();
	GByteArray *stream = g_byte_array_new();

	append(message, VD_AGENT_PROTOCOL);
	append(message, type);
	append(message, 0);
	append(message, 0);
	append(message, (guint32)size);
	g_byte_array_append(message, data, (guint)size);
	for (gsize at = 0; at < message->len; at += chunk) {
		gsize piece = MIN(chunk, message->len - at);

		append(stream, port);
		append(stream, (guint32)piece);
		g_byte_array_append(stream, message->data + at, (guint)piece);
	}
	return stream;
}

static gboolean
say(guint32 type, const void *data, gsize size)
{
	g_autoptr(GByteArray) stream = encode(VDP_CLIENT_PORT, type, data, size, VD_AGENT_MAX_DATA_SIZE);

	return vdagent_feed(agent, stream->data, stream->len);
}

static void
announce(guint32 caps)
{
	const guint32 words[] = {GUINT32_TO_LE(0), GUINT32_TO_LE(caps)};

	ck_assert(say(VD_AGENT_ANNOUNCE_CAPABILITIES, words, sizeof words));
	g_string_truncate(events, 0);
}

#define ON_DEMAND (1U << VD_AGENT_CAP_CLIPBOARD_BY_DEMAND)
#define SELECTION (1U << VD_AGENT_CAP_CLIPBOARD_SELECTION)

/* The type and data of the first message that was written, whose chunks are checked and joined. */
static GByteArray *
take_written(guint32 *type)
{
	g_autoptr(GByteArray) message = g_byte_array_new();
	GByteArray *data = g_byte_array_new();
	guint32 head[5];
	gsize at = 0;

	while (at < written->len) {
		guint32 chunk[2];

		ck_assert_uint_ge(written->len - at, sizeof chunk);
		memcpy(chunk, written->data + at, sizeof chunk);
		ck_assert_uint_eq(GUINT32_FROM_LE(chunk[0]), VDP_CLIENT_PORT);
		ck_assert_uint_le(GUINT32_FROM_LE(chunk[1]), VD_AGENT_MAX_DATA_SIZE);
		g_byte_array_append(message, written->data + at + 8, GUINT32_FROM_LE(chunk[1]));
		at += 8 + GUINT32_FROM_LE(chunk[1]);
		memcpy(head, message->data, sizeof head);
		if (message->len == sizeof head + GUINT32_FROM_LE(head[4]))
			break;
	}
	ck_assert_uint_ge(message->len, sizeof head);
	ck_assert_uint_eq(GUINT32_FROM_LE(head[0]), VD_AGENT_PROTOCOL);
	*type = GUINT32_FROM_LE(head[1]);
	g_byte_array_append(data, message->data + sizeof head, message->len - sizeof head);
	g_byte_array_remove_range(written, 0, (guint)at);
	return data;
}

static guint32
word(const GByteArray *data, guint index)
{
	guint32 value;

	ck_assert_uint_ge(data->len, 4 * index + 4);
	memcpy(&value, data->data + 4 * index, 4);
	return GUINT32_FROM_LE(value);
}

START_TEST(opening_asks_for_capabilities_and_a_request_is_answered)
{
	const guint32 request[] = {GUINT32_TO_LE(1), GUINT32_TO_LE(ON_DEMAND)};
	guint32 type;

	vdagent_open(agent);
	g_autoptr(GByteArray) ours = take_written(&type);
	ck_assert_uint_eq(type, VD_AGENT_ANNOUNCE_CAPABILITIES);
	ck_assert_uint_eq(word(ours, 0), 1);
	ck_assert(word(ours, 1) & ON_DEMAND);
	ck_assert(word(ours, 1) & (1U << VD_AGENT_CAP_MONITORS_CONFIG));
	ck_assert(say(VD_AGENT_ANNOUNCE_CAPABILITIES, request, sizeof request));
	g_autoptr(GByteArray) answer = take_written(&type);
	ck_assert_uint_eq(word(answer, 0), 0);
	ck_assert_str_eq(events->str, "peer;");
}
END_TEST

START_TEST(a_message_is_understood_however_it_is_cut)
{
	static const guint8 grab[] = {1, 0, 0, 0, VD_AGENT_CLIPBOARD_IMAGE_PNG, 0, 0, 0, VD_AGENT_CLIPBOARD_UTF8_TEXT, 0, 0, 0};
	guint wholes = 0;

	announce(ON_DEMAND | SELECTION);
	for (gsize chunk = 1; chunk <= 40; chunk++) {
		g_autoptr(GByteArray) stream = encode(VDP_CLIENT_PORT, VD_AGENT_CLIPBOARD_GRAB, grab, sizeof grab, chunk);

		g_string_truncate(events, 0);
		for (guint i = 0; i < stream->len; i++) {
			ck_assert_str_eq(events->str, "");
			ck_assert(vdagent_feed(agent, stream->data + i, 1));
		}
		ck_assert_str_eq(events->str, "grab 1 1;");
		wholes++;
	}
	ck_assert_uint_eq(wholes, 40);
}
END_TEST

START_TEST(the_server_and_the_client_have_streams_of_their_own)
{
	static const guint8 release[] = {0, 0, 0, 0}, grab[] = {0, 0, 0, 0, VD_AGENT_CLIPBOARD_UTF8_TEXT, 0, 0, 0};
	g_autoptr(GByteArray) a = encode(VDP_CLIENT_PORT, VD_AGENT_CLIPBOARD_GRAB, grab, sizeof grab, 14);
	g_autoptr(GByteArray) b = encode(VDP_SERVER_PORT, VD_AGENT_CLIPBOARD_RELEASE, release, sizeof release, 14);

	announce(ON_DEMAND | SELECTION);
	/* First halves, then second halves. */
	ck_assert(vdagent_feed(agent, a->data, 22) && vdagent_feed(agent, b->data, 22));
	ck_assert(vdagent_feed(agent, b->data + 22, b->len - 22) && vdagent_feed(agent, a->data + 22, a->len - 22));
	ck_assert_str_eq(events->str, "release 0;grab 0 1;");
}
END_TEST

START_TEST(a_message_that_is_too_large_or_unknown_is_passed_over)
{
	g_autofree guint8 *large = g_malloc0(CLIPBOARD_MAX + 9);
	static const guint8 request[] = {0, 0, 0, 0, VD_AGENT_CLIPBOARD_UTF8_TEXT, 0, 0, 0};

	announce(ON_DEMAND | SELECTION);
	ck_assert(say(VD_AGENT_CLIPBOARD, large, CLIPBOARD_MAX + 9));
	ck_assert(say(VD_AGENT_CLIPBOARD_GRAB, large, 5000));
	ck_assert(say(VD_AGENT_FILE_XFER_DATA, large, 5000));
	ck_assert(say(12345, large, 0));
	ck_assert_str_eq(events->str, "");
	ck_assert(say(VD_AGENT_CLIPBOARD_REQUEST, request, sizeof request));
	ck_assert_str_eq(events->str, "request 0;");
}
END_TEST

static const struct {
	guint32 port, size, protocol;
} bad_heads[] = {
	{0, 20, 1},
	{3, 20, 1},
	{G_MAXUINT32, 20, 1},
	{1, 2049, 1},
	{1, G_MAXUINT32, 1},
	{1, 20, 2},
};

START_TEST(a_stream_that_is_not_the_protocol_is_given_up_until_it_begins_again)
{
	g_autoptr(GByteArray) stream = g_byte_array_new();

	append(stream, bad_heads[_i].port);
	append(stream, bad_heads[_i].size);
	append(stream, bad_heads[_i].protocol);
	for (int i = 0; i < 4; i++)
		append(stream, 0);
	ck_assert(!vdagent_feed(agent, stream->data, stream->len));
	ck_assert(!say(VD_AGENT_CLIENT_DISCONNECTED, "", 0));
	vdagent_open(agent);
	ck_assert(say(VD_AGENT_CLIENT_DISCONNECTED, "", 0));
}
END_TEST

START_TEST(a_text_goes_out_in_chunks_and_comes_in_valid)
{
	g_autofree char *text = g_strnfill(CLIPBOARD_MAX, 'x');
	guint32 type;

	announce(ON_DEMAND | SELECTION);
	vdagent_send_text(agent, VDAGENT_PRIMARY, text, CLIPBOARD_MAX);
	g_autoptr(GByteArray) data = take_written(&type);
	ck_assert_uint_eq(type, VD_AGENT_CLIPBOARD);
	ck_assert(word(data, 0) == VDAGENT_PRIMARY && word(data, 1) == VD_AGENT_CLIPBOARD_UTF8_TEXT);
	ck_assert_uint_eq(data->len, CLIPBOARD_MAX + 8);
	ck_assert(say(VD_AGENT_CLIPBOARD, data->data, data->len));
	ck_assert(say(VD_AGENT_CLIPBOARD, "\0\0\0\0\1\0\0\0a\xff", 10));
	ck_assert(say(VD_AGENT_CLIPBOARD, "\0\0\0\0\0\0\0\0", 8));
	ck_assert_str_eq(events->str, "text 1 ... 10000;text 0 a\xef\xbf\xbd 4;text 0 - 0;");
}
END_TEST

START_TEST(a_text_that_the_peer_does_not_take_is_answered_with_none)
{
	const gint32 max = GINT32_TO_LE(3);
	guint32 type;

	announce(ON_DEMAND);
	ck_assert(say(VD_AGENT_MAX_CLIPBOARD, &max, sizeof max));
	vdagent_send_text(agent, VDAGENT_CLIPBOARD, "four", 4);
	g_autoptr(GByteArray) data = take_written(&type);
	ck_assert_uint_eq(type, VD_AGENT_CLIPBOARD);
	ck_assert(data->len == 4 && word(data, 0) == VD_AGENT_CLIPBOARD_NONE);
	vdagent_send_text(agent, VDAGENT_CLIPBOARD, "six", 3);
	g_autoptr(GByteArray) small = take_written(&type);
	ck_assert(small->len == 7 && word(small, 0) == VD_AGENT_CLIPBOARD_UTF8_TEXT);
}
END_TEST

START_TEST(a_peer_without_selections_hears_of_the_clipboard_only)
{
	guint32 type;

	vdagent_send_grab(agent, VDAGENT_CLIPBOARD);
	ck_assert_uint_eq(written->len, 0); /* it has not said what it can do */
	announce(ON_DEMAND);
	vdagent_send_grab(agent, VDAGENT_PRIMARY);
	ck_assert_uint_eq(written->len, 0);
	vdagent_send_grab(agent, VDAGENT_CLIPBOARD);
	g_autoptr(GByteArray) data = take_written(&type);
	ck_assert_uint_eq(type, VD_AGENT_CLIPBOARD_GRAB);
	ck_assert(data->len == 4 && word(data, 0) == VD_AGENT_CLIPBOARD_UTF8_TEXT);
}
END_TEST

START_TEST(the_hosts_clipboard_is_released_when_the_client_or_the_port_goes)
{
	static const guint8 grab[] = {0, 0, 0, 0, VD_AGENT_CLIPBOARD_UTF8_TEXT, 0, 0, 0};

	announce(ON_DEMAND | SELECTION);
	ck_assert(say(VD_AGENT_CLIPBOARD_GRAB, grab, sizeof grab));
	ck_assert(say(VD_AGENT_CLIENT_DISCONNECTED, "", 0));
	ck_assert(say(VD_AGENT_CLIPBOARD_GRAB, grab, sizeof grab));
	vdagent_close(agent);
	vdagent_close(agent);
	ck_assert_str_eq(events->str, "grab 0 1;release 0;grab 0 1;release 0;");
}
END_TEST

START_TEST(monitors_are_passed_on_and_answered)
{
	/* number, flags, then height, width, depth, x, y of each */
	const guint32 words[] = {2, 0, 600, 800, 32, 0, 0, 768, 1024, 32, 7, 7};
	const guint32 placed[] = {1, VD_AGENT_CONFIG_MONITORS_FLAG_USE_POS, 600, 800, 32, 5, 6};
	const guint32 too_many[] = {G_MAXUINT32, 0, 600, 800, 32, 0, 0};
	guint32 type;

	ck_assert(say(VD_AGENT_MONITORS_CONFIG, words, sizeof words));
	ck_assert(say(VD_AGENT_MONITORS_CONFIG, placed, sizeof placed));
	ck_assert_str_eq(events->str, "800x600+0+0;1024x768+800+0;800x600+5+6;");
	g_autoptr(GByteArray) good = take_written(&type);
	ck_assert_uint_eq(type, VD_AGENT_REPLY);
	ck_assert(word(good, 0) == VD_AGENT_MONITORS_CONFIG && word(good, 1) == VD_AGENT_SUCCESS);
	g_byte_array_set_size(written, 0);
	ck_assert(say(VD_AGENT_MONITORS_CONFIG, too_many, sizeof too_many));
	g_autoptr(GByteArray) bad = take_written(&type);
	ck_assert_uint_eq(word(bad, 1), VD_AGENT_ERROR);
}
END_TEST

START_TEST(a_message_of_any_length_is_survived)
{
	static const guint32 types[] = {VD_AGENT_MONITORS_CONFIG, VD_AGENT_ANNOUNCE_CAPABILITIES, VD_AGENT_CLIPBOARD,
		VD_AGENT_CLIPBOARD_GRAB, VD_AGENT_CLIPBOARD_REQUEST, VD_AGENT_CLIPBOARD_RELEASE, VD_AGENT_MAX_CLIPBOARD,
		VD_AGENT_CLIENT_DISCONNECTED};
	guint8 data[64];

	memset(data, 1, sizeof data);
	announce(ON_DEMAND | SELECTION);
	for (gsize size = 0; size <= sizeof data; size++)
		ck_assert(say(types[_i], data, size));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("agent-vdagent");
	TCase *tcase = tcase_create("agent-vdagent");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, opening_asks_for_capabilities_and_a_request_is_answered);
	tcase_add_test(tcase, a_message_is_understood_however_it_is_cut);
	tcase_add_test(tcase, the_server_and_the_client_have_streams_of_their_own);
	tcase_add_test(tcase, a_message_that_is_too_large_or_unknown_is_passed_over);
	tcase_add_loop_test(tcase, a_stream_that_is_not_the_protocol_is_given_up_until_it_begins_again, 0,
		G_N_ELEMENTS(bad_heads));
	tcase_add_test(tcase, a_text_goes_out_in_chunks_and_comes_in_valid);
	tcase_add_test(tcase, a_text_that_the_peer_does_not_take_is_answered_with_none);
	tcase_add_test(tcase, a_peer_without_selections_hears_of_the_clipboard_only);
	tcase_add_test(tcase, the_hosts_clipboard_is_released_when_the_client_or_the_port_goes);
	tcase_add_test(tcase, monitors_are_passed_on_and_answered);
	tcase_add_loop_test(tcase, a_message_of_any_length_is_survived, 0, 8);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
