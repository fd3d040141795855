/* Files between clients and the guest, as the screen lets them pass. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <check.h>
#include <spice/vd_agent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "broker/common/agent-files.h"
#include "broker/common/file-name.h"
#include "display/agent-mux.h"
#include "display/agent-wire.h"
#include "display/files-spice.h"
#include "display/files-web.h"
#include "display/files-wire.h"
#include "display/files.h"

#define MB (1024 * 1024)

/* ---- names ---- */

static const struct {
	const char *bytes, *name;
} names[] = {
        {"report.pdf", "report.pdf"},
        {"../../etc/passwd", "_._.._etc_passwd"},
        {"..", "_."},
        {".", "_"},
        {".bashrc", "_bashrc"},
        {"", "file"},
        {"   ", "file"},
        {"a/b\\c", "a_b_c"},
        {"line\nbreak\x1b[31m\x7f", "line_break_[31m_"},
        {"\xc3\xa9\xe2\x82\xac.txt", "\xc3\xa9\xe2\x82\xac.txt"},
        {"gnp.\xe2\x80\xae"
         "exe.png",
                "gnp._exe.png"},
        {"bad\xff"
         "utf",
                "bad\xef\xbf\xbdutf"},
};

START_TEST(a_name_becomes_one_that_is_a_name_and_nothing_else)
{
	g_autofree char *name = file_name_clean(names[_i].bytes, strlen(names[_i].bytes), FILE_NAME_MAX);

	ck_assert_str_eq(name, names[_i].name);
}
END_TEST

START_TEST(a_long_name_is_cut_between_characters_and_keeps_its_ending)
{
	g_autoptr(GString) text = g_string_new(NULL);

	for (int i = 0; i < 200; i++)
		g_string_append(text, "\xe6\xbc\xa2");
	g_string_append(text, ".tar.gz");
	for (gsize max = 16; max <= FILE_NAME_MAX; max++) {
		g_autofree char *name = file_name_clean(text->str, text->len, max);

		ck_assert_uint_le(strlen(name), max);
		ck_assert_uint_gt(strlen(name) + 3, max);
		ck_assert(g_utf8_validate(name, -1, NULL));
		ck_assert(g_str_has_suffix(name, ".gz"));
	}
	g_autofree char *name = file_name_clean(text->str, text->len, FILE_NAME_MAX), *third = file_name_numbered(name, 3);

	ck_assert(g_str_has_suffix(third, " (3).gz"));
	ck_assert_uint_le(strlen(third), FILE_NAME_MAX);
}
END_TEST

/* ---- the passage ---- */

static GString *said;
static GByteArray *to_guest_bytes; /* of files alone */
static gsize unread;
static FilesAudience audience;
static gint64 now;
static Files *files;
static Client client, other;

static void
to_guest(guint32 type, const void *data, gsize size, void *user_data)
{
	const guint8 *bytes = data;

	if (type == VD_AGENT_FILE_XFER_START) {
		g_string_append_printf(said, "guest:start %u;", agent_read_u32(bytes));
	} else if (type == VD_AGENT_FILE_XFER_DATA) {
		ck_assert_uint_le(size, AGENT_FILE_PIECE + 12);
		g_byte_array_append(to_guest_bytes, bytes + 12, (guint)(size - 12));
		g_string_append_printf(said, "guest:data %u;", agent_read_u32(bytes));
	} else if (type == VD_AGENT_FILE_XFER_STATUS) {
		g_string_append_printf(said, "guest:status %u %u;", agent_read_u32(bytes), agent_read_u32(bytes + 4));
	} else if (type == AGENT_FILE_ANSWER) {
		g_string_append_printf(said, "guest:answer %u %u;", agent_read_u32(bytes), agent_read_u32(bytes + 4));
	} else if (type == AGENT_FILE_CREDIT) {
		g_string_append_printf(said, "guest:credit %u %u;", agent_read_u32(bytes), agent_read_u32(bytes + 4));
	}
}

static gsize
unread_now(void *user_data)
{
	return unread;
}

static FilesAudience
audience_now(void *user_data)
{
	return audience;
}

static gint64
clock_now(void)
{
	return now;
}

static const FilesSink sink = {to_guest, unread_now, audience_now};

static void
go(guint32 id, void *data)
{
	g_string_append_printf(said, "%s:go %u;", (char *)data, id);
}

static void
sent(guint32 id, FilesResult result, guint64 space, void *data)
{
	g_string_append_printf(said, "%s:sent %u %d %" G_GUINT64_FORMAT ";", (char *)data, id, (int)result, space);
}

static void
room(void *data)
{
	g_string_append_printf(said, "%s:room;", (char *)data);
}

static void
offer(guint32 id, guint64 size, const char *name, void *data)
{
	g_string_append_printf(said, "%s:offer %u %" G_GUINT64_FORMAT " %s;", (char *)data, id, size, name);
}

static void
bytes_came(guint32 id, const guint8 *bytes, gsize size, void *data)
{
	g_string_append_printf(said, "%s:bytes %u %zu;", (char *)data, id, size);
}

