/* What of a SPICE client's bytes libspice-server gets to read. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <check.h>
#include <spice/enums.h>
#include <spice/protocol.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "display/spice-guard.h"
#include "display/spice-relay.h"

#define MINI (1u << SPICE_COMMON_CAP_MINI_HEADER)
#define SELECT (1u << SPICE_COMMON_CAP_PROTOCOL_AUTH_SELECTION)
#define TICKET 128
#define USBREDIR SPICE_CHANNEL_USBREDIR

static void
add_u32(GByteArray *bytes, guint32 value)
{
	value = GUINT32_TO_LE(value);
	g_byte_array_append(bytes, (const guint8 *)&value, 4);
}

static GByteArray *
link_of(guint8 channel, guint32 caps)
{
	static const guint8 ticket[TICKET];
	GByteArray *bytes = g_byte_array_new();

	g_byte_array_append(bytes, (const guint8 *)"REDQ", 4);
	add_u32(bytes, 2);
	add_u32(bytes, 2);
	add_u32(bytes, 18 + 4);
	add_u32(bytes, 0);
	g_byte_array_append(bytes, (const guint8[]){channel, 0}, 2);
	add_u32(bytes, 1);
	add_u32(bytes, 0);
	add_u32(bytes, 18);
	add_u32(bytes, caps);
	if (caps & SELECT)
		add_u32(bytes, SPICE_COMMON_CAP_AUTH_SPICE);
	g_byte_array_append(bytes, ticket, sizeof ticket);
	return bytes;
}

/* With @size told, and @n bytes behind it. */
static void
add_message(GByteArray *bytes, gboolean mini, guint16 type, guint32 size, const void *body, gsize n)
{
	static const guint8 serial[8];

	if (!mini)
		g_byte_array_append(bytes, serial, sizeof serial);
	g_byte_array_append(bytes, (const guint8[]){(guint8)type, (guint8)(type >> 8)}, 2);
	add_u32(bytes, size);
	if (!mini)
		add_u32(bytes, 0);
	g_byte_array_append(bytes, body, (guint)n);
}

static gboolean
passes(const GByteArray *bytes, gsize step)
{
	g_autofree SpiceGuard *guard = g_new(SpiceGuard, 1);
	const char *why = NULL;

	spice_guard_init(guard);
	for (gsize at = 0; at < bytes->len; at += step) {
		if (!spice_guard_check(guard, bytes->data + at, MIN(step, bytes->len - at), &why)) {
			ck_assert_ptr_nonnull(why);
			return FALSE;
		}
	}
	return TRUE;
}

static gboolean
passes_anyhow(const GByteArray *bytes)
{
	gboolean whole = passes(bytes, 100000);

	ck_assert_int_eq(passes(bytes, 1), whole);
	ck_assert_int_eq(passes(bytes, 7), whole);
	return whole;
}

static const guint32 caps[] = {0, MINI, SELECT, MINI | SELECT};

START_TEST(messages_pass_whatever_their_header_and_link)
{
	gboolean mini = (caps[_i] & MINI) != 0;
	g_autoptr(GByteArray) bytes = link_of(USBREDIR, caps[_i]);
	static const guint8 body[5000] = {1, 0, 16};

	add_message(bytes, mini, SPICE_MSGC_ACK, 0, NULL, 0);
	add_message(bytes, mini, SPICE_MSGC_SPICEVMC_DATA, sizeof body, body, sizeof body);
	add_message(
		bytes, mini, SPICE_MSGC_SPICEVMC_COMPRESSED_DATA, 500, (const guint8[500]){SPICE_DATA_COMPRESSION_TYPE_LZ4, 0, 16}, 500);
	add_message(bytes, mini, SPICE_MSGC_PONG, 12, body, 12);
	ck_assert(passes_anyhow(bytes));
	add_message(bytes, mini, SPICE_MSGC_SPICEVMC_DATA, 0xfffffff0, NULL, 0);
	ck_assert(!passes_anyhow(bytes));
}
END_TEST

