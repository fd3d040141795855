/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <check.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "broker/common/error.h"
#include "broker/tickets.h"

#define HERE "192.0.2.1"

static gint64 clock_s = 1800000000;
static Store *store;
static Tickets *tickets;
static TicketRow *ticket;

static gint64
now(void)
{
	return clock_s;
}

static void
set_up(void)
{
	store = store_open(":memory:", NULL);
	ck_assert_int_ge(store_run(store, NULL,
				 "INSERT INTO sessions (id, token, user, admin, address, kind, created, seen, expires)"
				 " VALUES ('s', 't', 'demo1', 0, '192.0.2.1', 'portal', 0, 0, 0)",
				 ""),
		1);
	ck_assert_int_ge(store_run(store, NULL,
				 "INSERT INTO desktops (id, pool, state, uuid, image, created, changed)"
				 " VALUES ('office-00000001', 'office', 'assigned', 'u', 'i', 0, 0)",
				 ""),
		1);
	tickets = tickets_new(store, secret_new_random(32), now);
	ticket = tickets_issue(tickets, "s", "office-00000001", HERE, NULL);
	ck_assert_ptr_nonnull(ticket);
}

static void
tear_down(void)
{
	ticket_row_free(ticket);
	tickets_free(tickets);
	store_close(store);
}

static gboolean
redeem(const char *name, const char *address)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(TicketRow) row = tickets_redeem(tickets, name, address, &error);

	if (row == NULL)
		ck_assert(g_error_matches(error, CARREL_ERROR, CARREL_ERROR_NOT_FOUND));
	return row != NULL;
}

START_TEST(a_ticket_tells_session_desktop_and_secret)
{
	g_autoptr(TicketRow) row = tickets_redeem(tickets, ticket->name, HERE, NULL);

	ck_assert_ptr_nonnull(row);
	ck_assert_str_eq(row->session, "s");
	ck_assert_str_eq(row->desktop, "office-00000001");
	ck_assert_str_eq(row->secret, ticket->secret);
	ck_assert_uint_le(strlen(row->secret), 60);
	ck_assert_uint_le(strlen(row->name), 63);
	ck_assert_str_ne(row->secret, row->name);
}
END_TEST

START_TEST(the_key_outlives_a_broker_and_is_its_users_alone)
{
	g_autofree char *folder = g_dir_make_tmp("carrel-XXXXXX", NULL), *file = g_build_filename(folder, "key", NULL);
	g_autoptr(Secret) key = tickets_read_key(file, NULL), again = tickets_read_key(file, NULL), other = NULL;
	struct stat status;

	ck_assert(secret_equal(key, again));
	ck_assert_int_eq(stat(file, &status), 0);
	ck_assert_int_eq(status.st_mode & 0777, 0600);
	ck_assert(g_file_set_contents(file, "cut", -1, NULL));
	other = tickets_read_key(file, NULL);
	ck_assert_uint_eq(secret_size(other), secret_size(key));
	ck_assert(!secret_equal(key, other));
	g_unlink(file);
	g_rmdir(folder);
	ck_assert_ptr_null(tickets_read_key(file, NULL));
}
END_TEST

START_TEST(another_key_makes_another_secret)
{
	g_autoptr(Tickets) others = tickets_new(store, secret_new_random(32), now);
	g_autoptr(TicketRow) row = tickets_redeem(others, ticket->name, HERE, NULL);

	ck_assert_str_ne(row->secret, ticket->secret);
	ck_assert_uint_eq(strlen(row->secret), strlen(ticket->secret));
}
END_TEST

START_TEST(nobody_redeems_it_from_another_address)
{
	ck_assert(!redeem(ticket->name, "192.0.2.2"));
	ck_assert(!redeem(ticket->name, ""));
	ck_assert(redeem(ticket->name, HERE)); /* and the owner still can */
}
END_TEST

START_TEST(an_unknown_name_and_the_secret_open_nothing)
{
	ck_assert(!redeem("0123456789abcdef0123456789abcdef", HERE));
	ck_assert(!redeem(ticket->secret, HERE));
	ck_assert(!redeem("%", HERE));
}
END_TEST

START_TEST(the_first_channel_must_come_within_30_s)
{
	clock_s += 30;
	ck_assert(redeem(ticket->name, HERE));
	g_autoptr(TicketRow) late = tickets_issue(tickets, "s", "office-00000001", HERE, NULL);
	clock_s += 31;
	ck_assert(!redeem(late->name, HERE));
}
END_TEST

