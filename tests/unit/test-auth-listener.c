/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <check.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "broker/auth/listener.h"

#define WORKERS 32 /* Processes= unless it is set */

static char *folder, *path;
static Listener *listener;

static void
set_up(void)
{
	const char *const argv[] = {"/bin/true", "true", NULL};

	folder = g_dir_make_tmp("carrel-XXXXXX", NULL);
	path = g_build_filename(folder, "auth.sock", NULL);
	const ListenerConfig config = {path, (uid_t)-1, argv, WORKERS, 10};

	listener = listener_new(&config, NULL);
	ck_assert_ptr_nonnull(listener);
}

static void
tear_down(void)
{
	listener_free(listener);
	g_rmdir(folder);
	g_free(path);
	g_free(folder);
}

/* As the broker connects: without blocking. */
static int
try_to_connect(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	memcpy(address.sun_path, path, strlen(path));
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
	return fd;
}

START_TEST(as_many_as_may_sign_in_at_once_can_come_at_once)
{
	int fds[2 * WORKERS];

	/* The broker may be quicker than the listener's loop, which has no turn here. */
	for (gsize i = 0; i < G_N_ELEMENTS(fds); i++)
		fds[i] = try_to_connect();
	for (gsize i = 0; i < G_N_ELEMENTS(fds); i++)
		close(fds[i]);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("auth-listener");
	TCase *tcase = tcase_create("listener");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, as_many_as_may_sign_in_at_once_can_come_at_once);
	suite_add_tcase(suite, tcase);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