static void
offer_over(guint32 id, FilesResult result, void *data)
{
	g_string_append_printf(said, "%s:over %u %d;", (char *)data, id, (int)result);
}

static const FilesEvents all_events = {go, sent, room, offer, bytes_came, offer_over}, send_events = {.go = go, .sent = sent, .room = room};

static void
expect(const char *text)
{
	ck_assert_str_eq(said->str, text);
	g_string_truncate(said, 0);
}

static void
guest_says(guint32 type, guint32 id, guint32 number)
{
	g_autoptr(GByteArray) out = g_byte_array_new();

	agent_append_u32(out, id);
	agent_append_u32(out, number);
	ck_assert(files_from_guest(files, type, out->data, out->len));
}

static void
guest_announces(guint32 caps)
{
	g_autoptr(GByteArray) out = g_byte_array_new();

	agent_append_u32(out, 1);
	agent_append_u32(out, caps);
	/* The multiplexer's business, too. */
	ck_assert(!files_from_guest(files, VD_AGENT_ANNOUNCE_CAPABILITIES, out->data, out->len));
}

static void
guest_offers(guint32 id, guint64 size, const char *name)
{
	g_autoptr(GByteArray) out = g_byte_array_new();

	agent_append_u32(out, id);
	agent_append_u32(out, (guint32)size);
	agent_append_u32(out, (guint32)(size >> 32));
	g_byte_array_append(out, (const guint8 *)name, (guint)strlen(name));
	ck_assert(files_from_guest(files, AGENT_FILE_OFFER, out->data, out->len));
}

static void
guest_sends(guint32 id, gsize n)
{
	g_autofree guint8 *message = g_malloc0(4 + n);

	message[0] = (guint8)id;
	ck_assert(files_from_guest(files, AGENT_FILE_BYTES, message, 4 + n));
}

static void
setup(void)
{
	said = g_string_new(NULL);
	to_guest_bytes = g_byte_array_new();
	unread = 0;
	audience = FILES_NOBODY;
	now = 1;
	client = (Client){.protocol = CLIENT_FILES,
	        .name = (char *)"one",
	        .user = (char *)"anna",
	        .address = (char *)"::1",
	        .files_to_desktop = TRUE,
	        .files_from_desktop = TRUE,
	        .file_max = 10 * MB};
	other = client;
	other.name = (char *)"two";
	files = files_new(&sink, clock_now, NULL);
	guest_announces(0);
}

static void
teardown(void)
{
	files_free(files);
	g_byte_array_unref(to_guest_bytes);
	g_string_free(said, TRUE);
}

static gboolean
send_file(FilesPeer *peer, guint32 id, guint64 size)
{
	return files_send(peer, id, size, "a.txt", 5);
}

START_TEST(a_file_goes_to_the_guest_when_it_says_so_and_ends_when_it_says_so)
{
	g_autoptr(FilesPeer) peer = files_peer_new(files, &client, &all_events, (void *)"one");
	g_autofree guint8 *bytes = g_malloc(100000);

	for (gsize i = 0; i < 100000; i++)
		bytes[i] = (guint8)(i * 31);
	ck_assert(send_file(peer, 7, 100000));
	expect("guest:start 1;");
	guest_says(VD_AGENT_FILE_XFER_STATUS, 1, VD_AGENT_FILE_XFER_STATUS_CAN_SEND_DATA);
	expect("one:go 7;");
	ck_assert(files_send_bytes(peer, 7, bytes, 40000));
	ck_assert(files_send_bytes(peer, 7, bytes + 40000, 60000));
	expect("guest:data 1;guest:data 1;guest:data 1;guest:data 1;");
	ck_assert_mem_eq(to_guest_bytes->data, bytes, 100000);
	guest_says(VD_AGENT_FILE_XFER_STATUS, 1, VD_AGENT_FILE_XFER_STATUS_SUCCESS);
	expect("one:sent 7 0 0;");
	ck_assert_uint_eq(files_under_way(files), 0);
}
END_TEST

START_TEST(an_empty_file_has_one_empty_piece)
{
	g_autoptr(FilesPeer) peer = files_peer_new(files, &client, &all_events, (void *)"one");

	send_file(peer, 7, 0);
	guest_says(VD_AGENT_FILE_XFER_STATUS, 1, VD_AGENT_FILE_XFER_STATUS_CAN_SEND_DATA);
	ck_assert(files_send_bytes(peer, 7, (const guint8 *)"", 0));
	guest_says(VD_AGENT_FILE_XFER_STATUS, 1, VD_AGENT_FILE_XFER_STATUS_SUCCESS);
	expect("guest:start 1;one:go 7;guest:data 1;one:sent 7 0 0;");
}
END_TEST

/* to the desktop, from it, the largest; the size that is sent; what is said */
static const struct {
	gboolean to_desktop;
	guint64 max, size;
	FilesResult result;
} policies[] = {
        {FALSE, 0, 1, FILES_DENIED},
        {TRUE, 10, 11, FILES_TOO_LARGE},
        {TRUE, 10, G_MAXUINT64, FILES_TOO_LARGE},
        {TRUE, 10, 10, FILES_DONE},
        {TRUE, 0, G_MAXUINT64, FILES_DONE},
};