static const struct {
	guint8 channel;
	guint16 type;
	guint32 size;
	guint8 body[5];
} lies[] = {{USBREDIR, SPICE_MSGC_SPICEVMC_DATA, 0xfffffff0, {0}}, {USBREDIR, SPICE_MSGC_SPICEVMC_DATA, 0x80000000, {0}},
	{USBREDIR, SPICE_MSGC_SPICEVMC_DATA, SPICE_GUARD_DEVICE_MAX + 1, {0}}, {USBREDIR, SPICE_MSGC_SPICEVMC_COMPRESSED_DATA, 3, {1}},
	{USBREDIR, SPICE_MSGC_SPICEVMC_COMPRESSED_DATA, 40, {1, 0xf0, 0xff, 0xff, 0xff}},
	{USBREDIR, SPICE_MSGC_SPICEVMC_COMPRESSED_DATA, 40, {0, 0, 1, 0, 0}},
	{SPICE_CHANNEL_PORT, SPICE_MSGC_SPICEVMC_DATA, 0xffffffff, {0}}, {SPICE_CHANNEL_MAIN, SPICE_MSGC_MAIN_AGENT_DATA, 0xfffffff0, {0}},
	{SPICE_CHANNEL_MAIN, SPICE_MSGC_MAIN_AGENT_DATA, SPICE_GUARD_MAIN_MAX + 1, {0}}, {0xff, SPICE_MSGC_MIGRATE_DATA, 0xffffffff, {0}}};

START_TEST(a_length_that_the_library_would_reckon_wrong_with_does_not_pass)
{
	g_autoptr(GByteArray) bytes = link_of(lies[_i].channel, MINI | SELECT);

	add_message(bytes, TRUE, lies[_i].type, lies[_i].size, lies[_i].body, 5);
	ck_assert(!passes_anyhow(bytes));
}
END_TEST

static const struct {
	gsize at;
	guint8 value;
} bad_links[] = {{0, 'X'}, {12, 17}, {13, 0xff}, {15, 1}, {30, 17}, {30, 19}, {33, 0xff}, {38, 2}};

START_TEST(a_link_that_is_none_does_not_pass)
{
	g_autoptr(GByteArray) bytes = link_of(SPICE_CHANNEL_MAIN, MINI | SELECT);

	bytes->data[bad_links[_i].at] = bad_links[_i].value;
	ck_assert(!passes_anyhow(bytes));
}
END_TEST

static const guint8 init[14];

START_TEST(a_display_begins_with_one_init)
{
	g_autoptr(GByteArray) bytes = link_of(SPICE_CHANNEL_DISPLAY, MINI | SELECT), early = link_of(SPICE_CHANNEL_DISPLAY, MINI | SELECT),
			      cut = link_of(SPICE_CHANNEL_DISPLAY, MINI | SELECT);

	add_message(bytes, TRUE, SPICE_MSGC_ACK_SYNC, 4, init, 4);
	add_message(bytes, TRUE, SPICE_MSGC_DISPLAY_INIT, sizeof init, init, sizeof init);
	/* What is compressed data where a device is. */
	add_message(bytes, TRUE, SPICE_MSGC_DISPLAY_STREAM_REPORT, 3, init, 3);
	ck_assert(passes_anyhow(bytes));
	add_message(bytes, TRUE, SPICE_MSGC_DISPLAY_INIT, sizeof init, init, sizeof init);
	ck_assert(!passes_anyhow(bytes));
	add_message(early, TRUE, SPICE_MSGC_DISPLAY_STREAM_REPORT, 3, init, 3);
	ck_assert(!passes_anyhow(early));
	add_message(cut, TRUE, SPICE_MSGC_DISPLAY_INIT, 13, init, 13);
	ck_assert(!passes_anyhow(cut));
}
END_TEST

static const struct {
	guint8 channel;
	guint16 type;
} ends_all[] = {{SPICE_CHANNEL_INPUTS, SPICE_MSGC_MIGRATE_FLUSH_MARK}, {SPICE_CHANNEL_MAIN, SPICE_MSGC_MIGRATE_FLUSH_MARK},
	{SPICE_CHANNEL_CURSOR, SPICE_MSGC_MIGRATE_DATA}, {SPICE_CHANNEL_MAIN, SPICE_MSGC_MAIN_MIGRATE_END},
	{SPICE_CHANNEL_MAIN, SPICE_MSGC_MAIN_MIGRATE_DST_DO_SEAMLESS}, {SPICE_CHANNEL_MAIN, SPICE_MSGC_MAIN_AGENT_TOKEN}};

START_TEST(what_would_end_the_process_does_not_pass)
{
	g_autoptr(GByteArray) bytes = link_of(ends_all[_i].channel, MINI);

	add_message(bytes, TRUE, ends_all[_i].type, 4, init, 4);
	ck_assert(!passes_anyhow(bytes));
}
END_TEST

