/* Children enter the sandboxes of carrel-screen and carrel-gateway, and try. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/common/sandbox.h"
#include "broker/gateway/confine.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAVE_CLANG_ASAN
#endif
#endif

/* What a child ends with: the errno that the call failed with, 0 when it did not fail; or the signal, as -SIGSYS. */
typedef int (*Attempt)(void);

typedef struct {
	const char *name;
	Attempt attempt;
	int screen, gateway; /* what each gets */
} Case;

#define KILLED (-SIGSYS)

static char *folder, *secret, *web_root;
static int listening, datagram;

static int
result(long value)
{
	return value < 0 ? errno : 0;
}

static int
try_open(void)
{
	return result(open(secret, O_RDONLY));
}

static int
try_open_system(void)
{
	return result(open("/etc/passwd", O_RDONLY));
}

static int
try_create(void)
{
	g_autofree char *path = g_build_filename(folder, "new", NULL);

	return result(open(path, O_RDWR | O_CREAT, 0600));
}

static int
try_read_web_root(void)
{
	g_autofree char *path = g_build_filename(web_root, "index.html", NULL);

	return result(open(path, O_RDONLY));
}

static int
try_write_web_root(void)
{
	g_autofree char *path = g_build_filename(web_root, "index.html", NULL);

	return result(open(path, O_WRONLY));
}

static int
try_replace_own_file(void)
{
	g_autofree char *path = g_build_filename(folder, "state", "gateway", "server.pem", NULL);

	return g_file_set_contents_full(path, "x", 1, G_FILE_SET_CONTENTS_CONSISTENT, 0644, NULL) ? 0 : EIO;
}

static int
try_unlink(void)
{
	return result(unlink(secret));
}

static int
try_chmod(void)
{
	return result(chmod(secret, 0666));
}

static int
try_inet_socket(void)
{
	return result(socket(AF_INET, SOCK_STREAM, 0));
}

static int
try_netlink_socket(void)
{
	return result(socket(AF_NETLINK, SOCK_RAW, 0));
}

static int
try_unix_socket(void)
{
	return result(socket(AF_UNIX, SOCK_STREAM, 0));
}

/* A descriptor that was there before: as with an accepted client, which connect(2) may point elsewhere. */
static int
try_connect(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	return result(connect(datagram, (struct sockaddr *)&address, sizeof address));
}

static int
try_bind(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET};

	return result(bind(datagram, (struct sockaddr *)&address, sizeof address));
}

static int
try_accept(void)
{
	return result(accept(listening, NULL, NULL));
}

static int
try_send_to_address(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/dev/log"};

	return result(sendto(datagram, "x", 1, 0, (struct sockaddr *)&address, sizeof address));
}

static int
try_exec(void)
{
	return result(execl("/bin/true", "true", (char *)NULL));
}

static int
try_fork(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return result(pid);
}

static int
try_ptrace(void)
{
	return result(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL));
}

static int
try_read_memory(void)
{
	char byte;
	struct iovec here = {&byte, 1}, there = {&byte, 1};

	return result(process_vm_readv(getppid(), &here, 1, &there, 1, 0));
}

static int
try_kill(void)
{
	return result(kill(getppid(), 0));
}

static int
try_tgkill(void)
{
	return result(syscall(SYS_tgkill, getppid(), getppid(), 0));
}

static int
try_mount(void)
{
	return result(mount("none", "/mnt", "tmpfs", 0, NULL));
}

static int
try_executable_memory(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? errno : 0;
}

static int
try_executable_later(void)
{
	void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return memory == MAP_FAILED ? EIO : result(mprotect(memory, 4096, PROT_READ | PROT_EXEC));
}

static int
try_setuid(void)
{
	return result(setresuid(1, 1, 1));
}

static int
try_new_syscall(void)
{
	return result(syscall(SYS_io_uring_setup, 1, NULL));
}

/* Nothing of the lists. */
static int
try_unlisted(void)
{
	return result(syscall(SYS_getpriority, PRIO_PROCESS, 0));
}

static void *
thread(void *data)
{
	*(int *)data = 1;
	return NULL;
}

static int
try_thread(void)
{
	pthread_t id;
	int ran = 0, failed = pthread_create(&id, NULL, thread, &ran);

	if (failed == 0)
		pthread_join(id, NULL);
	return failed ? failed : ran ? 0 : EIO;
}

/* A thread is in the sandbox too. */
static void *
exec_in_thread(void *data)
{
	*(int *)data = try_exec();
	return NULL;
}