START_TEST(a_client_may_send_what_its_rights_say)
{
	g_autoptr(FilesPeer) peer = NULL;
	g_autofree char *words = policies[_i].result == FILES_DONE ? g_strdup("guest:start 1;")
	                                                           : g_strdup_printf("one:sent 7 %d 0;", (int)policies[_i].result);

	client.files_to_desktop = policies[_i].to_desktop;
	client.file_max = policies[_i].max;
	peer = files_peer_new(files, &client, &all_events, (void *)"one");
	ck_assert(send_file(peer, 7, policies[_i].size));
	expect(words);
}
END_TEST

START_TEST(more_bytes_than_were_announced_end_the_file_on_both_sides)
{
	g_autoptr(FilesPeer) peer = files_peer_new(files, &client, &all_events, (void *)"one");
	const guint8 bytes[11] = {0};

	send_file(peer, 7, 10);
	guest_says(VD_AGENT_FILE_XFER_STATUS, 1, VD_AGENT_FILE_XFER_STATUS_CAN_SEND_DATA);
	g_string_truncate(said, 0);
	ck_assert(!files_send_bytes(peer, 7, bytes, 11));
	expect("guest:status 1 1;one:sent 7 10 0;");
	ck_assert_uint_eq(to_guest_bytes->len, 0);
	ck_assert(!files_send_bytes(peer, 7, bytes, 1));
	expect("");
}
END_TEST

START_TEST(bytes_before_the_guest_said_so_end_the_file)
{
	g_autoptr(FilesPeer) peer = files_peer_new(files, &client, &all_events, (void *)"one");

	send_file(peer, 7, 10);
	ck_assert(!files_send_bytes(peer, 7, (const guint8 *)"x", 1));
	expect("guest:start 1;guest:status 1 1;one:sent 7 10 0;");
}
END_TEST

START_TEST(a_guest_that_has_it_before_it_was_sent_is_not_believed)
{
	g_autoptr(FilesPeer) peer = files_peer_new(files, &client, &all_events, (void *)"one");

	send_file(peer, 7, 10);
	guest_says(VD_AGENT_FILE_XFER_STATUS, 1, VD_AGENT_FILE_XFER_STATUS_SUCCESS);
	expect("guest:start 1;guest:status 1 1;one:sent 7 2 0;");
	/* Nor is one that speaks of a file that there is not, or with a word that there is not. */
	guest_says(VD_AGENT_FILE_XFER_STATUS, 99, VD_AGENT_FILE_XFER_STATUS_SUCCESS);
	expect("");
	send_file(peer, 8, 10);
	guest_says(VD_AGENT_FILE_XFER_STATUS, 2, 12345);
	expect("guest:start 2;guest:status 2 1;one:sent 8 2 0;");
}
END_TEST

START_TEST(eight_move_at_once_others_wait_and_the_rest_is_refused)
{
	g_autoptr(FilesPeer) peer = files_peer_new(files, &client, &all_events, (void *)"one");
	g_autoptr(FilesPeer) second = files_peer_new(files, &other, &all_events, (void *)"two");

	for (guint32 id = 0; id < FILES_WAITING_MAX; id++)
		send_file(id % 2 ? peer : second, id, 10);
	expect("guest:start 1;guest:start 2;guest:start 3;guest:start 4;guest:start 5;guest:start 6;guest:start 7;guest:start 8;");
	send_file(peer, 1000, 10);
	expect("one:sent 1000 7 0;");
	guest_says(VD_AGENT_FILE_XFER_STATUS, 3, VD_AGENT_FILE_XFER_STATUS_ERROR);
	expect("two:sent 2 2 0;guest:start 9;");
	ck_assert(!send_file(peer, 1, 10));
}
END_TEST

START_TEST(what_a_client_leaves_behind_is_cancelled)
{
	FilesPeer *peer = files_peer_new(files, &client, &all_events, (void *)"one");

	for (guint32 id = 0; id < 10; id++)
		send_file(peer, id, 10);
	g_string_truncate(said, 0);
	files_peer_free(peer);
	ck_assert_uint_eq(files_under_way(files), 0);
	ck_assert_ptr_nonnull(strstr(said->str, "guest:status 8 1;"));
	ck_assert_ptr_null(strstr(said->str, "guest:start"));
}
END_TEST

START_TEST(a_guest_without_an_agent_or_with_one_that_takes_none_gets_none)
{
	g_autoptr(FilesPeer) peer = files_peer_new(files, &client, &all_events, (void *)"one");

	send_file(peer, 1, 10);
	g_string_truncate(said, 0);
	files_guest_lost(files);
	expect("guest:status 1 1;one:sent 1 6 0;");
	send_file(peer, 2, 10);
	expect("one:sent 2 6 0;");
	guest_announces(1u << VD_AGENT_CAP_FILE_XFER_DISABLED);
	send_file(peer, 3, 10);
	expect("one:sent 3 3 0;");
	guest_announces(0);
	send_file(peer, 4, 10);
	expect("guest:start 2;");
	/* An agent that begins anew knows nothing of it. */
	guest_announces(0);
	expect("guest:status 2 1;one:sent 4 6 0;");
}
END_TEST

