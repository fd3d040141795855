/* Who may come in: counts, addresses, the early random drop, and what is said of those who may not.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <arpa/inet.h>
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "broker/gateway/address.h"
#include "broker/gateway/admission.h"
#include "broker/gateway/counters.h"

#define UNLUCKY 0 /* dice that any drop hits */

static GatewayLimits limits;
static Admission *admission;

static void
set_up(void)
{
	limits = (GatewayLimits){.connections = 5, .connections_per_address = 2, .unauthenticated_start = 100,
		.unauthenticated_rate = 30, .unauthenticated_full = 200};
	admission = admission_new(&limits);
}

static void
tear_down(void)
{
	admission_free(admission);
}

static struct sockaddr_storage
address_of(const char *text)
{
	struct sockaddr_storage storage = {0};
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)&storage;
	struct sockaddr_in *four = (struct sockaddr_in *)&storage;

	if (inet_pton(AF_INET, text, &four->sin_addr) == 1) {
		four->sin_family = AF_INET;
	} else {
		six->sin6_family = AF_INET6;
		ck_assert_int_eq(inet_pton(AF_INET6, text, &six->sin6_addr), 1);
	}
	return storage;
}

static AddressKey
key_of(const char *text)
{
	struct sockaddr_storage storage = address_of(text);

	return address_key((const struct sockaddr *)&storage);
}

static Refusal
enter(const char *text, AdmissionPlace *place)
{
	AdmissionPlace other;

	return admission_enter(admission, place ? place : &other, key_of(text), UNLUCKY);
}

START_TEST(an_address_and_all_have_a_limit)
{
	AdmissionPlace first, second;

	ck_assert_int_eq(enter("192.0.2.1", &first), REFUSAL_NONE);
	ck_assert_int_eq(enter("::ffff:192.0.2.1", &second), REFUSAL_NONE);
	ck_assert_int_eq(enter("192.0.2.1", NULL), REFUSAL_CONNECTIONS_PER_ADDRESS);
	admission_rise(admission, &first, STANDING_GRANTED);
	ck_assert_int_eq(enter("192.0.2.1", NULL), REFUSAL_NONE);
	ck_assert_int_eq(enter("192.0.2.1", NULL), REFUSAL_CONNECTIONS_PER_ADDRESS);
	admission_leave(admission, &first);
	ck_assert_int_eq(enter("192.0.2.1", NULL), REFUSAL_CONNECTIONS_PER_ADDRESS);
	admission_leave(admission, &second);
	ck_assert_int_eq(enter("192.0.2.1", NULL), REFUSAL_NONE);
	ck_assert_uint_eq(admission_total(admission), 2);
}
END_TEST

START_TEST(a_slash_64_is_one_address_and_loopback_is_none)
{
	ck_assert_int_eq(enter("2001:db8::1", NULL), REFUSAL_NONE);
	ck_assert_int_eq(enter("2001:db8::2", NULL), REFUSAL_NONE);
	ck_assert_int_eq(enter("2001:db8::3", NULL), REFUSAL_CONNECTIONS_PER_ADDRESS);
	ck_assert_int_eq(enter("127.0.0.1", NULL), REFUSAL_NONE);
	ck_assert_int_eq(enter("::1", NULL), REFUSAL_NONE);
	ck_assert_int_eq(enter("127.0.0.1", NULL), REFUSAL_NONE);
	ck_assert_int_eq(enter("127.0.0.1", NULL), REFUSAL_CONNECTIONS); /* five in all */
	ck_assert_uint_eq(admission_addresses(admission), 1);
}
END_TEST

START_TEST(no_ipv6_network_counts_as_somebody_s_ipv4_address)
{
	static const char *const six[] = {"2001:db8::1", "20:1db8::1", "::b80d:120:0:1", "0:0:c000:201::1"};
	static const char *const four[] = {"32.1.13.184", "184.13.1.32", "192.0.2.1", "1.2.0.192"};

	for (gsize i = 0; i < G_N_ELEMENTS(six); i++) {
		for (gsize j = 0; j < G_N_ELEMENTS(four); j++)
			ck_assert(key_of(six[i]).network != key_of(four[j]).network);
	}
}
END_TEST

START_TEST(a_limit_that_is_changed_counts_at_once)
{
	ck_assert_int_eq(enter("192.0.2.1", NULL), REFUSAL_NONE);
	ck_assert_int_eq(enter("192.0.2.1", NULL), REFUSAL_NONE);
	limits.connections_per_address = 3;
	ck_assert_int_eq(enter("192.0.2.1", NULL), REFUSAL_NONE);
	limits.connections = 2;
	ck_assert_int_eq(enter("192.0.2.9", NULL), REFUSAL_CONNECTIONS);
}
END_TEST

START_TEST(only_strangers_count_for_the_early_drop)
{
	AdmissionPlace place;

	limits.unauthenticated_start = limits.unauthenticated_full = 1;
	ck_assert_int_eq(enter("192.0.2.1", &place), REFUSAL_NONE);
	ck_assert_int_eq(enter("127.0.0.1", NULL), REFUSAL_UNAUTHENTICATED); /* loopback too: the proxy brings attackers as well */
	admission_rise(admission, &place, STANDING_SIGNED_IN);
	ck_assert_uint_eq(admission_strangers(admission), 0);
	ck_assert_int_eq(enter("192.0.2.1", NULL), REFUSAL_NONE);
	admission_rise(admission, &place, STANDING_STRANGER); /* never down */
	ck_assert_uint_eq(admission_strangers(admission), 1);
	admission_leave(admission, &place);
	ck_assert_uint_eq(admission_strangers(admission), 1);
}
END_TEST

