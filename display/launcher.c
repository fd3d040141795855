/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "display/launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/common/error.h"
#include "broker/common/harden.h"

/* Below FD_SETSIZE, which libvncserver wants, and enough for 32 clients of each protocol. */
#define SCREEN_FILES_MAX 512
#define START_TIMEOUT_MS 5000

struct Launcher {
	int fd;
	guint watch_id;
	LauncherExited on_exited;
	void *data;
	GQueue exited; /* Report: came while launcher_start waited for its answer */
	guint exited_id;
};

/* The launcher's answers, each a datagram. */
typedef struct {
	gint32 pid;
	gint32 status;	/* waitpid's; of a start: 0, or an errno with pid -1 */
	gboolean ended; /* else: started */
} Report;

/* ---- the launcher's own process: no GLib beyond this, no memory allocated ---- */

typedef struct {
	const char *program;
	gboolean verbose, switch_user;
	const char *sandbox; /* "CARREL_SANDBOX=..." of our own environment, or NULL */
	uid_t uid;
	gid_t gid;
} Plan;

static void
become_screen(const Plan *plan, int control, pid_t launcher)
{
	const char *const argv[] = {"carrel-screen", plan->verbose ? "--verbose" : NULL, NULL};
	const char *const environment[] = {"LANG=C.UTF-8", "PATH=/usr/bin:/bin", plan->sandbox, NULL};
	struct rlimit files = {SCREEN_FILES_MAX, SCREEN_FILES_MAX}, none = {0, 0};
	sigset_t signals;
	int null = open("/dev/null", O_RDWR);
	/* Out of the way first: dup2 onto itself would leave close-on-exec set. */
	int moved = fcntl(control, F_DUPFD, LAUNCHER_CONTROL_FD + 1);

	sigemptyset(&signals);
	sigprocmask(SIG_SETMASK, &signals, NULL);
	if (dup2(null, 0) < 0 || dup2(moved, LAUNCHER_CONTROL_FD) < 0 || close_range(LAUNCHER_CONTROL_FD + 1, ~0u, 0) < 0 ||
		setrlimit(RLIMIT_NOFILE, &files) < 0 || setrlimit(RLIMIT_CORE, &none) < 0)
		_exit(126);
	if (plan->switch_user && (setgroups(0, NULL) < 0 || setresgid(plan->gid, plan->gid, plan->gid) < 0 ||
					 setresuid(plan->uid, plan->uid, plan->uid) < 0))
		_exit(126);
	/* Ends with us, whatever it is doing then: that carrel-display is gone it might not see when it hangs. Said after the
	 * change of user, which makes the kernel forget it. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != launcher)
		_exit(126);
	execve(plan->program, (char *const *)argv, (char *const *)environment);
	_exit(127);
}

/* A child that has ended keeps its id until reap() has run, and no other process can get it before. */
static void
kill_child(pid_t pid)
{
	siginfo_t info;

	if (pid > 0 && waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0)
		kill(pid, SIGKILL);
}

/* One request: a 0 with one descriptor, or the id of a process to kill. FALSE: carrel-display is gone. */
static gboolean
take_request(const Plan *plan, int fd)
{
	char ancillary[CMSG_SPACE(sizeof(int))];
	gint32 victim = 0;
	struct iovec vector = {&victim, sizeof victim};
	struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = ancillary,
		.msg_controllen = sizeof ancillary};
	ssize_t n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
	struct cmsghdr *head = n > 0 ? CMSG_FIRSTHDR(&message) : NULL;
	Report report = {.pid = -1, .status = EINVAL};
	int control;

	if (n <= 0)
		return n < 0 && errno == EINTR;
	if (head == NULL && n == sizeof victim) {
		kill_child(victim);
		return TRUE;
	}
	if (head && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS &&
		head->cmsg_len == CMSG_LEN(sizeof control)) {
		memcpy(&control, CMSG_DATA(head), sizeof control);
		pid_t launcher = getpid();

		report.pid = fork();
		report.status = report.pid < 0 ? errno : 0;
		if (report.pid == 0)
			become_screen(plan, control, launcher);
		close(control);
	}
	return send(fd, &report, sizeof report, MSG_NOSIGNAL) == sizeof report;
}

static void
reap(int fd)
{
	Report report = {.ended = TRUE};

	while ((report.pid = waitpid(-1, &report.status, WNOHANG)) > 0)
		send(fd, &report, sizeof report, MSG_NOSIGNAL);
}

static void
launch_forever(const Plan *plan, int fd)
{
	struct signalfd_siginfo info;
	struct pollfd polled[2] = {{.fd = fd, .events = POLLIN}};
	sigset_t signals;

	/* To become the screens' user, and to kill what has become it. */
	if (!harden_process((1 << CAP_SETUID) | (1 << CAP_SETGID) | (1 << CAP_KILL), NULL))
		_exit(1);
	/* A Ctrl-C in a terminal is for carrel-display, which ends us. */
	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_SETMASK, &signals, NULL);
	polled[1].fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	polled[1].events = POLLIN;
	for (;;) {
		if (poll(polled, 2, -1) < 0 && errno != EINTR)
			_exit(1);
		while (read(polled[1].fd, &info, sizeof info) == sizeof info)
			;
		reap(fd);
		if (polled[0].revents && !take_request(plan, fd))
			_exit(0);
	}
}