START_TEST(a_guest_that_reads_nothing_holds_the_client_and_loses_the_file_in_the_end)
{
	g_autoptr(FilesPeer) peer = files_peer_new(files, &client, &all_events, (void *)"one");

	send_file(peer, 1, 10);
	guest_says(VD_AGENT_FILE_XFER_STATUS, 1, VD_AGENT_FILE_XFER_STATUS_CAN_SEND_DATA);
	g_string_truncate(said, 0);
	unread = 10 * MB;
	ck_assert(!files_has_room(files));
	files_check_deadlines(files);
	now += 29 * G_USEC_PER_SEC;
	files_check_deadlines(files);
	files_guest_reads(files);
	expect("");
	now += 2 * G_USEC_PER_SEC;
	files_check_deadlines(files);
	expect("guest:status 1 1;one:sent 1 9 0;");
	unread = 0;
	files_guest_reads(files);
	expect("one:room;");
}
END_TEST

START_TEST(a_guest_that_answers_nothing_and_a_client_that_sends_nothing_lose_the_file)
{
	g_autoptr(FilesPeer) peer = files_peer_new(files, &client, &all_events, (void *)"one");

	send_file(peer, 1, 10);
	send_file(peer, 2, 10);
	guest_says(VD_AGENT_FILE_XFER_STATUS, 2, VD_AGENT_FILE_XFER_STATUS_CAN_SEND_DATA);
	g_string_truncate(said, 0);
	now += 61 * G_USEC_PER_SEC;
	files_check_deadlines(files);
	expect("guest:status 1 1;one:sent 1 9 0;");
	now += 60 * G_USEC_PER_SEC;
	files_check_deadlines(files);
	expect("guest:status 2 1;one:sent 2 9 0;");
}
END_TEST

/* ---- from the desktop ---- */

START_TEST(an_offer_is_taken_by_one_and_its_bytes_come_no_faster_than_they_are_put_away)
{
	g_autoptr(FilesPeer) peer = files_peer_new(files, &client, &all_events, (void *)"one");
	g_autoptr(FilesPeer) second = files_peer_new(files, &other, &all_events, (void *)"two");

	guest_offers(5, FILES_WINDOW + 1000, "../report.pdf");
	expect("one:offer 1 263144 _._report.pdf;two:offer 1 263144 _._report.pdf;");
	ck_assert(files_take(second, 1));
	expect("one:over 1 11;guest:answer 5 1;guest:credit 5 262144;");
	ck_assert(!files_take(peer, 1));
	guest_sends(5, FILES_WINDOW);
	expect("two:bytes 1 262144;");
	ck_assert(files_took(second, 1, 500));
	expect("guest:credit 5 500;");
	ck_assert(files_took(second, 1, 1000));
	expect("guest:credit 5 500;");
	guest_sends(5, 1000);
	guest_says(AGENT_FILE_END, 5, 0);
	expect("two:bytes 1 1000;");
	ck_assert(!files_took(second, 1, FILES_WINDOW));
	ck_assert(files_took(second, 1, FILES_WINDOW - 500));
	expect("guest:answer 5 0;two:over 1 0;");
}
END_TEST

START_TEST(a_guest_that_sends_more_than_it_may_loses_its_offer)
{
	g_autoptr(FilesPeer) peer = files_peer_new(files, &client, &all_events, (void *)"one");

	guest_offers(5, 10, "a");
	guest_sends(5, 1);
	expect("one:offer 1 10 a;guest:answer 5 11;one:over 1 10;");
	guest_offers(6, 10, "a");
	files_take(peer, 2);
	g_string_truncate(said, 0);
	guest_sends(6, 11);
	expect("guest:answer 6 11;one:over 2 10;");
	/* One that ends too early did not send what it offered. */
	guest_offers(7, 10, "a");
	files_take(peer, 3);
	g_string_truncate(said, 0);
	guest_says(AGENT_FILE_END, 7, 0);
	expect("guest:answer 7 11;one:over 3 10;");
}
END_TEST

START_TEST(a_guest_is_told_why_nobody_takes_its_file)
{
	FilesPeer *peer = NULL;

	guest_offers(1, 10, "a");
	expect("guest:answer 1 7;"); /* nobody */
	audience = FILES_NOT_ALLOWED;
	guest_offers(1, 10, "a");
	expect("guest:answer 1 4;"); /* denied */
	audience = FILES_ALLOWED;
	guest_offers(1, 10, "a");
	expect("guest:answer 1 8;"); /* no browser */
	client.protocol = CLIENT_SPICE;
	peer = files_peer_new(files, &client, &send_events, (void *)"one");
	guest_offers(1, 10, "a");
	expect("guest:answer 1 8;");
	files_peer_free(peer);
	peer = files_peer_new(files, &other, &all_events, (void *)"two");
	guest_offers(1, 10 * MB + 1, "a");
	expect("guest:answer 1 5;"); /* too large */
	other.files_from_desktop = FALSE;
	audience = FILES_NOBODY;
	guest_offers(1, 10, "a");
	expect("guest:answer 1 4;");
	files_peer_free(peer);
}
END_TEST