START_TEST(an_agent_that_was_started_is_given_tokens)
{
	g_autoptr(GByteArray) bytes = link_of(SPICE_CHANNEL_MAIN, MINI);

	add_message(bytes, TRUE, SPICE_MSGC_MAIN_AGENT_START, 4, init, 4);
	add_message(bytes, TRUE, SPICE_MSGC_MAIN_AGENT_TOKEN, 4, init, 4);
	ck_assert(passes_anyhow(bytes));
}
END_TEST

/* A main channel's answers to pings, and what comes behind them. *@at: where the third one's body begins. */
static GByteArray *
answers(guint64 *at)
{
	static const guint8 pong[12] = {1};
	GByteArray *bytes = link_of(SPICE_CHANNEL_MAIN, MINI);

	for (int i = 0; i < 3; i++)
		add_message(bytes, TRUE, SPICE_MSGC_PONG, sizeof pong, pong, sizeof pong);
	*at = bytes->len - sizeof pong;
	add_message(bytes, TRUE, SPICE_MSGC_PONG, sizeof pong, pong, sizeof pong);
	return bytes;
}

START_TEST(where_the_ways_width_is_told_is_seen_in_whatever_pieces)
{
	guint64 at;
	g_autoptr(GByteArray) bytes = answers(&at);

	for (guint step = 1; step <= bytes->len; step++) {
		g_autofree SpiceGuard *guard = g_new(SpiceGuard, 1);
		const char *why;

		spice_guard_init(guard);
		for (guint done = 0; done < bytes->len; done += step) {
			ck_assert(spice_guard_check(guard, bytes->data + done, MIN(step, bytes->len - done), &why));
			ck_assert_int_eq(guard->pongs >= SPICE_GUARD_WIDTH_PONG, guard->taken >= at);
		}
		ck_assert_uint_eq(guard->width_pong_at, at);
		ck_assert_uint_eq(guard->taken, bytes->len);
	}
}
END_TEST

static gboolean ended;

static void
on_end(SpiceRelay *relay, void *data)
{
	spice_relay_free(relay);
	ended = TRUE;
}

static void
pump(void)
{
	while (g_main_context_iteration(NULL, FALSE))
		;
}

static void
assert_comes(int fd, const guint8 *bytes, gsize size)
{
	g_autofree guint8 *heard = g_malloc(size);

	for (gsize at = 0; at < size;) {
		ssize_t n;

		pump();
		n = recv(fd, heard + at, size - at, MSG_DONTWAIT);
		ck_assert_int_gt(n, 0);
		at += (gsize)n;
	}
	ck_assert_int_eq(memcmp(heard, bytes, size), 0);
}

START_TEST(a_relay_carries_both_ways_until_it_hears_a_lie)
{
	g_autoptr(GByteArray) bytes = link_of(USBREDIR, MINI);
	guint8 byte;
	int ends[2], library;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	ck_assert_ptr_nonnull(spice_relay_new(ends[0], &library, on_end, NULL));
	ck_assert_int_eq(send(ends[1], bytes->data, bytes->len, 0), bytes->len);
	assert_comes(library, bytes->data, bytes->len);
	ck_assert_int_eq(send(library, "answer", 6, 0), 6);
	assert_comes(ends[1], (const guint8 *)"answer", 6);
	ck_assert(!ended);
	ck_assert_int_eq(send(ends[1], "\145\0\360\377\377\377", 6, 0), 6);
	pump();
	ck_assert(ended);
	ck_assert_int_eq(recv(library, &byte, 1, MSG_DONTWAIT), 0);
	ck_assert_int_eq(recv(ends[1], &byte, 1, MSG_DONTWAIT), 0);
	close(library);
	close(ends[1]);
}
END_TEST

/* In pieces, so that the end of one may be where the waiting begins. */
START_TEST(a_relay_hands_all_answers_on)
{
	guint64 at;
	g_autoptr(GByteArray) bytes = answers(&at), heard = g_byte_array_new();
	const guint pieces[] = {1, 7, (guint)at, (guint)at + 1, bytes->len};
	int ends[2], library;
	guint sent = 0;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	SpiceRelay *relay = spice_relay_new(ends[0], &library, on_end, NULL);

	for (gint64 until = g_get_monotonic_time() + 10 * G_USEC_PER_SEC; heard->len < bytes->len && g_get_monotonic_time() < until;) {
		guint8 some[64];
		ssize_t n;

		if (sent < bytes->len) {
			guint size = MIN(pieces[_i], bytes->len - sent);

			ck_assert_int_eq(send(ends[1], bytes->data + sent, size, 0), size);
			sent += size;
		}
		pump();
		n = recv(library, some, sizeof some, MSG_DONTWAIT);
		if (n > 0)
			g_byte_array_append(heard, some, (guint)n);
		else
			g_usleep(100);
	}
	ck_assert_uint_eq(heard->len, bytes->len);
	ck_assert_mem_eq(heard->data, bytes->data, bytes->len);
	spice_relay_free(relay);
	close(library);
	close(ends[1]);
}
END_TEST