static gboolean
take(const char *name, const char *secret, const char *address)
{
	g_autoptr(Secret) other_half = secret_new(secret, strlen(secret));
	g_autoptr(GError) error = NULL;
	g_autoptr(TicketRow) row = tickets_take(tickets, name, other_half, address, &error);

	if (row == NULL)
		ck_assert(g_error_matches(error, CARREL_ERROR, CARREL_ERROR_NOT_FOUND));
	return row != NULL;
}

START_TEST(it_is_taken_once_with_its_secret)
{
	ck_assert(!take(ticket->name, ticket->secret, "192.0.2.2"));
	ck_assert(take(ticket->name, ticket->secret, HERE));
	ck_assert(!take(ticket->name, ticket->secret, HERE));
	ck_assert(!redeem(ticket->name, HERE));
}
END_TEST

START_TEST(a_wrong_secret_uses_it_up)
{
	ck_assert(!take(ticket->name, "", HERE));
	ck_assert(!take(ticket->name, ticket->secret, HERE));
}
END_TEST

START_TEST(it_is_not_taken_after_a_channel_or_30_s)
{
	g_autoptr(TicketRow) late = tickets_issue(tickets, "s", "office-00000001", HERE, NULL);

	ck_assert(redeem(ticket->name, HERE));
	ck_assert(!take(ticket->name, ticket->secret, HERE));
	clock_s += 31;
	ck_assert(!take(late->name, late->secret, HERE));
}
END_TEST

START_TEST(it_is_good_for_16_channels)
{
	for (int i = 0; i < 16; i++)
		ck_assert(redeem(ticket->name, HERE));
	ck_assert(!redeem(ticket->name, HERE));
}
END_TEST

START_TEST(it_is_good_for_10_s_after_its_first_channel)
{
	clock_s += 20;
	ck_assert(redeem(ticket->name, HERE));
	clock_s += 10;
	ck_assert(redeem(ticket->name, HERE));
	clock_s += 1;
	ck_assert(!redeem(ticket->name, HERE));
}
END_TEST

START_TEST(it_ends_with_its_session)
{
	ck_assert(redeem(ticket->name, HERE));
	ck_assert_int_eq(store_run(store, NULL, "DELETE FROM sessions WHERE id = 's'", ""), 1);
	ck_assert(!redeem(ticket->name, HERE));
}
END_TEST

START_TEST(it_ends_when_the_desktops_clients_are_sent_away)
{
	tickets_end_of_desktop(tickets, "office-00000002");
	ck_assert(redeem(ticket->name, HERE));
	tickets_end_of_desktop(tickets, "office-00000001");
	ck_assert(!redeem(ticket->name, HERE));
}
END_TEST

START_TEST(tickets_that_nobody_redeems_do_not_pile_up)
{
	g_autoptr(TicketRow) newer = NULL;

	for (int i = 0; i < 8; i++) {
		clock_s++;
		ticket_row_free(g_steal_pointer(&newer));
		newer = tickets_issue(tickets, "s", "office-00000001", HERE, NULL);
	}
	ck_assert(!redeem(ticket->name, HERE));
	ck_assert(redeem(newer->name, HERE));
}
END_TEST

START_TEST(old_rows_are_deleted)
{
	clock_s += 31;
	tickets_delete_old(tickets);
	sqlite3_stmt *statement = store_prepare(store, "SELECT count(*) FROM tickets", NULL);
	ck_assert_int_eq(store_step(store, statement, NULL), STORE_ROW);
	ck_assert_int_eq(sqlite3_column_int(statement, 0), 0);
	store_reset(statement);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("tickets");
	TCase *tcase = tcase_create("tickets");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, a_ticket_tells_session_desktop_and_secret);
	tcase_add_test(tcase, the_key_outlives_a_broker_and_is_its_users_alone);
	tcase_add_test(tcase, another_key_makes_another_secret);
	tcase_add_test(tcase, nobody_redeems_it_from_another_address);
	tcase_add_test(tcase, an_unknown_name_and_the_secret_open_nothing);
	tcase_add_test(tcase, the_first_channel_must_come_within_30_s);
	tcase_add_test(tcase, it_is_taken_once_with_its_secret);
	tcase_add_test(tcase, a_wrong_secret_uses_it_up);
	tcase_add_test(tcase, it_is_not_taken_after_a_channel_or_30_s);
	tcase_add_test(tcase, it_is_good_for_16_channels);
	tcase_add_test(tcase, it_is_good_for_10_s_after_its_first_channel);
	tcase_add_test(tcase, it_ends_with_its_session);
	tcase_add_test(tcase, it_ends_when_the_desktops_clients_are_sent_away);
	tcase_add_test(tcase, tickets_that_nobody_redeems_do_not_pile_up);
	tcase_add_test(tcase, old_rows_are_deleted);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