START_TEST(eight_are_offered_at_once_and_a_number_once)
{
	g_autoptr(FilesPeer) peer = files_peer_new(files, &client, &all_events, (void *)"one");

	for (guint32 id = 1; id <= FILES_AT_ONCE; id++)
		guest_offers(id, 10, "a");
	g_string_truncate(said, 0);
	guest_offers(100, 10, "a");
	expect("guest:answer 100 6;");
	guest_offers(1, 10, "a");
	expect("guest:answer 1 11;");
	ck_assert(files_refuse(peer, 1));
	expect("guest:answer 1 2;");
}
END_TEST

START_TEST(who_comes_later_is_offered_what_is_still_open_and_who_leaves_takes_it_along)
{
	FilesPeer *peer = files_peer_new(files, &client, &all_events, (void *)"one"), *second;

	guest_offers(1, 10, "a");
	guest_offers(2, 10, "b");
	files_take(peer, 1);
	g_string_truncate(said, 0);
	second = files_peer_new(files, &other, &all_events, (void *)"two");
	expect("two:offer 2 10 b;");
	files_peer_free(peer);
	expect("guest:answer 1 9;");
	files_peer_free(second);
	expect("guest:answer 2 9;");
}
END_TEST

START_TEST(an_offer_that_nobody_answers_is_over_in_the_end)
{
	FilesPeer *peer = files_peer_new(files, &client, &all_events, (void *)"one");

	guest_offers(1, 10, "a");
	g_string_truncate(said, 0);
	now += 301 * G_USEC_PER_SEC;
	files_check_deadlines(files);
	expect("guest:answer 1 10;one:over 1 12;");
	files_peer_free(peer);
}
END_TEST

/* ---- a SPICE client ---- */

static void
to_spice(guint32 type, const void *data, gsize size, void *user_data)
{
	ck_assert_uint_eq(type, VD_AGENT_FILE_XFER_STATUS);
	g_string_append_printf(said, "spice:%u %u;", agent_read_u32(data), agent_read_u32((const guint8 *)data + 4));
}

static void
spice_room(void *user_data)
{
}

static const FilesSpiceSink spice_sink = {to_spice, spice_room};

static void
spice_starts(FilesSpice *spice, guint32 id, const char *text)
{
	g_autoptr(GByteArray) out = g_byte_array_new();

	agent_append_u32(out, id);
	g_byte_array_append(out, (const guint8 *)text, (guint)strlen(text) + 1);
	ck_assert(files_spice_take(spice, VD_AGENT_FILE_XFER_START, out->data, out->len));
}

static void
spice_sends(FilesSpice *spice, guint32 id, gsize n)
{
	g_autofree guint8 *message = g_malloc0(12 + n);

	message[0] = (guint8)id;
	ck_assert(files_spice_take(spice, VD_AGENT_FILE_XFER_DATA, message, 12 + n));
}

START_TEST(a_spice_client_sends_as_its_protocol_has_it)
{
	g_autoptr(FilesSpice) spice = files_spice_new(files, &client, &spice_sink, NULL);

	spice_starts(spice, 3, "[vdagent-file-xfer]\nname=a b.txt\nsize=5\n");
	expect("guest:start 1;");
	guest_says(VD_AGENT_FILE_XFER_STATUS, 1, VD_AGENT_FILE_XFER_STATUS_CAN_SEND_DATA);
	spice_sends(spice, 3, 5);
	unread = MB;
	ck_assert(files_spice_must_wait(spice));
	unread = 0;
	ck_assert(!files_spice_must_wait(spice));
	guest_says(VD_AGENT_FILE_XFER_STATUS, 1, VD_AGENT_FILE_XFER_STATUS_SUCCESS);
	expect("spice:3 0;guest:data 1;spice:3 3;");
	unread = MB;
	/* Who sends no file waits for nothing. */
	ck_assert(!files_spice_must_wait(spice));
}
END_TEST

static const char *const bad_starts[] = {"", "x", "[vdagent-file-xfer]\nname=a\n", "[vdagent-file-xfer]\nsize=5\n",
        "[other]\nname=a\nsize=5\n", "[vdagent-file-xfer]\nname=a\nsize=-5\n", "[vdagent-file-xfer]\nname=\xff\nsize=5\n",
        "[vdagent-file-xfer]\nname=a\nsize=99999999999999999999\n"};

START_TEST(what_a_spice_client_announces_badly_is_answered_with_an_error)
{
	g_autoptr(FilesSpice) spice = files_spice_new(files, &client, &spice_sink, NULL);

	spice_starts(spice, 3, bad_starts[_i]);
	if (strlen(bad_starts[_i]) >= 3)
		expect("spice:3 2;");
	ck_assert_uint_eq(files_under_way(files), 0);
}
END_TEST