START_TEST(a_relay_whose_client_does_not_read_keeps_no_more_than_a_buffer)
{
	static const guint8 much[65536];
	int ends[2], library;
	gsize sent = 0;
	ssize_t n = 1;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	SpiceRelay *relay = spice_relay_new(ends[0], &library, on_end, NULL);

	while (n > 0) {
		n = send(library, much, sizeof much, MSG_DONTWAIT);
		sent += n > 0 ? (gsize)n : 0;
		pump();
	}
	ck_assert_uint_lt(sent, 4 * 1024 * 1024);
	spice_relay_free(relay);
	close(library);
	close(ends[1]);
}
END_TEST

/* The library is told that it is gone when it has been quiet for a while; and as long as it waits for a display, it is not. */
START_TEST(what_is_said_to_a_client_that_is_gone_is_taken)
{
	g_autoptr(GByteArray) bytes = link_of(SPICE_CHANNEL_DISPLAY, MINI);
	static const guint8 begin[] = {101, 0, 14, 0, 0, 0, 1, 0, 0, 16, 0, 0, 0, 0, 0, 1, 0, 0, 16, 0};
	static const guint8 much[65536], reply[16 + 4 + 4] = {'R', 'E', 'D', 'Q', 2, 0, 0, 0, 2, 0, 0, 0, 4};
	guint8 byte;
	int ends[2], library;
	gsize sent = 0;

	ended = FALSE;
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	SpiceRelay *relay = spice_relay_new(ends[0], &library, on_end, NULL);

	ck_assert_int_eq(send(ends[1], bytes->data, bytes->len, 0), bytes->len);
	assert_comes(library, bytes->data, bytes->len);
	ck_assert_int_eq(send(library, reply, sizeof reply, 0), sizeof reply);
	pump();
	spice_relay_retire(relay);
	/* It need not wait for what did not come. */
	assert_comes(library, begin, sizeof begin);
	for (int i = 0; i < 40; i++) {
		g_usleep(10000);
		pump();
	}
	ck_assert_int_lt(recv(library, &byte, 1, MSG_DONTWAIT), 0); /* it has not ended */
	while (sent < 32 * sizeof much) {
		ssize_t n = send(library, much, sizeof much, MSG_DONTWAIT);

		sent += n > 0 ? (gsize)n : 0;
		pump();
	}
	while (recv(library, &byte, 1, MSG_DONTWAIT) != 0) {
		g_usleep(1000);
		pump();
	}
	ck_assert(!ended);
	close(library);
	pump();
	ck_assert(ended);
	close(ends[1]);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("display-spice-guard");
	TCase *tcase = tcase_create("guard");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tcase, messages_pass_whatever_their_header_and_link, 0, G_N_ELEMENTS(caps));
	tcase_add_loop_test(tcase, a_length_that_the_library_would_reckon_wrong_with_does_not_pass, 0, G_N_ELEMENTS(lies));
	tcase_add_loop_test(tcase, a_link_that_is_none_does_not_pass, 0, G_N_ELEMENTS(bad_links));
	tcase_add_test(tcase, a_display_begins_with_one_init);
	tcase_add_loop_test(tcase, what_would_end_the_process_does_not_pass, 0, G_N_ELEMENTS(ends_all));
	tcase_add_test(tcase, an_agent_that_was_started_is_given_tokens);
	tcase_add_test(tcase, what_is_said_to_a_client_that_is_gone_is_taken);
	tcase_add_test(tcase, where_the_ways_width_is_told_is_seen_in_whatever_pieces);
	tcase_add_loop_test(tcase, a_relay_hands_all_answers_on, 0, 5);
	tcase_add_test(tcase, a_relay_carries_both_ways_until_it_hears_a_lie);
	tcase_add_test(tcase, a_relay_whose_client_does_not_read_keeps_no_more_than_a_buffer);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