static int
try_exec_in_thread(void)
{
	pthread_t id;
	int failed = 0;

	pthread_create(&id, NULL, exec_in_thread, &failed);
	pthread_join(id, NULL);
	return failed;
}

static int
try_own_descriptors(void)
{
	int pair[2], event = eventfd(0, 0), memory = memfd_create("test", 0);
	char byte;

	return socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 && event >= 0 && memory >= 0 && write(pair[0], "x", 1) == 1 &&
			       recv(pair[1], &byte, 1, 0) == 1 && ftruncate(memory, 4096) == 0 && pread(memory, &byte, 1, 0) == 1
		       ? 0
		       : EIO;
}

static int
try_core_dump(void)
{
	struct rlimit core;

	return getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_max == 0 && core.rlim_cur == 0 ? EPERM : 0;
}

static const Case cases[] = {
	{"open", try_open, ENOENT, EACCES},
	{"open a system file", try_open_system, ENOENT, EACCES},
	{"create", try_create, ENOENT, EACCES},
	{"read the web client", try_read_web_root, ENOENT, 0},
	{"write the web client", try_write_web_root, ENOENT, EACCES},
	{"replace the certificate", try_replace_own_file, EIO, 0},
	{"unlink", try_unlink, ENOSYS, EACCES},
	{"chmod", try_chmod, ENOSYS, ENOSYS},
	{"socket(AF_INET)", try_inet_socket, EACCES, ENOSYS},
	{"socket(AF_NETLINK)", try_netlink_socket, EACCES, ENOSYS},
	{"socket(AF_UNIX)", try_unix_socket, EACCES, 0},
	{"connect", try_connect, KILLED, EACCES},
	{"bind", try_bind, KILLED, KILLED},
	{"accept", try_accept, KILLED, EAGAIN},
	{"sendto an address", try_send_to_address, ENOSYS, ENOSYS},
	{"exec", try_exec, KILLED, KILLED},
	{"exec in a thread", try_exec_in_thread, KILLED, KILLED},
	{"fork", try_fork, KILLED, KILLED},
	{"ptrace", try_ptrace, KILLED, KILLED},
	{"process_vm_readv", try_read_memory, KILLED, KILLED},
	{"kill", try_kill, KILLED, KILLED},
	{"tgkill", try_tgkill, KILLED, KILLED},
	{"mount", try_mount, KILLED, KILLED},
	{"executable memory", try_executable_memory, ENOSYS, ENOSYS},
	{"memory made executable", try_executable_later, ENOSYS, ENOSYS},
	{"setresuid", try_setuid, KILLED, KILLED},
	{"io_uring", try_new_syscall, KILLED, KILLED},
	{"what no list has", try_unlisted, ENOSYS, ENOSYS},
	{"a core dump", try_core_dump, EPERM, EPERM},
	{"a thread", try_thread, 0, 0},
	{"pairs, events, memory", try_own_descriptors, 0, 0},
};

static const char *
enter_screen(GError **error)
{
	static const SandboxPlan nothing;

	return sandbox_enter(&nothing, error);
}

static const char *
enter_gateway(GError **error)
{
	g_autofree char *file = g_build_filename(folder, "etc", "carrel.conf", NULL);
	g_autofree char *state = g_build_filename(folder, "state", NULL);
	g_autofree char *runtime = g_build_filename(folder, "run", NULL);
	const Conf conf = {.file = file, .state = state, .runtime = runtime, .web_root = web_root};

	return confine(&conf, error);
}

/* What became of @attempt in a child; 200 and more: the sandbox itself. */
static int
run(const char *(*enter)(GError **error), Attempt attempt)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		g_autoptr(GError) error = NULL;

		alarm(20);
		if (enter(&error) == NULL) {
			g_printerr("%s\n", error->message);
			_exit(200);
		}
		_exit(attempt());
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static gboolean
has_landlock(void)
{
	return syscall(444, NULL, 0, 1) > 0;
}

static void
put(const char *path, const char *text)
{
	ck_assert(g_file_set_contents(path, text, -1, NULL));
}

static void
setup(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const char *const folders[] = {"etc", "state/gateway", "run/gateway", "web"};

	g_unsetenv("CARREL_SANDBOX");
	folder = g_dir_make_tmp("sandbox-XXXXXX", NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(folders); i++) {
		g_autofree char *path = g_build_filename(folder, folders[i], NULL);

		ck_assert_int_eq(g_mkdir_with_parents(path, 0700), 0);
	}
	secret = g_build_filename(folder, "secret", NULL);
	put(secret, "secret");
	web_root = g_build_filename(folder, "web", NULL);
	g_autofree char *page = g_build_filename(web_root, "index.html", NULL);
	g_autofree char *file = g_build_filename(folder, "etc", "carrel.conf", NULL);

	put(page, "<p>");
	put(file, "");
	listening = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	ck_assert_int_eq(bind(listening, (struct sockaddr *)&address, sizeof address), 0);
	ck_assert_int_eq(listen(listening, 1), 0);
	datagram = socket(AF_INET, SOCK_STREAM, 0);
}