START_TEST(a_spice_client_that_may_not_is_told_so_in_the_words_that_it_knows)
{
	g_autoptr(FilesSpice) spice = NULL;
	guint32 caps[2] = {0, GUINT32_TO_LE(1u << VD_AGENT_CAP_FILE_XFER_DETAILED_ERRORS)};

	client.files_to_desktop = FALSE;
	spice = files_spice_new(files, &client, &spice_sink, NULL);
	spice_starts(spice, 3, "[vdagent-file-xfer]\nname=a\nsize=5\n");
	expect("spice:3 2;");
	ck_assert(!files_spice_take(spice, VD_AGENT_ANNOUNCE_CAPABILITIES, (guint8 *)caps, sizeof caps));
	spice_starts(spice, 3, "[vdagent-file-xfer]\nname=a\nsize=5\n");
	expect("spice:3 7;");
}
END_TEST

START_TEST(a_spice_clients_cancelling_reaches_the_guest)
{
	g_autoptr(FilesSpice) spice = files_spice_new(files, &client, &spice_sink, NULL);
	guint32 stop[2] = {GUINT32_TO_LE(3), GUINT32_TO_LE(VD_AGENT_FILE_XFER_STATUS_CANCELLED)};

	spice_starts(spice, 3, "[vdagent-file-xfer]\nname=a\nsize=5\n");
	ck_assert(files_spice_take(spice, VD_AGENT_FILE_XFER_STATUS, (guint8 *)stop, sizeof stop));
	expect("guest:start 1;guest:status 1 1;");
	/* What was on its way means nothing any more, and neither does a piece that is too large. */
	spice_sends(spice, 3, 5);
	expect("");
	spice_starts(spice, 4, "[vdagent-file-xfer]\nname=a\nsize=1000000\n");
	guest_says(VD_AGENT_FILE_XFER_STATUS, 2, VD_AGENT_FILE_XFER_STATUS_CAN_SEND_DATA);
	g_string_truncate(said, 0);
	spice_sends(spice, 4, 1000000);
	expect("guest:status 2 1;spice:4 1;");
}
END_TEST

/* ---- a browser ---- */

START_TEST(frames_are_the_same_however_they_are_cut_and_those_that_cannot_be_are_bad)
{
	g_autoptr(GByteArray) bytes = g_byte_array_new();
	FilesFrame frame = {0};
	gsize used = 0;

	files_frame_append(bytes, FILES_BYTES, 0x01020304, "hello", 5);
	for (gsize n = 0; n < bytes->len; n++)
		ck_assert_int_eq(files_frame_parse(bytes->data, n, &frame, &used), FILES_FRAME_MORE);
	ck_assert_int_eq(files_frame_parse(bytes->data, bytes->len, &frame, &used), FILES_FRAME_DONE);
	ck_assert_uint_eq(used, bytes->len);
	ck_assert_uint_eq(frame.id, 0x01020304);
	ck_assert_mem_eq(frame.body, "hello", 5);

	const guint8 bad[][9] = {{0, 0, 0, 4, FILES_TAKE, 0, 0, 0, 1}, {0, 0, 0, 6, FILES_TAKE, 0, 0, 0, 1},
	        {0, 1, 0, 6, FILES_BYTES, 0, 0, 0, 1}, {0, 0, 0, 5, FILES_BYTES, 0, 0, 0, 1}, {0, 0, 0, 5, FILES_HELLO, 0, 0, 0, 1},
	        {0, 0, 0, 5, 0, 0, 0, 0, 1}, {0xff, 0xff, 0xff, 0xff, FILES_BYTES, 0, 0, 0, 1}, {0, 0, 0, 13, FILES_SEND, 0, 0, 0, 1},
	        {0, 0, 5, 0, FILES_SEND, 0, 0, 0, 1}};

	for (gsize i = 0; i < G_N_ELEMENTS(bad); i++)
		ck_assert_int_eq(files_frame_parse(bad[i], 9, &frame, &used), FILES_FRAME_BAD);
}
END_TEST

/* Why a browser was left is in the log. */
static GLogWriterOutput
write_log(GLogLevelFlags level, const GLogField *fields, gsize n, gpointer data)
{
	static const char before[] = " has no connection for files any more: ";

	for (gsize i = 0; i < n; i++) {
		const char *why = strcmp(fields[i].key, "MESSAGE") == 0 ? strstr(fields[i].value, before) : NULL;

		if (why)
			g_string_append_printf(said, "left %s;", why + sizeof before - 1);
	}
	return g_log_writer_default(level, fields, n, data);
}

static Client *
client_of_params(void)
{
	GVariantDict dict;

	g_variant_dict_init(&dict, NULL);
	g_variant_dict_insert(&dict, "protocol", "s", "files");
	g_variant_dict_insert(&dict, "client", "s", "one");
	g_variant_dict_insert(&dict, "files-to-desktop", "b", TRUE);
	g_variant_dict_insert(&dict, "files-from-desktop", "b", TRUE);
	g_variant_dict_insert(&dict, "file-max", "t", (guint64)10 * MB);
	g_autoptr(GVariant) params = g_variant_ref_sink(g_variant_dict_end(&dict));

	return client_new(params, NULL);
}