/* ---- carrel-display's side ---- */

Launcher *
launcher_new(const char *program, gboolean verbose, uid_t uid, gid_t gid, GError **error)
{
	g_autofree char *sandbox = g_getenv("CARREL_SANDBOX") ? g_strconcat("CARREL_SANDBOX=", g_getenv("CARREL_SANDBOX"), NULL) : NULL;
	Plan plan = {program, verbose, harden_has(CAP_SETUID) && harden_has(CAP_SETGID), sandbox, uid, gid};
	Launcher *launcher;
	int ends[2];
	pid_t pid;

	if (access(program, X_OK) < 0) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_CONFIG, "%s: %s (see [Paths] Programs=)", program,
			g_strerror(errno));
		return NULL;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0 || (pid = fork()) < 0) {
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_FAILED, "cannot fork: %s", g_strerror(errno));
		return NULL;
	}
	if (pid == 0) {
		close(ends[0]);
		prctl(PR_SET_NAME, "screen-launcher", 0, 0, 0);
		launch_forever(&plan, ends[1]);
	}
	close(ends[1]);
	launcher = g_new0(Launcher, 1);
	launcher->fd = ends[0];
	return launcher;
}

void
launcher_free(Launcher *launcher)
{
	if (launcher == NULL)
		return;
	g_clear_handle_id(&launcher->watch_id, g_source_remove);
	g_clear_handle_id(&launcher->exited_id, g_source_remove);
	g_queue_clear_full(&launcher->exited, g_free);
	close(launcher->fd);
	g_free(launcher);
}

static gboolean
on_exited_idle(gpointer data)
{
	Launcher *launcher = data;

	launcher->exited_id = 0;
	for (Report *report; (report = g_queue_pop_head(&launcher->exited)) != NULL;) {
		launcher->on_exited(report->pid, report->status, launcher->data);
		g_free(report);
	}
	return G_SOURCE_REMOVE;
}

static gboolean
on_report(gint fd, GIOCondition condition, gpointer data)
{
	Launcher *launcher = data;
	Report report;
	ssize_t n = recv(fd, &report, sizeof report, MSG_DONTWAIT);

	if (n == sizeof report && report.ended) {
		launcher->on_exited(report.pid, report.status, launcher->data);
	} else if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		g_critical("the process that starts screens is gone: no new screen can be started");
		launcher->watch_id = 0;
		return G_SOURCE_REMOVE;
	}
	return G_SOURCE_CONTINUE;
}

void
launcher_watch(Launcher *launcher, LauncherExited on_exited, void *data)
{
	launcher->on_exited = on_exited;
	launcher->data = data;
	launcher->watch_id = g_unix_fd_add(launcher->fd, G_IO_IN, on_report, launcher);
}

static gboolean
send_request(Launcher *launcher, int control)
{
	char ancillary[CMSG_SPACE(sizeof control)] = {0};
	gint32 nobody = 0;
	struct iovec vector = {&nobody, sizeof nobody};
	struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = ancillary,
		.msg_controllen = sizeof ancillary};
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);

	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof control);
	memcpy(CMSG_DATA(head), &control, sizeof control);
	return sendmsg(launcher->fd, &message, MSG_NOSIGNAL) == sizeof nobody;
}

/* The answer to a request; endings that come before it are kept for the main loop. */
static gboolean
await_started(Launcher *launcher, Report *report)
{
	struct pollfd polled = {.fd = launcher->fd, .events = POLLIN};

	while (poll(&polled, 1, START_TIMEOUT_MS) > 0 &&
		recv(launcher->fd, report, sizeof *report, MSG_DONTWAIT) == sizeof *report) {
		if (!report->ended)
			return TRUE;
		g_queue_push_tail(&launcher->exited, g_memdup2(report, sizeof *report));
		if (launcher->exited_id == 0)
			launcher->exited_id = g_idle_add(on_exited_idle, launcher);
	}
	return FALSE;
}

pid_t
launcher_start(Launcher *launcher, int control, GError **error)
{
	Report report;

	if (!send_request(launcher, control) || !await_started(launcher, &report)) {
		g_set_error_literal(error, CARREL_ERROR, CARREL_ERROR_FAILED, "the process that starts screens does not answer");
		return -1;
	}
	if (report.pid < 0)
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_FAILED, "cannot start a screen: %s", g_strerror(report.status));
	return report.pid;
}

void
launcher_kill(Launcher *launcher, pid_t pid)
{
	gint32 victim = pid;

	if (pid > 0 && send(launcher->fd, &victim, sizeof victim, MSG_NOSIGNAL) != sizeof victim)
		g_warning("the process that starts screens does not answer");
}
