/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <arpa/inet.h>
#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/common/harden.h"
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

START_TEST(a_process_without_a_sandbox_is_bad_where_one_belongs)
{
	g_autoptr(GPtrArray) findings = g_ptr_array_new_with_free_func(free_finding);
	DoctorFinding *finding;

	/* This test's own process: it can still do everything. */
	doctor_judge_process(findings, "carrel-gateway", getpid(), NULL);
	finding = findings->pdata[0];
	ck_assert_int_eq(finding->status, DOCTOR_BAD);
	ck_assert_msg(strstr(finding->text, "may gain privileges") && strstr(finding->text, "no seccomp"), "%s", finding->text);
	ck_assert_ptr_nonnull(finding->advice);
}
END_TEST

/* A child that gave up what it could, for as long as the parent's end of the pipe is open. */
static pid_t
start_hardened(int *end)
{
	int ends[2];
	char byte;
	pid_t pid;

	ck_assert_int_eq(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		close(ends[0]);
		if (geteuid() == 0 && (setresgid(61299, 61299, 61299) < 0 || setresuid(61299, 61299, 61299) < 0))
			_exit(1);
		if (!harden_process(0, NULL) || write(ends[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ends[1]);
	ck_assert_int_eq(read(ends[0], &byte, 1), 1);
	*end = ends[0];
	return pid;
}

START_TEST(a_process_that_gave_up_its_rights_is_well)
{
	g_autoptr(GPtrArray) findings = g_ptr_array_new_with_free_func(free_finding);
	DoctorFinding *finding;
	int end;
	pid_t pid = start_hardened(&end);

	doctor_judge_process(findings, "carrel-broker", pid, NULL);
	doctor_judge_process(findings, "carrel-screen", pid, NULL);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(end);
	finding = findings->pdata[0];
	ck_assert_msg(strstr(finding->text, "no capabilities, no new privileges, no core dumps"), "%s", finding->text);
	ck_assert_int_eq(finding->status, DOCTOR_OK);
	finding = findings->pdata[1]; /* a screen wants more */
	ck_assert_int_eq(finding->status, DOCTOR_BAD);
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
	tcase = tcase_create("processes");
	tcase_add_test(tcase, a_process_without_a_sandbox_is_bad_where_one_belongs);
	tcase_add_test(tcase, a_process_that_gave_up_its_rights_is_well);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