static void
turn(void)
{
	for (int i = 0; i < 50; i++)
		g_main_context_iteration(NULL, FALSE);
}

static void
web_says(int fd, FilesKind kind, guint32 id, const void *body, gsize size)
{
	g_autoptr(GByteArray) bytes = g_byte_array_new();

	files_frame_append(bytes, kind, id, body, size);
	ck_assert_int_eq(write(fd, bytes->data, bytes->len), bytes->len);
	turn();
}

static void
web_sends(int fd, guint32 id, guint64 size)
{
	g_autoptr(GByteArray) body = g_byte_array_new();

	files_append_u64(body, size);
	g_byte_array_append(body, (const guint8 *)"a.txt", 5);
	web_says(fd, FILES_SEND, id, body->data, body->len);
}

/* "kind id size;" of each frame that has come */
static char *
web_hears(int fd)
{
	GString *text = g_string_new(NULL);
	static guint8 bytes[4 * MB];
	ssize_t n;
	gsize at = 0;

	turn();
	n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
	while (n > 0 && at + FILES_HEAD <= (gsize)n) {
		guint32 size = (guint32)bytes[at] << 24 | (guint32)bytes[at + 1] << 16 | (guint32)bytes[at + 2] << 8 | bytes[at + 3];

		g_string_append_printf(text, "%u %u %u;", bytes[at + 4], bytes[at + 8], size - 5);
		at += 4 + size;
	}
	return g_string_free(text, FALSE);
}