START_TEST(the_drop_begins_at_start_with_rate_and_ends_at_full_with_all)
{
	ck_assert_uint_eq(admission_drop_percent(&limits, 0), 0);
	ck_assert_uint_eq(admission_drop_percent(&limits, 99), 0);
	ck_assert_uint_eq(admission_drop_percent(&limits, 100), 30);
	ck_assert_uint_eq(admission_drop_percent(&limits, 150), 65);
	ck_assert_uint_eq(admission_drop_percent(&limits, 199), 99);
	ck_assert_uint_eq(admission_drop_percent(&limits, 200), 100);
	limits.unauthenticated_full = 100;
	ck_assert_uint_eq(admission_drop_percent(&limits, 100), 100);
}
END_TEST

START_TEST(who_was_brought_by_a_proxy_counts_for_its_own_address)
{
	AddressKey proxy = key_of("192.0.2.80"), client = key_of("198.51.100.1");
	AdmissionPlace places[3];

	proxy.is_counted = FALSE;
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(admission_enter(admission, &places[i], proxy, UNLUCKY), REFUSAL_NONE);
	ck_assert_int_eq(admission_move(admission, &places[0], client), REFUSAL_NONE);
	ck_assert_int_eq(admission_move(admission, &places[1], client), REFUSAL_NONE);
	ck_assert_int_eq(admission_move(admission, &places[2], client), REFUSAL_CONNECTIONS_PER_ADDRESS);
	for (int i = 0; i < 3; i++)
		admission_leave(admission, &places[i]);
	ck_assert_uint_eq(admission_total(admission), 0);
	ck_assert_uint_eq(admission_addresses(admission), 0);
}
END_TEST

START_TEST(a_list_of_addresses_knows_prefixes_and_mapped_addresses)
{
	char *items[] = {(char *)"192.0.2.7", (char *)"10.1.0.0/16", (char *)"2001:db8::/32", NULL};
	g_autoptr(GPtrArray) list = address_list_new(items), none = address_list_new(items + 3);
	static const struct {
		const char *address;
		gboolean in;
	} cases[] = {{"192.0.2.7", TRUE}, {"::ffff:192.0.2.7", TRUE}, {"192.0.2.8", FALSE}, {"10.1.255.1", TRUE},
		{"10.2.0.1", FALSE}, {"2001:db8:1::5", TRUE}, {"2001:db9::5", FALSE}, {"::1", FALSE}};

	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct sockaddr_storage address = address_of(cases[i].address);

		ck_assert_int_eq(address_list_has(list, (struct sockaddr *)&address), cases[i].in);
		ck_assert(!address_list_has(none, (struct sockaddr *)&address));
	}
}
END_TEST

START_TEST(every_refusal_and_counter_has_a_name_of_its_own)
{
	g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);

	for (int i = 0; i < REFUSALS; i++) {
		ck_assert_ptr_nonnull(refusal_text(i));
		ck_assert(g_hash_table_add(names, (gpointer)refusal_name(i)));
	}
	for (int i = 0; i < COUNTERS; i++)
		ck_assert(g_hash_table_add(names, (gpointer)counter_name(i)));
}
END_TEST

static guint n_lines;
static char *last_line;

static GLogWriterOutput
take_line(GLogLevelFlags level, const GLogField *fields, gsize n, gpointer data)
{
	for (gsize i = 0; i < n; i++) {
		if (strcmp(fields[i].key, "MESSAGE") == 0) {
			g_free(last_line);
			last_line = g_strdup(fields[i].value);
		}
	}
	n_lines++;
	return G_LOG_WRITER_HANDLED;
}

START_TEST(a_refusal_is_one_line_and_one_counter_and_a_flood_hides_no_other)
{
	g_log_set_writer_func(take_line, NULL, NULL);
	for (int i = 0; i < 1000; i++)
		refusal("192.0.2.1", REFUSAL_CONNECTIONS, NULL);
	ck_assert_uint_eq(refusal_count(REFUSAL_CONNECTIONS), 1000);
	ck_assert_uint_ge(n_lines, 20);
	ck_assert_uint_eq(n_lines + counters[COUNTER_LINES_LEFT_OUT], 1000);
	ck_assert_str_eq(last_line, "192.0.2.1: too many connections in all (Limit=Connections)");
	refusal("192.0.2.2", REFUSAL_SIGN_IN, "denied");
	ck_assert_str_eq(last_line, "192.0.2.2: refused VNC sign-in: denied (Limit=SignIn)");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("gateway-admission");
	TCase *tcase = tcase_create("admission");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, an_address_and_all_have_a_limit);
	tcase_add_test(tcase, a_slash_64_is_one_address_and_loopback_is_none);
	tcase_add_test(tcase, no_ipv6_network_counts_as_somebody_s_ipv4_address);
	tcase_add_test(tcase, a_limit_that_is_changed_counts_at_once);
	tcase_add_test(tcase, only_strangers_count_for_the_early_drop);
	tcase_add_test(tcase, the_drop_begins_at_start_with_rate_and_ends_at_full_with_all);
	tcase_add_test(tcase, who_was_brought_by_a_proxy_counts_for_its_own_address);
	tcase_add_test(tcase, a_list_of_addresses_knows_prefixes_and_mapped_addresses);
	tcase_add_test(tcase, every_refusal_and_counter_has_a_name_of_its_own);
	tcase_add_test(tcase, a_refusal_is_one_line_and_one_counter_and_a_flood_hides_no_other);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
