/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <arpa/inet.h>
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pools/doctor-private.h"

static int fd;
static char *address, *none[] = {NULL};
static char *listen_on[] = {NULL, NULL};
static Conf conf;

static void
free_finding(void *data)
{
	DoctorFinding *finding = data;

	g_free(finding->name);
	g_free(finding->text);
	g_free(finding->advice);
	g_free(finding);
}

/* A port of the kernel's choice, on which this test listens. */
static void
setup(void)
{
	struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof name;

	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&name, size), 0);
	ck_assert_int_eq(listen(fd, 1), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&name, &size), 0);
	address = g_strdup_printf("127.0.0.1:%u", ntohs(name.sin_port));
	listen_on[0] = address;
	conf = (Conf){.listen = listen_on, .vnc_listen = none, .gateway_user = (char *)"61202"};
}

static void
teardown(void)
{
	close(fd);
	g_free(address);
}

static GPtrArray *
examine(void)
{
	GPtrArray *findings = g_ptr_array_new_with_free_func(free_finding);

	doctor_examine_ports(findings, &conf);
	ck_assert_uint_eq(findings->len, 1);
	return findings;
}

START_TEST(a_port_that_another_program_has_is_bad_and_the_program_is_named)
{
	g_autoptr(GPtrArray) findings = examine();
	DoctorFinding *finding = findings->pdata[0];
	g_autofree char *process = g_strdup_printf("process %d of user %u", (int)getpid(), (unsigned)getuid());

	ck_assert_int_eq(finding->status, DOCTOR_BAD);
	ck_assert_msg(strstr(finding->text, process) != NULL, "%s", finding->text);
}
END_TEST

START_TEST(a_port_that_nobody_has_is_free)
{
	close(fd);
	fd = -1;
	g_autoptr(GPtrArray) findings = examine();

	ck_assert_int_eq(((DoctorFinding *)findings->pdata[0])->status, DOCTOR_OK);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("doctor");
	TCase *tcase = tcase_create("ports");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, a_port_that_another_program_has_is_bad_and_the_program_is_named);
	tcase_add_test(tcase, a_port_that_nobody_has_is_free);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