static int
join_web(FilesWeb *web)
{
	int ends[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	ck_assert(files_web_add_client(web, ends[0], client_of_params(), NULL));
	return ends[1];
}

START_TEST(a_browser_sends_within_its_window_and_what_it_sent_waits_for_the_guest)
{
	g_autoptr(FilesWeb) web = files_web_new(files);
	int fd = join_web(web);
	g_autofree guint8 *bytes = g_malloc0(FILES_BODY_MAX);
	g_autofree char *hello = web_hears(fd);

	ck_assert_str_eq(hello, "16 0 17;");
	web_sends(fd, 1, MB);
	expect("guest:start 1;");
	guest_says(VD_AGENT_FILE_XFER_STATUS, 1, VD_AGENT_FILE_XFER_STATUS_CAN_SEND_DATA);
	unread = MB;
	for (int i = 0; i < 4; i++)
		web_says(fd, FILES_BYTES, 1, bytes, FILES_BODY_MAX);
	expect("");
	g_autofree char *going = web_hears(fd);

	ck_assert_str_eq(going, "17 1 0;");
	unread = 0;
	files_guest_reads(files);
	expect("guest:data 1;guest:data 1;guest:data 1;guest:data 1;guest:data 1;guest:data 1;guest:data 1;guest:data 1;");
	g_autofree char *more = web_hears(fd);

	ck_assert_str_eq(more, "18 1 4;18 1 4;18 1 4;18 1 4;18 1 4;18 1 4;18 1 4;18 1 4;");
	unread = MB;
	for (int i = 0; i < 5; i++)
		web_says(fd, FILES_BYTES, 1, bytes, FILES_BODY_MAX);
	expect("left it sends more of a file than it may;guest:status 1 1;");
	close(fd);
}
END_TEST

START_TEST(files_of_one_browser_take_turns)
{
	g_autoptr(FilesWeb) web = files_web_new(files);
	int fd = join_web(web);
	g_autofree guint8 *bytes = g_malloc0(FILES_BODY_MAX);

	for (guint32 id = 1; id <= 2; id++) {
		web_sends(fd, id, FILES_BODY_MAX);
		guest_says(VD_AGENT_FILE_XFER_STATUS, id, VD_AGENT_FILE_XFER_STATUS_CAN_SEND_DATA);
	}
	unread = MB;
	web_says(fd, FILES_BYTES, 1, bytes, FILES_BODY_MAX);
	web_says(fd, FILES_BYTES, 2, bytes, FILES_BODY_MAX);
	g_string_truncate(said, 0);
	unread = 0;
	files_guest_reads(files);
	expect("guest:data 1;guest:data 2;guest:data 1;guest:data 2;");
	close(fd);
}
END_TEST

START_TEST(a_browser_that_breaks_the_rules_is_sent_away)
{
	g_autoptr(FilesWeb) web = files_web_new(files);
	int fd = join_web(web);

	web_sends(fd, 1, 10);
	g_string_truncate(said, 0);
	if (_i == 0) {
		web_says(fd, FILES_BYTES, 1, "x", 1);
		ck_assert_ptr_nonnull(strstr(said->str, "left it sends more of a file than it may;"));
	} else if (_i == 1) {
		web_sends(fd, 1, 10);
		ck_assert_ptr_nonnull(strstr(said->str, "left it sends two files with one number;"));
	} else if (_i == 2) {
		ck_assert_int_eq(write(fd, "\0\0\0\5\377garbage", 12), 12);
		turn();
		ck_assert_ptr_nonnull(strstr(said->str, "left it does not speak the protocol of files;"));
	} else {
		guest_offers(9, 100, "a");
		web_says(fd, FILES_TAKE, 2, NULL, 0);
		web_says(fd, FILES_TOOK, 2, "\0\0\0\1", 4);
		ck_assert_ptr_nonnull(strstr(said->str, "left it took more of a file than it was sent;"));
	}
	/* With it goes what it sent. */
	turn();
	ck_assert_uint_eq(files_under_way(files), 0);
	close(fd);
}
END_TEST

START_TEST(who_may_only_look_has_no_right_to_files)
{
	GVariantDict dict;

	g_variant_dict_init(&dict, NULL);
	g_variant_dict_insert(&dict, "protocol", "s", "files");
	g_variant_dict_insert(&dict, "client", "s", "one");
	g_variant_dict_insert(&dict, "view-only", "b", TRUE);
	g_variant_dict_insert(&dict, "files-to-desktop", "b", TRUE);
	g_variant_dict_insert(&dict, "files-from-desktop", "b", TRUE);
	g_autoptr(GVariant) params = g_variant_ref_sink(g_variant_dict_end(&dict));
	g_autoptr(Client) who = client_new(params, NULL);

	ck_assert_int_eq(who->protocol, CLIENT_FILES);
	ck_assert(!who->files_to_desktop && !who->files_from_desktop);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("display-files");
	TCase *plain = tcase_create("names"), *passage = tcase_create("passage"), *web = tcase_create("clients");
	SRunner *runner;
	int failed;

	g_log_set_writer_func(write_log, NULL, NULL);
	tcase_add_loop_test(plain, a_name_becomes_one_that_is_a_name_and_nothing_else, 0, G_N_ELEMENTS(names));
	tcase_add_test(plain, a_long_name_is_cut_between_characters_and_keeps_its_ending);
	tcase_add_test(plain, frames_are_the_same_however_they_are_cut_and_those_that_cannot_be_are_bad);
	tcase_add_test(plain, who_may_only_look_has_no_right_to_files);
	tcase_add_checked_fixture(passage, setup, teardown);
	tcase_add_test(passage, a_file_goes_to_the_guest_when_it_says_so_and_ends_when_it_says_so);
	tcase_add_test(passage, an_empty_file_has_one_empty_piece);
	tcase_add_loop_test(passage, a_client_may_send_what_its_rights_say, 0, G_N_ELEMENTS(policies));
	tcase_add_test(passage, more_bytes_than_were_announced_end_the_file_on_both_sides);
	tcase_add_test(passage, bytes_before_the_guest_said_so_end_the_file);
	tcase_add_test(passage, a_guest_that_has_it_before_it_was_sent_is_not_believed);
	tcase_add_test(passage, eight_move_at_once_others_wait_and_the_rest_is_refused);
	tcase_add_test(passage, what_a_client_leaves_behind_is_cancelled);
	tcase_add_test(passage, a_guest_without_an_agent_or_with_one_that_takes_none_gets_none);
	tcase_add_test(passage, a_guest_that_reads_nothing_holds_the_client_and_loses_the_file_in_the_end);
	tcase_add_test(passage, a_guest_that_answers_nothing_and_a_client_that_sends_nothing_lose_the_file);
	tcase_add_test(passage, an_offer_is_taken_by_one_and_its_bytes_come_no_faster_than_they_are_put_away);
	tcase_add_test(passage, a_guest_that_sends_more_than_it_may_loses_its_offer);
	tcase_add_test(passage, a_guest_is_told_why_nobody_takes_its_file);
	tcase_add_test(passage, eight_are_offered_at_once_and_a_number_once);
	tcase_add_test(passage, who_comes_later_is_offered_what_is_still_open_and_who_leaves_takes_it_along);
	tcase_add_test(passage, an_offer_that_nobody_answers_is_over_in_the_end);
	tcase_add_checked_fixture(web, setup, teardown);
	tcase_add_test(web, a_spice_client_sends_as_its_protocol_has_it);
	tcase_add_loop_test(web, what_a_spice_client_announces_badly_is_answered_with_an_error, 0, G_N_ELEMENTS(bad_starts));
	tcase_add_test(web, a_spice_client_that_may_not_is_told_so_in_the_words_that_it_knows);
	tcase_add_test(web, a_spice_clients_cancelling_reaches_the_guest);
	tcase_add_test(web, a_browser_sends_within_its_window_and_what_it_sent_waits_for_the_guest);
	tcase_add_test(web, files_of_one_browser_take_turns);
	tcase_add_loop_test(web, a_browser_that_breaks_the_rules_is_sent_away, 0, 4);
	suite_add_tcase(suite, plain);
	suite_add_tcase(suite, passage);
	suite_add_tcase(suite, web);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