static void
remove_tree(const char *path)
{
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	const char *name;

	while (dir && (name = g_dir_read_name(dir)) != NULL) {
		g_autofree char *below = g_build_filename(path, name, NULL);

		remove_tree(below);
	}
	g_remove(path);
}

static void
teardown(void)
{
	close(listening);
	close(datagram);
	remove_tree(folder);
	g_free(folder);
	g_free(secret);
	g_free(web_root);
}

START_TEST(a_screen_can_do_nothing_but_with_what_it_holds)
{
	const Case *one = &cases[_i];
	int got = run(enter_screen, one->attempt);

	ck_assert_msg(got == one->screen, "%s: %d where %d was expected", one->name, got, one->screen);
}
END_TEST

START_TEST(the_gateway_can_do_only_what_it_needs)
{
	const Case *one = &cases[_i];
	int got = run(enter_gateway, one->attempt);

	/* What Landlock forbids, an older kernel allows. */
	if (one->gateway == EACCES && !has_landlock())
		return;
	ck_assert_msg(got == one->gateway, "%s: %d where %d was expected", one->name, got, one->gateway);
}
END_TEST

START_TEST(in_tests_what_no_list_has_ends_the_process_too)
{
	g_setenv("CARREL_SANDBOX", "kill", TRUE);
	ck_assert_int_eq(run(enter_screen, try_unlisted), KILLED);
	ck_assert_int_eq(run(enter_gateway, try_unlisted), KILLED);
	ck_assert_int_eq(run(enter_screen, try_executable_memory), KILLED);
	ck_assert_int_eq(run(enter_screen, try_thread), 0);
	ck_assert_int_eq(run(enter_gateway, try_replace_own_file), 0);
}
END_TEST

static int
report_is_true(void)
{
	g_autofree char *status = NULL;

	if (!g_file_get_contents("/proc/self/status", &status, NULL, NULL))
		return 1;
	return strstr(status, "\nSeccomp:\t2\n") && strstr(status, "\nNoNewPrivs:\t1\n") &&
			       (geteuid() == 0 || strstr(status, "\nCapPrm:\t0000000000000000\n"))
		       ? 0
		       : 2;
}

static const char *
enter_reading_proc(GError **error)
{
	static const char *const proc[] = {"/proc", NULL};
	static const SandboxPlan plan = {SANDBOX_FILES, proc, NULL};
	const char *expected = has_landlock() ? "seccomp, Landlock " : "seccomp, no Landlock";
	const char *report = sandbox_enter(&plan, error);

	if (report && g_str_has_prefix(report, expected))
		return report;
	if (report)
		g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED, "it said “%s”", report);
	return NULL;
}

START_TEST(the_kernel_says_what_the_report_says)
{
	ck_assert_int_eq(run(enter_reading_proc, report_is_true), 0);
}
END_TEST

static const char *
enter_with_a_thread(GError **error)
{
	pthread_t id;

	pthread_create(&id, NULL, (void *(*)(void *))pause, NULL);
	return enter_screen(error);
}

START_TEST(a_sandbox_that_would_leave_a_thread_out_is_refused)
{
	ck_assert_int_eq(run(enter_with_a_thread, try_thread), 200);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("sandbox");
	TCase *tcase = tcase_create("sandbox");
	SRunner *runner = srunner_create(suite);
	int failed;

#if defined(__SANITIZE_ADDRESS__) || defined(HAVE_CLANG_ASAN)
	/* AddressSanitizer's own calls are not in the lists. */
	puts("a sanitizer does not work in a sandbox");
	return 77;
#endif
	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, a_screen_can_do_nothing_but_with_what_it_holds, 0, G_N_ELEMENTS(cases));
	tcase_add_loop_test(tcase, the_gateway_can_do_only_what_it_needs, 0, G_N_ELEMENTS(cases));
	tcase_add_test(tcase, in_tests_what_no_list_has_ends_the_process_too);
	tcase_add_test(tcase, the_kernel_says_what_the_report_says);
	tcase_add_test(tcase, a_sandbox_that_would_leave_a_thread_out_is_refused);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
